"""Checkpoints on a compacted Kafka topic: any machine of the group takes a partition over.

The topic has as many partitions as the events; a task's checkpoints lie on the partition of its
number, under keys that begin with the task's name: ``.../chunk/<digest>``,
``.../manifest/<epoch>-<sequence>`` and ``.../epoch``. A checkpoint is one transaction:

1. Chunks that the topic does not have; every acknowledgement is looked at.
2. The manifest, last; looked at as well.
3. Tombstones for what the newest three manifests do not name.
4. Commit: now the checkpoint counts, for readers of what is committed.

A ``transactional.id`` of the task fences: whoever claims an epoch ends the transactions of all
before, whose next one is refused. This is the only use of transactions; alerts have none.

What of kafka-python 3.0.12 is worked around here: `commit_transaction` returns although a send has
failed, so every future is asked first; it has no time-out, so its result is waited for here; and a
producer that failed is not to be trusted with an abort: it is dropped, and the next one that is
opened under the id ends what it had begun.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import structlog
from kafka import KafkaProducer, errors

from stream.checkpoint import CheckpointError, pieces
from stream.checkpoint_store import KEPT, Checkpoint, Saved, Step, unheard
from stream.chunks import Chunk, chunks, pack
from stream.errors import CheckpointNotWritten, LogError, StaleEpoch
from stream.kafka_connection import KafkaConnection, reaching
from stream.log import Log, TopicPartition
from stream.manifest import Manifest, manifest_of, restore, seal, task_name, unseal

log = structlog.get_logger()

RECORD_BYTES = 900_000
"""A record's bytes at most; brokers take 1 MiB unless they are told otherwise."""

COMPACTION = {"min.cleanable.dirty.ratio": "0.1", "segment.bytes": str(16 * 1024 * 1024)}
"""What the topic should be created with, so that old chunks are gone soon."""

_TRANSACTION_MS = 60_000
_CLOSE_S = 2.0
_FENCED = (errors.ProducerFencedError, errors.InvalidProducerEpochError)


@dataclass
class _Found:
    """What lies on a task's partition: the highest epoch, the manifests, the chunks' names.

    ``data`` holds the chunks from a claim until the load behind it, so that one reading does.
    """

    epoch: int = 0
    manifests: dict[tuple[int, int], bytes] = field(default_factory=dict)
    chunks: set[str] = field(default_factory=set)
    data: dict[str, bytes] = field(default_factory=dict)


