"""An order by time of more than memory holds: a heap that spills sorted runs to disk.

The classic external sort: what does not fit is sorted, written as one run, and merged again by
reading every run from its front. All runs lie in one temporary file that has no name, so that it
is gone when the process is, however it ends. ``TMPDIR`` says where.
"""

from __future__ import annotations

import heapq
import os
import tempfile
from collections.abc import Iterator
from datetime import datetime
from typing import IO, Any, NamedTuple

import orjson

from stream.errors import ConfigError

# What a heap may hold in memory, in values: about 60 MB.
LIMIT = 500_000
_BLOCK = 32 * 1024
# What an entry costs beside its values.
_ENTRY = 6


class Telling(NamedTuple):
    """What a row tells at one moment; sorts into the order of replay.

    The order is that of arrival, then of the row's time, then of the row's number in all files,
    then of the place in the row. With the row's time ahead of its number, a shuffled file tells
    what a sorted one tells. ``said`` is what JSON can hold.
    """

    arrival: datetime
    time: datetime
    order: int
    place: int
    said: list[Any]


class SpillingHeap:
    """Tellings in their order, with at most ``limit`` values of them in memory.

    No two tellings may share their first four fields.

    Examples
    --------
    >>> from datetime import UTC, timedelta
    >>> start = datetime(2026, 1, 5, tzinfo=UTC)
    >>> heap = SpillingHeap(limit=20)
    >>> for minute in (3, 1, 4, 1, 5, 9, 2, 6):
    ...     at = start + timedelta(minutes=minute)
    ...     heap.push(Telling(at, at, minute, heap.pushed, ["P-1", minute]))
    >>> [telling.said[1] for telling in heap.pop_before(None)], heap.runs
    ([1, 1, 2, 3, 4, 5, 6, 9], 2)
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self.pushed = 0
        self.runs = 0
        self._limit = limit
        self._heap: list[tuple[Telling, Iterator[Telling] | None]] = []
        self._held = 0
        self._file: IO[bytes] | None = None

    def push(self, telling: Telling) -> None:
        """Take one telling in; may write a run."""
        heapq.heappush(self._heap, (telling, None))
        self.pushed += 1
        self._held += _weight(telling)
        if self._held > self._limit:
            self._spill()

    def pop_before(self, horizon: datetime | None) -> Iterator[Telling]:
        """Take out, in order, all that arrives before ``horizon``; everything if that is None."""
        while self._heap and (horizon is None or self._heap[0][0].arrival < horizon):
            telling, run = self._heap[0]
            following = None if run is None else next(run, None)
            if following is None:
                heapq.heappop(self._heap)
            else:
                heapq.heapreplace(self._heap, (following, run))
            if run is None:
                self._held -= _weight(telling)
            yield telling

    def _spill(self) -> None:
        """Write all that is no run's front as one more run."""
        fresh = sorted(telling for telling, run in self._heap if run is None)
        fronts = [(telling, run) for telling, run in self._heap if run is not None]
        try:
            run = self._written(fresh)
        except OSError as error:
            raise ConfigError(
                f"{tempfile.gettempdir()}: the history is out of order and cannot be sorted here: "
                f"{error.strerror}: set TMPDIR to a folder with room for it"
            ) from None
        self._heap = [*fronts, (next(run), run)]
        heapq.heapify(self._heap)
        self._held = 0
        self.runs += 1

    def _written(self, tellings: list[Telling]) -> Iterator[Telling]:
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="andon-sort-")  # noqa: SIM115 it lives as long as we do
        start = self._file.tell()
        for telling in tellings:
            self._file.write(orjson.dumps(tuple(telling)) + b"\n")
        self._file.flush()
        return _read_run(self._file, start, self._file.tell())


def _weight(telling: Telling) -> int:
    values = telling.said[-1]
    return _ENTRY + (len(values) if isinstance(values, dict) else 1)


def _read_run(file: IO[bytes], start: int, end: int) -> Iterator[Telling]:
    rest = b""
    while start < end:
        block = os.pread(file.fileno(), min(_BLOCK, end - start), start)
        start += len(block)
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            arrival, time, order, place, said = orjson.loads(line)
            yield Telling(
                datetime.fromisoformat(arrival), datetime.fromisoformat(time), order, place, said
            )
