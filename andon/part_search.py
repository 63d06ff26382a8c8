"""Where on a history a part is, so that its journey is told from its own line alone.

Lines know nothing of each other, so all that is told of a part depends on the events of its line
(`stream.task`). Looking for a part costs a fraction of a replay: a record is decoded only if its
bytes could name the part.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from stream.codec import decode
from stream.events import Measurement
from stream.input_limits import InputLimits
from stream.log import Record
from stream.task import TaskSettings

MARK_EVERY = 20_000
"""Events of a line from one `Mark` to the next."""


class Mark(NamedTuple):
    """After so many ``records`` of a line: a ``digest`` of all of them, with their places."""

    records: int
    digest: str


@dataclass
class Prefix:
    """The records of one line so far, as a count and a digest.

    >>> one, other = Prefix(), Prefix()
    >>> one.add(Record("t", 0, 7, b"body-A", b"{}"))
    >>> other.add(Record("t", 0, 8, b"body-A", b"{}"))
    >>> one.mark().records, one.mark() == other.mark()
    (1, False)
    """

    count: int = 0
    _told: Any = field(default_factory=hashlib.sha256)

    def add(self, record: Record) -> None:
        """The line's next record."""
        self.count += 1
        value = record.value
        size = -1 if value is None else len(value)
        self._told.update(b"%d %d %d:" % (record.partition, record.offset, size))
        self._told.update(value or b"")

    def mark(self) -> Mark:
        """Where the line is now."""
        return Mark(self.count, self._told.hexdigest())


@dataclass(frozen=True)
class Found:
    """A part's line: its partition and key, and the first offset read of that partition.

    ``marks`` lie before the part's first measurement, `MARK_EVERY` records from one to the next.
    """

    partition: int
    key: bytes
    read_from: int
    marks: tuple[Mark, ...] = ()

    def __contains__(self, record: Record) -> bool:
        return record.partition == self.partition and record.key == self.key


class Look(NamedTuple):
    """What a search came to: where the part is, None if it is nowhere.

    ``told`` is false where lines cannot be told apart: a partition has more than a task takes, so
    that which of them are taken depends on all.
    """

    found: Found | None
    told: bool = True


def look_for(
    part: str, line: str | None, records: Iterable[Record], settings: TaskSettings
) -> Look:
    """The line on which the part is measured first, or ``line`` if one is given.

    >>> from stream.testing import measurement
    >>> from stream.codec import encode
    >>> event = measurement("P-1", "press", 0, {"torque": 1.5})
    >>> record = Record("t", 0, 7, event.line.encode(), encode(event))
    >>> look_for("P-1", None, [record], TaskSettings()).found.read_from
    7
    >>> look_for("P-2", None, [record], TaskSettings()).found is None
    True
    """
    name, key = part.encode(), None if line is None else line.encode()
    first: dict[int, int] = {}
    lines: dict[int, set[bytes]] = {}
    prefixes: dict[tuple[int, bytes], tuple[Prefix, list[Mark]]] = {}
    for record in records:
        read_from = first.setdefault(record.partition, record.offset)
        if record.key is None:
            continue
        met = lines.setdefault(record.partition, set())
        met.add(record.key)
        if len(met) > settings.max_lines:
            return Look(None, told=False)
        if key is not None and record.key != key:
            continue
        place = (record.partition, record.key)
        prefix, marks = prefixes.setdefault(place, (Prefix(), []))
        if _may_name(record.value, name) and _measures(record, part, settings.limits):
            return Look(Found(*place, read_from, tuple(marks)))
        prefix.add(record)
        if prefix.count % MARK_EVERY == 0:
            marks.append(prefix.mark())
    return Look(None)


def _may_name(value: bytes | None, name: bytes) -> bool:
    # Without a backslash no character is written as an escape.
    return value is not None and (name in value or b"\\" in value)


def _measures(record: Record, part: str, limits: InputLimits) -> bool:
    event = decode(record.key, record.value, limits)
    return isinstance(event, Measurement) and event.part == part
