"""When a worker checkpoints its tasks, how it takes one up again, and what it refuses to take up.

The numbers are those of the protocol in `stream.worker`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, NamedTuple

import structlog

from stream.checkpoint_store import (
    Checkpoint,
    CheckpointStore,
    Saved,
    Step,
    landmark,
    unheard,
)
from stream.errors import (
    CheckpointNotWritten,
    LogError,
    OffsetOutOfRange,
    StateOffsetOutOfRange,
    TopicRecreated,
    TopicRepartitioned,
)
from stream.fingerprint import (
    SettingsChanged,
    begun_anew,
    can_migrate,
    changed,
    other_versions,
)
from stream.log import Log, TopicPartition
from stream.output import Outputs
from stream.published import Published, read_alerts, read_letters, read_risks_to
from stream.running import LastCheckpoint, Running
from stream.task import Task

log = structlog.get_logger()

LEAVING_S = 10.0
"""Seconds at most for the checkpoints of partitions that are given up (step 6)."""

PATIENCE_S = 30.0
"""Seconds at most that a checkpoint waits for a cluster."""


class Told(NamedTuple):
    """What became of a checkpoint; ``pause`` is the seconds that its task stood still."""

    outcome: Literal["written", "failed", "refused", "left"]
    partition: int
    pause: float = 0.0
    saved: Saved | None = None


@dataclass(frozen=True)
class CheckpointRules:
    """How a worker checkpoints.

    ``every_records`` and ``every_seconds``: whichever comes first, but slow ones less often; they
    may take the ``share`` of a partition's time. ``leaving_s`` bounds the
    checkpoints of partitions that are given up. ``from_scratch`` takes up no checkpoint that was
    there before this process; ``migrate`` takes up what it can of one that other settings made.
    ``observe`` is told of every checkpoint, ``step`` of every step.
    """

    store: CheckpointStore
    every_records: int = 5_000
    every_seconds: float = 10.0
    share: float = 0.1
    leaving_s: float = LEAVING_S
    from_scratch: bool = False
    migrate: bool = False
    observe: Callable[[Told], None] | None = None
    step: Step = unheard


class Checkpointing:
    """Steps 2, 3 and 5 for one worker; without rules there are no checkpoints.

    ``make_task`` makes the task of a partition.
    """

    def __init__(
        self,
        event_log: Log,
        topics: Outputs,
        make_task: Callable[[int], Task],
        rules: CheckpointRules | None,
    ) -> None:
        self._log = event_log
        self._topics = topics
        self._make_task = make_task
        self._rules = rules
        # The first epoch that this process has claimed of a partition.
        self._first: dict[int, int] = {}
        self._partitions = 0

    @property
    def leaving_s(self) -> float:
        """The budget of step 6."""
        return LEAVING_S if self._rules is None else self._rules.leaving_s

    def step(self, name: str) -> None:
        """Tell that a step is done."""
        if self._rules is not None:
            self._rules.step(name)

    # -- steps 2 and 3: a task for an assigned partition -----------------------------------------

    def begin(self, at: TopicPartition) -> Running:
        """A task where its newest checkpoint left it, or fresh at the first retained record."""
        task = self._make_task(at.partition)
        self._partitions = self._log.partitions(at.topic)
        epoch = self._claim(at.partition)  # 2
        found = self._load(at.partition)
        begin = self._log.begin(at)
        if found is None:
            return self._running(at, task, begin, epoch, None)
        self._check(at, found, begin, self._log.end(at))
        migrated = self._restore(task, found)
        running = self._running(at, task, found.next_offset, epoch, found)
        if migrated:
            running.tried -= 1  # to be stored under its settings, though nothing was read yet
        return running

    def _claim(self, partition: int) -> int:
        """The next epoch; 0 without a store, or if that cannot write now, as on a full disk."""
        if self._rules is None:
            return 0
        try:
            epoch = self._rules.store.claim(partition)
        except CheckpointNotWritten as error:
            log.error("andon.checkpoint_failed", partition=partition, error=str(error))
            self._tell(Told("failed", partition))
            return 0
        self._first.setdefault(partition, epoch)
        return epoch

    def _load(self, partition: int) -> Checkpoint | None:
        rules = self._rules
        if rules is None:
            return None
        first = self._first.get(partition, 0)
        refused = rules.store.refused
        found = rules.store.load(partition)
        for _ in range(rules.store.refused - refused):
            self._tell(Told("refused", partition))
        if found is not None and rules.from_scratch and (not first or found.epoch < first):
            log.warning(
                "andon.checkpoint_passed_over", partition=partition, offset=found.next_offset
            )
            return None
        return found

    def _check(self, at: TopicPartition, found: Checkpoint, begin: int, end: int) -> None:
        """Does the checkpoint belong to the topic as it is? Never a silent reset."""
        if found.partitions not in (0, self._partitions):
            raise TopicRepartitioned(at.topic, self._partitions, found.partitions)
        if not begin <= found.next_offset <= end:
            raise StateOffsetOutOfRange(at.topic, at.partition, found.next_offset, begin, end)
        before = found.next_offset - 1
        if found.landmark and before >= begin:
            with suppress(OffsetOutOfRange):  # removed by retention just now
                there = next(iter(self._log.read(at, before, found.next_offset)), None)
                if landmark(there) != found.landmark:
                    raise TopicRecreated(at.topic, at.partition, before)

    def _restore(self, task: Task, found: Checkpoint) -> bool:
        """Give the task its state; whether that was made under other settings."""
        wanted = task.fingerprint()
        changes = changed(found.fingerprint, wanted)
        migrate = self._rules is not None and self._rules.migrate
        if changes and not (migrate and can_migrate(changes)):
            raise SettingsChanged(changes, task.partition)
        if versions := other_versions(found.fingerprint, wanted):
            log.warning("andon.checkpoint_of_other_versions", **versions)
        if changes:
            log.warning(
                "andon.checkpoint_migrated",
                partition=task.partition,
                changed=sorted(changes),
                begun_anew=sorted(begun_anew(changes)),
            )
        task.restore(found.state, begun_anew(changes))
        return bool(changes)

    def _running(
        self,
        at: TopicPartition,
        task: Task,
        start: int,
        epoch: int,
        found: Checkpoint | None,
    ) -> Running:
        topics = self._topics
        published = Published(  # 3
            read_alerts(
                self._log,
                TopicPartition(topics.alerts, at.partition),
                None if found is None else found.alerts_end,
            ),
            read_letters(
                self._log,
                TopicPartition(topics.dead_letters, at.partition),
                None if found is None else found.letters_end,
                at,
            ),
        )
        if topics.risks:
            published.risks_to = read_risks_to(
                self._log, TopicPartition(topics.risks, at.partition)
            )
        running = Running(task, start, self._log.end(at), published, epoch=epoch, tried=start)
        if found is not None:
            running.landmark = found.landmark
            running.checkpoint = LastCheckpoint(
                found.epoch, found.sequence, found.next_offset, found.written_at
            )
        return running

    # -- step 5: a checkpoint ------------------------------------------------------------------

    def is_due(self, running: Running) -> bool:
        """Whether a task should be checkpointed now."""
        rules = self._rules
        if rules is None or running.unsaved == 0:
            return False
        waited = time.monotonic() - running.tried_at
        if waited < running.pause / rules.share:
            return False
        return running.unsaved >= rules.every_records or waited >= rules.every_seconds

    def save(self, at: TopicPartition, running: Running, within: float = 30.0) -> bool:
        """Checkpoint a task, whose output the log has acknowledged; False if it was not stored.

        Raises `StaleEpoch` if another process has taken the partition over.
        """
        rules = self._rules
        if rules is None or running.unsaved == 0:
            return False
        if running.pause > within:
            self._tell(Told("left", at.partition))
            return False
        began = time.monotonic()
        running.sequence += 1
        running.tried = running.next_offset
        saved = None
        try:
            running.epoch = running.epoch or rules.store.claim(at.partition)
            checkpoint = self._checkpoint(at, running)
            saved = rules.store.save(at.partition, checkpoint, within)
        except (CheckpointNotWritten, LogError) as error:
            if not error.retriable:
                raise
            log.error("andon.checkpoint_failed", partition=at.partition, error=str(error))
        running.tried_at = time.monotonic()
        running.pause = running.tried_at - began
        if saved is None:
            self._tell(Told("failed", at.partition, running.pause))
            return False
        running.checkpoint = LastCheckpoint(
            checkpoint.epoch,
            checkpoint.sequence,
            checkpoint.next_offset,
            checkpoint.written_at,
            saved.size,
            saved.written,
        )
        log.debug(
            "andon.checkpoint_written",
            partition=at.partition,
            offset=checkpoint.next_offset,
            bytes=saved.written,
            seconds=round(running.pause, 4),
        )
        self._tell(Told("written", at.partition, running.pause, saved))
        return True

    def _checkpoint(self, at: TopicPartition, running: Running) -> Checkpoint:
        topics, published = self._topics, running.published
        partitions = self._log.partitions(at.topic)
        if partitions != self._partitions:
            raise TopicRepartitioned(at.topic, partitions, self._partitions)
        if running.next_offset >= running.rebuilt_at:
            published.forget()
        return Checkpoint(
            running.epoch,
            running.sequence,
            running.next_offset,
            # What the task has yet to say again lies before the end.
            self._end(topics.alerts, at, published.alerts.values()),
            self._end(topics.dead_letters, at, published.letters.values()),
            self._end(topics.risks, at, ()) if topics.risks else 0,
            running.task.fingerprint(),
            running.task.state(),
            partitions,
            landmark(running.last) or running.landmark,
            time.time(),
        )

    def _end(self, topic: str, at: TopicPartition, known: Iterable[int]) -> int:
        return min(known, default=self._log.end(TopicPartition(topic, at.partition)))

    def _tell(self, told: Told) -> None:
        if self._rules is not None and self._rules.observe is not None:
            self._rules.observe(told)
