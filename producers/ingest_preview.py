"""What a map makes of the newest records of a plant's topics, without writing anything."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

from producers.gathering import Gathering, Ready
from producers.ingest_map import IngestMap
from producers.ingest_setup import source_partitions
from producers.source_place import Place
from producers.translate_json import JsonTranslator
from stream.codec import DEFAULT_LIMITS, InputLimits, Rejected, encode
from stream.log import Log, Record


class Seen(NamedTuple):
    """What became of some items: an event, a rejection, or nothing (passed over)."""

    places: tuple[Place, ...]
    event: dict[str, Any] | None = None
    rejected: Rejected | None = None

    def to_json(self) -> bytes:
        """One JSON object.

        >>> Seen((Place("shots", 0, 7),), rejected=Rejected("decode", "not_json", "no")).to_json()
        b'{"source":["shots/0/7/0"],"rejected":{"stage":"decode","error":"not_json","message":"no"}}'
        """
        said: dict[str, Any] = {"source": ["/".join(map(str, place)) for place in self.places]}
        if self.event is not None:
            said["event"] = self.event
        elif self.rejected is not None:
            said["rejected"] = self.rejected._asdict()
        else:
            said["passed_over"] = True
        return orjson.dumps(said)


def preview(
    source: Log, ingest_map: IngestMap, count: int, limits: InputLimits = DEFAULT_LIMITS
) -> Iterator[Seen]:
    """What becomes of the newest ``count`` records of all topics together, in order.

    What is still being gathered at the end is told as it is. Joins no group and stores nothing.
    """
    translator = JsonTranslator(ingest_map, limits)
    gathering = Gathering(ingest_map.gap, limits)
    for record in _newest(source, ingest_map, count):
        for number, item in enumerate(translator.translate(record)):
            place = Place(record.topic, record.partition, record.offset, number)
            if item is None:
                yield Seen((place,))
            elif isinstance(item, Rejected):
                yield Seen((place,), rejected=item)
            else:
                yield from map(_seen, gathering.add(item, place, record.timestamp))
    yield from map(_seen, gathering.close_all())


def _seen(ready: Ready) -> Seen:
    return Seen(ready.places, event=orjson.loads(encode(ready.event)))


def _newest(source: Log, ingest_map: IngestMap, count: int) -> list[Record]:
    partitions: list[list[tuple[tuple[int, int, int, int], Record]]] = []
    rank = {topic.name: number for number, topic in enumerate(ingest_map.topics)}
    for at in source_partitions(source, ingest_map):
        begin, end = source.begin(at), source.end(at)
        found = source.read(at, max(begin, end - count), end)
        place = rank[at.topic]
        partitions.append([((r.timestamp, place, r.partition, r.offset), r) for r in found])
    merged = [record for _, record in heapq.merge(*partitions, key=lambda pair: pair[0])]
    return merged[-count:]
