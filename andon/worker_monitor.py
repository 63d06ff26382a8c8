"""What a worker tells of itself, its partitions and its lines.

The worker's thread owns tasks and lines. It counts what it publishes as it goes, and takes a
picture of the rest between two polls every few seconds; the threads that answer scrapes see
only finished pictures.
"""

from __future__ import annotations

import os
import socket
import time
from collections import Counter as Count
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog
from prometheus_client.core import Metric

from alerts.alert import Alert
from andon.line_metrics import line_families
from andon.line_state import Figuring, TrainedFile, line_state
from andon.metrics import LineLabels, counter, family, histogram
from andon.monitor import HEARTBEAT_S, Monitor
from andon.state_file import CheckpointState, PartitionState, write_state
from stream.checkpointing import Told
from stream.effects import Effect, PutAside, Raised
from stream.errors import LogError
from stream.log import Log, Record, TopicPartition
from stream.running import LastCheckpoint
from stream.worker import Worker

log = structlog.get_logger()

_PATIENCE = 20
"""A picture may take a twentieth of the worker's time: slow ones are taken less often."""


@dataclass
class _Seen:
    """What was handed to the log in this turn and is not acknowledged yet."""

    alerts: list[tuple[Alert, int]]
    letters: Count[tuple[str, str]]


