"""Records of several partitions in one order: that of their arrival.

By (append time, place of the topic in the map, partition, offset). Records of one partition keep
their order whatever their times say. A record is given out once no other partition can still
bring an earlier one: each has a record waiting, or was at its end when it was last looked at.
Pure: what was fetched, and where the partitions end, is told from outside.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence

from stream.log import Record, TopicPartition


class ArrivalOrder:
    """The queues of all partitions; ``topics`` in the order of the map.

    >>> a, b = TopicPartition("a", 0), TopicPartition("b", 0)
    >>> order = ArrivalOrder(["a", "b"], {a: 0, b: 0})
    >>> order.add([Record("b", 0, 0, None, b"", timestamp=5)])
    >>> [record.topic for record in order.take()]        # a may still bring something earlier
    []
    >>> order.add([Record("a", 0, 0, None, b"", timestamp=3)])
    >>> order.ends({a: 1, b: 1})                         # now it cannot
    >>> [record.topic for record in order.take()]
    ['a', 'b']
    """

    def __init__(self, topics: Sequence[str], starts: Mapping[TopicPartition, int]) -> None:
        self._rank = {topic: number for number, topic in enumerate(topics)}
        self._queues: dict[TopicPartition, deque[Record]] = {at: deque() for at in sorted(starts)}
        # The offset behind the last record fetched, and behind the last one given out.
        self._fetched = dict(starts)
        self._taken = dict(starts)
        self._ends: dict[TopicPartition, int] = {}
        # Nothing was added since the ends were looked up.
        self._fresh = False

    @property
    def taken(self) -> Mapping[TopicPartition, int]:
        """For each partition the offset of the first record that was not given out."""
        return self._taken

    def waiting(self, at: TopicPartition) -> int:
        """How many records of a partition wait."""
        return len(self._queues[at])

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

    def add(self, records: Iterable[Record]) -> None:
        """Records that were fetched, each partition's in the order of its offsets."""
        for record in records:
            at = TopicPartition(record.topic, record.partition)
            self._queues[at].append(record)
            self._fetched[at] = record.offset + 1
            self._fresh = False

    def ends(self, ends: Mapping[TopicPartition, int]) -> None:
        """Where the partitions end, looked up after everything so far was added."""
        self._ends = dict(ends)
        self._fresh = True

    def must_look(self) -> bool:
        """Whether the next record waits only for a look at where the partitions end."""
        empty = [at for at, queue in self._queues.items() if not queue]
        return (
            not self._fresh and len(empty) < len(self._queues) and not any(map(self._lags, empty))
        )

    def lagging(self) -> list[TopicPartition]:
        """The empty partitions of which more is known to come."""
        return [at for at, queue in self._queues.items() if not queue and self._lags(at)]

    def fetched(self, at: TopicPartition) -> int:
        """The offset behind the last record fetched."""
        return self._fetched[at]

    def skip(self, at: TopicPartition, offset: int) -> None:
        """Up to ``offset`` an empty partition holds no record, as before a transaction's mark."""
        self._fetched[at] = self._taken[at] = offset

    def end(self, at: TopicPartition) -> int:
        """Where the partition ended when last looked at."""
        return self._ends[at]

    def all_read(self) -> bool:
        """Whether, when last looked at, every partition was at its end, with nothing waiting."""
        return self._fresh and not any(
            queue or self._lags(at) for at, queue in self._queues.items()
        )

    def take(self) -> Iterator[Record]:
        """The records whose turn has come."""
        while (at := self._next()) is not None:
            record = self._queues[at].popleft()
            self._taken[at] = record.offset + 1
            yield record

    def _next(self) -> TopicPartition | None:
        heads = []
        for at, queue in self._queues.items():
            if queue:
                heads.append((queue[0].timestamp, self._rank[at.topic], at.partition, at))
            elif not self._fresh or self._lags(at):
                return None
        return min(heads)[-1] if heads else None

    def _lags(self, at: TopicPartition) -> bool:
        return self._fetched[at] < self._ends.get(at, 0)
