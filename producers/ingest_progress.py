"""How far ingest has come: what may be committed, and from where its output is to be searched.

The group's source offsets say what need not be read again: everything below was told, and lies on
the log, or tells nothing. Beside them stands, for each partition written to, the offset *since*
which output of records at or above the source offsets may lie there. Whoever begins anew reads the
output from there and knows every item that need not be told again. Pure.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from producers.source_place import Place
from stream.log import TopicPartition

# While one visit waits, a mark is made at each settlement. With fewer, a restart searches more.
_MARKS = 1_000

Offsets = Mapping[TopicPartition, int]


class Commit(NamedTuple):
    """The offsets to store, first the source's, then the output's."""

    source: dict[TopicPartition, int]
    since: dict[TopicPartition, int]


class IngestProgress:
    """Bookkeeping of one member's life.

    ``source`` and ``since`` are where it began; ``present`` is what it found in the output up to
    ``ends``.

    >>> source, output = TopicPartition("shots", 0), TopicPartition("andon.events", 0)
    >>> progress = IngestProgress({source: 10}, {output: 50}, [Place("shots", 0, 12)], {output: 60})
    >>> progress.settle({source: 12}, [], {output: 61}).since[output]   # 12 may lie before 60
    50
    >>> progress.settle({source: 20}, [Place("shots", 0, 15)], {output: 70})
    Commit(source={TopicPartition(topic='shots', partition=0): 15}, \
since={TopicPartition(topic='andon.events', partition=0): 61})
    """

    def __init__(
        self, source: Offsets, since: Offsets, present: Iterable[Place], ends: Offsets
    ) -> None:
        told = dict(source)
        for place in present:
            at = TopicPartition(place.topic, place.partition)
            told[at] = max(told.get(at, 0), place.offset + 1)
        self._since = dict(since)
        # (source offsets, ends): before the ends lies output of records below the offsets only.
        self._marks: deque[tuple[Offsets, Offsets]] = deque([(told, ends)])

    def settle(self, taken: Offsets, waiting: Iterable[Place], ends: Offsets) -> Commit:
        """What to commit now that all output is durable.

        ``taken`` is what was read, ``waiting`` are the places of what was not told yet, ``ends``
        are the ends of the output.
        """
        source = dict(taken)
        for place in waiting:
            at = TopicPartition(place.topic, place.partition)
            source[at] = min(source[at], place.offset)
        self._marks.append((dict(taken), ends))
        while self._marks and all(
            source.get(at, offset) >= offset for at, offset in self._marks[0][0].items()
        ):
            self._since.update(self._marks.popleft()[1])
        if len(self._marks) > _MARKS:
            self._marks = deque(mark for place, mark in enumerate(self._marks) if place % 2 == 0)
        return Commit(source, dict(self._since))
