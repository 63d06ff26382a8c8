"""A member of a consumer group for tests: it starts what it gets and keeps what it reads."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence

from stream.errors import LeaseLost
from stream.log import Batch, Log, Record, TopicPartition


class Reader:
    """Starts each assigned partition at the stored offset, else at begin; commits every batch."""

    def __init__(
        self, log: Log, topics: Sequence[str], group: str, member: str | None = None
    ) -> None:
        self._log = log
        self.consumer = log.consumer(topics, group, member)
        self.held: set[TopicPartition] = set()
        self.seen: list[Record] = []
        self.revoked: list[TopicPartition] = []
        self.lost: list[TopicPartition] = []

    def poll(self, timeout: float = 0.05) -> Batch:
        """One poll, with all that belongs to it."""
        batch = self.consumer.poll(timeout)
        self.revoked += batch.revoked
        self.lost += batch.lost
        self.held.difference_update(batch.lost, batch.revoked)
        for at in batch.assigned:
            stored = self.consumer.committed(at)
            self.consumer.start(at, self._log.begin(at) if stored is None else stored)
            self.held.add(at)
        self.seen += batch.records
        done = {TopicPartition(r.topic, r.partition): r.offset + 1 for r in batch.records}
        if done:
            # Taken away meanwhile, the next owner reads these once more.
            with contextlib.suppress(LeaseLost):
                self.consumer.commit(done)
        return batch

    def places(self) -> list[tuple[int, int]]:
        """Partition and offset of everything read, in the order of reading."""
        return [(record.partition, record.offset) for record in self.seen]


def poll_until(
    readers: Sequence[Reader], condition: Callable[[], bool], seconds: float = 120.0
) -> None:
    """Let the readers take turns until ``condition`` holds; fails after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, [(reader.held, reader.places()) for reader in readers]
        for reader in readers:
            reader.poll()