class WorkerMonitor(Monitor):
    """The monitor of ``watch``: `observe` and `turned` are the worker's callbacks.

    Parameters
    ----------
    event_log, group
        Where the ends of the partitions are asked for, and the worker's group.
    folder
        Where the state files go; None for none.
    trained
        The file that lines may begin from, None for none.
    interval_s
        Seconds between two pictures.
    wall
        Answers seconds since 1970, to compare with the records' append times.
    """

    def __init__(
        self,
        event_log: Log,
        group: str,
        folder: Path | None,
        *,
        trained: TrainedFile | None = None,
        interval_s: float = 5.0,
        heartbeat_s: float = HEARTBEAT_S,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        super().__init__("watch", heartbeat_s=heartbeat_s, clock=clock)
        self._log = event_log
        self._group = group
        self._folder = folder
        self._trained = trained
        self._interval_s = interval_s
        self._wall = wall
        self._due = clock()
        self._discards = 0
        self._seen = _Seen([], Count())
        self._figuring = Figuring()
        self._labels = LineLabels()
        self._picture: tuple[PartitionState, ...] | None = None
        self._alerts = counter("andon_alerts_total", self.registry)
        self._letters = counter("andon_dead_letters_total", self.registry)
        self._latency = histogram("andon_alert_latency_seconds", self.registry)
        self._discarded = counter("andon_tasks_discarded_total", self.registry)
        self._checkpoints = counter("andon_checkpoints_total", self.registry)
        self._written = counter("andon_checkpoint_written_bytes_total", self.registry)
        self._pause = histogram("andon_checkpoint_pause_seconds", self.registry)

    def observe(self, record: Record, effects: list[Effect]) -> None:
        """Note what a record had published."""
        for effect in effects:
            match effect:
                case Raised(alert):
                    self._seen.alerts.append((alert, record.timestamp))
                case PutAside(letter):
                    self._seen.letters[letter.stage, letter.error] += 1

    def checkpointed(self, told: Told) -> None:
        """Note what became of a checkpoint."""
        self._checkpoints.labels(told.outcome).inc()
        if told.saved is not None:
            self._written.inc(told.saved.written)
            self._pause.observe(told.pause)

    def turned(self, worker: Worker) -> None:
        """The log has all that was observed, or will, or the worker has thrown it away."""
        self.beat()
        if worker.discards != self._discards:
            self._discarded.inc(worker.discards - self._discards)
            self._discards = worker.discards
            self._seen = _Seen([], Count())
        elif not worker.behind:
            self._count()
            self._seen = _Seen([], Count())
        self._judge_readiness(worker)
        if self._clock() >= self._due:
            began = self._clock()
            self.take_picture(worker)
            took = self._clock() - began
            self._due = began + max(self._interval_s, _PATIENCE * took)

    def take_picture(self, worker: Worker) -> None:
        """Write down how things stand; only from the worker's thread, or after its end."""
        tasks = worker.tasks
        lines = [line for task in tasks for line in task.lines.values()]
        self._labels.meet(line.name for line in lines)
        self._figuring.update(lines)
        states = []
        for task, (at, progress) in zip(tasks, worker.progress.items(), strict=True):
            states.append(
                PartitionState(
                    group=self._group,
                    topic=at.topic,
                    partition=at.partition,
                    next_offset=progress.next_offset,
                    end=self._end(at),
                    rebuild_left=max(progress.rebuilt_at - progress.next_offset, 0),
                    written_at=self._wall(),
                    host=socket.gethostname(),
                    pid=os.getpid(),
                    checkpoint=_checkpoint_state(progress.checkpoint),
                    lines=tuple(
                        line_state(line, self._figuring.of(name), self._trained)
                        for name, line in sorted(task.lines.items())
                    ),
                )
            )
        self._picture = tuple(states)
        self._write(states)

    def collect(self) -> Iterable[Metric]:
        """The picture as metrics."""
        picture = self._picture
        lag, rebuild = family("andon_lag_records"), family("andon_rebuild_records")
        age, size = family("andon_checkpoint_age_seconds"), family("andon_checkpoint_bytes")
        for state in picture or ():
            if state.end is not None:
                # Of a transactional log the end may lie behind a marker that nobody reads.
                left = max(state.end - state.next_offset, 0)
                lag.add_metric([self._group, state.topic, str(state.partition)], left)
            rebuild.add_metric([str(state.partition)], state.rebuild_left)
            if state.checkpoint is not None:
                written_at = state.checkpoint.written_at
                age.add_metric([str(state.partition)], max(self._wall() - written_at, 0.0))
                if state.checkpoint.size:  # not known of one that was only loaded
                    size.add_metric([str(state.partition)], state.checkpoint.size)
        lines = None if picture is None else [line for state in picture for line in state.lines]
        families = [lag, rebuild, age, size, *line_families(lines, self._labels)]
        return [*super().collect(), *families]

    def _count(self) -> None:
        now = self._wall()
        for alert, appended_ms in self._seen.alerts:
            self._labels.meet([alert.line])
            self._alerts.labels(self._labels.of(alert.line), alert.type, alert.severity).inc()
            self._latency.observe(max(now - appended_ms / 1000, 0.0))
        for (stage, reason), count in self._seen.letters.items():
            self._letters.labels(stage, reason).inc(count)

    def _judge_readiness(self, worker: Worker) -> None:
        progress = worker.progress
        if not progress:
            self.set_ready("no partition is assigned to this worker")
            return
        self.set_ready(
            *(
                f"{at.topic}[{at.partition}] is being rebuilt: "
                f"{told.rebuilt_at - told.next_offset} records are left"
                for at, told in progress.items()
                if told.next_offset < told.rebuilt_at
            )
        )

    def _end(self, at: TopicPartition) -> int | None:
        try:
            return self._log.end(at)
        except LogError as error:
            log.warning("andon.lag_unknown", partition=at.partition, error=str(error))
            return None

    def _write(self, states: Sequence[PartitionState]) -> None:
        if self._folder is None:
            return
        try:
            for state in states:
                write_state(self._folder, state)
        except OSError as error:
            # The lines are what matters; who asks for the state sees that it is old.
            log.warning("andon.state_not_written", folder=str(self._folder), error=str(error))


def _checkpoint_state(last: LastCheckpoint | None) -> CheckpointState | None:
    if last is None:
        return None
    return CheckpointState(
        epoch=last.epoch,
        sequence=last.sequence,
        next_offset=last.next_offset,
        written_at=last.written_at,
        size=last.size,
    )
