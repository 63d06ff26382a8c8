"""What the fault tests share: histories over many partitions, workers in threads, what holds."""

from __future__ import annotations

import os
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
from checkpointed_run import CHECKPOINT
from local_logs import wait_until
from service_process import write_config
from small_line import small_line
from workers import alerts_on, create_topics, on_topic, outputs, put, states_of

from andon.build import build_worker, topic_specs
from andon.checkpoints import opened_checkpoints
from andon.settings import Settings
from stream.effects import Effect
from stream.errors import LogUnavailable
from stream.events import Event
from stream.kafka import KafkaConnection, KafkaLog
from stream.log import Log, Record, TopicPartition
from stream.memory import MemoryLog
from stream.partitioner import partition_for
from stream.worker import Outputs, Worker

Observe = Callable[[Record, list[Effect]], None]
OFFSET = "andon.offset"
STORES = ("topic", "off") if os.environ.get("ANDON_FULL") == "1" else ("topic",)
"""Where workers keep their checkpoints; without any, they read all again after each fault."""
USUAL_SESSION_S = 30.0
"""The session of workers that nobody has to miss: a quarter of it is what the last checkpoints of
one that leaves may take, and what they do not get done is read again."""


@cache
def line_names(partitions: int, each: int = 1) -> tuple[str, ...]:
    """``each`` lines for every partition, those of a partition apart from one another."""
    found: dict[int, list[str]] = defaultdict(list)
    number = 0
    while sum(map(len, found.values())) < partitions * each:
        name = f"line-{number}"
        number += 1
        here = found[partition_for(name.encode(), partitions)]
        if len(here) < each:
            here.append(name)
    return tuple(found[at][turn] for turn in range(each) for at in range(partitions))


