"""A history of single readings as the events it tells, in the order of their arrival.

Readings of one part at one station with one time are one measurement, wherever they stand in the
files. Events merge by (arrival, time, first row of the part at that time, station's place in the
map), so that a table which was melted from a wide one tells the same, event for event.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

from producers.bad_rows import BadRow, OnBad, printable
from producers.cells import BadCell, Moment, Outcomes, Value, read_name
from producers.counted_time import ReadsTime, clock_of
from producers.long_layout import Catalogue, LongLayout, bind_long
from producers.long_map import LongMap
from producers.rows import Row
from producers.spill import Telling
from producers.table_file import TableFile
from producers.translation import event_of
from producers.two_passes import Progress, TwoPasses
from stream.errors import ConfigError
from stream.events import Event

LongFile = TableFile[LongLayout]

# A result comes after every station of its moment.
_RESULT_PLACE = 1 << 30


@dataclass
class LongStats:
    """What became of every row, so far.

    ``rows = bad_rows + unmapped + readings + repeated + results + without_result``. ``repeated``
    readings say again, or otherwise, what one of the same part, station, time and feature said:
    the last one counts. ``bad_cells`` counts cells that were given as null or cost a row its
    result, ``not_visited`` moments at which all readings of a station were empty.
    """

    rows: int = 0
    bad_rows: int = 0
    unmapped: int = 0
    readings: int = 0
    repeated: int = 0
    measurements: int = 0
    not_visited: int = 0
    results: int = 0
    without_result: int = 0
    bad_cells: int = 0
    doubtful_times: int = 0

    @property
    def events(self) -> int:
        """Measurements and results together."""
        return self.measurements + self.results


def read_long(
    paths: Sequence[Path] | Path,
    table_map: LongMap,
    *,
    chunk_rows: int = 5000,
    on_bad: OnBad | None = None,
    progress: Progress | None = None,
) -> LongReader:
    """The events of long tables, CSV or Parquet, as ``table_map`` reads them.

    An empty value is null; a station all of whose readings of a part at a moment are empty was not
    visited. A value that cannot be read is null too, is counted, and goes to ``on_bad``; so does,
    whole, a row without part, line or time, and one of a station or feature that the map does not
    name, unless the map says to leave those out.

    In memory are one chunk, the readings of one moment, and about 60 MB of what stands too early
    in the files; the rest waits in a temporary file. Order, ``progress`` and errors are as in
    `producers.tabular.read_table`.
    """
    files = [paths] if isinstance(paths, Path) else list(paths)
    if not files:
        raise ConfigError("no file to read: name at least one CSV or Parquet file")
    return LongReader(files, table_map, chunk_rows, on_bad, progress)


class LongReader(Iterator[Event]):
    """An iterator of events that knows what became of every row; made by `read_long`.

    Attributes
    ----------
    stats : LongStats
        Complete once the iterator has ended.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> table = LongMap.model_validate({
    ...     "format": "long", "line": "A", "part": {"column": "id"},
    ...     "time": {"column": "at", "zone": "UTC"},
    ...     "reading": {"station": "where", "feature": "what", "value": "value"},
    ...     "result": {"feature": "ok", "fail": ["n"], "pass": ["y"]},
    ...     "station": [{"name": "*"}]})
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "readings.csv")
    ...     _ = path.write_text("id,at,where,what,value\\n7,2026-01-05T09:00,melt,temp,731\\n"
    ...                         "7,2026-01-05T10:00,test,ok,y\\n7,2026-01-05T09:00,melt,volume,")
    ...     for event in read_long(path, table):
    ...         print(event.at.isoformat(), event.type, getattr(event, "values", "-"))
    2026-01-05T09:00:00+00:00 measurement {'temp': 731.0, 'volume': None}
    2026-01-05T10:00:00+00:00 result -
    """

    def __init__(
        self,
        paths: Sequence[Path],
        table_map: LongMap,
        chunk_rows: int,
        on_bad: OnBad | None,
        progress: Progress | None,
    ) -> None:
        files: list[LongFile] = [
            TableFile(path, lambda header, name: bind_long(table_map, header, name))
            for path in paths
        ]
        clock = clock_of(table_map.time)
        self._rows = _Rows(table_map, clock, on_bad)
        self._test = table_map.result.test if table_map.result else None
        self.stats = self._rows.stats
        self._told = self._gathered(
            TwoPasses(
                files,
                clock,
                time_of=lambda layout: layout.time,
                columns_of=lambda layout: layout.columns(),
                tell=self._rows.tell,
                chunk_rows=chunk_rows,
                progress=progress,
            )
        )

    def __next__(self) -> Event:
        return next(self._told)

    def _gathered(self, tellings: Iterable[Telling]) -> Iterator[Event]:
        for _, moment in groupby(tellings, key=lambda telling: (telling.arrival, telling.time)):
            for telling in gather(moment, self.stats):
                yield event_of(telling, self._test)


class _Rows:
    """Tells each row as one reading or one result, and keeps the account."""

    def __init__(self, table: LongMap, clock: ReadsTime, on_bad: OnBad | None) -> None:
        self.stats = LongStats()
        self._line = table.line
        self._clock = clock
        self._on_bad = on_bad
        self._catalogue = Catalogue(table)
        self._leave_out = table.unmapped == "ignore"
        self._outcomes = Outcomes(table.result) if table.result else None
        self._result_feature = table.result.feature if table.result else None
        self._delay = table.result.delay if table.result else timedelta(0)
        # Readings of one part often follow one another: its name is checked once.
        self._last_part: str | None = None
        self._empty = frozenset({"", *(text.strip() for text in table.missing)})

    def tell(
        self, file: LongFile, row: Row, order: int, moment: Moment | None
    ) -> tuple[Telling, ...]:
        stats, layout, cells = self.stats, file.layout, row.cells
        stats.rows += 1
        if row.fault is not None:
            self._refuse(file, row, None, ",".join(cells[:8]), row.fault)
            return ()
        index, line = layout.time, self._line or ""
        try:
            at, doubtful = moment or self._clock.read(self._present(cells[index]))
            if layout.line is not None:
                index = layout.line
                line = read_name(self._present(cells[index]))
            index = layout.part
            part = cells[index]
            if part != self._last_part:
                self._last_part = part = read_name(self._present(part))
        except BadCell as bad:
            reason = f"column {file.header[index]!r}: {bad}"
            self._refuse(file, row, None, cells[index], reason)
            return ()
        stats.doubtful_times += doubtful
        try:
            if layout.result is not None:
                return self._result(
                    file, row, layout.result, Telling(at, at, order, 0, [line, part])
                )
            return self._reading(file, row, Telling(at, at, order, 0, [line, part]))
        except OverflowError:
            reason = f"column {file.header[layout.time]!r}: too late for its offset"
            self._refuse(file, row, None, cells[layout.time], reason)
            return ()

    def _reading(self, file: LongFile, row: Row, who: Telling) -> tuple[Telling, ...]:
        layout, cells, stats = file.layout, row.cells, self.stats
        station, feature = cells[layout.station], cells[layout.feature]
        index = layout.values[0]
        if len(layout.values) > 1:
            index = next((i for i in layout.values if cells[i] not in self._empty), index)
        if feature == self._result_feature:
            return self._result(file, row, index, who)
        try:
            found = self._catalogue.find(station, feature)
        except BadCell as bad:
            self._refuse(file, row, None, f"{station},{feature}", str(bad))
            return ()
        if found is None:
            if self._leave_out:
                stats.unmapped += 1
            else:
                reason = "the map names no such feature of such a station"
                self._refuse(file, row, None, f"{station},{feature}", reason)
            return ()
        value: Value | None = None
        cell = cells[index]
        present = cell not in self._empty
        if present:
            try:
                value = found.read(cell)
            except BadCell as bad:
                self._refuse(file, row, index, cell, str(bad))
        arrival = who.time + found.offset
        stats.readings += 1
        said = [*who.said, station, found.rank, feature, value, present]
        return (Telling(arrival, who.time, who.order, found.place, said),)

    def _result(self, file: LongFile, row: Row, index: int, who: Telling) -> tuple[Telling, ...]:
        cell = row.cells[index]
        if self._outcomes is not None and cell not in self._empty:
            try:
                outcome = self._outcomes.read(cell)
            except BadCell as bad:
                self._refuse(file, row, index, cell, str(bad))
            else:
                arrival = who.time + self._delay
                self.stats.results += 1
                said = [*who.said, None, outcome]
                return (Telling(arrival, who.time, who.order, _RESULT_PLACE, said),)
        self.stats.without_result += 1
        return ()

    def _present(self, cell: str) -> str:
        return "" if cell in self._empty else cell

    def _refuse(self, file: LongFile, row: Row, index: int | None, value: str, reason: str) -> None:
        if index is None:
            self.stats.bad_rows += 1
        else:
            self.stats.bad_cells += 1
        if self._on_bad is not None:
            column = None if index is None else file.header[index]
            self._on_bad(BadRow(file.path, row.number, column, printable(value), reason))


def gather(moment: Iterable[Telling], stats: LongStats) -> Iterator[Telling]:
    """The measurements and results of one moment, from its readings in the order of their rows."""
    first: dict[tuple[str, str], int] = {}
    visits: dict[tuple[str, str, int, str], list[Telling]] = {}
    whole: list[Telling] = []
    for telling in moment:
        line, part, station = telling.said[:3]
        order = first.setdefault((line, part), telling.order)
        if station is None:
            whole.append(telling._replace(order=order))
        else:
            visits.setdefault((line, part, telling.place, station), []).append(telling)
    for (line, part, place, station), readings in visits.items():
        values: dict[str, Any] = {}
        # As the map orders them; what one pattern covers, as the files do.
        for reading in sorted(readings, key=lambda reading: (reading.said[3], reading.order)):
            values[reading.said[4]] = reading.said[5]
        stats.repeated += len(readings) - len(values)
        stats.readings -= len(readings) - len(values)
        if not any(reading.said[6] for reading in readings):
            stats.not_visited += 1
            continue
        stats.measurements += 1
        said = [line, part, station, values]
        whole.append(readings[0]._replace(order=first[line, part], place=place, said=said))
    whole.sort(key=lambda telling: (telling.order, telling.place, telling.said[2] or ""))
    yield from whole
