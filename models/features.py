"""The feature catalogue: what stations and features a line has, and what of a part is known.

Stations, features and categories appear and disappear without a restart or a declared schema.
A feature's kind is fixed by its first 20 non-null values; until then it is not an input, and a
later value of another kind counts as dropped. Missing is kept apart in four facts: *dropped* (the
station reported null), *not reached* (the station still lies ahead), *skipped* (a later station
has reported, this one never will), *saturated* (pinned at the sensor's observed limit).

`FeatureCatalogue.encode` only reads the catalogue and `FeatureCatalogue.observe` learns from it,
so that a part is scored before its own values have moved the scale that it is measured on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.categories import Categories
from models.kinds import Kind, KindVote, kind_of
from models.routes import Routes
from models.scale import Scale

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.uint8]
Value = float | bool | str | None

EMPTY, MEASURED, DROPPED, SATURATED = 0, 1, 2, 3
# Comparing an array with an enum's member is slow.
_CATEGORICAL = int(Kind.CATEGORICAL)
Z_LIMIT = 5.0
_GAP_STEP = 1.0 / 500.0


@dataclass(slots=True)
class PartRow:
    """What is known of one part: a cell per feature, a time per station.

    Attributes
    ----------
    x
        Array (features,): raw value, 0 or 1 for a boolean, a category's number for a name.
    state
        Array (features,): EMPTY, MEASURED, DROPPED or SATURATED.
    visited_at
        Array (stations,): time of the visit in seconds since 1970, NaN if there was none.
    """

    x: Floats = field(default_factory=lambda: np.empty(0))
    state: Codes = field(default_factory=lambda: np.empty(0, np.uint8))
    visited_at: Floats = field(default_factory=lambda: np.empty(0))

    def grown(self, features: int, stations: int) -> PartRow:
        """The row with room for features and stations that have appeared since."""
        more, further = features - len(self.x), stations - len(self.visited_at)
        if more <= 0 and further <= 0:
            return self
        return PartRow(
            np.concatenate([self.x, np.zeros(max(more, 0))]),
            np.concatenate([self.state, np.zeros(max(more, 0), np.uint8)]),
            np.concatenate([self.visited_at, np.full(max(further, 0), np.nan)]),
        )


class Input(NamedTuple):
    """What a model's input speaks of; ``column`` is None for a station that was passed by."""

    station: str
    feature: str
    column: int | None


class CellCounts(NamedTuple):
    """How many cells of a part are measured, and how many are missing for which reason."""

    measured: int
    dropped: int
    saturated: int
    not_reached: int
    skipped: int


