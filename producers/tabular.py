"""A history in CSV files as the events it tells, in the order of their arrival.

One row is one part (or one visit of it). Each station that measured anything gives a measurement
at the row's time plus the station's offset; the result follows at the row's time plus its delay.
Events merge by (arrival, row, station's place in the map), a result after its row's stations; the
rows themselves count in the order of their times, those of one time in the order of the files. So
the same history gives the same sequence, however its rows were shuffled.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from producers.cells import BadCell, Clock, Moment, NaiveTime
from producers.map import TableMap
from producers.mistakes import shown
from producers.rows import Row, read_rows
from producers.translation import Arrival, BadRow, OnBad, TableFile, TableStats, Translator
from stream.errors import ConfigError
from stream.events import Event

__all__ = ["BadRow", "TableReader", "TableStats", "read_table"]

# The cells that a chunk may hold: a file of 600 columns gets shorter chunks than one of 20.
_CELLS = 500_000

Progress = Callable[[int, int], None]


class _Chunk(NamedTuple):
    """Some rows of one file, their moments, and the earliest of these."""

    file: TableFile
    rows: list[Row]
    moments: list[Moment | None]

    def earliest(self) -> datetime | None:
        return min((moment.at for moment in self.moments if moment is not None), default=None)


def read_table(
    paths: Sequence[Path] | Path,
    table_map: TableMap,
    *,
    chunk_rows: int = 5000,
    on_bad: OnBad | None = None,
    progress: Progress | None = None,
) -> TableReader:
    """The events of one or more CSV files, plain or gzipped, as ``table_map`` reads them.

    An empty cell, or one that the map lists as ``missing``, is null: the station reported no
    reading. A station whose cells are all empty in a row was not visited and gives no event. A
    cell that cannot be read is null too, is counted, and goes to ``on_bad`` with its reason; so
    does, whole, a row without part, line or time, or with another number of cells than the
    header has. A row with a result that is empty or rejected gives its measurements alone.

    Files are taken in the order given, their rows numbered on. Rows need not be in the order of
    time: a first pass reads the times alone, so that the second can hold back each event until no
    earlier one can follow. In memory are one chunk of at most ``chunk_rows`` rows, the results
    still to come and the rows that stand too early in the files: the whole history if the files
    are shuffled. The chunk's size changes no event. ``progress`` hears, after each chunk, the
    bytes read and the bytes to read, both passes counted.

    Raises `ConfigError` at once for a file that cannot be read or does not fit the map, and at the
    first event for a time that needs a zone or a file that is damaged.
    """
    files = [paths] if isinstance(paths, Path) else list(paths)
    if not files:
        raise ConfigError("no file to read: name at least one CSV file")
    if chunk_rows < 1:
        raise ConfigError(f"chunk_rows = {chunk_rows}: it must be at least 1")
    return TableReader(files, table_map, chunk_rows, on_bad, progress)


class TableReader(Iterator[Event]):
    """An iterator of events that knows what became of every row; made by `read_table`.

    Parameters
    ----------
    paths, table_map, chunk_rows, on_bad, progress
        As in `read_table`.

    Attributes
    ----------
    stats : TableStats
        Complete once the iterator has ended.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> table = TableMap.model_validate({
    ...     "line": "A", "part": {"column": "serial"},
    ...     "time": {"column": "at", "zone": "Asia/Seoul"},
    ...     "result": {"column": "bad", "fail": [1], "pass": [0], "delay": "1h"},
    ...     "station": [{"name": "melt", "features": ["temp", "volume"]},
    ...                 {"name": "shot", "features": ["speed"], "offset": "20s"}]})
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "shots.csv")
    ...     _ = path.write_text("serial,at,temp,volume,speed,bad\\n7,2026-01-05T09:00,731,,110,0")
    ...     reader = read_table(path, table)
    ...     for event in reader:
    ...         print(event.at.isoformat(), event.type, getattr(event, "values", "-"))
    2026-01-05T00:00:00+00:00 measurement {'temp': 731.0, 'volume': None}
    2026-01-05T00:00:20+00:00 measurement {'speed': 110.0}
    2026-01-05T01:00:00+00:00 result -
    >>> reader.stats.rows, reader.stats.events
    (1, 3)
    """

    def __init__(
        self,
        paths: Sequence[Path],
        table_map: TableMap,
        chunk_rows: int,
        on_bad: OnBad | None,
        progress: Progress | None,
    ) -> None:
        self._clock = Clock(table_map.time)
        self._translator = Translator(table_map, self._clock, on_bad)
        self.stats: TableStats = self._translator.stats
        self._chunk_rows = chunk_rows
        self._progress = progress
        self._files = [TableFile(path, table_map) for path in paths]
        self._events = self._merge()

    def __next__(self) -> Event:
        return next(self._events)

    def _merge(self) -> Iterator[Event]:
        expected = [chunk.earliest() for chunk in self._chunks(first_pass=True)]
        horizons = _earliest_after(expected)
        waiting: list[Arrival] = []
        order = number = 0
        for number, chunk in enumerate(self._chunks(first_pass=False)):
            if number >= len(expected) or chunk.earliest() != expected[number]:
                raise _changed(chunk.file)
            for row, moment in zip(chunk.rows, chunk.moments, strict=True):
                order += 1
                for arrival in self._translator.tell(chunk.file, row, order, moment):
                    heapq.heappush(waiting, arrival)
            horizon = horizons[number]
            # Offsets and delays are not negative: no later row gives an event before the horizon,
            # and what it gives at the horizon comes after the rows that are already here.
            while waiting and (horizon is None or waiting[0][0] <= horizon):
                yield heapq.heappop(waiting)[-1]
        if number < len(expected) - 1:
            raise _changed(self._files[-1])

    def _chunks(self, *, first_pass: bool) -> Iterator[_Chunk]:
        total = sum(file.size for file in self._files)
        done = 0 if first_pass else total
        for file in self._files:

            def report(position: int, before: int = done) -> None:
                if self._progress is not None:
                    self._progress(before + position, 2 * total)

            width = file.layout.width
            size = max(1, min(self._chunk_rows, _CELLS // width))
            for rows in read_rows(file.path, width, size, report):
                yield _Chunk(file, rows, [self._moment(file, row) for row in rows])
            done += file.size

    def _moment(self, file: TableFile, row: Row) -> Moment | None:
        if row.fault is not None:
            return None
        cell = row.cells[file.layout.time]
        try:
            return self._clock.read(cell)
        except NaiveTime:
            raise ConfigError(
                f"{file.path}: row {row.number}, column {file.header[file.layout.time]!r}: the "
                f"time {shown(cell)} carries no zone: set time.zone in the map to an IANA name "
                f'such as "Europe/Berlin" or "UTC"'
            ) from None
        except BadCell:
            return None


def _changed(file: TableFile) -> ConfigError:
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
