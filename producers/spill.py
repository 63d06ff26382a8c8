"""An order by time of more than memory holds: what is too much waits on disk, in sorted runs.

The classic external sort: what does not fit is sorted, written as one run, and merged again by
reading every run from its front. All runs lie in one temporary file that has no name, so that it
is gone when the process is, however it ends. ``TMPDIR`` says where.
"""

from __future__ import annotations

import heapq
import os
import tempfile
from bisect import bisect_left
from collections.abc import Iterator
from datetime import datetime
from typing import IO, Any, NamedTuple

import orjson

from stream.errors import ConfigError

# What may be held in memory, in values: about 60 MB.
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


class ExternalSort:
    """Tellings in their order, with at most ``limit`` values of them in memory.

    No two tellings may share their first four fields.

    Examples
    --------
    >>> from datetime import UTC, timedelta
    >>> start = datetime(2026, 1, 5, tzinfo=UTC)
    >>> sort = ExternalSort(limit=20)
    >>> for number, minute in enumerate((3, 1, 4, 1, 5, 9, 2, 6)):
    ...     at = start + timedelta(minutes=minute)
    ...     sort.push(Telling(at, at, number, 0, ["P-1", minute]))
    >>> [telling.said[1] for telling in sort.pop_before(None)], sort.runs
    ([1, 1, 2, 3, 4, 5, 6, 9], 2)
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._fresh: list[Telling] = []
        self._held = 0
        self._runs: list[_Run] = []
        self._file: IO[bytes] | None = None

    @property
    def runs(self) -> int:
        """How many runs have been written."""
        return len(self._runs)

    def push(self, telling: Telling) -> None:
        """Take one telling in; may write a run."""
        self._fresh.append(telling)
        self._held += _weight(telling)
        if self._held > self._limit:
            self._spill()

    def pop_before(self, horizon: datetime | None) -> Iterator[Telling]:
        """Take out, in order, all that arrives before ``horizon``; everything if that is None.

        All of it is to be taken before the next `push`.
        """
        # What is left over is sorted already, and what is new nearly so: that is quickly done.
        self._fresh.sort()
        cut = len(self._fresh)
        if horizon is not None:
            cut = bisect_left(self._fresh, horizon, key=lambda telling: telling.arrival)
        ready = self._fresh[:cut]
        del self._fresh[:cut]
        self._held -= sum(map(_weight, ready))
        runs = [run.before(horizon) for run in self._runs if run.head is not None]
        return heapq.merge(ready, *runs) if runs else iter(ready)

    def _spill(self) -> None:
        self._fresh.sort()
        try:
            self._runs.append(self._written(self._fresh))
        except OSError as error:
            raise ConfigError(
                f"{tempfile.gettempdir()}: the history is out of order and cannot be sorted here: "
                f"{error.strerror}: set TMPDIR to a folder with room for it"
            ) from None
        self._fresh = []
        self._held = 0

    def _written(self, tellings: list[Telling]) -> _Run:
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="andon-sort-")  # noqa: SIM115 it lives as long as we do
        start = self._file.tell()
        for telling in tellings:
            self._file.write(orjson.dumps(tuple(telling)) + b"\n")
        self._file.flush()
        return _Run(self._file, start, self._file.tell())


class _Run:
    """A sorted piece of the file, read from its front."""

    def __init__(self, file: IO[bytes], start: int, end: int) -> None:
        self._tellings = _read_run(file, start, end)
        self.head = next(self._tellings, None)

    def before(self, horizon: datetime | None) -> Iterator[Telling]:
        while self.head is not None and (horizon is None or self.head.arrival < horizon):
            telling, self.head = self.head, next(self._tellings, None)
            yield telling


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
