"""Topics, records and members for tests on a real Kafka."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

from stream.errors import LogUnavailable
from stream.kafka import KafkaLog
from stream.log import LogConsumer, TopicPartition, TopicSpec

# Shorter than any that is sensible in a plant, so that a test need not wait.
SESSION_S = 1.5


def unique(what: str) -> str:
    return f"test.{what}.{uuid.uuid4().hex[:12]}"


def new_topic(log: KafkaLog, partitions: int = 1, **settings: str) -> str:
    name = unique("topic")
    log.create_topics([TopicSpec(name, partitions, extra=settings)])
    return name


def fill(log: KafkaLog, topic: str, count: int, partition: int = 0) -> None:
    for number in range(count):
        log.append(topic, b"k", b"%d" % number, partition=partition)
    log.flush()


def values(log: KafkaLog, topic: str, partition: int = 0) -> list[bytes | None]:
    return [record.value for record in log.read(TopicPartition(topic, partition))]


def until(condition: Callable[[], bool], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def join(consumer: LogConsumer) -> TopicPartition:
    """Poll until one partition is assigned."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if assigned := consumer.poll(0.5).assigned:
            return assigned[0]
    raise AssertionError("nothing was assigned")


def answers(ask: Callable[[], int]) -> int | None:
    """What the log answers, None while it is unavailable."""
    try:
        return ask()
    except LogUnavailable:
        return None