class _Station:
    __slots__ = ("columns", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.columns: dict[str, int] = {}


class FeatureCatalogue:
    """The growing table of a line's stations and features.

    Parameters
    ----------
    max_features
        Features beyond this many are left out and counted in ``refused``.

    Examples
    --------
    >>> catalogue = FeatureCatalogue()
    >>> for i in range(60):
    ...     reading = {"torque": float(i % 7), "mold": "8722" if i % 2 else "8412"}
    ...     row, _ = catalogue.encode(PartRow(), "press", float(i), reading)
    ...     catalogue.observe(row, "press", reading)
    ...     catalogue.close(row)
    >>> sorted(catalogue.vector(row))
    ['press.mold=8722', 'press.torque']
    >>> catalogue.counts(row)
    CellCounts(measured=2, dropped=0, saturated=0, not_reached=0, skipped=0)
    """

    def __init__(self, max_features: int = 20_000) -> None:
        self.max_features = max_features
        self.refused = 0
        self.routes = Routes()
        self.scale = Scale()
        self._stations: dict[str, _Station] = {}
        self._station_keys: list[str] = []
        self._origin: list[Input] = []
        self._keys: npt.NDArray[np.object_] = np.empty(0, object)
        self._gap_keys: npt.NDArray[np.object_] = np.empty(0, object)
        self._station_of: npt.NDArray[np.int64] = np.empty(0, np.int64)
        self._kind: Codes = np.empty(0, np.uint8)
        self._settled: dict[int, Kind] = {}
        self._drop_rate: Floats = np.empty(0)
        self._votes: dict[int, KindVote] = {}
        self._categories: dict[int, Categories] = {}

    def __len__(self) -> int:
        return len(self._origin)

    @property
    def stations(self) -> tuple[str, ...]:
        """The stations in the order in which they appeared."""
        return tuple(self._stations)

    # -- a part's cells ------------------------------------------------------------------------

    def encode(
        self, row: PartRow, station: str, at: float, values: Mapping[str, Value]
    ) -> tuple[PartRow, tuple[str, ...]]:
        """``row`` with one station's reading written into it, and the features of a wrong kind.

        A second reading of the same station replaces the first. Features whose kind is not
        settled yet leave no trace.
        """
        known = self._stations.get(station)
        if known is None:
            return row, ()
        row = row.grown(len(self), len(self._stations))
        if not math.isnan(row.visited_at[known.number]):
            row.state[self._station_of == known.number] = EMPTY
        row.visited_at[known.number] = at
        numbers: list[int] = []
        readings: list[float] = []
        wrong = []
        for name, value in values.items():
            column = known.columns.get(name)
            kind = None if column is None else self._settled.get(column)
            if column is None or kind is None:
                continue
            if value is None:
                row.state[column] = DROPPED
            elif kind_of(value) is not kind:
                row.state[column] = DROPPED
                wrong.append(name)
            elif isinstance(value, str):
                row.x[column] = self._categories[column].code(value)
                row.state[column] = MEASURED
            else:
                numbers.append(column)
                readings.append(value)
        columns = np.array(numbers, np.int64)
        x = np.array(readings, np.float64)
        row.x[columns] = x
        row.state[columns] = np.where(self.scale.at_limit(columns, x), SATURATED, MEASURED)
        return row, tuple(sorted(wrong))

    def observe(self, row: PartRow, station: str, values: Mapping[str, Value]) -> None:
        """Learn from one encoded reading: features, kinds, categories, gaps, scale, routes."""
        known = self._stations.get(station)
        if known is None:
            known = self._stations[station] = _Station(len(self._stations))
            self._station_keys.append(f"{_escape(station)}?")
            self.routes.grow(len(self._stations))
        settled = self._learn_names(station, known, values)
        if len(row.visited_at) <= known.number:
            return  # encoded while its station was unknown: nothing of it lies in the row
        self.routes.observe(row.visited_at, known.number)
        mine = np.array(settled, np.int64)
        mine = mine[mine < len(row.state)]
        state = row.state[mine]
        mine, state = mine[state != EMPTY], state[state != EMPTY]
        self._drop_rate[mine] += _GAP_STEP * ((state == DROPPED) - self._drop_rate[mine])
        numeric = mine[(state != DROPPED) & (self._kind[mine] != _CATEGORICAL)]
        self.scale.observe(numeric, row.x[numeric])

    def _learn_names(self, station: str, known: _Station, values: Mapping[str, Value]) -> list[int]:
        """Register what is new; answers the columns of the reading whose kind is settled."""
        fresh = sorted(name for name in values if name not in known.columns)
        if fresh:
            self._add_columns(station, known, fresh)
        settled = []
        for name, value in values.items():
            column = known.columns.get(name)
            if column is None:
                continue
            vote = self._votes.get(column)
            if vote is None:
                settled.append(column)
                if isinstance(value, str) and column in self._categories:
                    self._categories[column].learn(value)
            elif value is not None:
                kind = vote.cast(value)
                if kind != Kind.UNSETTLED:
                    del self._votes[column]
                    self._kind[column] = kind
                    self._settled[column] = kind
                    if kind == Kind.CATEGORICAL:
                        self._categories[column] = Categories()
        return sorted(settled)

    def _add_columns(self, station: str, known: _Station, names: list[str]) -> None:
        room = self.max_features - len(self)
        if len(names) > room:
            self.refused += len(names) - max(room, 0)
            names = names[: max(room, 0)]
        for name in names:
            known.columns[name] = len(self._origin)
            self._votes[len(self._origin)] = KindVote()
            self._origin.append(Input(station, name, len(self._origin)))
        more = len(names)
        keys = [f"{_escape(station)}.{_escape(name)}" for name in names]
        self._keys = np.concatenate([self._keys, np.array(keys, object)])
        gaps = np.array([f"{key}?" for key in keys], object)
        self._gap_keys = np.concatenate([self._gap_keys, gaps])
        self._station_of = np.concatenate([self._station_of, np.full(more, known.number, np.int64)])
        self._kind = np.concatenate([self._kind, np.zeros(more, np.uint8)])
        self._drop_rate = np.concatenate([self._drop_rate, np.zeros(more)])
        self.scale.grow(len(self))

    def close(self, row: PartRow) -> None:
        """A part's journey has ended."""
        self.routes.close(row.visited_at)

    # -- what a model sees ---------------------------------------------------------------------

    def vector(self, row: PartRow) -> dict[str, float]:
        """The part as a model's input: every value finite, standardised or a centred indicator.

        ``station.feature`` is a number in recent standard deviations, within +-5;
        ``station.feature=name`` a category; ``station.feature?`` says dropped,
        ``station.feature!`` saturated, ``station?`` skipped, each less its recent rate. What is
        not reached is absent: neither evidence for nor against.
        """
        row = row.grown(len(self), len(self._stations))
        x, state = row.x, row.state
        measured = (state == MEASURED) | (state == SATURATED)
        numeric = np.flatnonzero(measured & (self._kind != _CATEGORICAL))
        z = self.scale.standardise(numeric, x[numeric], Z_LIMIT)
        vector: dict[str, float] = dict(zip(self._keys[numeric].tolist(), z.tolist(), strict=True))
        for column in self._categories:
            if column < len(state) and measured[column]:
                name = self._category_key(column, x[column])
                if name is not None:
                    vector[name] = 1.0
        rate = self._drop_rate
        gaps = np.flatnonzero((state != EMPTY) & (rate > 0.001) & (rate < 0.999))
        dropped = (state[gaps] == DROPPED) - rate[gaps]
        vector.update(zip(self._gap_keys[gaps].tolist(), dropped.tolist(), strict=True))
        for column in np.flatnonzero(state == SATURATED).tolist():
            vector[f"{self._keys[column]}!"] = 1.0
        self._add_skipped(row, vector)
        return vector

    def _category_key(self, column: int, code: float) -> str | None:
        name = self._categories[column].name(int(code))
        return None if name is None else f"{self._keys[column]}={name}"

    def _add_skipped(self, row: PartRow, vector: dict[str, float]) -> None:
        rate = 1.0 - self.routes.visit_rate
        sometimes = np.flatnonzero((rate > 0.01) & (rate < 0.99))
        if not len(sometimes):
            return
        skipped = self.routes.skipped(row.visited_at)
        known = sometimes[(skipped | ~np.isnan(row.visited_at))[sometimes]]
        passed = skipped[known] - rate[known]
        names = [self._station_keys[number] for number in known.tolist()]
        vector.update(zip(names, passed.tolist(), strict=True))

    def origins(self, row: PartRow) -> dict[str, Input]:
        """What each input of the part's `vector` speaks of."""
        row = row.grown(len(self), len(self._stations))
        names = zip(self._station_keys, self._stations, strict=True)
        origins = {key: Input(name, "", None) for key, name in names}
        for column in np.flatnonzero(row.state != EMPTY).tolist():
            key, origin = str(self._keys[column]), self._origin[column]
            origins[key] = origins[f"{key}?"] = origins[f"{key}!"] = origin
            if column in self._categories:
                name = self._category_key(column, row.x[column])
                if name is not None:
                    origins[name] = origin
        return origins

    def reading(self, row: PartRow, column: int) -> tuple[Value, float | None, float | None]:
        """A cell's value, its feature's recent mean and the distance in spreads, where known."""
        if row.state[column] == DROPPED:
            return None, None, None
        x = float(row.x[column])
        if self._kind[column] == Kind.CATEGORICAL:
            return self._categories[column].name(int(x)), None, None
        mean = float(self.scale.mean[column])
        spread = float(self.scale.variance[column]) ** 0.5
        value = bool(x) if self._kind[column] == Kind.BOOLEAN else x
        return value, mean, (x - mean) / spread if spread > 1e-12 else None

    def counts(self, row: PartRow) -> CellCounts:
        """The part's cells by what is known of them."""
        row = row.grown(len(self), len(self._stations))
        state = row.state
        visited = ~np.isnan(row.visited_at)
        passed = self.routes.skipped(row.visited_at)
        empty = (self._kind != Kind.UNSETTLED) & (state == EMPTY)
        ahead = empty & ~(visited | passed)[self._station_of]
        return CellCounts(
            measured=int(((state == MEASURED) | (state == SATURATED)).sum()),
            dropped=int((state == DROPPED).sum()),
            saturated=int((state == SATURATED).sum()),
            not_reached=int(ahead.sum()),
            skipped=int((empty & ~ahead).sum()),
        )


def _escape(name: str) -> str:
    """``name`` with the marks of input names escaped, so that no two inputs share a key."""
    for mark in "\\.=?!":
        name = name.replace(mark, "\\" + mark)
    return name
