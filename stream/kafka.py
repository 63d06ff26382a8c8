"""The log of a plant: Apache Kafka, through kafka-python."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import kafka
from kafka import KafkaAdminClient, KafkaConsumer, errors
from kafka.admin import MemberToRemove
from kafka.protocol.consumer import IsolationLevel, OffsetSpec

from stream.errors import LogError, LogUnavailable, OffsetOutOfRange, TopicMismatch, TopicMissing
from stream.kafka_connection import KafkaConnection, reaching
from stream.kafka_consumer import READING, KafkaMember, as_record
from stream.kafka_producer import BoundedProducer
from stream.log import Headers, LogConsumer, OnAck, Record, TopicPartition, TopicSpec
from stream.partitioner import partition_for

__all__ = ["KafkaConnection", "KafkaLog"]

_HOUR_MS = 3_600_000
# More at once are slower: the collector goes through them while they live.
_READ_AT_ONCE = 500
_ASK_AGAIN_S = 0.2


class KafkaLog:
    """`stream.log.Log` on a Kafka cluster.

    Appends and look-ups may come from several threads, each consumer from one. "End" is what a
    reader can see: records of a transaction still open lie behind it. A call that the cluster does
    not answer raises `LogUnavailable`; the same object goes on when the cluster is back.

    ::

        log = KafkaLog(KafkaConnection(("broker-1:9092",)))
        log.append("andon.events", b"body-A", b"{}")
        log.flush()
    """

    def __init__(self, connection: KafkaConnection) -> None:
        self._connection = connection
        self._producer = BoundedProducer(connection)
        self._admin_client: KafkaAdminClient | None = None
        self._lock = threading.Lock()
        self._counts: dict[str, int] = {}
        self._members: list[KafkaMember] = []
        # A reader that has found its way to the brokers is forty times as fast as a new one.
        self._idle_readers: list[KafkaConsumer] = []
        self._partition_for = functools.lru_cache(maxsize=4096)(partition_for)

    @property
    def connection(self) -> KafkaConnection:
        """How the cluster is reached."""
        return self._connection

    @property
    def _admin(self) -> KafkaAdminClient:
        with self._lock:
            if self._admin_client is None:
                self._admin_client = self._connection.open(KafkaAdminClient)
            return self._admin_client

    def create_topics(self, topics: Sequence[TopicSpec]) -> list[str]:
        """See `stream.log.Log.create_topics`."""
        missing = []
        for spec in topics:
            found = self._count(spec.name)
            if found is None:
                missing.append(spec)
            elif found != spec.partitions:
                raise TopicMismatch(spec.name, found, spec.partitions)
        created = [spec.name for spec in missing if self._create(spec)]
        with reaching(self._connection):
            self._admin.wait_for_topics(created, timeout_ms=self._connection.answer_timeout_ms)
        return created

    def _create(self, spec: TopicSpec) -> bool:
        replication = self._connection.replication
        policy = "compact" if spec.compact else "delete"
        if spec.compact and spec.retention_hours is not None:
            policy = "compact,delete"
        kept = -1 if spec.retention_hours is None else int(spec.retention_hours * _HOUR_MS)
        settings = {
            "cleanup.policy": policy,
            "retention.ms": str(kept),
            # One replica may be away without stopping the line.
            "min.insync.replicas": str(max(1, replication - 1)),
            **spec.extra,
        }
        wanted = {"num_partitions": spec.partitions, "replication_factor": replication}
        try:
            with reaching(self._connection):
                self._admin.create_topics({spec.name: {**wanted, "configs": settings}})
        except LogError as error:
            if not isinstance(error.__cause__, errors.TopicAlreadyExistsError):
                raise
            # Somebody else was faster; what counts is that it fits.
            found = self.partitions(spec.name)
            if found != spec.partitions:
                raise TopicMismatch(spec.name, found, spec.partitions) from None
            return False
        return True

    def partitions(self, topic: str) -> int:
        """See `stream.log.Log.partitions`."""
        found = self._count(topic)
        if found is None:
            raise TopicMissing(topic)
        return found

    def _count(self, topic: str) -> int | None:
        with reaching(self._connection):
            [found] = self._admin.describe_topics([topic])
            known = errors.for_code(found["error_code"])
            if known is errors.UnknownTopicOrPartitionError:
                return None
            if not found["partitions"]:
                raise known()
        return len(found["partitions"])

    def append(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        *,
        partition: int | None = None,
        headers: Headers = (),
        timestamp: int | None = None,
        on_ack: OnAck | None = None,
    ) -> None:
        """See `stream.log.Log.append`.

        Raises `SendFailed` if an earlier record was not acknowledged, which is then told once.
        """
        count = self._counts.get(topic)
        if count is None:
            count = self._counts[topic] = self.partitions(topic)
        if partition is None:
            partition = 0 if key is None else self._partition_for(key, count)
        elif not 0 <= partition < count:
            raise TopicMismatch(topic, count, partition + 1)
        self._producer.send(
            TopicPartition(topic, partition), key, value, headers, timestamp, on_ack
        )

    def flush(self, timeout: float = 30.0) -> None:
        """See `stream.log.Log.flush`; after `SendFailed` nothing unacknowledged is sent later."""
        self._producer.connect()  # who flushes will write: an alert, perhaps, that is in a hurry
        self._producer.flush(timeout)

    def acknowledged(self, within: float) -> bool:
        """See `stream.log.Log.acknowledged`."""
        self._producer.connect()
        return self._producer.acknowledged(within)

    def begin(self, at: TopicPartition) -> int:
        """See `stream.log.Log.begin`."""
        return self._offset(at, OffsetSpec.EARLIEST)

    def end(self, at: TopicPartition) -> int:
        """See `stream.log.Log.end`."""
        return self._offset(at, OffsetSpec.LATEST)

    def _bounds(self, at: TopicPartition) -> tuple[int, int]:
        return self.begin(at), self.end(at)

    def _offset(self, at: TopicPartition, which: int) -> int:
        theirs = kafka.TopicPartition(*at)
        try:
            with reaching(self._connection):
                found = self._admin.list_partition_offsets(
                    {theirs: which},
                    IsolationLevel.READ_COMMITTED,
                    timeout_ms=self._connection.answer_timeout_ms,
                )
        except LogError as error:
            if isinstance(error.__cause__, errors.UnknownTopicOrPartitionError):
                raise TopicMismatch(
                    at.topic, self.partitions(at.topic), at.partition + 1
                ) from error
            raise
        offset: int = found[theirs].offset
        return offset

    def stored_offsets(self, group: str, topic: str) -> dict[TopicPartition, int]:
        """See `stream.log.Log.stored_offsets`."""
        wanted = [kafka.TopicPartition(topic, i) for i in range(self.partitions(topic))]
        found = self._of_group(lambda: self._admin.list_group_offsets({group: wanted})[group])
        # The broker answers -1 where nothing is stored.
        return {
            TopicPartition(*at): found[at].offset
            for at in wanted
            if at in found and found[at].offset >= 0
        }

    def _of_group(self, asked: Callable[[], Any]) -> Any:
        """An answer about a group: the first question of all makes a cluster prepare for groups,
        which takes seconds, and the admin client asks no second time."""
        deadline = time.monotonic() + self._connection.answer_timeout_s
        while True:
            try:
                with reaching(self._connection):
                    return asked()
            except LogUnavailable:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_ASK_AGAIN_S)

    def read(
        self, at: TopicPartition, start: int | None = None, stop: int | None = None
    ) -> Iterator[Record]:
        """See `stream.log.Log.read`."""
        begin, end = self._bounds(at)
        first = begin if start is None else start
        if not begin <= first <= end:
            raise OffsetOutOfRange(at.topic, at.partition, first, begin, end)
        return self._read(at, first, end if stop is None else min(stop, end))

    def _read(self, at: TopicPartition, first: int, last: int) -> Iterator[Record]:
        if first >= last:
            return
        theirs = kafka.TopicPartition(*at)
        patience = self._connection.answer_timeout_s
        consumer = self._reader()
        done = False
        try:
            consumer.assign([theirs])
            consumer.seek(theirs, first)
            position, deadline = first, time.monotonic() + patience
            # Not by counting records: markers and compaction leave offsets without one.
            while position < last:
                for found in self._fetch(consumer, at):
                    if found.offset < last:
                        yield as_record(found)
                reached = consumer.position(theirs, self._connection.answer_timeout_ms)
                if reached > position:
                    position, deadline = reached, time.monotonic() + patience
                elif time.monotonic() > deadline:
                    raise LogUnavailable(
                        f"Kafka at {self._connection.servers} sends nothing of {at.topic}"
                        f"[{at.partition}] from offset {position} on: check that its leader runs"
                    )
            done = True
        finally:
            self._give_back(consumer, done)

    def _reader(self) -> KafkaConsumer:
        with self._lock:
            if self._idle_readers:
                return self._idle_readers.pop()
        return self._connection.open(KafkaConsumer, group_id=None, **READING)

    def _give_back(self, consumer: KafkaConsumer, sound: bool) -> None:
        if sound:
            # Nothing is fetched ahead of the next one's partition.
            consumer.unsubscribe()
            with self._lock:
                if not self._idle_readers:
                    self._idle_readers.append(consumer)
                    return
        consumer.close(autocommit=False)

    def _fetch(self, consumer: KafkaConsumer, at: TopicPartition) -> list[Any]:
        try:
            with reaching(self._connection):
                found = consumer.poll(timeout_ms=50, max_records=_READ_AT_ONCE)
        except LogUnavailable:
            return []
        except LogError as error:
            if isinstance(error.__cause__, errors.OffsetOutOfRangeError):
                [offset] = error.__cause__.args[0].values()
                raise OffsetOutOfRange(*at, offset, *self._bounds(at)) from error
            raise
        return [record for records in found.values() for record in records]

    def consumer(self, topics: Sequence[str], group: str, member: str | None = None) -> LogConsumer:
        """See `stream.log.Log.consumer`."""
        for topic in topics:
            self.partitions(topic)

        def leave(closed: KafkaMember, known_as: str) -> None:
            self._members.remove(closed)
            if member is not None:
                # A static member's client does not leave by itself. The id makes sure that a
                # process that has taken the name over meanwhile stays.
                with reaching(self._connection):
                    self._admin.remove_group_members(group, [MemberToRemove(known_as, member)])

        joined = KafkaMember(self._connection, topics, group, member, self._bounds, leave)
        self._members.append(joined)
        return joined

    def close(self) -> None:
        """See `stream.log.Log.close`."""
        with ExitStack() as closing:
            with self._lock:
                admin, self._admin_client = self._admin_client, None
            if admin is not None:
                closing.callback(admin.close)
            closing.callback(self._producer.close)
            closing.callback(self._producer.flush, self._connection.delivery_timeout_s)
            for member in list(self._members):
                closing.callback(member.close)
            with self._lock:
                readers, self._idle_readers = self._idle_readers, []
            for reader in readers:
                closing.callback(reader.close, autocommit=False)
