"""One part of a Bosch-shaped history, its rows joined, as the events it tells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from producers.bad_rows import BadRow, OnBad, printable
from producers.bosch_layout import BoschColumn, BoschFile, Side
from producers.bosch_map import BoschMap
from producers.cells import BadCell, Outcomes, Value, read_number
from producers.counted_time import CountingClock
from producers.spill import Telling

StationKey = tuple[int, int]


@dataclass
class BoschStats:
    """What became of every row and part, so far.

    ``rows`` counts the rows of all files, ``parts`` those that they make up when joined;
    ``incomplete`` of these are lacking in a file, ``undated`` have no date at all, so that nothing
    can be told of them. ``results + without_result`` are the parts with a date. ``undated_cells``
    are values of stations without a date, ``bad_cells`` those that could not be read.
    """

    rows: int = 0
    bad_rows: int = 0
    parts: int = 0
    incomplete: int = 0
    undated: int = 0
    measurements: int = 0
    results: int = 0
    without_result: int = 0
    undated_cells: int = 0
    bad_cells: int = 0

    @property
    def events(self) -> int:
        """Measurements and results together."""
        return self.measurements + self.results


class Cells(NamedTuple):
    """The cells of one row that are not empty, by their columns."""

    file: BoschFile
    number: int
    found: dict[int, str]


class BoschParts:
    """Tells parts, and keeps the account in `stats`; see `producers.bosch` for the rules."""

    def __init__(self, table: BoschMap, sides: Sequence[Side], on_bad: OnBad | None) -> None:
        self.stats = BoschStats()
        self._table = table
        self._clock = CountingClock(table.time)
        self._outcomes = Outcomes(table.result) if table.result else None
        self._on_bad = on_bad
        # Which side has which feature.
        self._measured = {
            (_key(column), column.number): number
            for number, side in enumerate(sides)
            for column, _ in side.layout.features.values()
        }
        stations = {key for key, _ in self._measured}
        self._places = {key: place for place, key in enumerate(sorted(stations))}

    def tell(self, part: str, rows: Sequence[Cells | None], order: int) -> Iterator[Telling]:
        """What the part, number ``order`` in the files, tells; a row for each side, or None."""
        stats = self.stats
        stats.parts += 1
        stats.incomplete += None in rows
        here = [row for row in rows if row is not None]
        visits = self._visits(rows)
        latest: dict[StationKey, float] = {}
        for row in here:
            self._date(row, rows, visits, latest)
        times = self._times(here, latest)
        if not times:
            stats.undated += 1
            self._refuse(here[0], None, part, "no file has a date of this part")
            return
        for key, values in visits.items():
            at = times.get(key)
            if at is not None:
                stats.measurements += 1
                name = f"L{key[0]}_S{key[1]}"
                measured = {f"F{number}": values[number] for number in sorted(values)}
                said: list[Any] = [self._table.line, part, name, measured]
                yield Telling(at, at, order, self._places[key], said)
            else:
                self._refuse_undated(here, key)
        yield from self._result(part, here, max(times.values()), order)

    def _visits(self, rows: Sequence[Cells | None]) -> dict[StationKey, dict[int, Value | None]]:
        visits: dict[StationKey, dict[int, Value | None]] = {}
        for row in rows:
            if row is None:
                continue
            features = row.file.layout.features
            for at, cell in row.found.items():
                found = features.get(at)
                if found is None:
                    continue
                column, read = found
                value: Value | None = None
                try:
                    value = read(cell)
                except BadCell as bad:
                    self._refuse_cell(row, at, str(bad))
                visits.setdefault(_key(column), {})[column.number] = value
        return visits

    def _date(
        self,
        row: Cells,
        rows: Sequence[Cells | None],
        visits: dict[StationKey, dict[int, Value | None]],
        latest: dict[StationKey, float],
    ) -> None:
        """Find each station's latest date, and which dated features have no value."""
        dates = row.file.layout.dates
        if not dates:
            return
        for at, cell in row.found.items():
            column = dates.get(at)
            if column is None:
                continue
            key = column[:2]
            try:
                date = read_number(cell)
            except BadCell as bad:
                self._refuse_cell(row, at, str(bad))
                continue
            if date > latest.get(key, -float("inf")):
                latest[key] = date
            side = self._measured.get((key, column.number))
            if side is not None and rows[side] is not None:
                visits.setdefault(key, {}).setdefault(column.number, None)

    def _times(
        self, here: Sequence[Cells], latest: dict[StationKey, float]
    ) -> dict[StationKey, datetime]:
        times = {}
        for key, date in latest.items():
            try:
                at = self._clock.read(repr(date)).at
                _ = at + (self._table.result.delay if self._table.result else at - at)
            except (BadCell, OverflowError):
                dated = next(row for row in here if row.file.layout.dates)
                self._refuse(dated, None, repr(date), "a date outside the years 1 to 9999")
                self.stats.bad_cells += 1
            else:
                times[key] = at
        return times

    def _result(
        self, part: str, here: Sequence[Cells], last: datetime, order: int
    ) -> Iterator[Telling]:
        result = self._table.result
        for row in here:
            at = row.file.layout.result
            if at is None or at not in row.found or self._outcomes is None or result is None:
                continue
            try:
                outcome = self._outcomes.read(row.found[at])
            except BadCell as bad:
                self._refuse_cell(row, at, str(bad))
                break
            arrival = last + result.delay
            self.stats.results += 1
            said = [self._table.line, part, None, outcome]
            yield Telling(arrival, last, order, len(self._places), said)
            return
        self.stats.without_result += 1

    def _refuse_undated(self, here: Sequence[Cells], key: StationKey) -> None:
        for row in here:
            for at, cell in row.found.items():
                found = row.file.layout.features.get(at)
                if found is not None and _key(found[0]) == key:
                    self.stats.undated_cells += 1
                    self._refuse(row, at, cell, "its station has no date")

    def _refuse_cell(self, row: Cells, at: int, reason: str) -> None:
        self.stats.bad_cells += 1
        self._refuse(row, at, row.found[at], reason)

    def refuse_row(self, file: BoschFile, number: int, value: str, reason: str) -> None:
        """Count and report a row that is no part's."""
        self.stats.bad_rows += 1
        if self._on_bad is not None:
            self._on_bad(BadRow(file.path, number, None, printable(value), reason))

    def _refuse(self, row: Cells, at: int | None, value: str, reason: str) -> None:
        if self._on_bad is not None:
            column = None if at is None else row.file.header[at]
            self._on_bad(BadRow(row.file.path, row.number, column, printable(value), reason))


def _key(column: BoschColumn) -> StationKey:
    return column[:2]
