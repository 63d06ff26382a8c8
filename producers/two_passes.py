"""What the rows of some files tell, in the order of arrival, with bounded memory.

Rows need not be in the order of time: a first pass reads the times alone, so that the second can
hold back each telling until no earlier one can follow. What has to be held back for longer than
memory allows goes to disk and comes back in its order (`producers.spill`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Generic, NamedTuple

from producers.cells import BadCell, Moment, NaiveTime
from producers.counted_time import ReadsTime
from producers.mistakes import shown
from producers.rows import Row
from producers.spill import ExternalSort, Telling
from producers.table_file import L, TableFile
from stream.errors import ConfigError

Progress = Callable[[int, int], None]
Tell = Callable[[TableFile[L], Row, int, Moment | None], Iterable[Telling]]

# The cells that a chunk may hold: a file of 600 columns gets shorter chunks than one of 20.
_CELLS = 500_000


class _Chunk(NamedTuple, Generic[L]):
    """Some rows of one file, their moments, and the earliest of these."""

    file: TableFile[L]
    rows: list[Row]
    moments: list[Moment | None]

    def earliest(self) -> datetime | None:
        return min((moment.at for moment in self.moments if moment is not None), default=None)


class TwoPasses(Generic[L]):
    """Iterates over what ``tell`` makes of every row, sorted.

    ``tell`` is given the file, the row, its number in all files from 1 and its moment, None if
    that is unreadable; what it tells must not arrive before that moment.

    Parameters
    ----------
    files
        The files in their order; rows of one time count in it.
    clock
        Reads the times.
    time_of
        In which column of a file the time lies.
    columns_of
        Which columns of a file are read at all.
    tell
        What a row tells.
    chunk_rows
        At most so many rows are read at a time; it changes nothing that is told.
    progress
        Hears, after each chunk, the bytes read and the bytes to read, both passes counted.
    """

    def __init__(
        self,
        files: Sequence[TableFile[L]],
        clock: ReadsTime,
        *,
        time_of: Callable[[L], int],
        columns_of: Callable[[L], Sequence[int]],
        tell: Tell[L],
        chunk_rows: int,
        progress: Progress | None,
    ) -> None:
        self._files = files
        self._clock = clock
        self._time_of = time_of
        self._columns_of = columns_of
        self._tell = tell
        self._chunk_rows = chunk_rows
        self._progress = progress

    def __iter__(self) -> Iterator[Telling]:
        expected = [chunk.earliest() for chunk in self._chunks(first_pass=True)]
        horizons = _earliest_after(expected)
        waiting = ExternalSort()
        order = read = 0
        for number, chunk in enumerate(self._chunks(first_pass=False)):
            if number >= len(expected) or chunk.earliest() != expected[number]:
                raise _changed(chunk.file)
            for row, moment in zip(chunk.rows, chunk.moments, strict=True):
                order += 1
                for telling in self._tell(chunk.file, row, order, moment):
                    waiting.push(telling)
            read = number + 1
            # No later row tells anything that arrives before the horizon.
            if horizons[number] is not None:
                yield from waiting.pop_before(horizons[number])
        if read < len(expected):
            raise _changed(self._files[-1])
        yield from waiting.pop_before(None)

    def _chunks(self, *, first_pass: bool) -> Iterator[_Chunk[L]]:
        total = sum(file.size for file in self._files)
        done = 0 if first_pass else total
        for file in self._files:

            def report(position: int, before: int = done) -> None:
                if self._progress is not None:
                    self._progress(before + position, 2 * total)

            time = self._time_of(file.layout)
            columns = [time] if first_pass else self._columns_of(file.layout)
            size = max(1, min(self._chunk_rows, _CELLS // len(file.header)))
            for rows in file.rows(size, report, columns):
                yield _Chunk(file, rows, [self._moment(file, row, time) for row in rows])
            done += file.size

    def _moment(self, file: TableFile[L], row: Row, time: int) -> Moment | None:
        if row.fault is not None:
            return None
        cell = row.cells[time]
        try:
            return self._clock.read(cell)
        except NaiveTime:
            raise ConfigError(
                f"{file.path}: row {row.number}, column {file.header[time]!r}: the "
                f"time {shown(cell)} carries no zone: set time.zone in the map to an IANA name "
                f'such as "Europe/Berlin" or "UTC"'
            ) from None
        except BadCell:
            return None


def _changed(file: TableFile[L]) -> ConfigError:
    return ConfigError(
        f"{file.path}: the file changed while it was read: read a copy that nothing writes to"
    )


def _earliest_after(earliest: Sequence[datetime | None]) -> list[datetime | None]:
    """For each chunk the earliest moment in any chunk after it, None where nothing is to come."""
    after: list[datetime | None] = []
    so_far: datetime | None = None
    for low in reversed(earliest):
        after.append(so_far)
        if low is not None and (so_far is None or low < so_far):
            so_far = low
    return after[::-1]
