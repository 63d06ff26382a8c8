"""A worker that sleeps for longer than its lease, and wakes: another one has gone on meanwhile.

Two real processes on one log. The sleeper is frozen while it has nothing to write; a worker frozen
in the middle of a flush may repeat that flush's alerts, under the same ids.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from kafka_broker import KafkaBroker
from local_logs import wait_until
from service_process import Service, write_config
from small_line import small_line
from workers import create_topics, outputs, own_topics, put

from andon.build import build_worker
from andon.settings import load_settings
from stream.events import Event
from stream.kafka import KafkaConnection, KafkaLog
from stream.local import LocalLog
from stream.log import Log, TopicPartition
from stream.memory import MemoryLog
from stream.worker import Outputs

PARTITIONS = 4
NAMES = ("line-0", "line-1", "line-3", "line-6")


def history() -> list[Event]:
    told = zip(*(small_line(360, name) for name in NAMES), strict=True)
    return [event for events in told for event in events]


@pytest.fixture
def topics() -> Outputs:
    return own_topics()


@pytest.fixture
def kafka_log(broker: KafkaBroker) -> Iterator[KafkaLog]:
    with closing(KafkaLog(KafkaConnection((broker.bootstrap,)))) as opened:
        yield opened


def undisturbed(config: Path, topics: Outputs) -> tuple[list[dict[str, object]], int]:
    """What is there after each third of the history, and how many events a third has."""
    events = history()
    third = len(events) // 3
    log = MemoryLog()
    create_topics(log, PARTITIONS, topics)
    written = []
    for start in (0, third, 2 * third):
        put(log, events[start : start + third], topics)
        build_worker(load_settings(config, {}), log).run(lambda: False, until_end=True)
        written.append(outputs(log, topics))
    return written, third


def sleep_and_wake(config: Path, log: Log, topics: Outputs) -> None:
    expected, third = undisturbed(config, topics)
    events = history()
    create_topics(log, PARTITIONS, topics)
    with (
        Service(config, "watch", "--quiet") as sleeper,
        Service(config, "watch", "--quiet") as other,
    ):
        put(log, events[:third], topics)
        wait_until(lambda: outputs(log, topics) == expected[0])
        wait_until(lambda: everything_is_settled(log, topics))
        sleeper.freeze()
        put(log, events[third : 2 * third], topics)
        wait_until(lambda: outputs(log, topics) == expected[1])
        sleeper.thaw()
        put(log, events[2 * third : 3 * third], topics)
        wait_until(lambda: outputs(log, topics) == expected[2])
        wait_until(lambda: everything_is_settled(log, topics))
        assert (sleeper.terminate(), other.terminate()) == (0, 0), sleeper.said + other.said
    assert outputs(log, topics) == expected[2]


def everything_is_settled(log: Log, topics: Outputs) -> bool:
    """Whether all offsets are stored, which is the last thing that a worker does."""
    stored = log.stored_offsets(topics.events, topics.events)
    return all(
        stored.get(at, 0) == log.end(at)
        for at in (TopicPartition(topics.events, number) for number in range(PARTITIONS))
    )


def test_on_the_local_log(tmp_path: Path, topics: Outputs) -> None:
    with closing(LocalLog(tmp_path / "andon.sqlite")) as log:
        sleep_and_wake(write_config(tmp_path, topics, PARTITIONS), log, topics)


@pytest.mark.kafka
def test_on_a_real_broker(
    tmp_path: Path, topics: Outputs, broker: KafkaBroker, kafka_log: KafkaLog
) -> None:
    config = write_config(tmp_path, topics, PARTITIONS, kafka=broker.bootstrap)
    sleep_and_wake(config, kafka_log, topics)
