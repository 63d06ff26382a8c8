"""The growing table of a line's columns: one for every feature of every station.

Stations, features and categories appear without a restart or a declared schema. Each gets a number
for good, so that a part's row never has to be re-sorted; what disappears keeps its number and costs
a few bytes. A feature's kind is fixed by its first 20 non-null values; until then it is no input.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from struct import Struct
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from models.categories import Categories
from models.kinds import Kind, KindVote, Value
from models.reading_digest import as_double, names_digest


class Input(NamedTuple):
    """What a model's input speaks of; ``column`` is None for a station that was passed by."""

    station: str
    feature: str
    column: int | None


class Layout(NamedTuple):
    """Which columns a station has, and which are numbers, as arrays for kernels.

    The columns of station ``s`` are ``member[first[s]:first[s + 1]]``; ``numeric`` (columns,) says
    of each whether it is a number or a boolean whose kind is settled, ``categorical`` whether it
    takes names; ``station_of`` (columns,).
    """

    first: npt.NDArray[np.int32]
    member: npt.NDArray[np.int32]
    numeric: npt.NDArray[np.bool_]
    categorical: npt.NDArray[np.bool_]
    station_of: npt.NDArray[np.int64]


class Plan(NamedTuple):
    """How a message with just these names is read without looking its names up.

    ``names`` in the message's order, ``pick`` takes the values in the order of the names: all else
    goes by that order. ``columns`` of those whose kind is settled; ``texts`` and ``truths`` the
    positions of categories and booleans among the values; ``blank`` the positions of values whose
    kind is not settled, which must be null. ``only_numbers``: such a message brings nothing that
    has to be met, no name and no unsettled kind; ``types`` are then those of its values, if none is
    missing. ``pack_into`` writes as many doubles, ``begun`` is the `names_digest`.
    """

    names: tuple[str, ...]
    pick: Callable[[Mapping[str, Value]], Iterable[Any]]
    columns: npt.NDArray[np.int64]
    texts: tuple[tuple[int, Categories], ...]
    truths: tuple[int, ...]
    blank: tuple[int, ...]
    only_numbers: bool
    types: list[type]
    pack_into: Callable[..., None]
    begun: int

    def numbers(self, values: Mapping[str, Value]) -> npt.NDArray[np.float64] | None:
        """The values of ``columns`` as numbers and codes, NaN for null; None if one has another
        kind."""
        picked = self.pick(values)
        if [*map(type, picked)] == self.types:
            numbers = np.empty(len(self.types))
            self.pack_into(numbers, 0, *picked)
            return numbers
        x = list(picked)
        for at, categories in self.texts:
            text = x[at]
            if type(text) is str:
                x[at] = categories.code(text)
            elif text is not None:
                return None
        for at in self.truths:
            truth = x[at]
            if truth is not None:
                if type(truth) is not bool:
                    return None
                x[at] = 1.0 if truth else 0.0
        for at in reversed(self.blank):
            if x.pop(at) is not None:
                return None
        return np.array(x, np.float64) if _NUMBERS.issuperset(map(type, x)) else None

    def digest(self, values: Mapping[str, Value], x: npt.NDArray[np.float64] | None) -> int:
        """The `models.reading_digest.reading_digest` of a message, and of its `numbers`."""
        if x is None or not self.only_numbers:
            x = np.array([as_double(value) for value in self.pick(values)])
        return zlib.crc32(x.data, self.begun)


def _picker(names: Sequence[str]) -> Callable[[Mapping[str, Value]], Iterable[Any]]:
    if len(names) > 1:
        return itemgetter(*names)
    return lambda values: [values[name] for name in names]


_PLANS = 16  # of a station
_NUMBERS = frozenset({float, int, type(None)})


@dataclass(slots=True)
class Station:
    """A station's number, the columns of its features by name, the plan of its last message, and
    those of others: a station may leave out what it has not measured."""

    number: int
    columns: dict[str, int] = field(default_factory=dict)
    plan: Plan | None = None
    plans: dict[tuple[str, ...], Plan] = field(default_factory=dict)


