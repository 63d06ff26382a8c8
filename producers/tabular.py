"""A history in wide tables as the events it tells, in the order of their arrival.

One row is one part (or one visit of it). Each station that measured anything gives a measurement
at the row's time plus the station's offset; the result follows at the row's time plus its delay.
Events merge by (arrival, row, station's place in the map), a result after its row's stations; the
rows themselves count in the order of their times, those of one time in the order of the files. So
the same history gives the same sequence, however its rows were shuffled, and whether it was saved
as CSV or Parquet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from producers.bad_rows import BadRow, OnBad
from producers.counted_time import clock_of
from producers.layout import bind
from producers.map import TableMap
from producers.table_file import TableFile
from producers.translation import TableStats, Translator, WideFile, event_of
from producers.two_passes import Progress, TwoPasses
from stream.errors import ConfigError
from stream.events import Event

__all__ = ["BadRow", "TableReader", "TableStats", "read_table"]


def read_table(
    paths: Sequence[Path] | Path,
    table_map: TableMap,
    *,
    chunk_rows: int = 5000,
    on_bad: OnBad | None = None,
    progress: Progress | None = None,
) -> TableReader:
    """The events of CSV files, plain or gzipped, and Parquet files, as ``table_map`` reads them.

    An empty cell, or one that the map lists as ``missing``, is null: the station reported no
    reading. A station whose cells are all empty in a row was not visited and gives no event. A
    cell that cannot be read is null too, is counted, and goes to ``on_bad`` with its reason; so
    does, whole, a row without part, line or time, or with another number of cells than the
    header has. A row with a result that is empty or rejected gives its measurements alone.

    Files are taken in the order given, their rows numbered on. Rows need not be in the order of
    time: a first pass reads the times alone, so that the second can hold back each event until no
    earlier one can follow. In memory are one chunk of at most ``chunk_rows`` rows, and about 60 MB
    of results still to come and rows that stand too early in the files; more than that waits in
    a temporary file. The chunk's size changes no event. ``progress`` hears, after each chunk, the
    bytes read and the bytes to read, both passes counted.

    Raises `ConfigError` at once for a file that cannot be read or does not fit the map, and at the
    first event for a time that needs a zone or a file that is damaged.
    """
    files = [paths] if isinstance(paths, Path) else list(paths)
    if not files:
        raise ConfigError("no file to read: name at least one CSV or Parquet file")
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
        files: list[WideFile] = [
            TableFile(path, lambda header, name: bind(table_map, header, name)) for path in paths
        ]
        clock = clock_of(table_map.time)
        translator = Translator(table_map, clock, on_bad)
        self.stats = translator.stats
        self._test = table_map.result.test if table_map.result else None
        self._told = iter(
            TwoPasses(
                files,
                clock,
                time_of=lambda layout: layout.time,
                columns_of=lambda layout: layout.columns(),
                tell=translator.tell,
                chunk_rows=chunk_rows,
                progress=progress,
            )
        )

    def __next__(self) -> Event:
        return event_of(next(self._told), self._test)
