"""Rows of named values as cells: which of them are numbers, and which of those are missing.

A *missing* number is None, not finite, or absent although its feature is known. With a separator
the features form stations: of a station that brings no value at all nothing is missing, because
the part was never there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from river.base.typing import FeatureName

from models.columns import Columns, Layout
from models.kinds import Kind, Value
from models.part_row import DROPPED, Floats, PartRow
from models.reading import observe_cells, write_cells
from models.scale import Scale

Ints = npt.NDArray[np.int64]
Row = Mapping[FeatureName, Any]

_QUICK = frozenset({float, int, type(None), np.float64})
_LARGEST = 1e150


class ValueTable:
    """The features of a stream of dictionaries, as columns with a scale.

    Parameters
    ----------
    separator
        What parts a station's name from its feature's in a name; "" puts all in one station.
    max_features
        Features beyond this many are left out.

    Attributes
    ----------
    columns, scale
        Kinds of the features, and their recent mean and spread.
    names
        The feature of each column.

    Examples
    --------
    >>> table = ValueTable(separator=".")
    >>> for i in range(60):
    ...     row = table.learn({"press.force": float(i % 7), "weld.current": float(i % 5)})
    >>> row = table.row({"press.force": None})
    >>> [table.names[column] for column in table.missing(row)]     # it has not been to the weld
    ['press.force']
    """

    def __init__(self, separator: str = "", max_features: int = 20_000) -> None:
        self.separator = separator
        self.columns = Columns(max_features)
        self.scale = Scale()
        self.names: list[FeatureName] = []
        self._drop_rate: Floats = np.zeros(0)
        self._first: dict[FeatureName, tuple[int, float]] = {}  # while the kind is not settled
        self._settled: dict[FeatureName, int] = {}  # the station of each feature with a kind
        self._of: Layout | None = None
        self._numbers: list[FeatureName] = []
        self._number_at: Ints = np.zeros(0, np.int64)
        self._truths = False

    @property
    def layout(self) -> Layout:
        """The columns as arrays."""
        return self.columns.layout()

    def row(self, x: Row) -> PartRow:
        """The cells of ``x``: measured, dropped, or empty where there was no visit."""
        table = self.columns
        row = PartRow().grown(len(table), len(table.stations))
        visited = np.zeros(len(table.stations), np.bool_)
        if self.separator:
            met = set(map(self._settled.get, x))
            visited[[station for station in met if station is not None]] = True
        else:
            visited[:] = True
        row.visited_at[visited] = 0.0
        values = self._values(x)
        there = visited[table.station_of[self._number_at]]
        write_cells(
            self._number_at[there], values[there], table.kind, self.scale.figures, row.x, row.state
        )
        return row

    def learn(self, x: Row) -> PartRow:
        """The cells of ``x`` as they were, after which names, kinds and scale follow it."""
        row = self.row(x)
        numbers = np.flatnonzero(row.state)
        if not x.keys() <= self._settled.keys():
            self._meet(x)
            row = row.grown(len(self.columns), len(self.columns.stations))
        observe_cells(
            numbers, row.x, row.state, self.columns.kind, self._drop_rate,
            self.scale.figures, self.scale.beginning,
        )  # fmt: skip
        return row

    def missing(self, row: PartRow) -> Ints:
        """The columns of numbers that a visited station should have brought."""
        return np.flatnonzero(row.state == DROPPED)

    def present(self, row: PartRow) -> Ints:
        """The columns of numbers of visited stations, missing or not."""
        return np.flatnonzero(row.state)

    def begun_mean(self, name: FeatureName) -> float | None:
        """The mean of a feature whose kind is not settled, None if no number has been seen."""
        count, mean = self._first.get(name, (0, 0.0))
        return mean if count else None

    def unsettled(self, x: Row) -> list[FeatureName]:
        """The features of ``x`` whose kind is not known, in its order."""
        if x.keys() <= self._settled.keys():
            return []
        return [name for name in x if name not in self._settled]

    def _values(self, x: Row) -> Floats:
        values = list(map(x.get, self._numbers))
        if not self._truths and _QUICK.issuperset(map(type, values)):
            try:
                numbers = np.array(values, np.float64)
            except OverflowError:
                numbers = self._one_by_one(values)
        else:
            numbers = self._one_by_one(values)
        numbers[~np.isfinite(numbers)] = np.nan
        return numbers

    def _one_by_one(self, values: list[Any]) -> Floats:
        kinds = self.columns.kind[self._number_at]
        found = np.full(len(values), np.nan)
        for at, (value, kind) in enumerate(zip(values, kinds.tolist(), strict=True)):
            plain = plain_value(value)
            is_number = plain is not None and not isinstance(plain, str)
            if is_number and isinstance(plain, bool) is (kind == Kind.BOOLEAN):
                found[at] = plain
        return found

    def _meet(self, x: Row) -> None:
        """Features without a kind: they vote, or are seen for the first time."""
        stations: dict[str, dict[str, Value]] = {}
        for name in x.keys() - self._settled.keys():
            value = plain_value(x[name])
            station, text = self._place(name)
            stations.setdefault(station, {})[text] = value
            if value is not None and not isinstance(value, str):
                count, mean = self._first.get(name, (0, 0.0))
                value = min(max(float(value), -_LARGEST), _LARGEST)
                self._first[name] = count + 1, mean + (value - mean) / (count + 1)
        names = {self._place(name): name for name in x.keys() - self._settled.keys()}
        for station in sorted(stations):
            known = len(self.columns)
            self.columns.learn(station, stations[station])
            for origin in self.columns.origin[known:]:
                self.names.append(names[station, origin.feature])
        more = len(self.columns) - len(self._drop_rate)
        self._drop_rate = np.concatenate([self._drop_rate, np.zeros(more)])
        self.scale.grow(len(self.columns))
        self._sort()

    def _place(self, name: FeatureName) -> tuple[str, str]:
        text = name if isinstance(name, str) else f"{type(name).__name__} {name!r}"
        if not self.separator:
            return "", text
        station, _, feature = text.rpartition(self.separator)
        return station, feature

    def _sort(self) -> None:
        """Bring what `row` reads up to the columns."""
        layout = self.layout
        if layout is self._of:
            return
        self._of = layout
        self._number_at = np.flatnonzero(layout.numeric)
        self._numbers = [self.names[column] for column in self._number_at.tolist()]
        self._truths = bool((self.columns.kind == Kind.BOOLEAN).any())
        self._settled = {
            self.names[column]: int(layout.station_of[column]) for column in self.columns.settled
        }
        for name in self._first.keys() & self._settled.keys():
            del self._first[name]

    def state(self) -> dict[str, Any]:
        """Everything, as plain values and arrays; names must be texts or numbers."""
        return {
            "columns": self.columns.state(),
            "scale": self.scale.state(),
            "names": list(self.names),
            "drop_rate": self._drop_rate,
            "first": [
                [self.names.index(name), count, mean]
                for name, (count, mean) in self._first.items()
                if name in self.names
            ],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`; for a fresh table."""
        self.columns.restore(state["columns"])
        self.scale.restore(state["scale"])
        self.names, self._drop_rate = list(state["names"]), state["drop_rate"]
        self._first = {self.names[at]: (count, mean) for at, count, mean in state["first"]}
        self._sort()


def plain_value(value: Any) -> Value:
    """A value as a number, a truth or a text; None if it is missing.

    >>> plain_value(np.float32(1.5)), plain_value(float("nan")), plain_value(np.True_)
    (1.5, None, True)
    """
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, np.bool_):
        return bool(value)
    try:
        number = float(value)
    except OverflowError:
        return None
    except (TypeError, ValueError):
        return str(value)
    return number if math.isfinite(number) else None
