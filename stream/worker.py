"""The worker: reads the events log, runs the tasks, publishes what they want said.

The delivery protocol, with the numbers that the code below uses. Delivery is at least once
everywhere; alert ids come from the place in the log, so an alert that is already on the alert
topic is recognised and not published again.

1. *Start.* Join the group. Events, alerts, dead letters and risks need equal partition counts.
2. *Assigned.* A fresh task for the partition, from the first retained offset: the state is rebuilt
   by replaying the history.
3. *Reconcile.* Read what the partition's outputs hold already; that is not published again.
4. *Process.* If that was last done more than a second ago, store the offsets, which fails for a
   partition that is another member's by now (and else is for display of the lag only). Then records
   in, effects out; the dead letters are part of the same output.
5. *Settle.* After every poll: flush, and every record must be acknowledged, else the task is thrown
   away and step 2 begins again.
6. *Revoked, stopped.* Settle, then let go. *Lost.* Discard, write nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import structlog
from pydantic import BaseModel, ValidationError

from stream.effects import Effect, PutAside, Raised, Scored
from stream.errors import LeaseLost, LogError, TopicMismatch
from stream.events import DeadLetter
from stream.log import Batch, Log, LogConsumer, Record, TopicPartition
from stream.task import Task

log = structlog.get_logger()

_OFFSET_HEADER = "andon.offset"
_NAP = 0.5
_STORE_EVERY = 1.0  # seconds; storing costs a round trip, as much time as a hundred events


@dataclass(frozen=True)
class Outputs:
    """The names of the topics that a worker reads and writes; ``risks`` "" for none."""

    events: str = "andon.events"
    alerts: str = "andon.alerts"
    dead_letters: str = "andon.dead-letters"
    risks: str = ""


class _Published(BaseModel):
    """What matters of an alert that lies on the log already, whatever its version."""

    id: str


@dataclass
class _Running:
    """A task, its place in the log, and what of its output was there before it began."""

    task: Task
    next_offset: int
    alerts: set[str]
    letters: set[int]
    risks_to: int
    rebuilt_at: int


class Progress(NamedTuple):
    """How far a task has read, and the end of its partition when the task began: the offset at
    which it knows what the one before it knew."""

    next_offset: int
    rebuilt_at: int


class Worker:
    """One member of the group; see the module for the steps.

    Parameters
    ----------
    event_log
        The log, for all topics.
    topics
        Their names.
    group, member
        The consumer group, and this member's static identity (None: a passing one).
    make_task
        Makes the task of a partition.
    observe
        Called with every record and those of its effects that the log did not have yet, after
        they were handed to it.
    on_turn
        Called after every turn of the loop, when the log has acknowledged all output, and after
        every attempt to reach a log that was away.
    """

    def __init__(
        self,
        event_log: Log,
        topics: Outputs,
        *,
        group: str,
        make_task: Callable[[int], Task],
        member: str | None = None,
        poll_records: int = 500,
        observe: Callable[[Record, list[Effect]], None] | None = None,
        on_turn: Callable[[Worker], None] | None = None,
    ) -> None:
        self._log = event_log
        self._topics = topics
        self._group = group
        self._member = member
        self._make_task = make_task
        self._poll_records = poll_records
        self._observe = observe
        self._on_turn = on_turn
        self.discards = 0
        """How often all tasks were thrown away, with what was observed of them since a turn."""
        self._running: dict[TopicPartition, _Running] = {}
        self._waiting: set[TopicPartition] = set()  # assigned, their task not begun (again)
        self._stored: dict[TopicPartition, int] = {}
        self._stored_at = -_STORE_EVERY

    @property
    def tasks(self) -> list[Task]:
        """The tasks held now, by partition."""
        return [self._running[at].task for at in sorted(self._running)]

    @property
    def progress(self) -> dict[TopicPartition, Progress]:
        """How far each task is."""
        return {
            at: Progress(running.next_offset, running.rebuilt_at)
            for at, running in sorted(self._running.items())
        }

    def run(self, stop: Callable[[], bool], *, until_end: bool = False) -> None:
        """Work until ``stop()``, or, with ``until_end``, until all records there are were read."""
        self._check_partitions()  # 1
        consumer = self._join()
        log.info("andon.worker_started", group=self._group, topic=self._topics.events)
        try:
            while not stop():
                try:
                    batch = consumer.poll(timeout=0.2, max_records=self._poll_records)
                    self._take(consumer, batch)
                    self._turn()
                    if until_end and self._at_end():
                        break
                except LogError as error:
                    if not error.retriable:
                        raise
                    consumer = self._join_again(consumer, error, stop)
            self._settle(consumer)  # 6
        finally:
            consumer.close()
            log.info("andon.worker_stopped", group=self._group)

    def _turn(self) -> None:
        if self._on_turn is not None:
            self._on_turn(self)

    def _join(self) -> LogConsumer:
        return self._log.consumer([self._topics.events], self._group, self._member)

    def _join_again(
        self, consumer: LogConsumer, error: LogError, stop: Callable[[], bool]
    ) -> LogConsumer:
        """After an error in mid-work no state can be trusted: begin anew, as soon as it goes."""
        log.warning("andon.tasks_discarded", error=str(error), partitions=len(self._running))
        self._running.clear()
        self._waiting.clear()
        self.discards += 1
        while True:
            self._turn()
            time.sleep(_NAP)
            try:
                # What was handed over lies on the log, or is given up, before step 3 looks there.
                self._log.flush()
                consumer.close()
                consumer = self._join()
            except LogError as again:
                if not again.retriable:
                    raise
                if not stop():
                    continue
            return consumer

    def _take(self, consumer: LogConsumer, batch: Batch) -> None:
        for at in batch.lost:
            self._let_go(at)
            log.warning("andon.partition_lost", partition=at.partition)
        if batch.revoked:
            self._settle(consumer)  # 6
            for at in batch.revoked:
                self._let_go(at)
                log.info("andon.partition_revoked", partition=at.partition)
        self._waiting |= set(batch.assigned)
        for at in sorted(self._waiting):
            self._begin(consumer, at)
            self._waiting.discard(at)
        # Who has slept for longer than its lease may hold records that are another's by now.
        due = time.monotonic() - self._stored_at >= _STORE_EVERY
        if due and (batch.records or self._offsets() != self._stored):
            self._store_offsets(consumer)  # 4
        if not batch.records:
            return
        for record in batch.records:
            self._process(record)
        self._log.flush()  # 5

    def _let_go(self, at: TopicPartition) -> None:
        self._running.pop(at, None)
        self._waiting.discard(at)

    def _check_partitions(self) -> None:
        wanted = self._log.partitions(self._topics.events)
        for topic in (self._topics.alerts, self._topics.dead_letters, self._topics.risks):
            if topic and (found := self._log.partitions(topic)) != wanted:
                raise TopicMismatch(topic, found, wanted)

    def _begin(self, consumer: LogConsumer, at: TopicPartition) -> None:
        begin = self._log.begin(at)  # 2
        self._running[at] = _Running(  # 3
            self._make_task(at.partition),
            begin,
            alerts=self._published_alerts(at.partition),
            letters=self._published_letters(at.partition),
            risks_to=self._published_risks(at.partition),
            rebuilt_at=self._log.end(at),
        )
        consumer.start(at, begin)
        log.info(
            "andon.partition_assigned",
            partition=at.partition,
            offset=begin,
            alerts_there=len(self._running[at].alerts),
        )

    def _published_alerts(self, partition: int) -> set[str]:
        """The ids that the alert log holds; what is no alert there is nobody's to repeat."""
        found = set()
        for record in self._log.read(TopicPartition(self._topics.alerts, partition)):
            try:
                found.add(_Published.model_validate_json(record.value or b"").id)
            except ValidationError:
                log.warning("andon.alert_unreadable", partition=partition, offset=record.offset)
        return found

    def _published_letters(self, partition: int) -> set[int]:
        found = set()
        for record in self._log.read(TopicPartition(self._topics.dead_letters, partition)):
            try:
                letter = DeadLetter.from_headers(record.headers)
            except ValidationError:
                continue  # not one of ours
            if letter.topic == self._topics.events and letter.partition == partition:
                found.add(letter.offset)
        return found

    def _published_risks(self, partition: int) -> int:
        """The offset up to which risks were published: their order is that of the events."""
        if not self._topics.risks:
            return 0
        at = TopicPartition(self._topics.risks, partition)
        begin, end = self._log.begin(at), self._log.end(at)
        last = list(self._log.read(at, max(begin, end - 1), end))
        return int(dict(last[-1].headers)[_OFFSET_HEADER]) + 1 if last else 0

    def _process(self, record: Record) -> None:
        running = self._running.get(TopicPartition(record.topic, record.partition))
        if running is None:
            return
        effects = running.task.process(record)  # 4
        performed = [effect for effect in effects if self._perform(running, record, effect)]
        running.next_offset = record.offset + 1
        if self._observe is not None:
            self._observe(record, performed)

    def _perform(self, running: _Running, record: Record, effect: Effect) -> bool:
        """Hand one effect to the log; False if the log has it already."""
        origin = ((_OFFSET_HEADER, b"%d" % record.offset),)
        match effect:
            case Raised(alert):
                if alert.id in running.alerts:
                    return False
                key = alert.line.encode()
                self._log.append(
                    self._topics.alerts,
                    key,
                    alert.to_json(),
                    partition=record.partition,
                    headers=origin,
                )
                log.debug(
                    "andon.alert_published",
                    id=alert.id,
                    type=alert.type,
                    line=alert.line,
                    part=alert.part,
                    reason=alert.reason,
                )
            case PutAside(letter, key, value, headers):
                if letter.offset in running.letters:
                    return False
                self._log.append(
                    self._topics.dead_letters,
                    key,
                    value,
                    partition=record.partition,
                    headers=(*headers, *letter.to_headers()),
                )
                log.warning(
                    "andon.record_put_aside",
                    partition=letter.partition,
                    offset=letter.offset,
                    stage=letter.stage,
                    error=letter.error,
                )
            case Scored():
                if not self._topics.risks:
                    return True
                if record.offset < running.risks_to:
                    return False
                self._log.append(
                    self._topics.risks,
                    effect.line.encode(),
                    effect.to_json(),
                    partition=record.partition,
                    headers=origin,
                )
        return True

    def _settle(self, consumer: LogConsumer) -> None:
        """Make sure of all output; raises `SendFailed` if some of it may be missing."""
        if self._running:
            self._log.flush()
            self._store_offsets(consumer)

    def _store_offsets(self, consumer: LogConsumer) -> None:
        """Store how far the tasks are, and let go of those that turn out to be another member's."""
        offsets = self._offsets()
        try:
            if offsets:
                consumer.commit(offsets)
            self._stored, self._stored_at = offsets, time.monotonic()
        except LeaseLost:
            self._let_go_of_lost(consumer, offsets)
        except LogError as error:
            log.warning("andon.offsets_not_stored", error=str(error))

    def _offsets(self) -> dict[TopicPartition, int]:
        return {at: running.next_offset for at, running in self._running.items()}

    def _let_go_of_lost(self, consumer: LogConsumer, offsets: Mapping[TopicPartition, int]) -> None:
        """Stop writing for what is another member's, though no poll has told so yet."""
        for at, offset in offsets.items():
            try:
                consumer.commit({at: offset})
            except LeaseLost:
                self._let_go(at)
                log.warning("andon.partition_lost", partition=at.partition)
            except LogError as error:
                log.warning("andon.offsets_not_stored", error=str(error))

    def _at_end(self) -> bool:
        return (
            bool(self._running)
            and not self._waiting
            and all(
                running.next_offset >= self._log.end(at) for at, running in self._running.items()
            )
        )
