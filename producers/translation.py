"""One row of a wide table as the events it tells, and the account of what could not be told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from producers.bad_rows import BadRow, OnBad, printable
from producers.cells import BadCell, Moment, Outcome, Outcomes, Value, read_delay, read_name
from producers.counted_time import ReadsTime
from producers.layout import Layout, StationColumns
from producers.map import TableMap
from producers.rows import Row
from producers.spill import Telling
from producers.table_file import TableFile
from stream.events import Event, Measurement, Result


@dataclass
class TableStats:
    """What became of every row, so far.

    ``rows - bad_rows`` rows were told. Each has every station of the map, so that these rows x
    stations = ``measurements + not_visited``; and each has a result or none, so that these rows =
    ``results + without_result``. ``bad_cells`` counts cells that were given as null or cost a row
    its result, ``doubtful_times`` local times that happen twice or not at all.
    """

    rows: int = 0
    bad_rows: int = 0
    bad_cells: int = 0
    measurements: int = 0
    not_visited: int = 0
    results: int = 0
    without_result: int = 0
    doubtful_times: int = 0

    @property
    def events(self) -> int:
        """Measurements and results together."""
        return self.measurements + self.results


WideFile = TableFile[Layout]


def event_of(telling: Telling, test: str | None) -> Event:
    """The event that a telling stands for.

    It says [line, part, station, values], or [line, part, None, outcome] of the test ``test``.

    >>> from datetime import UTC
    >>> at = datetime(2026, 1, 5, tzinfo=UTC)
    >>> event_of(Telling(at, at, 1, 2, ["A", "P-1", None, "pass"]), "EOL").outcome
    'pass'
    """
    line, part, station, said = telling.said
    if station is None:
        return Result(line=line, part=part, at=telling.arrival, outcome=said, test=test)
    return Measurement(line=line, part=part, station=station, at=telling.arrival, values=said)


class Translator:
    """Tells rows as what will be events, and keeps the account in `stats`."""

    def __init__(self, table: TableMap, clock: ReadsTime, on_bad: OnBad | None) -> None:
        self.stats = TableStats()
        self._line = table.line
        self._clock = clock
        self._on_bad = on_bad
        self._outcomes = Outcomes(table.result) if table.result else None
        self._delay = (table.result and table.result.delay) or timedelta(0)
        self._last_offset = max(station.offset for station in table.stations)
        self._empty = frozenset({"", *(text.strip() for text in table.missing)})

    def tell(self, file: WideFile, row: Row, order: int, moment: Moment | None) -> list[Telling]:
        """What ``row``, number ``order`` of all files, tells; no ``moment``: it is unreadable."""
        stats, layout = self.stats, file.layout
        stats.rows += 1
        who = self._identify(file, row, order, moment)
        if who is None:
            return []
        line, part, at = who
        told: list[Telling] = []
        for place, station in enumerate(layout.stations):
            values = self._values(file, row, station)
            if values is None:
                stats.not_visited += 1
                continue
            said: list[Any] = [line, part, station.name, values]
            told.append(Telling(at + station.offset, at, order, place, said))
        stats.measurements += len(told)
        result = self._result(file, row, at)
        if result is None:
            stats.without_result += 1
        else:
            stats.results += 1
            arrival, outcome = result
            said = [line, part, None, outcome]
            told.append(Telling(arrival, at, order, len(layout.stations), said))
        return told

    def _identify(
        self, file: WideFile, row: Row, order: int, moment: Moment | None
    ) -> tuple[str, str, datetime] | None:
        layout, cells = file.layout, row.cells
        if row.fault is not None:
            self._refuse_row(file, row, ",".join(cells[:8]), row.fault)
            return None
        line, part, index = self._line or "", str(order), layout.time
        try:
            if layout.line is not None:
                index = layout.line
                line = read_name(self._present(cells[index]))
            if layout.part is not None:
                index = layout.part
                part = read_name(self._present(cells[index]))
            index = layout.time
            at, doubtful = moment or self._clock.read(self._present(cells[index]))
            _ = at + self._last_offset
        except (BadCell, OverflowError) as bad:
            reason = "too late for its offsets" if isinstance(bad, OverflowError) else str(bad)
            reason = f"column {file.header[index]!r}: {reason}"
            self._refuse_row(file, row, cells[index], reason)
            return None
        self.stats.doubtful_times += doubtful
        return line, part, at

    def _present(self, cell: str) -> str:
        return "" if cell in self._empty else cell

    def _values(
        self, file: WideFile, row: Row, station: StationColumns
    ) -> dict[str, Value | None] | None:
        values: dict[str, Value | None] = {}
        visited = False
        cells, empty = row.cells, self._empty
        for name, index, read in station.features:
            cell = cells[index]
            if cell in empty:
                values[name] = None
                continue
            visited = True
            try:
                values[name] = read(cell)
            except BadCell as bad:
                values[name] = None
                self._refuse_cell(file, row, index, str(bad))
        return values if visited else None

    def _result(self, file: WideFile, row: Row, at: datetime) -> tuple[datetime, Outcome] | None:
        layout = file.layout
        if self._outcomes is None or layout.result is None:
            return None
        index = layout.result
        if row.cells[index] in self._empty:
            return None
        try:
            outcome = self._outcomes.read(row.cells[index])
            delay = self._delay
            if layout.delay is not None:
                index = layout.delay
                delay = read_delay(self._present(row.cells[index]))
            return at + delay, outcome
        except BadCell as bad:
            self._refuse_cell(file, row, index, str(bad))
        except OverflowError:
            self._refuse_cell(file, row, index, "the result would come after the year 9999")
        return None

    def _refuse_cell(self, file: WideFile, row: Row, index: int, reason: str) -> None:
        self.stats.bad_cells += 1
        if self._on_bad is not None:
            value = printable(row.cells[index])
            self._on_bad(BadRow(file.path, row.number, file.header[index], value, reason))

    def _refuse_row(self, file: WideFile, row: Row, value: str, reason: str) -> None:
        self.stats.bad_rows += 1
        if self._on_bad is not None:
            self._on_bad(BadRow(file.path, row.number, None, printable(value), reason))