class Columns:
    """Numbers, kinds, categories and input names of a line's features.

    Parameters
    ----------
    max_features, max_stations
        Values of features and stations beyond this many are left out and counted in ``refused``.

    Attributes
    ----------
    stations
        By name, in the order in which they appeared.
    settled
        The kind of each column whose kind is fixed.
    categories
        The names that each categorical column takes.
    origin
        What each column is, by number.
    keys, gap_keys, station_keys
        Names of inputs (``station.feature``, ``station.feature?``, ``station?``), escaped so that
        no two inputs share one.
    station_of, kind
        Arrays (features,): number of the station, and the kind.

    Examples
    --------
    >>> columns = Columns()
    >>> columns.learn("press", {"torque": 1.5, "mold": "8722"}).tolist()
    []
    >>> columns.keys.tolist(), columns.settled
    (['press.mold', 'press.torque'], {})
    >>> for _ in range(20):
    ...     settled = columns.learn("press", {"torque": 1.5})
    >>> settled.tolist(), columns.settled
    ([1], {1: <Kind.NUMERIC: 1>})
    """

    def __init__(self, max_features: int = 20_000, max_stations: int = 1_000) -> None:
        self.max_features = max_features
        self.max_stations = max_stations
        self.refused = 0
        self.stations: dict[str, Station] = {}
        self.settled: dict[int, Kind] = {}
        self.categories: dict[int, Categories] = {}
        self.origin: list[Input] = []
        self.keys: npt.NDArray[np.object_] = np.empty(0, object)
        self.gap_keys: npt.NDArray[np.object_] = np.empty(0, object)
        self.station_keys: list[str] = []
        self.station_of: npt.NDArray[np.int64] = np.empty(0, np.int64)
        self.kind: npt.NDArray[np.uint8] = np.empty(0, np.uint8)
        self._votes: dict[int, KindVote] = {}
        self.laid_out: Layout | None = None  # None: it has changed

    def __len__(self) -> int:
        return len(self.origin)

    def layout(self) -> Layout:
        """The table's shape as arrays, the same object until it changes."""
        if self.laid_out is None:
            order = np.argsort(self.station_of, kind="stable")
            sizes = np.bincount(self.station_of, minlength=len(self.stations))
            self.laid_out = Layout(
                np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32),
                order.astype(np.int32),
                (self.kind == Kind.NUMERIC) | (self.kind == Kind.BOOLEAN),
                self.kind == Kind.CATEGORICAL,
                self.station_of,
            )
        return self.laid_out

    def plan(self, station: Station, values: Mapping[str, Value]) -> Plan | None:
        """How a message with these names is read; None if a name is unknown."""
        names = tuple(values)
        plan = station.plan
        if plan is not None and plan.names == names:
            return plan
        plan = station.plans.get(names) or self._plan(station, names)
        if plan is not None:
            station.plan = plan
        return plan

    def _plan(self, station: Station, names: tuple[str, ...]) -> Plan | None:
        ordered = sorted(names)
        columns = [station.columns.get(name, -1) for name in ordered]
        if -1 in columns:
            return None
        kinds = [self.settled.get(column) for column in columns]
        texts = tuple(
            (at, self.categories[columns[at]])
            for at, kind in enumerate(kinds)
            if kind is Kind.CATEGORICAL
        )
        blank = tuple(at for at, kind in enumerate(kinds) if kind is None)
        only_numbers = not texts and not blank
        plan = Plan(
            names,
            _picker(ordered),
            np.array([c for c, kind in zip(columns, kinds, strict=True) if kind], np.int64),
            texts,
            tuple(at for at, kind in enumerate(kinds) if kind is Kind.BOOLEAN),
            blank,
            only_numbers,
            [bool if kind is Kind.BOOLEAN else float for kind in kinds] if only_numbers else [],
            Struct(f"{len(names)}d").pack_into,
            names_digest(ordered),
        )
        if len(station.plans) >= _PLANS:
            station.plans.clear()
        station.plans[names] = plan
        return plan

    def learn(self, station: str, values: Mapping[str, Value]) -> npt.NDArray[np.int64]:
        """Register what a reading brings; answers its columns whose kind was settled before."""
        known = self.stations.get(station)
        if known is None:
            if len(self.stations) >= self.max_stations:
                self.refused += len(values)
                return np.empty(0, np.int64)
            known = self._open(station)
        plan = self.plan(known, values)
        if plan is not None and (not plan.blank or plan.numbers(values) is not None):
            if plan.texts:
                picked = list(plan.pick(values))
                for at, categories in plan.texts:
                    if isinstance(picked[at], str):
                        categories.learn(picked[at])
            return plan.columns
        fresh = sorted(name for name in values if name not in known.columns)
        if fresh:
            self._add(station, known, fresh)
        settled = []
        for name, value in values.items():
            column = known.columns.get(name)
            if column is None:
                continue
            if column in self.settled:
                settled.append(column)
                if isinstance(value, str) and column in self.categories:
                    self.categories[column].learn(value)
            elif value is not None:
                self._vote(column, value)
        return np.array(sorted(settled), np.int64)

    def _open(self, station: str) -> Station:
        self.laid_out = None
        opened = self.stations[station] = Station(len(self.stations))
        self.station_keys.append(f"{_escape(station)}?")
        return opened

    def _vote(self, column: int, value: float | bool | str) -> None:
        kind = self._votes[column].cast(value)
        if kind is Kind.UNSETTLED:
            return
        del self._votes[column]
        self.laid_out = None
        station = self.stations[self.origin[column].station]
        station.plan = None
        station.plans.clear()
        self.kind[column] = kind
        self.settled[column] = kind
        if kind is Kind.CATEGORICAL:
            self.categories[column] = Categories()
            # In the order of columns, whatever the order of keys in the message that settled them.
            self.categories = dict(sorted(self.categories.items()))

    def _add(self, station: str, known: Station, names: list[str]) -> None:
        self.laid_out = None
        room = max(self.max_features - len(self), 0)
        self.refused += max(len(names) - room, 0)
        names = names[:room]
        for name in names:
            known.columns[name] = len(self.origin)
            self._votes[len(self.origin)] = KindVote()
            self.origin.append(Input(station, name, len(self.origin)))
        more = len(names)
        keys = [f"{_escape(station)}.{_escape(name)}" for name in names]
        self.keys = np.concatenate([self.keys, np.array(keys, object)])
        gaps = np.array([f"{key}?" for key in keys], object)
        self.gap_keys = np.concatenate([self.gap_keys, gaps])
        self.station_of = np.concatenate([self.station_of, np.full(more, known.number, np.int64)])
        self.kind = np.concatenate([self.kind, np.zeros(more, np.uint8)])

    def category_key(self, column: int, code: float) -> str | None:
        """The input's name of a category by its number, None for a retired or unknown one."""
        name = self.categories[column].name(int(code))
        return None if name is None else f"{self.keys[column]}={name}"

    def state(self) -> dict[str, Any]:
        """Everything, as plain values and arrays."""
        return {
            "stations": list(self.stations),
            "features": [[origin.station, origin.feature] for origin in self.origin],
            "kind": self.kind,
            "votes": {str(column): vote.state() for column, vote in self._votes.items()},
            "categories": {str(column): it.state() for column, it in self.categories.items()},
            "refused": self.refused,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`; for a fresh table."""
        for station in state["stations"]:
            self._open(station)
        for station, features in groupby(state["features"], key=lambda each: str(each[0])):
            self._add(station, self.stations[station], [feature for _, feature in features])
        self.kind, self.refused = state["kind"], state["refused"]
        self.settled = {
            column: Kind(kind) for column, kind in enumerate(self.kind.tolist()) if kind
        }
        self._votes = {int(column): KindVote() for column in state["votes"]}
        for column, vote in self._votes.items():
            vote.restore(state["votes"][str(column)])
        self.categories = {int(column): Categories() for column in state["categories"]}
        for column, categories in self.categories.items():
            categories.restore(state["categories"][str(column)])


def _escape(name: str) -> str:
    """``name`` with the marks of input names escaped, so that no two inputs share a key."""
    for mark in "\\.=?!":
        name = name.replace(mark, "\\" + mark)
    return name
