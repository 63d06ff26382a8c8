"""The feature catalogue: a part's readings become cells, and its cells a model's input.

Missing is kept apart in four facts: *dropped* (the station reported null, or a value of another
kind than the feature's), *not reached* (the station still lies ahead), *skipped* (a later station
has reported, this one never will), *saturated* (pinned at the sensor's observed limit).

`FeatureCatalogue.encode` only reads the catalogue and `FeatureCatalogue.observe` learns from it,
so that a part is scored before its own values have moved the scale that it is measured on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from models.columns import Columns, Input, Plan, Station
from models.kinds import Kind, Value, kind_of
from models.part_row import (
    DROPPED,
    EMPTY,
    MEASURED,
    SATURATED,
    CellCounts,
    Floats,
    PartRow,
)
from models.reading import (
    NO_COLUMNS,
    NO_VALUES,
    UNKNOWN,
    Reading,
    observe_reading,
    write_cells,
)
from models.routes import Routes
from models.scale import Ints, Scale

# Comparing an array with an enum's member is slow.
_CATEGORICAL = int(Kind.CATEGORICAL)
Z_LIMIT = 5.0


class FeatureCatalogue:
    """What a line's stations and features are, and what their values usually are.

    Parameters
    ----------
    max_features, max_stations
        Values of features and stations beyond this many are left out.

    Examples
    --------
    >>> catalogue = FeatureCatalogue()
    >>> for i in range(60):
    ...     reading = {"torque": float(i % 7), "mold": "8722" if i % 2 else "8412"}
    ...     row, _ = catalogue.encode(PartRow(), "press", float(i), reading)
    ...     _ = catalogue.observe(row, "press", reading)
    ...     catalogue.close(row)
    >>> sorted(catalogue.vector(row))
    ['press.mold=8722', 'press.torque']
    >>> catalogue.counts(row)
    CellCounts(measured=2, dropped=0, saturated=0, not_reached=0, skipped=0)
    """

    def __init__(self, max_features: int = 20_000, max_stations: int = 1_000) -> None:
        self.columns = Columns(max_features, max_stations)
        self.routes = Routes()
        self.scale = Scale()
        self._drop_rate: Floats = np.empty(0)
        self._take()

    def __len__(self) -> int:
        return len(self.columns)

    # -- a part's cells ------------------------------------------------------------------------

    def encode(
        self, row: PartRow, station: str, at: float, values: Mapping[str, Value]
    ) -> tuple[PartRow, tuple[str, ...]]:
        """``row`` with one station's reading written into it, and the features of a wrong kind.

        A second reading of the same station replaces the first. Features whose kind is not
        settled yet leave no trace.
        """
        reading = self.prepare(row, station, at, values)
        if reading.station != UNKNOWN:
            self.write(reading)
        return reading.row, reading.wrong

    def plan(self, station: str, values: Mapping[str, Value]) -> Plan | None:
        """How a reading is read; None if its station or one of its names is unknown yet.

        One of only numbers is good for ever, another until something is learnt.
        """
        known = self.columns.stations.get(station)
        return None if known is None else self.columns.plan(known, values)

    def prepare(
        self,
        row: PartRow,
        station: str,
        at: float,
        values: Mapping[str, Value],
        plan: Plan | None = None,
        numbers: Floats | None = None,
    ) -> Reading:
        """A reading in numbers, its time in the row already, its cells still to be written.

        ``plan`` is what `plan` answers, and ``numbers`` are the plan's, if somebody has asked.
        """
        table = self.columns
        known = table.stations.get(station)
        if known is None:
            return Reading(row, UNKNOWN, NO_COLUMNS, NO_VALUES)
        if len(row.x) < len(table.origin) or len(row.visited_at) < len(table.stations):
            row = self.grown(row)
        number, visited_at = known.number, row.visited_at
        before = visited_at.item(number)
        if before == before:  # NaN: never
            again = table.station_of == number
            row.state[again], row.x[again] = EMPTY, 0.0
            row.belief = None
        visited_at[number] = at
        if plan is None and (plan := table.plan(known, values)) is not None:
            numbers = plan.numbers(values)
        if plan is None or numbers is None:
            columns, x, wrong = self._codes(known, values)
            return Reading(row, number, columns, x, wrong)
        # Without the detour of a constructor written in Python.
        return tuple.__new__(Reading, (row, number, plan.columns, numbers, ()))

    def write(self, reading: Reading) -> None:
        """Write a reading's cells into its row."""
        row = reading.row
        write_cells(
            reading.columns, reading.x, self.columns.kind, self.scale.figures, row.x, row.state
        )

    def _codes(
        self, station: Station, values: Mapping[str, Value]
    ) -> tuple[Ints, Floats, tuple[str, ...]]:
        """Columns and numbers of a message that must be looked at value by value."""
        table = self.columns
        columns: list[int] = []
        x: list[float] = []
        wrong = []
        for name, value in values.items():
            column = station.columns.get(name)
            kind = None if column is None else table.settled.get(column)
            if column is None or kind is None:
                continue
            columns.append(column)
            if value is None:
                x.append(math.nan)
            elif kind_of(value) is not kind:
                x.append(math.nan)
                wrong.append(name)
            elif isinstance(value, str):
                x.append(table.categories[column].code(value))
            else:
                x.append(value)
        return np.array(columns, np.int64), np.array(x, np.float64), tuple(sorted(wrong))

    def observe(
        self, row: PartRow, station: str, values: Mapping[str, Value], plan: Plan | None = None
    ) -> bool:
        """Learn from one encoded reading: features, kinds, categories, gaps, scale, routes.

        ``plan`` is what `plan` answers, if somebody has asked. Answers whether stations or features
        have appeared.
        """
        settled, appeared = self.meet(station, values, plan)
        known = self.columns.stations.get(station)
        if known is not None:
            observe_reading(
                settled, known.number, row.x, row.state, row.visited_at,
                self.columns.kind, self.scale.figures, *self.learnt_into,
            )  # fmt: skip
        return appeared

    def meet(
        self, station: str, values: Mapping[str, Value], plan: Plan | None = None
    ) -> tuple[Ints, bool]:
        """What of `observe` concerns names: features, kinds and categories are met.

        Answers the columns whose cells are to be learnt from, and whether stations or features
        have appeared.
        """
        if plan is None:
            plan = self.plan(station, values)
        if plan is not None and plan.only_numbers:
            return plan.columns, False
        return self.columns.learn(station, values), self._grow()

    def close(self, row: PartRow) -> None:
        """A part's journey has ended."""
        self.routes.close(self.grown(row).visited_at)

    def state(self) -> dict[str, Any]:
        """Everything, as plain values and arrays."""
        return {
            "columns": self.columns.state(),
            "routes": self.routes.state(),
            "scale": self.scale.state(),
            "drop_rate": self._drop_rate,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`; for a fresh catalogue."""
        self.columns.restore(state["columns"])
        self.routes.restore(state["routes"])
        self.scale.restore(state["scale"])
        self._drop_rate = state["drop_rate"]
        self._take()

    def _take(self) -> None:
        # What a kernel learns a reading into, behind its columns, cells, kinds and their scale.
        self.learnt_into = (self._drop_rate, self.scale.beginning, self.routes.before)

    def _grow(self) -> bool:
        table = self.columns
        more = len(table.origin) - len(self._drop_rate)
        if not more and len(table.stations) == len(self.routes.visit_rate):
            return False
        self._drop_rate = np.concatenate([self._drop_rate, np.zeros(more)])
        self.scale.grow(len(table))
        self.routes.grow(len(table.stations))
        self._take()
        return True

    def grown(self, row: PartRow) -> PartRow:
        """The row with room for all that the catalogue knows by now."""
        table = self.columns
        return row.grown(len(table.origin), len(table.stations))

    # -- what a model sees ---------------------------------------------------------------------

    def vector(self, row: PartRow) -> dict[str, float]:
        """The part as a model's input: every value finite, standardised or a centred indicator.

        ``station.feature`` is a number in recent standard deviations, within +-5;
        ``station.feature=name`` a category; ``station.feature?`` says dropped,
        ``station.feature!`` saturated, ``station?`` skipped, each less its recent rate. What is
        not reached is absent: neither evidence for nor against.
        """
        row, table = self.grown(row), self.columns
        x, state = row.x, row.state
        measured = (state == MEASURED) | (state == SATURATED)
        numeric = np.flatnonzero(measured & (table.kind != _CATEGORICAL))
        z = self.scale.standardise(numeric, x[numeric], Z_LIMIT)
        vector: dict[str, float] = dict(zip(table.keys[numeric].tolist(), z.tolist(), strict=True))
        for column in table.categories:
            if measured[column]:
                name = table.category_key(column, x[column])
                if name is not None:
                    vector[name] = 1.0
        rate = self._drop_rate
        gaps = np.flatnonzero((state != EMPTY) & (rate > 0.001) & (rate < 0.999))
        dropped = (state[gaps] == DROPPED) - rate[gaps]
        vector.update(zip(table.gap_keys[gaps].tolist(), dropped.tolist(), strict=True))
        for column in np.flatnonzero(state == SATURATED).tolist():
            vector[f"{table.keys[column]}!"] = 1.0
        self._add_skipped(row, vector)
        return vector

    def _add_skipped(self, row: PartRow, vector: dict[str, float]) -> None:
        rate = 1.0 - self.routes.visit_rate
        sometimes = np.flatnonzero((rate > 0.01) & (rate < 0.99))
        if not len(sometimes):
            return
        skipped = self.routes.skipped(row.visited_at)
        known = sometimes[(skipped | ~np.isnan(row.visited_at))[sometimes]]
        passed = skipped[known] - rate[known]
        names = [self.columns.station_keys[number] for number in known.tolist()]
        vector.update(zip(names, passed.tolist(), strict=True))

    def origins(self, row: PartRow) -> dict[str, Input]:
        """What each input of the part's `vector` speaks of."""
        row, table = self.grown(row), self.columns
        names = zip(table.station_keys, table.stations, strict=True)
        origins = {key: Input(name, "", None) for key, name in names}
        for column in np.flatnonzero(row.state != EMPTY).tolist():
            key, origin = str(table.keys[column]), table.origin[column]
            origins[key] = origins[f"{key}?"] = origins[f"{key}!"] = origin
            if column in table.categories:
                name = table.category_key(column, row.x[column])
                if name is not None:
                    origins[name] = origin
        return origins

    def reading(self, row: PartRow, column: int) -> tuple[Value, float | None, float | None]:
        """A cell's value, its feature's recent mean and the distance in spreads, where known."""
        if row.state[column] == DROPPED:
            return None, None, None
        x, kind = float(row.x[column]), self.columns.kind[column]
        if kind == Kind.CATEGORICAL:
            return self.columns.categories[column].name(int(x)), None, None
        value = bool(x) if kind == Kind.BOOLEAN else x
        return value, float(self.scale.mean[column]), self.scale.distance(column, x)

    def usual(self, column: int) -> tuple[float | None, float | None]:
        """A feature's recent mean and spread, None for a category or before there is one."""
        if self.columns.kind[column] == Kind.CATEGORICAL or not self.scale.count[column] > 0.0:
            return None, None
        mean, spread = self.scale.mean[column], self.scale.spread(slice(column, column + 1))[0]
        return float(mean), float(spread)

    def counts(self, row: PartRow) -> CellCounts:
        """The part's cells by what is known of them."""
        row, table = self.grown(row), self.columns
        state = row.state
        visited = ~np.isnan(row.visited_at)
        passed = self.routes.skipped(row.visited_at)
        empty = (table.kind != Kind.UNSETTLED) & (state == EMPTY)
        ahead = empty & ~(visited | passed)[table.station_of]
        return CellCounts(
            measured=int(((state == MEASURED) | (state == SATURATED)).sum()),
            dropped=int((state == DROPPED).sum()),
            saturated=int((state == SATURATED).sum()),
            not_reached=int(ahead.sum()),
            skipped=int((empty & ~ahead).sum()),
        )
