"""The log in memory: lists, for tests and for the replay of a file.

It lives and dies with its object. Every record is kept: ``retention_hours`` and ``compact`` of a
topic are accepted and have no effect.
"""

from __future__ import annotations

import functools
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence

from stream.assignment import plan
from stream.errors import LeaseLost, LogError, OffsetOutOfRange, TopicMismatch, TopicMissing
from stream.log import Ack, Headers, LogConsumer, OnAck, Record, TopicPartition, TopicSpec
from stream.partitioner import partition_for
from stream.polling import Change, PollingConsumer, name_taken

_NAP = 0.002


class MemoryLog:
    """`stream.log.Log` in memory, for the threads of one process.

    A record is "durable", that is readable, as soon as `append` returns.

    >>> log = MemoryLog()
    >>> log.create_topics([TopicSpec("andon.events")])
    ['andon.events']
    >>> log.append("andon.events", b"body-A", b"{}", timestamp=0)
    >>> [(r.offset, r.value) for r in log.read(TopicPartition("andon.events", 0))]
    [(0, b'{}')]
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._topics: dict[str, list[list[Record]]] = {}
        self._groups: dict[str, _Group] = {}
        self._consumers: list[PollingConsumer] = []
        self._lock = threading.RLock()
        self._partition_for = functools.lru_cache(maxsize=4096)(partition_for)

    def create_topics(self, topics: Sequence[TopicSpec]) -> list[str]:
        """See `stream.log.Log.create_topics`."""
        created = []
        with self._lock:
            for spec in topics:
                found = len(self._topics.get(spec.name, ()))
                if not found:
                    self._topics[spec.name] = [[] for _ in range(spec.partitions)]
                    created.append(spec.name)
                elif found != spec.partitions:
                    raise TopicMismatch(spec.name, found, spec.partitions)
        return created

    def partitions(self, topic: str) -> int:
        """See `stream.log.Log.partitions`."""
        return len(self._partitions(topic))

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
        """See `stream.log.Log.append`."""
        partitions = self._partitions(topic)
        if partition is None:
            partition = 0 if key is None else self._partition_for(key, len(partitions))
        elif not 0 <= partition < len(partitions):
            raise TopicMismatch(topic, len(partitions), partition + 1)
        at = int(self._clock() * 1000) if timestamp is None else timestamp
        pairs = tuple((name, data) for name, data in headers) if headers else ()
        records = partitions[partition]
        with self._lock:
            offset = len(records)
            records.append(Record(topic, partition, offset, key, value, pairs, at))
        if on_ack is not None:
            on_ack(Ack(topic, partition, offset))

    def flush(self, timeout: float = 30.0) -> None:
        """See `stream.log.Log.flush`: nothing is ever outstanding here."""

    def acknowledged(self, within: float) -> bool:
        """See `stream.log.Log.acknowledged`."""
        return True

    def begin(self, at: TopicPartition) -> int:
        """See `stream.log.Log.begin`."""
        self._records(at)
        return 0

    def end(self, at: TopicPartition) -> int:
        """See `stream.log.Log.end`."""
        return len(self._records(at))

    def stored_offsets(self, group: str, topic: str) -> dict[TopicPartition, int]:
        """See `stream.log.Log.stored_offsets`."""
        self._partitions(topic)
        with self._lock:
            known = self._groups.get(group)
            offsets = {} if known is None else dict(known.offsets)
        return {at: offsets[at] for at in sorted(offsets) if at.topic == topic}

    def read(
        self, at: TopicPartition, start: int | None = None, stop: int | None = None
    ) -> Iterator[Record]:
        """See `stream.log.Log.read`."""
        records = self._records(at)
        end = len(records)
        first = 0 if start is None else start
        if not 0 <= first <= end:
            raise OffsetOutOfRange(at.topic, at.partition, first, 0, end)
        last = end if stop is None else min(stop, end)
        return map(records.__getitem__, range(first, last))

    def consumer(self, topics: Sequence[str], group: str, member: str | None = None) -> LogConsumer:
        """See `stream.log.Log.consumer`."""
        partitions = {topic: self.partitions(topic) for topic in topics}
        with self._lock:
            state = self._groups.setdefault(group, _Group(group, self._lock))
            joined = _Member(state, partitions, member)
            consumer = PollingConsumer(group, _Source(self), joined, self._consumers.remove)
            self._consumers.append(consumer)
        return consumer

    def close(self) -> None:
        """See `stream.log.Log.close`: the consumers leave, the records stay readable."""
        for consumer in list(self._consumers):
            consumer.close()

    def _partitions(self, topic: str) -> list[list[Record]]:
        found = self._topics.get(topic)
        if found is None:
            raise TopicMissing(topic)
        return found

    def _records(self, at: TopicPartition) -> list[Record]:
        partitions = self._partitions(at.topic)
        if not 0 <= at.partition < len(partitions):
            raise TopicMismatch(at.topic, len(partitions), at.partition + 1)
        return partitions[at.partition]


class _Source:
    """The records of a `MemoryLog` for one consumer."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log

    def bounds(self, at: TopicPartition) -> tuple[int, int]:
        return self._log.begin(at), self._log.end(at)

    def fetch(self, at: TopicPartition, offset: int, limit: int) -> list[Record]:
        return self._log._records(at)[offset : offset + limit]

    def wait(self, seconds: float) -> None:
        time.sleep(min(seconds, _NAP))

    def close(self) -> None:
        """Nothing to give back."""


