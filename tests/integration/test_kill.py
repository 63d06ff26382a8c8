"""``kill -9`` of a real worker process, at moments drawn from a seed, on SQLite and on Kafka.

Whatever the moment: after a restart the topics hold, byte for byte, what an uninterrupted run puts
there, no alert id twice, and the state rebuilt from the log has counted the same parts and results.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from forked_service import ForkedService
from kafka_broker import KafkaBroker
from service_process import write_config
from workers import alerts_on, create_topics, outputs, own_topics, put, states_of

from andon.build import build_worker
from andon.settings import Settings, load_settings
from producers.families import family
from producers.simulator import SimulatedLine
from stream.events import Event
from stream.kafka import KafkaConnection, KafkaLog
from stream.local import LocalLog
from stream.log import Log, TopicPartition
from stream.memory import MemoryLog
from stream.partitioner import partition_for
from stream.worker import Outputs, Worker

pytestmark = pytest.mark.timeout(900)

LINE = "gearbox-A"
PARTITIONS = 2
KILLS = 3
POISON = b'{"type":"measurement"'


@pytest.fixture(scope="module")
def history() -> list[Event]:
    return list(SimulatedLine(family("demo", line=LINE), seed=4).events(parts=600))


@pytest.fixture
def topics() -> Outputs:
    return own_topics()


def shares(history: list[Event]) -> list[list[Event]]:
    """The history cut into a share for each process: those that are killed, and the last one."""
    size = len(history) // (KILLS + 1) + 1
    return [history[start : start + size] for start in range(0, len(history), size)]


def append(log: Log, topics: Outputs, share: list[Event]) -> None:
    """A share of the history onto the log, among it records that are no events."""
    for start in range(0, len(share), 500):
        log.append(topics.events, LINE.encode(), POISON)
        put(log, share[start : start + 500], topics)


def risks_of(share: list[Event]) -> int:
    return sum(event.type == "measurement" for event in share)


def run_here(settings: Settings, log: Log) -> Worker:
    worker = build_worker(settings, log)
    worker.run(lambda: False, until_end=True)
    return worker


def uninterrupted(
    settings: Settings, topics: Outputs, history: list[Event]
) -> tuple[dict[str, object], dict[str, dict[str, object]]]:
    """What a run that nobody disturbs writes and knows."""
    log = MemoryLog()
    create_topics(log, PARTITIONS, topics)
    for share in shares(history):
        append(log, topics, share)
    worker = run_here(settings, log)
    assert len(alerts_on(log, topics.alerts)) > 10
    return outputs(log, topics), states_of(worker)


def kill_and_restart(
    config: Path, log: Log, topics: Outputs, history: list[Event], chance: random.Random
) -> None:
    """Kill processes one after the other, each in its share of the history; the last one finishes.

    However fast it is, none ends before it is killed, and none comes to what is told after that.
    """
    create_topics(log, PARTITIONS, topics)
    risks = TopicPartition(topics.risks, partition_for(LINE.encode(), PARTITIONS))
    told = 0
    *midway, last = shares(history)
    assert len(midway) == KILLS
    for share in midway:
        append(log, topics, share)
        goal = told + chance.uniform(0.02, 0.7) * risks_of(share)
        told += risks_of(share)
        with ForkedService(config, "watch", "--quiet") as service:
            while log.end(risks) < goal:
                assert service.running, service.said
                time.sleep(0.005)
            # Not only just behind a flush.
            time.sleep(chance.uniform(0.0, 0.1))
            service.kill()
    append(log, topics, last)
    with ForkedService(config, "watch", "--until-end", "--quiet") as service:
        service.finish()


def assert_nothing_lost_or_doubled(
    log: Log,
    settings: Settings,
    topics: Outputs,
    expected: tuple[dict[str, object], dict[str, dict[str, object]]],
) -> None:
    ids = Counter(alert.id for alert in alerts_on(log, topics.alerts))
    assert [alert for alert, count in ids.items() if count > 1] == []
    assert outputs(log, topics) == expected[0]
    worker = run_here(settings, log)
    assert states_of(worker) == expected[1]
    assert outputs(log, topics) == expected[0]


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_workers_on_the_local_log_lose_and_double_nothing(
    seed: int, tmp_path: Path, topics: Outputs, history: list[Event]
) -> None:
    config = write_config(tmp_path, topics, PARTITIONS, member="the one")
    settings = load_settings(config, {})
    expected = uninterrupted(settings, topics, history)
    with closing(LocalLog(tmp_path / "andon.sqlite")) as log:
        kill_and_restart(config, log, topics, history, random.Random(seed))
        assert_nothing_lost_or_doubled(log, settings, topics, expected)


@pytest.fixture
def kafka_log(broker: KafkaBroker) -> Iterator[KafkaLog]:
    with closing(KafkaLog(KafkaConnection((broker.bootstrap,)))) as opened:
        yield opened


@pytest.mark.kafka
def test_killed_workers_on_a_real_broker_lose_and_double_nothing(
    tmp_path: Path,
    topics: Outputs,
    history: list[Event],
    broker: KafkaBroker,
    kafka_log: KafkaLog,
) -> None:
    config = write_config(tmp_path, topics, PARTITIONS, member="the one", kafka=broker.bootstrap)
    settings = load_settings(config, {})
    expected = uninterrupted(settings, topics, history)
    kill_and_restart(config, kafka_log, topics, history, random.Random(3))
    assert_nothing_lost_or_doubled(kafka_log, settings, topics, expected)
