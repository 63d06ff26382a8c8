"""Workers on logs for tests: topics, histories, one run to the end, and what came of it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from typing import Any

from alerts.alert import Alert
from producers.publish import publish
from stream.checkpointing import CheckpointRules
from stream.effects import Effect
from stream.events import Event
from stream.line import Line
from stream.log import Log, Record, TopicPartition, TopicSpec
from stream.task import Task, TaskSettings
from stream.worker import Outputs, Worker

TOPICS = Outputs(risks="andon.risks")


def names_of(topics: Outputs) -> tuple[str, str, str, str]:
    """The names of a worker's topics."""
    return topics.events, topics.alerts, topics.dead_letters, topics.risks


ALL = names_of(TOPICS)


def own_topics() -> Outputs:
    """Topics under names that nobody has used before, for a broker that several tests share."""
    prefix = f"test.{uuid.uuid4().hex[:12]}"
    return Outputs(f"{prefix}.events", f"{prefix}.alerts", f"{prefix}.letters", f"{prefix}.risks")


def create_topics(log: Log, partitions: int = 4, topics: Outputs = TOPICS) -> None:
    """The four topics of a worker."""
    log.create_topics([TopicSpec(name, partitions) for name in names_of(topics)])


def put(log: Log, events: Iterable[Event], topics: Outputs = TOPICS) -> int:
    """Events onto the log."""
    return publish(log, topics.events, events)


def new_worker(
    log: Log,
    settings: TaskSettings,
    *,
    poll_records: int = 500,
    observe: Callable[[Record, list[Effect]], None] | None = None,
    topics: Outputs = TOPICS,
    member: str | None = None,
    checkpoints: CheckpointRules | None = None,
) -> Worker:
    """A worker of the group ``andon``."""
    return Worker(
        log,
        topics,
        group=settings.group,
        member=member,
        make_task=lambda partition: Task(partition, settings),
        poll_records=poll_records,
        checkpoints=checkpoints,
        observe=observe,
    )


def run_to_end(log: Log, settings: TaskSettings, **options: Any) -> Worker:
    """A worker that has read all there is."""
    worker = new_worker(log, settings, **options)
    worker.run(lambda: False, until_end=True)
    return worker


_APPENDED = "andon.errors.timestamp"


def on_topic(log: Log, topic: str) -> list[list[Record]]:
    """The records of a topic, by partition."""
    return [
        list(log.read(TopicPartition(topic, number))) for number in range(log.partitions(topic))
    ]


def contents(log: Log, topic: str) -> list[list[tuple[bytes | None, bytes | None, object]]]:
    """Key, value and headers of a topic's records, by partition, in order.

    A dead letter's time is left out: it is when its record was appended, in this run.
    """
    return [
        [(r.key, r.value, tuple(h for h in r.headers if h[0] != _APPENDED)) for r in records]
        for records in on_topic(log, topic)
    ]


def outputs(log: Log, topics: Outputs = TOPICS) -> dict[str, object]:
    """All that a worker has written."""
    return {topic: contents(log, topic) for topic in names_of(topics)[1:]}


def alerts_on(log: Log, topic: str = TOPICS.alerts) -> list[Alert]:
    """The alerts on a topic, partition by partition."""
    return [
        Alert.model_validate_json(record.value or b"")
        for records in on_topic(log, topic)
        for record in records
    ]


def is_at_end(worker: Worker, log: Log) -> bool:
    """Whether a worker has read all there is of its partitions."""
    return all(there.next_offset == log.end(at) for at, there in worker.progress.items())


def lines_of(worker: Worker) -> dict[str, Line]:
    """The lines that a worker holds."""
    return {name: line for task in worker.tasks for name, line in sorted(task.lines.items())}


def state_of(line: Line) -> dict[str, object]:
    """What a line knows, as values to compare: two lines that agree here will answer alike."""
    detector, ledger, point = line.detector, line.ledger, line.operating_point
    waiting = ledger.open_journeys()
    return {
        "counts": dict(line.counts),
        "figures": line.evaluation.report(),
        "ledger": (ledger.open_parts, ledger.decided_parts, ledger.opened, ledger.evicted),
        "watermark": line.watermark.at,
        "threshold": point.threshold,
        "learnt": (detector.fails, detector.passes, detector.window),
        "calibration": (detector.calibration.slope, detector.calibration.intercept),
        "vectors": {j.part: detector.catalogue.vector(j.row) for j in waiting},
        "verdicts": {j.part: detector.score(j.row) for j in waiting},
        "standing": {j.part: (j.generation, j.standing, j.first_alarm) for j in waiting},
    }


def states_of(worker: Worker) -> dict[str, dict[str, object]]:
    """`state_of` each line that a worker holds."""
    return {name: state_of(line) for name, line in lines_of(worker).items()}
