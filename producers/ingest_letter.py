"""The dead letter of a plant's record that a map cannot read, wholly or in part."""

from __future__ import annotations

import hashlib

from stream.codec import Rejected
from stream.events import DeadLetter
from stream.log import Record


def letter_of(
    record: Record, rejected: list[tuple[int, Rejected]], of: int, limit: int
) -> tuple[DeadLetter, bytes | None]:
    """Why a record of ``of`` items was put aside, and what is kept of it: ``limit`` bytes at most.

    ``rejected`` are the numbers of its bad items and what is wrong with each.

    >>> record = Record("shots", 0, 7, None, b"{")
    >>> letter, kept = letter_of(record, [(0, Rejected("decode", "not_json", "no"))], 1, 1000)
    >>> letter.topic, letter.offset, letter.error, kept
    ('shots', 7, 'not_json', b'{')
    """
    number, first = rejected[0]
    message = first.message
    if of > 1:
        message = f"item {number}, one of {len(rejected)} bad among {of}: {message}"
    value = record.value
    cut = value if value is not None and len(value) > limit else None
    letter = DeadLetter(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        stage=first.stage,
        error=first.error,
        message=message[:512],
        length=None if cut is None else len(cut),
        sha256=None if cut is None else hashlib.sha256(cut).hexdigest(),
        timestamp=record.timestamp if record.timestamp > 0 else None,
    )
    return letter, None if value is None else value[:limit]
