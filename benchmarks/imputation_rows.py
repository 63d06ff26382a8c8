"""Rows of a simulated line with gaps whose true values are known.

A family's parts are drawn as its events are, but kept as rows: a row is a part after its last
station, a column a numeric feature. Gaps are cells of visited stations, either dropped by the
family's own sensors or masked here, whatever their value.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from producers.draws import Draws
from producers.families import family
from producers.parts import LinePlan
from producers.sensors import TAIL, Sensors

BLOCK = 250
Matrix = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass
class Block:
    """Some rows: cells (NaN: dropped or not visited), and what is hidden in the gaps."""

    names: list[str]
    cells: Matrix
    visited: npt.NDArray[np.bool_]
    gap_row: Ints
    gap_column: Ints
    truth: Matrix
    """(gaps,): the values that the gaps would have had."""
    floor: Matrix
    """(gaps,): their conditional means, if the line's own loadings are known."""

    def dictionaries(self) -> Iterator[dict[str, float | None]]:
        """The rows as River takes them; stations that were not visited are absent."""
        for cells, visited in zip(self.cells, self.visited, strict=True):
            columns = np.flatnonzero(visited).tolist()
            values = cells.tolist()
            yield {self.names[j]: None if np.isnan(values[j]) else values[j] for j in columns}


def blocks(name: str, features: int, seed: int, rows: int, masked: float = 0.05) -> Iterator[Block]:
    """``rows`` rows of a family's line; a share ``masked`` of the cells is hidden by chance.

    With ``masked`` 0 the gaps are those that the sensors left.
    """
    plan = LinePlan(family(name, features=features))
    sensors = Sensors(plan)
    columns, stations, names = [], [], []
    for number, block in enumerate(plan.blocks):
        for place, feature in enumerate(block.station.features, start=block.columns.start):
            if block.attempt == 0 and feature.kind == "numeric" and feature.labels is None:
                columns.append(place)
                stations.append(number)
                names.append(f"{block.station.name}.{feature.name}")
    line = _Line(plan, columns)
    chance = np.random.default_rng(seed)
    for first in range(0, rows, BLOCK):
        draws = Draws("imputation", name, features, seed, first)
        drawn = plan.draw(draws, np.arange(first, first + BLOCK))
        readings = sensors.read(draws, drawn)
        true = readings.values[:, columns]
        visited = drawn.seen[:, stations]
        lost = visited & readings.lost[:, columns]
        hidden = lost
        if masked:
            hidden = visited & ~lost & (chance.random(true.shape) < masked)
        cells = np.where(visited & ~lost & ~hidden, true, np.nan)
        at, column = np.nonzero(hidden)
        seen = ~np.isnan(cells)
        best = line.expected(drawn.z[:, columns], seen)[at, column]
        yield Block(names, cells, visited, at, column, true[at, column], best)


class _Line:
    """What the line's description says of its columns: factors, spreads, skewness."""

    def __init__(self, plan: LinePlan, columns: list[int]) -> None:
        spec = plan.spec
        station = {
            id(feature): number
            for number, each in enumerate(spec.stations)
            for feature in each.features
        }
        own = [plan.features[column] for column in columns]
        self._w = np.zeros((len(own), spec.factors + len(spec.stations)))
        for row, feature in enumerate(own):
            self._w[row, : len(feature.loadings)] = feature.loadings
            self._w[row, spec.factors + station[id(feature)]] = feature.own
        self._psi = 1.0 - (self._w**2).sum(axis=1)
        self._mean = np.array([feature.mean for feature in own])
        self._spread = np.array([feature.spread for feature in own])
        self._skewed = np.array([feature.skewed for feature in own])

    def expected(self, z: Matrix, seen: npt.NDArray[np.bool_]) -> Matrix:
        """The mean of every cell given the ``seen`` ones of its row."""
        out = np.zeros(z.shape)
        for at, on in enumerate(seen):
            w, psi = self._w[on], self._psi[on]
            a = np.eye(self._w.shape[1]) + (w.T / psi) @ w
            mean = self._w @ np.linalg.solve(a, (w.T / psi) @ z[at, on])
            spread = (self._w * np.linalg.solve(a, self._w.T).T).sum(axis=1) + self._psi
            out[at] = np.where(self._skewed, _tailed(mean, spread), mean)
        return self._mean + self._spread * out


def _tailed(mean: Matrix, variance: Matrix) -> Matrix:
    """The mean of what a skewed sensor makes of N(mean, variance) (`producers.sensors`)."""
    square = TAIL * TAIL
    scale = np.sqrt((np.exp(square) - 1.0) * np.exp(square))
    return (np.exp(TAIL * mean + square * variance / 2.0) - np.exp(square / 2.0)) / scale
