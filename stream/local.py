"""The log on one machine: an SQLite file that several processes and threads use at once.

The embedded default: no broker, nothing to install. Appends are buffered and written by `flush`
(or when the buffer is full) in one transaction, which is durable when it returns. The file's
layout is `stream.local_file`'s business, groups are `stream.leases`', forgetting is
`stream.retention`'s.
"""

from __future__ import annotations

import functools
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import structlog

from stream import retention
from stream.errors import LogError, LogUnavailable, OffsetOutOfRange, SendFailed, TopicMismatch
from stream.leases import LeaseMembership
from stream.local_file import OFFSET_BITS, LogFile
from stream.log import Ack, Headers, LogConsumer, OnAck, Record, TopicPartition, TopicSpec
from stream.partitioner import partition_for
from stream.polling import PollingConsumer

_log = structlog.get_logger()

_BUFFER_RECORDS = 1_000
_BUFFER_BYTES = 4_000_000
_CHUNK = 1_000
_TRIM_EVERY = 10.0
_NAP = 0.02


class _Pending(NamedTuple):
    place: int
    at: TopicPartition
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: str | None
    on_ack: OnAck | None


class LocalLog:
    """`stream.log.Log` in an SQLite file; any number of these may have the same file open.

    ``lease_seconds`` is how long a silent group member keeps its partitions, ``busy_seconds`` how
    long to wait for other processes before `LogUnavailable`, ``clock`` answers seconds since 1970.
    Nobody sees a record before it is flushed. ``on_ack`` is called from `append`, `flush` or
    `close` and must not block. Missing directories of ``path`` are made. Raises `ConfigError` for
    a path that holds something else.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     log = LocalLog(Path(folder) / "andon.db")
    ...     _ = log.create_topics([TopicSpec("andon.events", partitions=4)])
    ...     log.append("andon.events", b"body-A", b"{}")
    ...     log.flush()
    ...     records = list(log.read(TopicPartition("andon.events", 2)))
    ...     log.close()
    >>> [(r.offset, r.key, r.value) for r in records]
    [(0, b'body-A', b'{}')]
    """

    def __init__(
        self,
        path: Path,
        *,
        lease_seconds: float = 10.0,
        busy_seconds: float = 30.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._path = path
        self._lease_seconds = lease_seconds
        self._busy_seconds = busy_seconds
        self._clock = clock
        # Readers have a connection of their own, else they would wait for every flush.
        self._writer = LogFile(path, synchronous="FULL", busy_seconds=busy_seconds)
        self._reader = LogFile(path, synchronous="NORMAL", busy_seconds=busy_seconds)
        self._lock = threading.RLock()
        self._buffer: list[_Pending] = []
        self._buffered_bytes = 0
        self._trimmed = clock()
        self._consumers: list[PollingConsumer] = []
        self._partition_for = functools.lru_cache(maxsize=4096)(partition_for)
        self._closed = False

    def create_topics(self, topics: Sequence[TopicSpec]) -> list[str]:
        """See `stream.log.Log.create_topics`; ``extra`` is Kafka's and has no effect here."""
        created = []
        with self._writer.writing() as db:
            for spec in topics:
                row = db.execute(
                    "SELECT partitions FROM topic WHERE name = ?", (spec.name,)
                ).fetchone()
                if row is not None:
                    if row[0] != spec.partitions:
                        raise TopicMismatch(spec.name, row[0], spec.partitions)
                    continue
                hours = spec.retention_hours
                kept_ms = None if hours is None else int(hours * 3_600_000)
                db.execute(
                    "INSERT INTO topic VALUES (?, ?, ?, ?)",
                    (spec.name, spec.partitions, kept_ms, spec.compact),
                )
                db.executemany(
                    "INSERT INTO topic_partition (topic, number) VALUES (?, ?)",
                    [(spec.name, number) for number in range(spec.partitions)],
                )
                created.append(spec.name)
        return created

    def partitions(self, topic: str) -> int:
        """See `stream.log.Log.partitions`."""
        return len(self._reader.partition_ids(topic))

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
        """See `stream.log.Log.append`; raises `LogUnavailable` without taking the record."""
        if partition is None:
            count = len(self._reader.partition_ids(topic))
            partition = 0 if key is None else self._partition_for(key, count)
        at = TopicPartition(topic, partition)
        place = self._reader.partition_id(at)
        if timestamp is None:
            timestamp = int(self._clock() * 1000)
        packed = _pack(headers) if headers else None
        with self._lock:
            if self._closed:
                raise LogError(f"the log {self._path} is closed: open it again")
            if len(self._buffer) >= _BUFFER_RECORDS or self._buffered_bytes >= _BUFFER_BYTES:
                self._write(self._busy_seconds)
            self._buffer.append(_Pending(place, at, timestamp, key, value, packed, on_ack))
            self._buffered_bytes += len(key or b"") + len(value or b"") + len(packed or "")

    def flush(self, timeout: float = 30.0) -> None:
        """See `stream.log.Log.flush`."""
        with self._lock:
            try:
                self._write(timeout)
            except LogUnavailable as error:
                given_up, self._buffer = len(self._buffer), []
                self._buffered_bytes = 0
                raise SendFailed(
                    f"{given_up} records were not written within {timeout:g} s: {error}"
                ) from error

    def acknowledged(self, within: float) -> bool:
        """See `stream.log.Log.acknowledged`; False while another process holds the file."""
        with self._lock:
            try:
                self._write(within)
            except LogUnavailable:
                return False
        return True

    def _write(self, busy_seconds: float) -> None:
        """Write the buffer in one transaction, then tell where everything came to lie."""
        batch = self._buffer
        if not batch:
            return
        with self._writer.writing(busy_seconds) as db:
            ends: dict[int, int] = dict(db.execute("SELECT id, next_offset FROM topic_partition"))
            rows = []
            for pending in batch:
                place = pending.place
                rows.append(((place << OFFSET_BITS) + ends[place], *pending[2:6]))
                ends[place] += 1
            db.executemany("INSERT INTO record VALUES (?, ?, ?, ?, ?)", rows)
            db.executemany(
                "UPDATE topic_partition SET next_offset = ? WHERE id = ?",
                [(ends[place], place) for place in sorted({pending.place for pending in batch})],
            )
        self._buffer, self._buffered_bytes = [], 0
        for pending, row in zip(batch, rows, strict=True):
            if pending.on_ack is not None:
                pending.on_ack(Ack(*pending.at, row[0] - (pending.place << OFFSET_BITS)))
        self._trim_now_and_then()

    def _trim_now_and_then(self) -> None:
        if 0 <= self._clock() - self._trimmed < _TRIM_EVERY:
            return
        try:
            self.trim()
        except LogUnavailable as error:
            # What was to be written is written; forgetting can wait for a quieter moment.
            _log.warning("andon.log_not_trimmed", path=str(self._path), error=str(error))

    def trim(self) -> int:
        """Remove what retention and compaction no longer keep; answers how many records.

        Happens by itself, every ten seconds at most, after records were written.
        """
        now = self._clock()
        self._trimmed = now
        return retention.trim(self._writer, int(now * 1000))

    def begin(self, at: TopicPartition) -> int:
        """See `stream.log.Log.begin`."""
        return _bounds(self._reader, at)[0]

    def end(self, at: TopicPartition) -> int:
        """See `stream.log.Log.end`."""
        return _bounds(self._reader, at)[1]

    def stored_offsets(self, group: str, topic: str) -> dict[TopicPartition, int]:
        """See `stream.log.Log.stored_offsets`."""
        places = {place: i for i, place in enumerate(self._reader.partition_ids(topic))}
        with self._reader.reading() as db:
            rows = db.execute(
                "SELECT partition_id, next_offset FROM stored_offset WHERE member_group = ?"
                " ORDER BY partition_id",
                (group,),
            ).fetchall()
        return {
            TopicPartition(topic, places[place]): offset
            for place, offset in rows
            if place in places
        }

    def read(
        self, at: TopicPartition, start: int | None = None, stop: int | None = None
    ) -> Iterator[Record]:
        """See `stream.log.Log.read`."""
        begin, end = _bounds(self._reader, at)
        first = begin if start is None else start
        if not begin <= first <= end:
            raise OffsetOutOfRange(at.topic, at.partition, first, begin, end)
        return self._read(at, first, end if stop is None else min(stop, end))

    def _read(self, at: TopicPartition, start: int, stop: int) -> Iterator[Record]:
        # In chunks: a reader that takes its time must not keep the file from being tidied.
        while start < stop:
            records = _fetch(self._reader, at, start, stop, _CHUNK)
            if not records:
                return
            yield from records
            start = records[-1].offset + 1

    def consumer(self, topics: Sequence[str], group: str, member: str | None = None) -> LogConsumer:
        """See `stream.log.Log.consumer`; a `poll` at least every ``lease_seconds`` keeps it in."""
        file = LogFile(self._path, synchronous="NORMAL", busy_seconds=self._busy_seconds)
        try:
            membership = LeaseMembership(
                file, topics, group, member, lease_seconds=self._lease_seconds, clock=self._clock
            )
        except BaseException:
            file.close()
            raise
        consumer = PollingConsumer(group, _Source(file), membership, self._consumers.remove)
        self._consumers.append(consumer)
        return consumer

    def close(self) -> None:
        """See `stream.log.Log.close`; its consumers leave their groups."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        with ExitStack() as closing:
            closing.callback(self._writer.close)
            closing.callback(self._reader.close)
            for consumer in list(self._consumers):
                closing.callback(consumer.close)
            self.flush()


class _Source:
    """The records of the file for one consumer; `stream.polling.Source`."""

    def __init__(self, file: LogFile) -> None:
        self._file = file
        self._seen = -1

    def bounds(self, at: TopicPartition) -> tuple[int, int]:
        return _bounds(self._file, at)

    def fetch(self, at: TopicPartition, offset: int, limit: int) -> list[Record]:
        return _fetch(self._file, at, offset, 1 << OFFSET_BITS, limit)

    def wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        # Compared with the version at the end of the last wait: what came since is not missed.
        while self._seen == (seen := self._file.version()):
            left = deadline - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, _NAP))
        self._seen = seen

    def close(self) -> None:
        self._file.close()


def _bounds(file: LogFile, at: TopicPartition) -> tuple[int, int]:
    """Begin and end of a partition."""
    number = file.partition_id(at)
    with file.reading() as db:
        begin, end = db.execute(
            "SELECT first_offset, next_offset FROM topic_partition WHERE id = ?", (number,)
        ).fetchone()
    return begin, end


def _fetch(file: LogFile, at: TopicPartition, start: int, stop: int, limit: int) -> list[Record]:
    """Up to ``limit`` records of [start, stop); raises `OffsetOutOfRange` below begin."""
    number = file.partition_id(at)
    base = number << OFFSET_BITS
    topic, partition = at
    with file.reading() as db:
        begin, end = db.execute(
            "SELECT first_offset, next_offset FROM topic_partition WHERE id = ?", (number,)
        ).fetchone()
        if start < begin:
            raise OffsetOutOfRange(topic, partition, start, begin, end)
        rows = db.execute(
            "SELECT id, at, record_key, value, headers FROM record "
            "WHERE id >= ? AND id < ? ORDER BY id LIMIT ?",
            (base + start, base + min(stop, end), limit),
        ).fetchall()
    return [
        Record(
            topic, partition, row - base, key, value, _unpack(packed) if packed else (), timestamp
        )
        for row, timestamp, key, value, packed in rows
    ]


def _pack(headers: Headers) -> str:
    """Headers as JSON, their values in hexadecimal: readable with any SQLite tool."""
    return json.dumps([[name, value.hex()] for name, value in headers])


def _unpack(packed: str) -> tuple[tuple[str, bytes], ...]:
    return tuple((name, bytes.fromhex(value)) for name, value in json.loads(packed))
