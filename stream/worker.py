"""The worker: reads the events log, runs the tasks, publishes what they want said.

The delivery protocol, with the numbers that the code uses. Delivery is at least once everywhere;
alert ids come from the place in the log, so an alert that is already on the alert topic is
recognised and not published again; and a state is stored together with its place in the log, so
every result is learnt once.

1. *Start.* Join the group. Events, alerts, dead letters and risks need equal partition counts.
2. *Assigned.* Claim the partition's next epoch and take up its newest sound checkpoint; one that is
   damaged is refused loudly and the one before it tried. The checkpoint must belong to the topic as
   it is (partitions, begin <= offset <= end, the record before it), else the worker ends with a
   named error. Without a checkpoint: a fresh task, rebuilt from the first retained record.
3. *Reconcile.* Read what the partition's outputs hold from the checkpoint's ends on; that is not
   published again.
4. *Process.* If that was last done more than a second ago, store the offsets up to which all output
   is acknowledged, which fails for a partition that is another member's by now (and else is for
   display of the lag only). Then records in, effects out; the dead letters are part of the same
   output.
5. *Checkpoint*, every few thousand records or seconds: at a record's boundary; flush, and every
   record must be acknowledged, else the task is thrown away and step 2 begins again; then the store
   writes, durably; then the offsets are stored.
6. *Revoked, stopped.* Step 5 within the smaller of ten seconds and a quarter of the session, else
   it is left to the next owner's replay. *Lost.* Discard, write nothing.
7. *Backpressure.* Nothing more is processed until what one poll has caused is acknowledged. If
   that takes longer than a moment, the partitions are paused and polling goes on, so that the
   membership, a revocation or a stop need not wait; after half a minute step 2 begins again. The
   log's own cap bounds what one poll may cause: at 10,000 records or 16 MB unacknowledged it takes
   no more until half of them are (`stream.kafka_producer`).
8. *Zombies.* A store refuses the epoch of who has been replaced; if the group agrees that the
   partition is another member's, it is let go, else two groups share a store and the worker ends.
   Who is replaced while it is awake, by a process with its member name, may on Kafka still publish
   what it processes within the second of step 4: the same alerts, under the same ids.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import groupby

import structlog

from stream.checkpointing import PATIENCE_S, Checkpointing, CheckpointRules
from stream.effects import Effect
from stream.errors import LeaseLost, LogError, StaleEpoch, TopicMismatch
from stream.log import Batch, Log, LogConsumer, Record, TopicPartition
from stream.output import Output, Outputs
from stream.running import Progress, Running
from stream.task import Task

__all__ = ["Outputs", "Progress", "Worker"]

log = structlog.get_logger()

_NAP = 0.5
_SAY_AWAY_EVERY = 60.0
_MOMENT_S = 0.2
_STORE_EVERY = 1.0  # seconds; storing costs a round trip, as much time as a hundred events


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
    checkpoints
        How the tasks are checkpointed; None: never, they are rebuilt from the log.
    observe
        Called with every record and those of its effects that the log did not have yet, after
        they were handed to it.
    on_turn
        Called after every turn of the loop, when the log has acknowledged all output unless the
        worker says that it is `behind`, and after every attempt to reach a log that was away.
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
        checkpoints: CheckpointRules | None = None,
        observe: Callable[[Record, list[Effect]], None] | None = None,
        on_turn: Callable[[Worker], None] | None = None,
    ) -> None:
        self._log = event_log
        self._topics = topics
        self._group = group
        self._member = member
        self._poll_records = poll_records
        self._output = Output(event_log, topics)
        self._checkpoints = Checkpointing(event_log, topics, make_task, checkpoints)
        self._observe = observe
        self._on_turn = on_turn
        self.discards = 0
        """How often all tasks were thrown away, with what was observed of them since a turn."""
        self.quiet = False
        """Whether the last poll brought no records."""
        self._running: dict[TopicPartition, Running] = {}
        self._waiting: set[TopicPartition] = set()  # assigned, their task not begun (again)
        self._stored: dict[TopicPartition, int] = {}
        self._stored_at = -_STORE_EVERY
        # Since when output waits for its acknowledgement; None: it does not.
        self._owed_since: float | None = None
        self._paused = False

    @property
    def behind(self) -> bool:
        """Whether some output is not acknowledged yet."""
        return self._owed_since is not None

    @property
    def tasks(self) -> list[Task]:
        """The tasks held now, by partition; another thread may ask."""
        return [running.task for _, running in sorted(dict(self._running).items())]

    @property
    def progress(self) -> dict[TopicPartition, Progress]:
        """How far each task is; another thread may ask."""
        held = sorted(dict(self._running).items())
        return {at: running.progress for at, running in held}

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
                    if until_end and not self.behind and self._at_end():
                        break
                except LogError as error:
                    if not error.retriable:
                        raise
                    consumer = self._join_again(consumer, error, stop)
            self._leave(consumer)
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
        self._owed_since, self._paused = None, False
        self.discards += 1
        said = time.monotonic()
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
                if time.monotonic() - said > _SAY_AWAY_EVERY:
                    said = time.monotonic()
                    log.warning("andon.log_still_away", error=str(again))
                if not stop():
                    continue
            return consumer

    def _take(self, consumer: LogConsumer, batch: Batch) -> None:
        self.quiet = not batch.records
        for at in batch.lost:
            self._let_go(at)  # 6
            log.warning("andon.partition_lost", partition=at.partition)
        if batch.revoked:
            self._settle(consumer, batch.revoked)  # 6
            for at in batch.revoked:
                self._let_go(at)
                log.info("andon.partition_revoked", partition=at.partition)
        self._waiting |= set(batch.assigned)
        for at in sorted(self._waiting):
            self._begin(consumer, at)
        # Who has slept for longer than its lease may hold records that are another's by now.
        due = time.monotonic() - self._stored_at >= _STORE_EVERY
        if due and (batch.records or self._offsets() != self._stored):
            self._store_offsets(consumer)  # 4
        for at, records in groupby(batch.records, key=_place):
            self._process(at, records)
        if batch.records and self._owed_since is None:
            self._owed_since = time.monotonic()
        self._await_acknowledgement(consumer)  # 7
        if not self.behind:
            self._checkpoint(consumer)  # 5

    def _await_acknowledgement(self, consumer: LogConsumer) -> None:
        if self._owed_since is None:
            return
        if self._log.acknowledged(_MOMENT_S):
            self._note_acknowledged()
            self._owed_since = None
            if self._paused:
                self._paused = False
                consumer.resume(list(self._running))
            return
        if not self._paused:
            log.warning("andon.output_waits", partitions=len(self._running))
        self._paused = True
        consumer.pause(list(self._running))  # those assigned meanwhile too
        if time.monotonic() - self._owed_since > PATIENCE_S:
            self._log.flush(0.0)  # gives it up: raises SendFailed

    def _note_acknowledged(self) -> None:
        for running in self._running.values():
            running.acknowledged = running.next_offset

    def _let_go(self, at: TopicPartition) -> None:
        self._running.pop(at, None)
        self._waiting.discard(at)

    def _check_partitions(self) -> None:
        wanted = self._log.partitions(self._topics.events)
        for topic in self._topics.written:
            if (found := self._log.partitions(topic)) != wanted:
                raise TopicMismatch(topic, found, wanted)

    def _begin(self, consumer: LogConsumer, at: TopicPartition) -> None:
        try:
            running = self._checkpoints.begin(at)  # 2, 3
        except StaleEpoch:
            # Somebody claims it at this moment; if it is still ours, the next turn tries again.
            log.warning("andon.epoch_taken", partition=at.partition)
            return
        self._running[at] = running
        self._waiting.discard(at)
        consumer.start(at, running.next_offset)
        log.info(
            "andon.partition_assigned",
            partition=at.partition,
            offset=running.next_offset,
            epoch=running.epoch,
            from_checkpoint=running.checkpoint is not None,
            alerts_there=len(running.published.alerts),
        )

    def _process(self, at: TopicPartition, records: Iterable[Record]) -> None:
        running = self._running.get(at)
        if running is None:
            return
        published = running.published
        for record, effects in running.task.process_all(records):  # 4
            performed = [e for e in effects if self._output.perform(published, record, e)]
            running.next_offset = record.offset + 1
            running.last = record
            if self._observe is not None:
                self._observe(record, performed)

    def _checkpoint(self, consumer: LogConsumer) -> None:
        due = [at for at, running in self._running.items() if self._checkpoints.is_due(running)]
        if due:
            self._save(consumer, due, time.monotonic() + PATIENCE_S)

    def _settle(self, consumer: LogConsumer, partitions: Sequence[TopicPartition]) -> None:
        """Make sure of the output of partitions that are given up, and checkpoint them in time.

        Raises `SendFailed` if some of the output may be missing.
        """
        if self._running:
            self._save(consumer, partitions, time.monotonic() + self._checkpoints.leaving_s)

    def _save(
        self, consumer: LogConsumer, partitions: Sequence[TopicPartition], deadline: float
    ) -> None:
        """Step 5 for these partitions."""
        self._checkpoints.step("records processed")
        self._log.flush(max(1.0, deadline - time.monotonic()))  # 5
        self._note_acknowledged()
        self._checkpoints.step("output acknowledged")
        for at in partitions:
            running = self._running.get(at)
            if running is None:
                continue
            try:
                self._checkpoints.save(at, running, deadline - time.monotonic())
            except StaleEpoch as stale:
                self._check_still_ours(consumer, at, stale)  # 8
        self._checkpoints.step("checkpoint written")
        self._store_offsets(consumer)
        self._checkpoints.step("offsets stored")

    def _check_still_ours(
        self, consumer: LogConsumer, at: TopicPartition, stale: StaleEpoch
    ) -> None:
        with suppress(LeaseLost):
            consumer.commit({at: self._running[at].next_offset})
            # The commit may have waited for the rebalance that takes the partition away.
            if consumer.holds(at):
                raise stale
        self._let_go(at)
        log.warning("andon.partition_lost", partition=at.partition, epoch=stale.epoch)

    def _leave(self, consumer: LogConsumer) -> None:
        """Step 6 for all that is held; a log that is away is not waited for any longer."""
        try:
            self._settle(consumer, list(self._running))
        except LogError as error:
            if not error.retriable:
                raise
            log.warning("andon.left_to_replay", error=str(error), partitions=len(self._running))

    def _store_offsets(self, consumer: LogConsumer) -> None:
        """Store how far all is acknowledged, and let go of what turns out to be another's."""
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
        return {at: running.acknowledged for at, running in self._running.items()}

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


def _place(record: Record) -> TopicPartition:
    return TopicPartition(record.topic, record.partition)
