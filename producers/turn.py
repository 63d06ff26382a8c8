"""One at a time: of the processes that ingest for one group, one works and the others stand by.

Only one reader of all partitions can tell the order in which records arrived. So the processes
join a group of their own, whose partitions are never read; whoever holds its first partition has
the turn. When it stops, or falls silent, the turn passes on.
"""

from __future__ import annotations

from types import TracebackType

from stream.log import Log, TopicPartition


class Turn:
    """Membership in the group of those who want to work.

    ``topic`` is any topic that exists; nothing of it is read.
    """

    def __init__(self, log: Log, topic: str, group: str, member: str | None) -> None:
        self._first = TopicPartition(topic, 0)
        self._consumer = log.consumer([topic], group, member)
        self.held = False
        self.leaving = False

    def poll(self, timeout: float = 0.0) -> None:
        """Take part; afterwards ``held`` says whose turn it is.

        When ``leaving``, it is still ours until the next call: the moment to finish.
        """
        batch = self._consumer.poll(timeout)
        self.leaving = self._first in batch.revoked
        if self.leaving or self._first in batch.lost:
            self.held = False
        if self._first in batch.assigned:
            self.held = True

    def __enter__(self) -> Turn:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._consumer.close()