def history(events: int, lines: Sequence[str]) -> list[Event]:
    """So many events of lines that take turns."""
    told = (small_line(events // len(lines) + 3, line) for line in lines)
    return list(islice((event for turn in zip(*told, strict=True) for event in turn), events))


def configured(
    folder: Path,
    topics: Outputs,
    partitions: int,
    broker: str,
    store: str,
    *,
    session_s: float = 6.0,
    more: str = "",
) -> Path:
    """The settings file of workers on a broker that checkpoint often, if they do."""
    told = CHECKPOINT.format(store=store, topic=f"{topics.events}.checkpoints", every=200)
    return write_config(
        folder, topics, partitions, kafka=broker, session_s=session_s, more=told + more
    )


def create_all(log: Log, settings: Settings, topics: Outputs) -> None:
    """The topics of a worker, and the one of its checkpoints."""
    create_topics(log, settings.topics.partitions, topics)
    log.create_topics([it for it in topic_specs(settings) if it.name == settings.checkpoint.topic])


@dataclass
class Known:
    """What lies on the output topics of a run that nobody disturbed, and what its lines know."""

    outputs: dict[str, Any]
    states: dict[str, dict[str, object]]


def undisturbed(
    settings: Settings, topics: Outputs, partitions: int, events: Sequence[Event]
) -> Known:
    """What a run in memory, that nobody disturbs, writes and knows."""
    log = MemoryLog()
    create_topics(log, partitions, topics)
    put(log, events, topics)
    worker = build_worker(settings, log)
    worker.run(lambda: False, until_end=True)
    assert len(alerts_on(log, topics.alerts)) > 10, "there is too little to compare"
    return Known(outputs(log, topics), states_of(worker))


class WorkerThread:
    """A worker that runs in a thread until it is told to stop, which raises what it has raised."""

    def __init__(self, settings: Settings, log: Log, observe: Observe | None = None) -> None:
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._closing = ExitStack()
        rules = self._closing.enter_context(opened_checkpoints(settings, log))
        self.worker: Worker = build_worker(settings, log, observe, checkpoints=rules)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            with self._closing:
                self.worker.run(self._stop.is_set)
        except BaseException as error:
            self._error = error

    @property
    def partitions(self) -> set[int]:
        """Those that it works on now."""
        return {at.partition for at in self.worker.progress}

    def check(self) -> None:
        """Raise what the worker has raised, if anything."""
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """End it in order."""
        self._stop.set()
        self._thread.join(60)
        assert not self._thread.is_alive(), "a worker does not stop"
        self.check()


@contextmanager
def impatient_log(bootstrap: str) -> Iterator[KafkaLog]:
    """A log with a delivery time-out, and all others, so short that a test can outlast them."""
    connection = KafkaConnection(
        (bootstrap,), delivery_timeout_s=1.5, answer_timeout_s=2.0, session_timeout_s=4.0
    )
    with closing(KafkaLog(connection)) as log:
        yield log


def assert_all_is_kept(settings: Settings, log: Log, expected: Known) -> None:
    """Whoever takes up what workers have left reads nothing again, and knows what they knew."""
    read: Counter[str] = Counter()

    def note(record: Record, effects: list[Effect]) -> None:
        read["records"] += 1

    with opened_checkpoints(settings, log) as rules:
        worker = build_worker(settings, log, note, checkpoints=rules)
        worker.run(lambda: False, until_end=True)
    assert states_of(worker) == expected.states
    if settings.checkpoint.store != "off":
        assert read["records"] == 0, "something was not in the checkpoints"


def assert_no_offset_is_ahead(log: Log, topics: Outputs, expected: Known) -> None:
    """Every alert of an event that lies before a stored offset is on the alert topic by then.

    Nothing is said while the log does not answer.
    """
    try:
        # In this order: what was stored before the topic was read must lie on it.
        found = log.stored_offsets(topics.events, topics.events)
        there = on_topic(log, topics.alerts)
    except LogUnavailable:
        return
    stored = {at.partition: offset for at, offset in found.items()}
    for partition, alerts in enumerate(expected.outputs[topics.alerts]):
        due = {
            value
            for _, value, headers in alerts
            if int(dict(headers)[OFFSET]) < stored.get(partition, 0)
        }
        missing = due - {record.value for record in there[partition]}
        assert not missing, f"partition {partition} is stored up to {stored[partition]}"


def is_finished(log: Log, topics: Outputs) -> bool:
    """Whether the group's stored offsets are the ends of all its partitions."""
    try:
        stored = log.stored_offsets(topics.events, topics.events)
        places = [TopicPartition(topics.events, n) for n in range(log.partitions(topics.events))]
        return all(stored.get(at, 0) == log.end(at) for at in places)
    except LogUnavailable:
        return False


def assert_written(
    log: Log, topics: Outputs, expected: dict[str, Any], seconds: float = 120.0
) -> None:
    """Wait until as much is written as was expected; it must be just that, byte for byte."""
    wait_until(lambda: _as_long_as(log, expected), seconds)
    assert outputs(log, topics) == expected


def _as_long_as(log: Log, expected: dict[str, Any]) -> bool:
    try:
        return all(
            log.end(TopicPartition(topic, number)) >= len(records)
            for topic, partitions in expected.items()
            for number, records in enumerate(partitions)
        )
    except LogUnavailable:
        return False


def assert_one_body_an_id(log: Log, topics: Outputs, expected: Known) -> int:
    """The alerts and risks are the undisturbed run's, whatever was said twice.

    What was said twice is the same both times; answers how many alerts were.
    """
    twice = 0
    for topic in (topics.alerts, topics.risks):
        for partition, records in enumerate(on_topic(log, topic)):
            bodies: dict[tuple[str, int], set[bytes | None]] = defaultdict(set)
            wanted: dict[tuple[str, int], set[bytes | None]] = defaultdict(set)
            told: list[tuple[str, int]] = []
            for record in records:
                told.append(_cause(topic, record.value, record.headers))
                bodies[told[-1]].add(record.value)
            for _, value, headers in expected.outputs[topic][partition]:
                wanted[_cause(topic, value, headers)].add(value)
            assert all(len(each) == 1 for each in bodies.values()), "one id, two bodies"
            assert bodies == wanted
            if topic == topics.alerts:
                twice += len(told) - len(set(told))
    return twice


def _cause(topic: str, value: bytes | None, headers: Any) -> tuple[str, int]:
    """An alert's id, or what stands for a risk's: the event that it is about."""
    alert_id = orjson.loads(value or b"{}").get("id", "")
    return str(alert_id), int(dict(headers)[OFFSET]) if not alert_id else 0