class CheckpointTopic:
    """`stream.checkpoint_store.CheckpointStore` on a topic of a Kafka cluster.

    ``event_log`` reads it, ``connection`` says how to reach the cluster for writing; ``key`` seals
    the manifests; ``step`` is told of every step done.

    ::

        store = CheckpointTopic(log, connection, "andon.checkpoints", "andon", "andon.events")
        checkpoint = store.load(3)
    """

    def __init__(
        self,
        event_log: Log,
        connection: KafkaConnection,
        name: str,
        group: str,
        topic: str,
        *,
        key: bytes = b"",
        step: Step = unheard,
    ) -> None:
        self._log = event_log
        self._connection = connection
        self._name = name
        self._group, self._topic = group, topic
        self._key = key
        self._step = step
        self.refused = 0
        self._producers: dict[int, KafkaProducer] = {}
        self._found: dict[int, _Found] = {}

    def claim(self, partition: int) -> int:
        """See `stream.checkpoint_store.CheckpointStore.claim`."""
        self._drop(partition)
        deadline = time.monotonic() + 2 * self._connection.answer_timeout_s
        found = self._open(partition)
        epoch = max([found.epoch, *(order[0] for order in found.manifests)]) + 1
        records: list[tuple[bytes, bytes | None]] = [(self._of(partition, "epoch"), b"%d" % epoch)]
        try:
            self._transact(partition, [records], deadline)
        except _FENCED:
            self._drop(partition)
            raise StaleEpoch(partition, epoch, None) from None
        found.epoch = epoch
        return epoch

    def load(self, partition: int) -> Checkpoint | None:
        """See `stream.checkpoint_store.CheckpointStore.load`."""
        found = self._found.get(partition)
        if found is None or not found.data:
            found = self._look(partition)
        data, found.data = found.data, {}
        for order in sorted(found.manifests, reverse=True):
            try:
                manifest = self._read(partition, found.manifests[order], order)
                return restore(manifest, lambda digest: data.get(digest, b""))
            except CheckpointError as error:
                self.refused += 1
                # What it names may be what is damaged: it is written again when it is needed.
                found.chunks.clear()
                log.error(
                    "andon.checkpoint_refused",
                    path=f"{self._name}[{partition}] {order[0]}-{order[1]}",
                    error=str(error),
                )
        return None

    def save(self, partition: int, checkpoint: Checkpoint, within: float = 30.0) -> Saved:
        """See `stream.checkpoint_store.CheckpointStore.save`."""
        deadline = time.monotonic() + within
        parts = list(chunks(pieces(checkpoint.state)))
        task = task_name(self._group, self._topic, partition)
        manifest = manifest_of(task, checkpoint, parts)
        sealed = seal(manifest, self._key)
        if len(sealed) > RECORD_BYTES:
            raise CheckpointNotWritten(
                f"the state of partition {partition} has {len(parts)} chunks, too many for one "
                f"manifest: use more partitions, or checkpoint.store = 'directory'"
            )
        try:
            return self._store(partition, manifest, sealed, parts, deadline)
        except _FENCED:
            # By a later owner, or by one that looked and found itself outdated: the topic tells.
            self._drop(partition)
            return self._store(partition, manifest, sealed, parts, deadline)

    def close(self) -> None:
        """See `stream.checkpoint_store.CheckpointStore.close`."""
        for partition in list(self._producers):
            self._drop(partition)

    def _store(
        self,
        partition: int,
        manifest: Manifest,
        sealed: bytes,
        parts: list[Chunk],
        deadline: float,
    ) -> Saved:
        found = self._ready(partition, manifest.epoch)
        fresh = {part.digest: part for part in parts if part.digest not in found.chunks}
        new = {digest: pack(part.data) for digest, part in fresh.items()}
        orders = sorted({*found.manifests, manifest.order})
        named = self._named(partition, found, orders[-KEPT:]) | manifest.digests
        here = found.chunks | manifest.digests
        gone = here - named if named else set()
        name = self._of(partition, "manifest", _text(manifest.order))
        self._transact(
            partition,
            [
                [(self._of(partition, "chunk", digest), data) for digest, data in new.items()],
                [(name, sealed)],
                [
                    *((self._of(partition, "manifest", _text(o)), None) for o in orders[:-KEPT]),
                    *((self._of(partition, "chunk", digest), None) for digest in sorted(gone)),
                ],
            ],
            deadline,
        )
        found.manifests[manifest.order] = sealed
        for order in orders[:-KEPT]:
            del found.manifests[order]
        found.chunks = here - gone
        size = sum(len(part.data) for part in parts)
        written = sum(map(len, new.values())) + len(sealed)
        return Saved(size, written, len(new), len(parts) - len(new))

    def _ready(self, partition: int, epoch: int) -> _Found:
        """What is on the topic, with a producer to write there; raises `StaleEpoch`."""
        found = self._found.get(partition)
        if found is None or partition not in self._producers:
            # Looked at before a producer is opened, which would fence a later owner's.
            self._check(partition, epoch, self._look(partition))
            found = self._open(partition)
        self._check(partition, epoch, found)
        found.data.clear()
        return found

    def _check(self, partition: int, epoch: int, found: _Found) -> None:
        if found.epoch > epoch:
            self._drop(partition)
            raise StaleEpoch(partition, epoch, found.epoch)

    def _named(self, partition: int, found: _Found, orders: Iterable[tuple[int, int]]) -> set[str]:
        named: set[str] = set()
        for order in orders:
            if order in found.manifests:
                with contextlib.suppress(CheckpointError):
                    named |= self._read(partition, found.manifests[order], order).digests
        return named

    def _read(self, partition: int, data: bytes, order: tuple[int, int]) -> Manifest:
        task = task_name(self._group, self._topic, partition)
        manifest = unseal(data, task, self._key)
        if manifest.order != order:
            raise CheckpointError(f"its key is not that of checkpoint {manifest.order}")
        return manifest

    def _of(self, partition: int, *path: str) -> bytes:
        return "/".join((task_name(self._group, self._topic, partition), *path)).encode()

    def _look(self, partition: int) -> _Found:
        """Read the partition."""
        found = _Found()
        prefix = self._of(partition) + b"/"
        for record in self._log.read(TopicPartition(self._name, partition)):
            if record.key is None or not record.key.startswith(prefix):
                continue
            kind, _, name = record.key[len(prefix) :].decode().partition("/")
            if kind == "epoch":
                found.epoch = max(found.epoch, int(record.value or b"0"))
            elif kind == "manifest":
                first, _, second = name.partition("-")
                order = int(first), int(second)
                found.manifests.pop(order, None)
                if record.value is not None:
                    found.manifests[order] = record.value
            elif kind == "chunk":
                found.data.pop(name, None)
                if record.value is not None:
                    found.data[name] = record.value
        found.chunks = set(found.data)
        return found

    def _open(self, partition: int) -> _Found:
        """Open the partition's producer, which ends those before it, and look at what is there."""
        longest = int(self._connection.delivery_timeout_s * 1000)
        producer = self._connection.open(
            KafkaProducer,
            transactional_id=self._of(partition, "checkpoints").decode(),
            transaction_timeout_ms=_TRANSACTION_MS,
            enable_idempotence=True,
            acks="all",
            compression_type="lz4",
            delivery_timeout_ms=longest,
            request_timeout_ms=min(self._connection.answer_timeout_ms, max(1, longest - 10)),
            max_block_ms=self._connection.answer_timeout_ms,
            # The first request waits for this several times.
            retry_backoff_ms=20,
            allow_auto_create_topics=False,
            metrics_enabled=False,
        )
        self._producers[partition] = producer
        try:
            with reaching(self._connection):
                producer.init_transactions()
            self._found[partition] = self._look(partition)
        except BaseException:
            self._drop(partition)
            raise
        return self._found[partition]

    def _transact(
        self,
        partition: int,
        groups: list[list[tuple[bytes, bytes | None]]],
        deadline: float,
    ) -> None:
        """Write the groups one after the other as one transaction; all of it or nothing."""
        producer = self._producers[partition]
        try:
            producer.begin_transaction()
            for records, step in zip(groups, ("chunks", "manifest", "tombstones"), strict=False):
                self._send(producer, partition, records, deadline)  # 1, 2, 3
                self._step(f"{step} acknowledged")
            result = producer._transaction_manager.begin_commit()  # type: ignore[union-attr]  # 4
            producer._sender.wakeup()
            if not result.wait(timeout_ms=1000 * max(0.0, deadline - time.monotonic())):
                raise errors.KafkaTimeoutError("no answer to the commit")
            self._step("transaction committed")
        except (errors.KafkaError, LogError) as error:
            if (fenced := _fenced(error)) is not None:
                raise fenced from error
            self._drop(partition)
            raise CheckpointNotWritten(
                f"no checkpoint could be written to {self._name}[{partition}] "
                f"({type(error).__name__}): check that the brokers run; those before are intact"
            ) from error

    def _send(
        self,
        producer: KafkaProducer,
        partition: int,
        records: list[tuple[bytes, bytes | None]],
        deadline: float,
    ) -> None:
        futures = [
            producer.send(self._name, key=key, value=value, partition=partition)
            for key, value in records
        ]
        for future in futures:
            future.get(timeout=max(0.001, deadline - time.monotonic()))

    def _drop(self, partition: int) -> None:
        producer = self._producers.pop(partition, None)
        self._found.pop(partition, None)
        if producer is not None:
            producer._sender.force_close()
            with contextlib.suppress(errors.KafkaError):
                producer.close(timeout=_CLOSE_S)


def _fenced(error: Exception) -> Exception | None:
    """That a later producer has taken the place, if this says so.

    >>> _fenced(errors.KafkaError("an earlier request failed", errors.ProducerFencedError()))
    ProducerFencedError()
    >>> _fenced(errors.KafkaError("an earlier request failed", errors.KafkaTimeoutError()))
    """
    # What the broker refuses between two records is told by the second one, wrapped.
    found = (one for one in (error, *error.args) if isinstance(one, _FENCED))
    return next(found, None)


def _text(order: tuple[int, int]) -> str:
    return f"{order[0]:010d}-{order[1]:010d}"
