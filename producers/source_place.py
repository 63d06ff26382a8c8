"""Where an event came from, carried in its header: what makes ingest exactly once.

A *place* is a topic, a partition, an offset and the number of the item within the record; a record
that was put aside has the item -1. The header ``andon.ingest`` names the group, ``andon.source``
lists all places that an event was made of.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from stream.log import Headers, Record

GROUP_HEADER = "andon.ingest"
PLACES_HEADER = "andon.source"
# Of an event made from a dead letter: where the letter lies, and, if the letter came from the
# events topic, where the record lay that was put aside.
LETTER_HEADER = "andon.dead-letter"
REJECTED_HEADER = "andon.rejected"
PUT_ASIDE = -1


class Place(NamedTuple):
    """One item of one record."""

    topic: str
    partition: int
    offset: int
    item: int = 0


def to_headers(group: str, places: Iterable[Place]) -> Headers:
    """The headers of an event made of ``places``.

    >>> to_headers("g", [Place("t", 0, 7), Place("t", 0, 8, 2), Place("u", 1, 9, -1)])[1]
    ('andon.source', b't/0:7,8.2 u/1:9.-1')
    """
    return ((GROUP_HEADER, group.encode()), (PLACES_HEADER, written(places)))


def places_of(record: Record, group: str) -> list[Place]:
    """The places that a record was made of by ``group``; none if it was not.

    >>> headers = to_headers("g", [Place("t", 0, 7), Place("t", 0, 8, 2), Place("u", 1, 9, -1)])
    >>> record = Record("andon.events", 0, 0, None, b"", tuple(headers))
    >>> places_of(record, "g")[1:], places_of(record, "other")
    ([Place(topic='t', partition=0, offset=8, item=2), \
Place(topic='u', partition=1, offset=9, item=-1)], [])
    """
    headers = dict(record.headers)
    if headers.get(GROUP_HEADER) != group.encode():
        return []
    return read(headers.get(PLACES_HEADER, b""))


def written(places: Iterable[Place]) -> bytes:
    """Places as a header holds them.

    >>> written([Place("t", 0, 7), Place("t", 0, 8, 2)])
    b't/0:7,8.2'
    """
    runs: list[str] = []
    before: tuple[str, int] | None = None
    for place in places:
        text = f"{place.offset}.{place.item}" if place.item else f"{place.offset}"
        if (place.topic, place.partition) == before:
            runs[-1] += f",{text}"
        else:
            runs.append(f"{place.topic}/{place.partition}:{text}")
        before = (place.topic, place.partition)
    return " ".join(runs).encode()


def read(header: bytes) -> list[Place]:
    """The inverse of `written`; raises ValueError for what it did not write.

    >>> read(b"t/0:7,8.2")[1]
    Place(topic='t', partition=0, offset=8, item=2)
    """
    found = []
    for run in header.decode("utf-8", "replace").split():
        where, _, places = run.rpartition(":")
        topic, _, partition = where.rpartition("/")
        for place in places.split(","):
            offset, _, item = place.partition(".")
            found.append(Place(topic, int(partition), int(offset), int(item or 0)))
    return found


def places_in(header: bytes | None) -> list[Place]:
    """The places in a header that anybody may have written; none if they cannot be read.

    >>> places_in(b"t/0:7"), places_in(b"t/0:x"), places_in(None)
    ([Place(topic='t', partition=0, offset=7, item=0)], [], [])
    """
    try:
        return read(header or b"")
    except ValueError:
        return []
