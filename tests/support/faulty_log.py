"""A log that does what networks and brokers do: lose answers, lose records, go away for a while."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from stream.log import Batch, Headers, Log, LogConsumer, OnAck, Record, TopicPartition, TopicSpec

Fault = Callable[[], BaseException | None]


class FaultyLog:
    """``log``, but what is appended reaches it when it is flushed, if then.

    A fault is asked before each call and answers the error to raise, or None. When a flush fails,
    the first ``arrives`` of the records handed over have arrived all the same, the others are lost.
    """

    def __init__(
        self,
        log: Log,
        *,
        on_flush: Fault | None = None,
        on_append: Fault | None = None,
        on_poll: Fault | None = None,
        on_start: Fault | None = None,
        arrives: int = 0,
        sizes: Iterator[int] | None = None,
    ) -> None:
        self._log = log
        self._on_flush = on_flush
        self._on_append = on_append
        self.on_poll = on_poll
        self.on_start = on_start
        self._arrives = arrives
        self.sizes = sizes
        self.untold: set[TopicPartition] = set()
        """Partitions whose revocation waits to be told of."""
        self._handed_over: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def create_topics(self, topics: Sequence[TopicSpec]) -> list[str]:
        return self._log.create_topics(topics)

    def partitions(self, topic: str) -> int:
        return self._log.partitions(topic)

    def append(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        *,
        partition: int | None = None,
        headers: Headers = (),
        timestamp: int | None = None,
        on_ack: OnAck | None = None,
    ) -> None:
        strike(self._on_append)
        options = {
            "partition": partition,
            "headers": headers,
            "timestamp": timestamp,
            "on_ack": on_ack,
        }
        self._handed_over.append(((topic, key, value), options))

    def flush(self, timeout: float = 30.0) -> None:
        try:
            strike(self._on_flush)
        except BaseException:
            self._pass_on(self._arrives)
            raise
        self._pass_on(len(self._handed_over))

    def acknowledged(self, within: float) -> bool:
        self.flush(within)
        return True

    def _pass_on(self, count: int) -> None:
        for arguments, options in self._handed_over[:count]:
            self._log.append(*arguments, **options)
        self._handed_over.clear()
        self._log.flush()

    def begin(self, at: TopicPartition) -> int:
        return self._log.begin(at)

    def end(self, at: TopicPartition) -> int:
        return self._log.end(at)

    def stored_offsets(self, group: str, topic: str) -> dict[TopicPartition, int]:
        return self._log.stored_offsets(group, topic)

    def read(
        self, at: TopicPartition, start: int | None = None, stop: int | None = None
    ) -> Iterator[Record]:
        return self._log.read(at, start, stop)

    def consumer(self, topics: Sequence[str], group: str, member: str | None = None) -> LogConsumer:
        return FaultyConsumer(self._log.consumer(topics, group, member), self)

    def close(self) -> None:
        self._log.close()


class FaultyConsumer:
    """A consumer of a `FaultyLog`; its polls are as large as the log's ``sizes`` say in turn."""

    def __init__(self, consumer: LogConsumer, log: FaultyLog) -> None:
        self._consumer = consumer
        self._faults = log

    def poll(self, timeout: float, max_records: int = 500) -> Batch:
        strike(self._faults.on_poll)
        sizes = self._faults.sizes
        return self._consumer.poll(timeout, max_records if sizes is None else next(sizes))

    def start(self, at: TopicPartition, offset: int) -> None:
        strike(self._faults.on_start)
        self._consumer.start(at, offset)

    def pause(self, partitions: Sequence[TopicPartition]) -> None:
        self._consumer.pause(partitions)

    def resume(self, partitions: Sequence[TopicPartition]) -> None:
        self._consumer.resume(partitions)

    def committed(self, at: TopicPartition) -> int | None:
        return self._consumer.committed(at)

    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        self._consumer.commit(offsets)

    def holds(self, at: TopicPartition) -> bool:
        return at not in self._faults.untold and self._consumer.holds(at)

    def close(self) -> None:
        self._consumer.close()


def strike(fault: Fault | None) -> None:
    """Raise what the fault answers, if anything."""
    error = None if fault is None else fault()
    if error is not None:
        raise error


def at_calls(calls: Sequence[int], error: Callable[[], BaseException]) -> Fault:
    """A fault at these calls, counted from 1."""
    left = sorted(calls)
    count = 0

    def fault() -> BaseException | None:
        nonlocal count
        count += 1
        if left and count == left[0]:
            left.pop(0)
            return error()
        return None

    return fault
