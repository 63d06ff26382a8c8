"""What makes a part fail on a simulated line.

A cause looks at the true state of parts, in spreads from the ordinary (z), whether or not a sensor
reported it, and answers its share of each part's log-odds of failing. Some causes also leave a
trace in what is measured: a worn tool pushes its torque up before it spoils parts.

The shares are relative: a line multiplies all of them by one gain, so that it is as predictable as
its description asks (`producers.targets`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from producers.draws import Draws, FloatArray, IntArray

BoolArray = npt.NDArray[np.bool_]


class Cell(NamedTuple):
    """One feature of one station."""

    station: str
    feature: str


class Trace(NamedTuple):
    """How far a cause moves the true value of ``cell``, in spreads, per part."""

    cell: Cell
    shift: FloatArray


class Parts(Protocol):
    """What a cause may know of n parts."""

    @property
    def index(self) -> IntArray:
        """[n], the place of each part in the order of launching, from 0."""

    def value(self, cell: Cell) -> FloatArray:
        """[n], the true value in spreads from its mean."""

    def level(self, cell: Cell) -> IntArray:
        """[n], the number of the lot, mold, ... that a categorical feature names."""

    def visited(self, station: str) -> BoolArray:
        """[n], whether the part's route passes the station."""


@dataclass(frozen=True, kw_only=True)
class Cause(ABC):
    """A cause of failure: its name, and the launches [since, until) during which it is at work."""

    name: str
    since: int = 0
    until: int | None = None

    @property
    @abstractmethod
    def cells(self) -> tuple[Cell, ...]:
        """The features it works through, in the order of the line; the last one completes it."""

    @property
    def touches(self) -> tuple[Cell, ...]:
        """Its cells, and any other in which it leaves a trace."""
        return self.cells

    @abstractmethod
    def effect(self, parts: Parts) -> FloatArray:
        """[n], the share of the log-odds at a part that passed all stations, at work or not."""

    def traces(self, parts: Parts) -> Iterable[Trace]:
        """What it does to true values, told by the place and the levels of parts alone."""
        return ()

    def active(self, index: IntArray) -> BoolArray:
        """[n], whether it is at work when each part is launched."""
        started = index >= self.since
        return started if self.until is None else started & (index < self.until)

    def log_odds(self, parts: Parts) -> FloatArray:
        """[n], the share of each part's log-odds; 0 where a station of the cause was skipped."""
        at_work = self.active(parts.index)
        for station in {cell.station: None for cell in self.cells}:
            at_work = at_work & parts.visited(station)
        return np.where(at_work, self.effect(parts), 0.0)


@dataclass(frozen=True, kw_only=True)
class Linear(Cause):
    """Each spread away from the mean adds ``weight``."""

    cell: Cell
    weight: float

    @property
    def cells(self) -> tuple[Cell, ...]:
        return (self.cell,)

    def effect(self, parts: Parts) -> FloatArray:
        return self.weight * parts.value(self.cell)


@dataclass(frozen=True, kw_only=True)
class Threshold(Cause):
    """``weight`` for a value beyond ``limit`` spreads: above a positive one, below a negative."""

    cell: Cell
    limit: float
    weight: float

    @property
    def cells(self) -> tuple[Cell, ...]:
        return (self.cell,)

    def effect(self, parts: Parts) -> FloatArray:
        side = 1.0 if self.limit >= 0 else -1.0
        return self.weight * (side * parts.value(self.cell) > abs(self.limit)).astype(np.float64)


@dataclass(frozen=True, kw_only=True)
class Interaction(Cause):
    """``weight`` times the product of two values: harmless alone, harmful together."""

    first: Cell
    second: Cell
    weight: float

    @property
    def cells(self) -> tuple[Cell, ...]:
        return (self.first, self.second)

    def effect(self, parts: Parts) -> FloatArray:
        return self.weight * parts.value(self.first) * parts.value(self.second)


@dataclass(frozen=True, kw_only=True)
class ToolWear(Cause):
    """A tool wears over ``life`` launches and is then changed.

    Its wear goes evenly from 0 to 1; the value of ``cell`` rises with it by up to ``shift``
    spreads; past ``onset`` parts begin to suffer, up to ``weight`` just before the change.
    """

    cell: Cell
    life: int
    weight: float
    shift: float = 1.5
    onset: float = 0.6
    age: int = 0

    @property
    def cells(self) -> tuple[Cell, ...]:
        return (self.cell,)

    def wear(self, index: IntArray) -> FloatArray:
        """[n], the wear of the tool when each part is launched, in [0, 1)."""
        return ((index + self.age) % self.life) / self.life

    def traces(self, parts: Parts) -> Iterable[Trace]:
        # Centred, so that the sensor's mean over a tool's life stays the described one.
        yield Trace(self.cell, self.shift * (self.wear(parts.index) - 0.5))

    def effect(self, parts: Parts) -> FloatArray:
        beyond = np.clip((self.wear(parts.index) - self.onset) / (1.0 - self.onset), 0.0, 1.0)
        return self.weight * beyond


@dataclass(frozen=True, kw_only=True)
class BadLot(Cause):
    """Parts of a bad lot, mold or fixture carry ``weight``.

    Bad are the ``levels`` named, or else each level with probability ``share``, decided by
    ``salt`` and the level alone. A ``symptom`` is a value that bad parts move by ``shift``: it
    betrays a lot that was never seen before.
    """

    cell: Cell
    weight: float
    levels: tuple[int, ...] = ()
    share: float = 0.0
    salt: str = ""
    symptom: Cell | None = None
    shift: float = 0.0

    @property
    def cells(self) -> tuple[Cell, ...]:
        return (self.cell,)

    @property
    def touches(self) -> tuple[Cell, ...]:
        return self.cells if self.symptom is None else (*self.cells, self.symptom)

    def is_bad(self, level: IntArray) -> BoolArray:
        """[n], whether each level is a bad one."""
        if self.levels:
            return np.isin(level, self.levels)
        known = np.unique(level)
        bad = np.array([_lot_draw(self.salt, int(one)) < self.share for one in known], dtype=bool)
        return bad[np.searchsorted(known, level)]

    def traces(self, parts: Parts) -> Iterable[Trace]:
        if self.symptom is not None:
            bad = self.is_bad(parts.level(self.cell)) & self.active(parts.index)
            yield Trace(self.symptom, self.shift * bad.astype(np.float64))

    def effect(self, parts: Parts) -> FloatArray:
        return self.weight * self.is_bad(parts.level(self.cell)).astype(np.float64)


@lru_cache(maxsize=4096)
def _lot_draw(salt: str, level: int) -> float:
    return float(Draws("lot", salt, level).uniform(1)[0])


@dataclass(frozen=True, kw_only=True)
class StationDrift(Cause):
    """From ``since`` on a station goes astray over ``ramp`` launches, then stays there.

    At the end its value is off by ``shift`` spreads and its parts carry ``weight``.
    """

    cell: Cell
    weight: float
    shift: float
    ramp: int = 1

    @property
    def cells(self) -> tuple[Cell, ...]:
        return (self.cell,)

    def progress(self, index: IntArray) -> FloatArray:
        """[n], 0 before the drift, 1 after its ramp, 0 again once it is repaired."""
        way = np.clip((index - self.since + 1) / self.ramp, 0.0, 1.0)
        return np.where(self.active(index), way, 0.0)

    def traces(self, parts: Parts) -> Iterable[Trace]:
        yield Trace(self.cell, self.shift * self.progress(parts.index))

    def effect(self, parts: Parts) -> FloatArray:
        return self.weight * self.progress(parts.index)
