"""What the fault tests of checkpoints share: a history on four partitions, what an undisturbed run
writes and knows, and the same of a log that workers were killed on."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from service_process import write_config
from small_line import small_line
from workers import alerts_on, create_topics, outputs, put, states_of

from andon import build
from andon.checkpoints import opened_checkpoints
from andon.settings import Settings, load_settings
from producers.publish import publish
from stream.checkpoint import digest
from stream.log import Log, TopicPartition
from stream.memory import MemoryLog
from stream.partitioner import partition_for
from stream.worker import Outputs, Worker

PARTITIONS = 4
POISON = b'{"type":"measurement"'
CHECKPOINT = """
[checkpoint]
store = "{store}"
directory = "checkpoints"
topic = "{topic}"
every_records = {every}
every_seconds = 3600.0
"""


@cache
def lines() -> tuple[str, ...]:
    """A line for each partition."""
    found: dict[int, str] = {}
    for number in range(100):
        name = f"line-{number}"
        found.setdefault(partition_for(name.encode(), PARTITIONS), name)
    return tuple(found[partition] for partition in range(PARTITIONS))


def fill(log: Log, topics: Outputs, events: int) -> None:
    """So many events of four lines that take turns, and a record on each that is no event."""
    create_topics(log, PARTITIONS, topics)
    told = (small_line(events, line) for line in lines())
    turns = (event for each in zip(*told, strict=True) for event in each)
    publish(log, topics.events, islice(turns, events))
    for line in lines():
        log.append(topics.events, line.encode(), POISON)
    put(log, [], topics)
    log.flush()


def configured(
    folder: Path, topics: Outputs, store: str, every: int, kafka: str = ""
) -> tuple[Path, Settings]:
    """The settings file of the workers, and what it says for this process."""
    more = CHECKPOINT.format(store=store, topic=f"{topics.events}.checkpoints", every=every)
    config = write_config(folder, topics, PARTITIONS, member="the one", kafka=kafka, more=more)
    where = {"log.path": folder / "andon.sqlite", "checkpoint.directory": folder / "checkpoints"}
    return config, load_settings(config, {}, where)


@dataclass
class Known:
    """What lies on the output topics, what the lines know, and the digests of the tasks."""

    outputs: dict[str, object]
    states: dict[str, dict[str, object]]
    digests: list[str]


def read_to_end(settings: Settings, log: Log) -> tuple[Worker, int]:
    """A worker here that takes up what is stored and reads the rest; and how much that was."""
    read: Counter[str] = Counter()

    def note(record: Any, effects: Any) -> None:
        read["records"] += 1

    with opened_checkpoints(settings, log) as checkpoints:
        worker = build.build_worker(settings, log, note, checkpoints=checkpoints)
        worker.run(lambda: False, until_end=True)
    return worker, read["records"]


def digests_of(worker: Worker) -> list[str]:
    """The structural digest of each task's state."""
    return [digest(task.state()) for task in worker.tasks]


def undisturbed(settings: Settings, topics: Outputs, events: int) -> Known:
    """What a run writes and knows that nobody disturbs, and that never checkpoints."""
    log = MemoryLog()
    fill(log, topics, events)
    worker = build.build_worker(settings, log)
    worker.run(lambda: False, until_end=True)
    assert len(alerts_on(log, topics.alerts)) > 10
    return Known(outputs(log, topics), states_of(worker), digests_of(worker))


def assert_same(log: Log, settings: Settings, topics: Outputs, expected: Known) -> None:
    """Nothing was lost or doubled: byte for byte on the topics, in all that the lines know."""
    ids = Counter(alert.id for alert in alerts_on(log, topics.alerts))
    assert [name for name, count in ids.items() if count > 1] == []
    assert outputs(log, topics) == expected.outputs
    worker, read = read_to_end(settings, log)
    # What the last one could not checkpoint in time is read here.
    written = sum(log.end(TopicPartition(topics.events, at)) for at in range(PARTITIONS))
    assert read < written / 4, "this was no recovery from checkpoints"
    assert states_of(worker) == expected.states
    assert digests_of(worker) == expected.digests
    assert all(
        told.next_offset == log.end(TopicPartition(topics.events, at.partition))
        for at, told in worker.progress.items()
    )
