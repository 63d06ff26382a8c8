"""One history, four ways to its alerts: by a replay, a worker on SQLite, one on a real broker, and
two that share it. The bytes are the same, ids included.
"""

from __future__ import annotations

import heapq
import json
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from kafka_broker import KafkaBroker
from local_logs import wait_until
from small_line import QUICK, small_line
from workers import (
    contents,
    create_topics,
    is_at_end,
    lines_of,
    new_worker,
    on_topic,
    outputs,
    own_topics,
    put,
    run_to_end,
    states_of,
)

from andon.replay import ALERTS_FILE, RISKS_FILE, Replay
from models.detector import DetectorSettings
from producers.families import family
from producers.simulator import SimulatedLine
from stream.events import Event
from stream.kafka import KafkaConnection, KafkaLog
from stream.line import AlarmSettings, LineSettings
from stream.local import LocalLog
from stream.log import Log
from stream.memory import MemoryLog
from stream.partitioner import partition_for
from stream.task import TaskSettings
from stream.worker import Outputs

pytestmark = pytest.mark.timeout(900)

PARTITIONS = 4
TOPICS = own_topics()
SETTINGS = TaskSettings(
    topic=TOPICS.events,
    line=LineSettings(
        detector=DetectorSettings(min_fails=3, min_passes=20),
        alarms=AlarmSettings(budget=0.2, min_lift=1.0),
    ),
)


def simulated(names: dict[str, int]) -> list[Event]:
    """The events of several simulated lines as they arrive, for each so many parts."""
    lines = [
        SimulatedLine(family("demo", line=name), seed=seed).events(parts)
        for seed, (name, parts) in enumerate(names.items(), start=3)
    ]
    return list(heapq.merge(*lines, key=lambda event: event.at))


@pytest.fixture(scope="module")
def history() -> list[Event]:
    """Three lines on three partitions, 1,500 parts in all."""
    names = {"body-A": 700, "gearbox-A": 500, "press-7": 300}
    assert len({partition_for(name.encode(), PARTITIONS) for name in names}) == 3
    return simulated(names)


@pytest.fixture(scope="module")
def replayed(
    history: list[Event], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[list[bytes]]]:
    """By file, by partition: the lines of ``alerts.jsonl`` and ``risks.jsonl``, in their order."""
    out = tmp_path_factory.mktemp("replay")
    Replay(SETTINGS, PARTITIONS, draws=0).run(history, out)
    return {name: by_partition(out / name) for name in (ALERTS_FILE, RISKS_FILE)}


def by_partition(path: Path) -> list[list[bytes]]:
    told: list[list[bytes]] = [[] for _ in range(PARTITIONS)]
    for line in path.read_bytes().splitlines():
        told[partition_for(json.loads(line)["line"].encode(), PARTITIONS)].append(line)
    return told


def on_log(log: Log, topic: str) -> list[list[bytes]]:
    return [[record.value or b"" for record in records] for records in on_topic(log, topic)]


def published(log: Log, topics: Outputs) -> dict[str, list[list[bytes]]]:
    """What a worker has put onto the log, as `replayed` has it."""
    return {ALERTS_FILE: on_log(log, topics.alerts), RISKS_FILE: on_log(log, topics.risks)}


@pytest.fixture
def kafka_log(broker: KafkaBroker) -> Iterator[KafkaLog]:
    with closing(KafkaLog(KafkaConnection((broker.bootstrap,)))) as opened:
        yield opened


def test_a_history_long_enough_to_prove_something(replayed: dict[str, list[list[bytes]]]) -> None:
    alerts = [len(partition) for partition in replayed[ALERTS_FILE]]
    assert sum(alerts) > 30
    assert sum(count > 0 for count in alerts) >= 2
    ids = [json.loads(line)["id"] for lines in replayed[ALERTS_FILE] for line in lines]
    assert len(set(ids)) == len(ids)


def test_a_worker_on_the_local_log_says_what_the_replay_said(
    history: list[Event], replayed: dict[str, list[list[bytes]]], tmp_path: Path
) -> None:
    with closing(LocalLog(tmp_path / "andon.sqlite")) as log:
        create_topics(log, PARTITIONS, TOPICS)
        put(log, history, TOPICS)
        run_to_end(log, SETTINGS, topics=TOPICS)
        assert published(log, TOPICS) == replayed


@pytest.mark.kafka
def test_a_worker_on_a_real_broker_says_what_the_replay_said_and_a_restart_nothing(
    history: list[Event], replayed: dict[str, list[list[bytes]]], kafka_log: KafkaLog
) -> None:
    create_topics(kafka_log, PARTITIONS, TOPICS)
    put(kafka_log, history, TOPICS)
    first = run_to_end(kafka_log, SETTINGS, topics=TOPICS)
    assert published(kafka_log, TOPICS) == replayed
    written = outputs(kafka_log, TOPICS)
    second = run_to_end(kafka_log, SETTINGS, topics=TOPICS)
    assert outputs(kafka_log, TOPICS) == written
    assert states_of(second) == states_of(first)


@pytest.mark.kafka
def test_two_workers_share_the_lines_of_a_real_broker_and_say_together_what_one_says(
    broker: KafkaBroker, kafka_log: KafkaLog
) -> None:
    names = ("line-0", "line-1", "line-3", "line-6", "line-8", "line-9")
    assert len({partition_for(name.encode(), PARTITIONS) for name in names}) == PARTITIONS
    told = zip(*(small_line(260, name) for name in names), strict=True)
    history = [event for events in told for event in events]
    half = len(history) // 2
    topics = own_topics()
    settings = replace(QUICK, topic=topics.events, group=topics.events)

    alone = MemoryLog()
    create_topics(alone, PARTITIONS, topics)
    put(alone, history[:half], topics)
    run_to_end(alone, settings, topics=topics)
    risks_of_half = sum(map(len, contents(alone, topics.risks)))
    put(alone, history[half:], topics)
    single = run_to_end(alone, settings, topics=topics)
    assert sum(map(len, contents(alone, topics.alerts))) > 20

    create_topics(kafka_log, PARTITIONS, topics)
    with closing(Shared(broker, settings, topics)) as first:
        with closing(Shared(broker, settings, topics)) as second:
            wait_until(lambda: [len(m.worker.tasks) for m in (first, second)] == [2, 2])
            put(kafka_log, history[:half], topics)
            wait_until(lambda: sum(map(len, contents(kafka_log, topics.risks))) == risks_of_half)
            assert lines_of(first.worker).keys().isdisjoint(lines_of(second.worker))
        # One of them goes: the other takes its lines over, and what they had learnt.
        put(kafka_log, history[half:], topics)
        wait_until(lambda: outputs(kafka_log, topics) == outputs(alone, topics))
        wait_until(lambda: len(first.worker.tasks) == PARTITIONS)
        wait_until(lambda: is_at_end(first.worker, kafka_log))
    assert states_of(first.worker) == states_of(single)
    assert outputs(kafka_log, topics) == outputs(alone, topics)


class Shared:
    """A worker in a thread, with its own hold on the broker."""

    def __init__(self, broker: KafkaBroker, settings: TaskSettings, topics: Outputs) -> None:
        self._log = KafkaLog(KafkaConnection((broker.bootstrap,)))
        self.worker = new_worker(self._log, settings, topics=topics, poll_records=100)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self.worker.run, args=(self._done.is_set,))
        self._thread.start()

    def close(self) -> None:
        self._done.set()
        self._thread.join(30)
        self._log.close()
