"""One member of a Kafka consumer group, cooperative and polled from one thread.

`stream.kafka_rebalance` ends the client's poll as soon as the assignment has changed, so a caller
sees a revocation, and may checkpoint, before the next owner starts. An assigned partition must have
a position even while it may not deliver: it is paused at 0. After an error in reading records the
client's next poll would never return, so none is made.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import kafka
from kafka import KafkaConsumer, errors
from kafka.consumer.fetcher import ConsumerRecord
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor

from stream.errors import LeaseLost, LogError, LogUnavailable, OffsetOutOfRange
from stream.kafka_connection import KafkaConnection, reaching
from stream.kafka_rebalance import Changes, HandOver, keep_join
from stream.kafka_stall import StallWatch, release_parked
from stream.log import Batch, Record, TopicPartition

READING: dict[str, Any] = {
    "enable_auto_commit": False,
    "auto_offset_reset": "none",
    "isolation_level": "read_committed",
    "allow_auto_create_topics": False,
    "metrics_enabled": False,
    # A partition started while a fetch waits at the end of the others waits as long.
    "fetch_max_wait_ms": 100,
    "max_partition_fetch_bytes": 4 * 1024 * 1024,
}
_JOINING_S = 0.2
_RETRY_S = 0.05
_CLOSE_MS = 5000
# A stall is called so after this many times the patience of one call.
_STALL = 3
# Refused before any record was looked at: the client stays usable.
_REFUSED = (
    errors.AuthorizationError,
    errors.GroupMaxSizeReachedError,
    errors.InvalidGroupIdError,
    errors.InvalidSessionTimeoutError,
    errors.SaslAuthenticationFailedError,
)


class KafkaMember:
    """`stream.log.LogConsumer` on Kafka; used by one thread at a time.

    ``bounds`` answers begin and end of a partition; ``leave`` is told the member's id on closing.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        topics: Sequence[str],
        group: str,
        member: str | None,
        bounds: Callable[[TopicPartition], tuple[int, int]],
        leave: Callable[[KafkaMember, str], None],
    ) -> None:
        self._connection = connection
        self._group = group
        self._bounds = bounds
        self._leave = leave
        # Whether it is started.
        self._held: dict[TopicPartition, bool] = {}
        self._leaving: frozenset[TopicPartition] = frozenset()
        self._paused: set[TopicPartition] = set()
        self._broken: LogError | None = None
        self._closed = False
        assignor = CooperativeStickyAssignor()
        session = int(connection.session_timeout_s * 1000)
        self._consumer = connection.open(
            KafkaConsumer,
            group_id=group,
            group_instance_id=member,
            partition_assignment_strategy=(assignor,),
            session_timeout_ms=session,
            heartbeat_interval_ms=max(1, min(1000, session // 10)),
            **READING,
        )
        self._changes = Changes(self._consumer, assignor)
        self._watch = StallWatch(_STALL * connection.answer_timeout_s, lambda at: bounds(at)[1])
        self._consumer.subscribe(topics=list(topics), listener=self._changes)

    def poll(self, timeout: float, max_records: int = 500) -> Batch:
        """See `stream.log.LogConsumer.poll`."""
        self._check_open()
        self._leaving = frozenset()
        deadline = time.monotonic() + timeout
        while not self._changes.queue:
            left = deadline - time.monotonic()
            records = self._step(max(0.0, left), max_records)
            if records:
                return Batch(_as_records(records))
            if left <= 0 and not self._changes.queue:
                self._look_for_stalls()
                return Batch()
        return self._next_change()

    def _step(
        self, timeout: float, max_records: int
    ) -> dict[kafka.TopicPartition, list[ConsumerRecord]]:
        found: dict[kafka.TopicPartition, list[ConsumerRecord]] = {}
        if keep_join(self._consumer):
            timeout = max(timeout, _JOINING_S)
        release_parked(self._consumer)
        try:
            found = self._consumer.poll(timeout_ms=int(timeout * 1000), max_records=max_records)
        except errors.RetriableError:
            # The client goes on trying by itself.
            time.sleep(min(timeout, _RETRY_S))
        except errors.OffsetOutOfRangeError as error:
            raise self._out_of_range(error) from error
        except _REFUSED as error:
            with reaching(self._connection):
                raise error
        except errors.FencedInstanceIdError as error:
            self._broken = LogError(
                f"another process has joined group {self._group!r} with the same member name: "
                f"give every process a name of its own"
            )
            raise self._broken from error
        except Exception as error:
            if isinstance(error.__cause__, HandOver):
                return {}
            places = ", ".join(f"{at.topic}[{at.partition}]" for at in sorted(self._held))
            self._broken = LogError(
                f"a record of {places} cannot be read ({type(error).__name__}: {error}): restore "
                f"it from a replica, install its compression, or start behind it"
            )
            raise self._broken from error
        return found

    def _out_of_range(self, error: errors.OffsetOutOfRangeError) -> OffsetOutOfRange:
        [(theirs, offset)] = error.args[0].items()
        at = TopicPartition(*theirs)
        return OffsetOutOfRange(*at, offset, *self._bounds(at))

    def _look_for_stalls(self) -> None:
        with contextlib.suppress(errors.KafkaError):
            delivering = [at for at, started in self._held.items() if started]
            self._watch.look(
                {
                    at: self._consumer.position(kafka.TopicPartition(*at), timeout_ms=0)
                    for at in delivering
                    if at not in self._paused
                }
            )

    def _put_back(self, records: Mapping[kafka.TopicPartition, list[ConsumerRecord]]) -> None:
        for at, some in records.items():
            if at in self._consumer.assignment():
                self._consumer.seek(at, some[0].offset)

    def _next_change(self) -> Batch:
        change = self._changes.queue.popleft()
        self._watch.restart()
        self._held.update(dict.fromkeys(change.assigned, False))
        for at in change.revoked + change.lost:
            self._held.pop(at, None)
            self._paused.discard(at)
        self._leaving = frozenset(change.revoked)
        return change

    def start(self, at: TopicPartition, offset: int) -> None:
        """See `stream.log.LogConsumer.start`."""
        self._check_open()
        if at not in self._held:
            raise LeaseLost(at.topic, at.partition, self._group)
        begin, end = self._bounds(at)
        if not begin <= offset <= end:
            raise OffsetOutOfRange(at.topic, at.partition, offset, begin, end)
        theirs = kafka.TopicPartition(*at)
        try:
            self._consumer.seek(theirs, offset)
        except ValueError as error:
            raise LeaseLost(at.topic, at.partition, self._group) from error
        self._held[at] = True
        self._watch.restart()
        if at not in self._paused:
            self._consumer.resume(theirs)

    def pause(self, partitions: Sequence[TopicPartition]) -> None:
        """See `stream.log.LogConsumer.pause`."""
        ours = [at for at in partitions if at in self._held]
        self._paused.update(ours)
        self._consumer.pause(*self._still_assigned(ours))

    def resume(self, partitions: Sequence[TopicPartition]) -> None:
        """See `stream.log.LogConsumer.resume`."""
        self._paused.difference_update(partitions)
        self._watch.restart()
        ours = [at for at in partitions if self._held.get(at)]
        self._consumer.resume(*self._still_assigned(ours))

    def _still_assigned(self, partitions: Iterable[TopicPartition]) -> list[kafka.TopicPartition]:
        theirs = [kafka.TopicPartition(*at) for at in partitions]
        return [at for at in theirs if at in self._consumer.assignment()]

    def committed(self, at: TopicPartition) -> int | None:
        """See `stream.log.LogConsumer.committed`."""
        self._check_open()
        with reaching(self._connection):
            found: int | None = self._consumer.committed(
                kafka.TopicPartition(*at), timeout_ms=self._connection.answer_timeout_ms
            )
        return found

    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """See `stream.log.LogConsumer.commit`; waits for a rebalance under way to end."""
        self._check_open()
        for at in offsets:
            if at not in self._held and at not in self._leaving:
                raise LeaseLost(at.topic, at.partition, self._group)
        theirs = {
            kafka.TopicPartition(*at): kafka.OffsetAndMetadata(offset, "", -1)
            for at, offset in offsets.items()
        }
        deadline = time.monotonic() + self._connection.answer_timeout_s
        while theirs:
            try:
                with reaching(self._connection):
                    self._consumer.commit(theirs, timeout_ms=self._connection.answer_timeout_ms)
                return
            except LogUnavailable:
                raise
            except LogError as error:
                cause = error.__cause__
                if not _rebalancing(cause):
                    if isinstance(cause, errors.CommitFailedError | errors.FencedInstanceIdError):
                        at = next(iter(offsets))
                        raise LeaseLost(at.topic, at.partition, self._group) from cause
                    raise
                if time.monotonic() > deadline:
                    raise LogUnavailable(
                        f"group {self._group!r} has been rebalancing for "
                        f"{self._connection.answer_timeout_s} s: poll, then commit again"
                    ) from cause
            # Only polling lets the client finish joining.
            self._put_back(self._step(_JOINING_S, 1))

    def holds(self, at: TopicPartition) -> bool:
        """See `stream.log.LogConsumer.holds`."""
        return at in self._held and not self._changes.takes_away(at)

    def close(self) -> None:
        """See `stream.log.LogConsumer.close`."""
        if self._closed:
            return
        self._closed = True
        self._changes.closing = True
        known = self._consumer.group_metadata().member_id
        self._consumer.close(autocommit=False, timeout_ms=_CLOSE_MS)
        # Without an answer the session time-out does the same, later.
        with contextlib.suppress(LogUnavailable):
            self._leave(self, known)

    def _check_open(self) -> None:
        if self._closed:
            raise LogError(f"this consumer of group {self._group!r} is closed: open another one")
        if self._broken is not None:
            raise self._broken


def _rebalancing(error: BaseException | None) -> bool:
    if isinstance(error, errors.CommitFailedError) and error.args:
        error = error.args[0]
    return isinstance(error, errors.RebalanceInProgressError)


def _as_records(
    found: Mapping[kafka.TopicPartition, list[ConsumerRecord]],
) -> tuple[Record, ...]:
    return tuple(as_record(record) for records in found.values() for record in records)


def as_record(found: ConsumerRecord) -> Record:
    """One of the client's records as ours; a header without a value has an empty one."""
    headers = found.headers
    return Record(
        found.topic,
        found.partition,
        found.offset,
        found.key,
        found.value,
        tuple((name, value or b"") for name, value in headers) if headers else (),
        found.timestamp,
    )
