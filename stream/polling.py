"""A consumer of our own logs: positions, pauses and the waiting of one group member.

What a log has to bring is small: a `Source` of records and a `Membership` that says which
partitions are ours. `stream.memory` and `stream.leases` bring the memberships.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from stream.errors import LeaseLost, LogError, OffsetOutOfRange
from stream.log import Batch, Record, TopicPartition

# How long one wait may last before the membership is looked at again, in seconds.
_LOOK_AGAIN = 0.1


class Change(NamedTuple):
    """What became of our partitions since the last look.

    One that was lost may at once be assigned anew: lost comes first.
    """

    assigned: tuple[TopicPartition, ...] = ()
    revoked: tuple[TopicPartition, ...] = ()
    lost: tuple[TopicPartition, ...] = ()


def name_taken(group: str, member: str | None) -> str:
    """What to tell a member whose name another one has joined with."""
    return (
        f"another process has joined group {group!r} as member {member!r}: give every process a "
        f"member name of its own"
    )


class Membership(Protocol):
    """One member's place in a group.

    A member whose name another one has joined with loses what it held; after that `refresh` raises
    `LogError`.
    """

    def refresh(self) -> Change:
        """Stay alive in the group and learn what changed; cheap enough for every poll.

        A revoked partition is held, and may be committed, until the next call.
        """

    def committed(self, at: TopicPartition) -> int | None:
        """The group's stored offset."""

    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Store all offsets or none; raises `LeaseLost`."""

    def leave(self) -> None:
        """Give everything up at once."""


class Source(Protocol):
    """Where the records come from."""

    def bounds(self, at: TopicPartition) -> tuple[int, int]:
        """Begin and end of a partition."""

    def fetch(self, at: TopicPartition, offset: int, limit: int) -> list[Record]:
        """Up to ``limit`` records from ``offset`` on; raises `OffsetOutOfRange` below begin."""

    def wait(self, seconds: float) -> None:
        """Return when something may have been appended, after ``seconds`` at the latest."""

    def close(self) -> None:
        """Give everything back."""


class PollingConsumer:
    """`stream.log.LogConsumer` over a source and a membership.

    Used by one thread at a time. ``on_close`` is told when it is closed.
    """

    def __init__(
        self,
        group: str,
        source: Source,
        membership: Membership,
        on_close: Callable[[PollingConsumer], None],
    ) -> None:
        self._group = group
        self._source = source
        self._membership = membership
        self._on_close = on_close
        # The next offset of each assigned partition; None until it is started.
        self._positions: dict[TopicPartition, int | None] = {}
        self._paused: set[TopicPartition] = set()
        self._turn = 0
        self._closed = False

    def poll(self, timeout: float, max_records: int = 500) -> Batch:
        """See `stream.log.LogConsumer.poll`."""
        self._check_open()
        deadline = time.monotonic() + timeout
        while True:
            change = self._membership.refresh()
            self._apply(change)
            records = self._fetch(max_records)
            left = deadline - time.monotonic()
            if records or any(change) or left <= 0:
                return Batch(tuple(records), change.assigned, change.revoked, change.lost)
            self._source.wait(min(left, _LOOK_AGAIN))

    def _apply(self, change: Change) -> None:
        for at in change.lost + change.revoked:
            self._positions.pop(at, None)
            self._paused.discard(at)
        for at in change.assigned:
            self._positions[at] = None

    def _fetch(self, limit: int) -> list[Record]:
        started = [
            (at, position)
            for at, position in self._positions.items()
            if position is not None and at not in self._paused
        ]
        records: list[Record] = []
        # Each poll begins with another partition, so that a busy one starves nobody.
        self._turn += 1
        for i in range(len(started)):
            at, position = started[(self._turn + i) % len(started)]
            if len(records) >= limit:
                break
            found = self._source.fetch(at, position, limit - len(records))
            if found:
                self._positions[at] = found[-1].offset + 1
                records += found
        return records

    def start(self, at: TopicPartition, offset: int) -> None:
        """See `stream.log.LogConsumer.start`."""
        self._check_open()
        if at not in self._positions:
            raise LeaseLost(at.topic, at.partition, self._group)
        begin, end = self._source.bounds(at)
        if not begin <= offset <= end:
            raise OffsetOutOfRange(at.topic, at.partition, offset, begin, end)
        self._positions[at] = offset

    def pause(self, partitions: Sequence[TopicPartition]) -> None:
        """See `stream.log.LogConsumer.pause`."""
        self._paused.update(at for at in partitions if at in self._positions)

    def resume(self, partitions: Sequence[TopicPartition]) -> None:
        """See `stream.log.LogConsumer.resume`."""
        self._paused.difference_update(partitions)

    def committed(self, at: TopicPartition) -> int | None:
        """See `stream.log.LogConsumer.committed`."""
        self._check_open()
        return self._membership.committed(at)

    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """See `stream.log.LogConsumer.commit`."""
        self._check_open()
        self._membership.commit(offsets)

    def holds(self, at: TopicPartition) -> bool:
        """See `stream.log.LogConsumer.holds`."""
        return at in self._positions

    def close(self) -> None:
        """See `stream.log.LogConsumer.close`."""
        if self._closed:
            return
        self._closed = True
        self._positions.clear()
        try:
            self._membership.leave()
        finally:
            self._source.close()
            self._on_close(self)

    def _check_open(self) -> None:
        if self._closed:
            raise LogError(f"this consumer of group {self._group!r} is closed: open another one")
