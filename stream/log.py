"""The log: named topics of ordered, partitioned, immutable records.

One protocol, three implementations that pass one contract suite (``tests/stream/test_log.py`` and
``test_log_groups.py``):
`stream.memory.MemoryLog` for tests and file replays, `stream.local.LocalLog` on SQLite for one
machine, `stream.kafka.KafkaLog` for a plant.

The words are Kafka's: a *topic* has *partitions*; a record's place in its partition is its
*offset*, counted from 0 without gaps in our own logs (Kafka may leave gaps); a partition's *begin*
is its first retained offset, its *end* the offset that the next record will get.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from stream.errors import ConfigError

Headers = Sequence[tuple[str, bytes]]
OnAck = Callable[["Ack"], None]


class TopicPartition(NamedTuple):
    """One partition of one topic."""

    topic: str
    partition: int


class Record(NamedTuple):
    """One record as read; ``timestamp`` is the append time in milliseconds since 1970, UTC."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp: int = 0


class Ack(NamedTuple):
    """Where an appended record came to lie."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True)
class TopicSpec:
    """A topic to create.

    ``retention_hours`` None keeps records for ever; ``compact`` keeps the last record per key.
    Raises `ConfigError` for a number that no log can have.
    """

    name: str
    partitions: int = 1
    retention_hours: float | None = None
    compact: bool = False
    extra: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.partitions < 1:
            raise ConfigError(
                f"topic {self.name!r}: partitions is {self.partitions}: give it at least 1"
            )
        if self.retention_hours is not None and not self.retention_hours > 0:
            raise ConfigError(
                f"topic {self.name!r}: retention_hours is {self.retention_hours}: give it more "
                f"than 0, or leave it out to keep records for ever"
            )


@dataclass(frozen=True)
class Batch:
    """What one poll brought: records, and what changed in the assignment before them.

    ``assigned`` partitions deliver nothing until `LogConsumer.start` names their first offset.
    ``revoked`` are given up in order: what is owed for them is to be written and committed before
    the next `LogConsumer.poll`, and a commit may already raise `LeaseLost`. ``lost`` were taken
    away: nothing may be written for them. A partition that is both lost and assigned was lost
    first.
    """

    records: tuple[Record, ...] = ()
    assigned: tuple[TopicPartition, ...] = ()
    revoked: tuple[TopicPartition, ...] = ()
    lost: tuple[TopicPartition, ...] = ()


class LogConsumer(Protocol):
    """A member of a consumer group: each partition is read by one member at a time."""

    def poll(self, timeout: float, max_records: int = 500) -> Batch:
        """Records of started partitions, at most ``max_records``, waiting up to ``timeout`` s.

        Returns as soon as there are records or a change. Polling is what keeps the membership
        alive: whoever has long work to do pauses, or starts later, and goes on polling. Raises
        `OffsetOutOfRange` when retention has overtaken a started partition.
        """

    def start(self, at: TopicPartition, offset: int) -> None:
        """Deliver an assigned partition's records from ``offset`` on.

        Raises `OffsetOutOfRange` unless begin <= offset <= end, `LeaseLost` if the partition is
        not assigned.
        """

    def pause(self, partitions: Sequence[TopicPartition]) -> None:
        """Deliver nothing of these partitions until `resume`; membership goes on."""

    def resume(self, partitions: Sequence[TopicPartition]) -> None:
        """Undo `pause`."""

    def committed(self, at: TopicPartition) -> int | None:
        """The group's stored offset (of the next record to read), None if there is none."""

    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Store the group's offsets; raises `LeaseLost` for a partition that is no longer ours."""

    def holds(self, at: TopicPartition) -> bool:
        """Whether a partition is ours, as far as is known without asking; not if its revocation or
        loss waits for the next poll."""

    def close(self) -> None:
        """Leave the group so that others take over at once."""


class Log(Protocol):
    """Topics, appends, bounded reads and consumer groups.

    Everything but `create_topics` raises `TopicMissing` for a topic that does not exist, and
    `TopicMismatch` for a partition that it does not have.
    """

    def create_topics(self, topics: Sequence[TopicSpec]) -> list[str]:
        """Create what does not exist yet; answers the names created.

        A topic that exists keeps its retention and compaction. Raises `TopicMismatch` when it
        exists with another number of partitions.
        """

    def partitions(self, topic: str) -> int:
        """The number of partitions; raises `TopicMissing`."""

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
        """Hand a record over; it is durable once `flush` has returned.

        Without ``partition`` the key decides (`stream.partitioner.partition_for`); a record without
        key and partition goes to partition 0. Records of one partition keep the order of the calls.
        ``on_ack`` is called from within `append`, `flush` or `close` or from a sender's thread.
        Raises `TopicMissing`; may block while too much is unacknowledged.
        """

    def flush(self, timeout: float = 30.0) -> None:
        """Wait until every record handed over is durable; raises `SendFailed` if one is not.

        Records that failed are given up: whoever still wants them hands them over again.
        """

    def acknowledged(self, within: float) -> bool:
        """Whether every record handed over is durable, which is waited for ``within`` seconds.

        Unlike after `flush` nothing is given up when that is too short. Raises `SendFailed` for a
        record that the log has given up by itself.
        """

    def begin(self, at: TopicPartition) -> int:
        """The first retained offset."""

    def end(self, at: TopicPartition) -> int:
        """The offset that the next record will get."""

    def stored_offsets(self, group: str, topic: str) -> dict[TopicPartition, int]:
        """What ``group`` has stored by `LogConsumer.commit` for the topic's partitions.

        Partitions without a stored offset are left out. Needs no membership, disturbs nobody.
        """

    def read(
        self, at: TopicPartition, start: int | None = None, stop: int | None = None
    ) -> Iterator[Record]:
        """The records with start <= offset < stop, then ends; defaults: begin and the present end.

        Needs no group, stores nothing. Raises `OffsetOutOfRange` if ``start`` is not retained.
        """

    def consumer(self, topics: Sequence[str], group: str, member: str | None = None) -> LogConsumer:
        """Join ``group``; ``member`` is a static identity that survives a quick restart.

        Whoever joins under a name in use replaces its holder: that one's commits raise `LeaseLost`
        and its polls, as soon as it learns of it, `LogError`.
        """

    def close(self) -> None:
        """Flush and give everything back."""
