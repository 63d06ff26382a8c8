"""Sending to Kafka: idempotent, bounded, and every acknowledgement checked.

kafka-python's producer keeps what it cannot send without limit, and tells of a record that was
given up only in that record's future. So the futures are kept here: their number and bytes are the
cap, and each is looked at before it is forgotten.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque

from kafka import KafkaProducer, errors
from kafka.producer.future import FutureRecordMetadata, RecordMetadata
from kafka.serializer.abstract import Serializer

from stream.errors import LogError, SendFailed
from stream.kafka_connection import KafkaConnection, reaching
from stream.log import Ack, Headers, OnAck, TopicPartition

_LINGER_MS = 5
_BATCH_BYTES = 128 * 1024
# What a record costs in memory beyond its own bytes, roughly.
_OVERHEAD = 200
_FORCED_CLOSE_S = 2.0
# Stands for None where the client would not take it.
_NOTHING = object()
# A record that is refused for what it is will be refused again.
_FINAL = (
    errors.AuthorizationError,
    errors.InvalidTopicError,
    errors.MessageSizeTooLargeError,
    errors.PolicyViolationError,
    errors.RecordListTooLargeError,
)


class BoundedProducer:
    """A producer with a cap on what is unacknowledged; may be shared by threads.

    Every failure is raised once, by whichever call finds it first. Then everything unacknowledged
    is dropped and nothing of it is sent later (a request on its way may still arrive): the caller
    finds out from the log what has become of its records. The next `send` starts afresh.
    """

    def __init__(self, connection: KafkaConnection) -> None:
        self._connection = connection
        self._producer: KafkaProducer | None = None
        self._waiting: deque[tuple[FutureRecordMetadata, int]] = deque()
        self._bytes = 0
        self._lock = threading.RLock()

    @property
    def unacknowledged(self) -> tuple[int, int]:
        """The number of records that wait for their acknowledgement, and their bytes."""
        return len(self._waiting), self._bytes

    def send(
        self,
        at: TopicPartition,
        key: bytes | None,
        value: bytes | None,
        headers: Headers = (),
        timestamp: int | None = None,
        on_ack: OnAck | None = None,
    ) -> None:
        """Hand one record over; at the cap, first wait until half of it is acknowledged.

        Raises `SendFailed`, or `LogError` for a record that is too large.
        """
        limit = self._connection
        with self._lock:
            self._forget_acknowledged()
            if (
                len(self._waiting) >= limit.max_unacknowledged
                or self._bytes >= limit.max_unacknowledged_bytes
            ):
                deadline = time.monotonic() + limit.delivery_timeout_s + limit.answer_timeout_s
                self._wait(
                    limit.max_unacknowledged // 2, limit.max_unacknowledged_bytes // 2, deadline
                )
            producer = self._producer = self._producer or self._open()
            with reaching(self._connection):
                future = producer.send(
                    at.topic,
                    key=key,
                    value=_NOTHING if key is None and value is None else value,
                    headers=list(headers),
                    partition=at.partition,
                    timestamp_ms=timestamp,
                )
            if on_ack is not None:
                future.add_callback(_told(on_ack))
            size = len(key or b"") + len(value or b"") + _OVERHEAD
            self._waiting.append((future, size))
            self._bytes += size

    def connect(self) -> None:
        """Connect, if that was not done: the first record need not wait for it then."""
        with self._lock:
            self._producer = self._producer or self._open()

    def flush(self, timeout: float) -> None:
        """Wait until nothing is unacknowledged; raises `SendFailed` after ``timeout`` seconds."""
        with self._lock:
            self._wait(0, 0, time.monotonic() + timeout)

    def acknowledged(self, within: float) -> bool:
        """Wait up to ``within`` seconds until nothing is unacknowledged; False if something is."""
        deadline = time.monotonic() + within
        with self._lock:
            self._forget_acknowledged()
            while self._waiting and (left := deadline - time.monotonic()) > 0:
                with contextlib.suppress(errors.KafkaError):
                    self._waiting[0][0].get(timeout=left)
                self._forget_acknowledged()
            return not self._waiting

    def close(self) -> None:
        """Give the connections back; what is unacknowledged is dropped."""
        with self._lock:
            self._drop()

    def _open(self) -> KafkaProducer:
        longest = int(self._connection.delivery_timeout_s * 1000)
        return self._connection.open(
            KafkaProducer,
            enable_idempotence=True,
            acks="all",
            compression_type="lz4",
            linger_ms=_LINGER_MS,
            batch_size=_BATCH_BYTES,
            delivery_timeout_ms=longest,
            request_timeout_ms=min(
                self._connection.answer_timeout_ms, max(1, longest - 2 * _LINGER_MS)
            ),
            max_block_ms=self._connection.answer_timeout_ms,
            allow_auto_create_topics=False,
            metrics_enabled=False,
            value_serializer=_AsItIs(),
        )

    def _wait(self, records: int, size: int, deadline: float) -> None:
        self._forget_acknowledged()
        while len(self._waiting) > records or self._bytes > size:
            left = deadline - time.monotonic()
            if left <= 0:
                raise self._failed(errors.KafkaTimeoutError())
            # Whatever it tells, the future is judged below, like all others.
            with contextlib.suppress(errors.KafkaError):
                self._waiting[0][0].get(timeout=left)
            self._forget_acknowledged()

    def _forget_acknowledged(self) -> None:
        while self._waiting and self._waiting[0][0].is_done:
            future, size = self._waiting[0]
            if future.exception is not None:
                raise self._failed(future.exception)
            self._waiting.popleft()
            self._bytes -= size

    def _failed(self, cause: BaseException) -> LogError:
        lost = len(self._waiting)
        self._drop()
        if isinstance(cause, errors.KafkaTimeoutError):
            why, refused = "no acknowledgement in time", self._connection.refused_now()
            remedy = f"it {refused}" if refused else "check that the brokers run"
        else:
            why, remedy = type(cause).__name__, "see the brokers' log"
        failure = SendFailed(
            f"Kafka at {self._connection.servers} has not acknowledged {lost} records: {why}; "
            f"{remedy}"
        )
        failure.retriable = not isinstance(cause, _FINAL)
        return failure

    def _drop(self) -> None:
        producer, self._producer = self._producer, None
        self._waiting.clear()
        self._bytes = 0
        if producer is not None:
            # close() alone would first try to send what is to be dropped, and hang on that.
            producer._sender.force_close()
            with contextlib.suppress(errors.KafkaError):
                producer.close(timeout=_FORCED_CLOSE_S)


class _AsItIs(Serializer):
    """Lets a record have neither key nor value, as Kafka does and the client does not."""

    def serialize(self, topic: str, headers: Headers, data: object) -> object:
        return None if data is _NOTHING else data


def _told(on_ack: OnAck) -> object:
    def acknowledged(where: RecordMetadata) -> None:
        on_ack(Ack(where.topic, where.partition, where.offset))

    return acknowledged
