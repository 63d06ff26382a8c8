"""What the tests of the log's contract share."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable

from stream.log import Log, LogConsumer, Record, TopicPartition

OpenLog = Callable[[], Log]
NewTopic = Callable[..., str]


def unique(what: str) -> str:
    return f"test.{what}.{uuid.uuid4().hex[:12]}"


def fill(log: Log, topic: str, count: int, partition: int = 0) -> list[bytes]:
    """``count`` numbered records, flushed."""
    values = [b"%d" % number for number in range(count)]
    for value in values:
        log.append(topic, None, value, partition=partition)
    log.flush()
    return values


def values_of(records: Iterable[Record]) -> list[bytes | None]:
    return [record.value for record in records]


def offsets_of(records: Iterable[Record]) -> list[int]:
    return [record.offset for record in records]


def wait_for_assignment(consumer: LogConsumer, count: int = 1) -> set[TopicPartition]:
    """Poll until ``count`` partitions are assigned."""
    held: set[TopicPartition] = set()
    deadline = time.monotonic() + 120
    while len(held) < count:
        assert time.monotonic() < deadline, f"only {held} were assigned"
        batch = consumer.poll(0.1)
        held.update(batch.assigned)
        held.difference_update(batch.revoked, batch.lost)
    return held


def collect(consumer: LogConsumer, count: int, timeout: float = 1.0) -> list[Record]:
    """Poll until ``count`` records have come."""
    records: list[Record] = []
    deadline = time.monotonic() + 120
    while len(records) < count:
        assert time.monotonic() < deadline, f"only {len(records)} of {count} records came"
        records += consumer.poll(timeout).records
    return records
