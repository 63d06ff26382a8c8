"""A history that lies on a log: a topic's records, all or from one place or time to another."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from stream.errors import ConfigError
from stream.log import Log, Record, TopicPartition

Order = Callable[[Record], tuple[int, ...]]
Bound = int | datetime


def read_bound(text: str) -> Bound:
    """An offset or a time with a zone, from the command line.

    >>> read_bound("1200"), read_bound("2026-01-05T08:00Z").isoformat()
    (1200, '2026-01-05T08:00:00+00:00')
    """
    if text.isdecimal():
        return int(text)
    try:
        time: datetime | None = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise ConfigError(
            f"{text!r} is neither an offset nor a time with a zone: write for instance 1200 or "
            f"2026-01-05T08:00Z"
        )
    return time.astimezone(UTC)


def _by_append(record: Record) -> tuple[int, ...]:
    return record.timestamp, record.partition


class LogHistory:
    """The records of ``topic`` with start <= place < stop.

    Offsets bound every partition by its own; times bound by the records' append time. Records of
    several partitions come in the order of their append times, or as ``order`` says; within one
    partition the order is the log's.
    """

    def __init__(
        self,
        log: Log,
        topic: str,
        start: Bound | None = None,
        stop: Bound | None = None,
        *,
        order: Order = _by_append,
    ) -> None:
        self._log = log
        self._topic = topic
        self._start = start
        self._stop = stop
        self._order = order
        self.partitions = log.partitions(topic)

    @property
    def records(self) -> int:
        """At most so many records come."""
        return sum(end - begin for begin, end in map(self._bounds, range(self.partitions)))

    def __iter__(self) -> Iterator[Record]:
        parts = (self._partition(number) for number in range(self.partitions))
        return heapq.merge(*parts, key=self._order)

    def _bounds(self, partition: int) -> tuple[int, int]:
        at = TopicPartition(self._topic, partition)
        begin, end = self._log.begin(at), self._log.end(at)
        if isinstance(self._start, int):
            begin = max(begin, self._start)
        if isinstance(self._stop, int):
            end = min(end, self._stop)
        return min(begin, end), end

    def _partition(self, partition: int) -> Iterator[Record]:
        begin, end = self._bounds(partition)
        for record in self._log.read(TopicPartition(self._topic, partition), begin, end):
            if isinstance(self._start, datetime) and record.timestamp < _ms(self._start):
                continue
            if isinstance(self._stop, datetime) and record.timestamp >= _ms(self._stop):
                continue
            yield record


def _ms(time: datetime) -> float:
    return time.timestamp() * 1000.0