class _Group:
    """The facts that the members of one group share."""

    def __init__(self, name: str, lock: threading.RLock) -> None:
        self.name = name
        self.lock = lock
        self.members: dict[str, dict[str, int]] = {}
        self.static_names: dict[str, str] = {}
        self.owners: dict[TopicPartition, str] = {}
        self.offsets: dict[TopicPartition, int] = {}
        self.version = 0

    def remove(self, name: str) -> None:
        self.members.pop(name, None)
        self.owners = {at: owner for at, owner in self.owners.items() if owner != name}
        self.version += 1


class _Member:
    """A place in a `_Group`; only a namesake can take it away, since all live in one process."""

    def __init__(
        self, group: _Group, partitions: Mapping[str, int], static_name: str | None
    ) -> None:
        self._group = group
        self._static_name = static_name
        self._name = uuid.uuid4().hex
        self._held: frozenset[TopicPartition] = frozenset()
        self._leaving: tuple[TopicPartition, ...] = ()
        self._seen = -1
        if static_name is not None:
            group.remove(group.static_names.get(static_name, ""))
            group.static_names[static_name] = self._name
        group.members[self._name] = dict(partitions)
        group.version += 1

    def refresh(self) -> Change:
        group = self._group
        if self._seen == group.version and not self._leaving:
            return Change()
        with group.lock:
            if self._name not in group.members:
                return self._leave_replaced()
            for at in self._leaving:
                del group.owners[at]
                group.version += 1
            self._seen = group.version
            todo = plan(self._name, group.members, group.owners, group.members[self._name])
            group.owners.update(dict.fromkeys(todo.claim, self._name))
        self._held = self._held.union(todo.claim).difference(todo.give_up)
        self._leaving = todo.give_up
        return Change(assigned=todo.claim, revoked=todo.give_up)

    def _leave_replaced(self) -> Change:
        lost, self._held, self._leaving = tuple(sorted(self._held)), frozenset(), ()
        if not lost:
            raise LogError(name_taken(self._group.name, self._static_name))
        return Change(lost=lost)

    def committed(self, at: TopicPartition) -> int | None:
        return self._group.offsets.get(at)

    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        with self._group.lock:
            for at in offsets:
                if self._group.owners.get(at) != self._name:
                    raise LeaseLost(at.topic, at.partition, self._group.name)
            self._group.offsets.update(offsets)

    def leave(self) -> None:
        with self._group.lock:
            self._group.remove(self._name)
