"""Online bootstrap EM of a low-rank Gaussian: what a line's numbers tell about each other.

Learns from every closed journey once, complete or not; a part's `Belief` answers what its missing
cells may be. The model is stepped forward in a shadow copy, one station's M-step every second part
or more seldom, and published every 25 parts together with the scale that it stands on: between two
publications a part's belief only has to be added to. Every 100 parts its factors are brought back
to mean 0 and covariance I (`models.expansion`). ``version`` counts publications; a belief of
another version is rebuilt from the part's raw values.

References: see `models.belief` (the model), `models.expectation` (the sums and the M-step).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from models import counter_random
from models.belief import EXTRA, PRECISION, PSI, Floats, Ints, update
from models.columns import Layout
from models.compiled import allocating_kernel, kernel
from models.expansion import expand
from models.expectation import maximise, posterior, set_block, take_in
from models.lanes import LANES, Array, in_line, lane_zeros
from models.part_row import PartRow
from models.scale import Scale

NARROW, WIDE, WIDE_FROM = 10, 20, 100  # the rank below and from this many numeric columns
BEGIN = 150  # parts that the first fit is made of
SWEEPS = 8
SLICE = 25  # parts of a sweep whenever a journey closes
PUBLISH = 25
EXPAND = 100  # parts; a multiple of PUBLISH
DECAY = 1.0 - 1.0 / 1500.0
_LOADING, _DRAW = 1, 2  # places of random numbers
_RESAMPLING, _BEGINNING = 101, 102


@dataclass(slots=True)
class Belief:
    """A part's precision ``a`` (packed, 8) and right side ``rhs`` (rank, 8) under one version."""

    version: int
    a: Array
    rhs: Array


class _Kept(NamedTuple):
    x: Floats
    state: Any
    visited_at: Floats


class LowRankGaussian:
    """Loadings, means and variances of a line's numeric columns, in replicates.

    Parameters
    ----------
    replicates
        Bootstrap replicates, 1 to 8.
    rank
        Hidden factors; 0 takes 10 below 100 numeric columns and 20 from there on.
    seed
        Of the bootstrap, the first loadings and the draws.

    Attributes
    ----------
    cells, blocks, standard
        The published model, as `models.belief` describes.
    version
        How often it was published.
    closed
        How many journeys were learnt from.
    """

    def __init__(self, replicates: int = 5, rank: int = 0, seed: int = 0) -> None:
        if not 1 <= replicates <= LANES:
            raise ValueError(f"replicates is {replicates}: it must be 1 to {LANES}")
        self.replicates = replicates
        self.wanted_rank = rank
        self.seed = seed
        self.version = 0
        self.closed = 0
        self.columns = 0
        self.stations = 0
        self._turn = 0
        self._begun = False
        self._sweep, self._swept = 0, 0  # sweeps of the first fit, and parts of the next one
        self._kept: list[_Kept] = []
        self._allocate(rank or NARROW, 0, 0)

    @property
    def rank(self) -> int:
        """Hidden factors in use."""
        return int(self.cells.shape[1]) - EXTRA

    def _allocate(self, rank: int, columns: int, stations: int) -> None:
        packed, sums = rank * (rank + 1) // 2, (rank + 1) * (rank + 2) // 2
        self.cells: Array = lane_zeros(columns, rank + EXTRA, LANES)
        self.blocks: Array = lane_zeros(stations, packed, LANES)
        # Column by column: the vector units take all means, and all spreads, side by side.
        self.standard: Floats = np.zeros((columns, 2), order="F")
        self._cell_sums: Array = lane_zeros(columns, rank + 2, LANES)
        self._station_sums: Array = lane_zeros(stations, sums + 1, LANES)
        self._next_cells = in_line(self.cells)
        self._next_blocks = in_line(self.blocks)

    def grow(self, layout: Layout) -> None:
        """Make room for the columns and stations of ``layout``."""
        self.columns, self.stations = len(layout.numeric), len(layout.first) - 1
        if self.columns > len(self.cells):
            more = max(self.columns, 2 * len(self.cells))
            self.cells, self._next_cells = (
                _longer(self.cells, more),
                _longer(self._next_cells, more),
            )
            wider = np.zeros((more, 2), order="F")
            wider[: len(self.standard)] = self.standard
            self.standard = wider
            self._cell_sums = _longer(self._cell_sums, more)
        if self.stations > len(self.blocks):
            more = max(self.stations, 2 * len(self.blocks))
            self.blocks = _longer(self.blocks, more)
            self._next_blocks = _longer(self._next_blocks, more)
            self._station_sums = _longer(self._station_sums, more)

    # -- a part's belief -----------------------------------------------------------------------

    def belief_of(self, row: PartRow) -> Belief:
        """The belief that the row has, of whatever version; an empty one of version -1 if none."""
        belief = row.belief
        rank = self.rank
        if belief is None or belief.rhs.shape[0] != rank:
            belief = row.belief = Belief(
                -1,
                np.empty((rank * (rank + 1) // 2, LANES), np.float32),
                np.empty((rank, LANES), np.float32),
            )
        return belief

    def believe(self, row: PartRow, layout: Layout, station: int | None = None) -> Belief:
        """The part's belief under the published model.

        ``station`` names the one station that has just been added to a row whose belief was up to
        date before. A belief of an older version is made anew. What it says follows from the row
        and the version alone, not from who asked when.
        """
        belief = self.belief_of(row)
        model = (self.standard, self.cells, self.blocks, layout.first, layout.member)
        if belief.version != self.version:
            belief.version, station = self.version, -1
        if station is not None:
            update(station, row.x, row.state, row.visited_at, *model, belief.a, belief.rhs)
        return belief

    # -- learning ------------------------------------------------------------------------------

    def close(self, row: PartRow, layout: Layout, scale: Scale) -> None:
        """Learn from a journey that has ended, once; ``scale`` is published with the model."""
        self.closed += 1
        if self._begun:
            self._learn(row, layout, self.seed + _RESAMPLING, self.closed, DECAY)
            self._step(layout)
        else:
            kept = _Kept(row.x.copy(), row.state.copy(), row.visited_at.copy())
            self._kept.append(kept)
            if len(self._kept) >= BEGIN:
                self._fit(layout, scale)
        if self.closed % PUBLISH == 0:
            if self._begun and self.closed % EXPAND == 0:
                self._expand(layout)
            self.publish(layout, scale)

    def _take_in(self, kept: _Kept, layout: Layout, seed: int, number: int, decay: float) -> None:
        row = PartRow(*kept).grown(self.columns, self.stations)
        self._learn(row, layout, seed, number, decay)

    def _learn(self, row: PartRow, layout: Layout, seed: int, number: int, decay: float) -> None:
        belief = self.believe(row, layout)
        _learn_journey(
            row.x, row.state, row.visited_at, self.standard, self.cells, layout.first,
            layout.member, belief.a, belief.rhs, seed, number, self.replicates, decay,
            self._cell_sums, self._station_sums,
        )  # fmt: skip

    def _step(self, layout: Layout) -> None:
        """One station's M-step, in turn, into the shadow copy: each about once a publication."""
        if self.stations and self.closed % max(PUBLISH // self.stations, 2) == 0:
            self._turn = (self._turn + 1) % self.stations
            maximise(
                self._turn, layout.first, layout.member, self._cell_sums, self._station_sums,
                self._next_cells, self._next_blocks,
            )  # fmt: skip

    def _expand(self, layout: Layout) -> None:
        """Write the shadow copy and the sums with factors of mean 0 and covariance I."""
        expand(self._next_cells, self._cell_sums, self._station_sums)
        for station in range(self.stations):
            set_block(station, layout.first, layout.member, self._next_cells, self._next_blocks)

    def publish(self, layout: Layout, scale: Scale) -> None:
        """Make the shadow copy, and the scale as it is now, the model."""
        self.version += 1
        count = self.columns
        self.standard[:count] = scale.standard(layout.numeric)
        self._admit(layout)
        self.cells[:] = self._next_cells
        self.blocks[:] = self._next_blocks

    def _admit(self, layout: Layout) -> None:
        """Columns that are numbers by now enter with no loadings, mean 0 and variance 1."""
        rank = self.rank
        fresh = np.flatnonzero(
            layout.numeric & (self._next_cells[: self.columns, -EXTRA + 1, 0] == 0)
        )
        if not len(fresh):
            return
        self._next_cells[fresh, rank + PRECISION] = 1.0
        self._next_cells[fresh, rank + PSI] = 1.0
        # As if its station had seen it with variance 1 ever since.
        heard = self._station_sums[layout.station_of[fresh], -1]
        self._cell_sums[fresh] = 0.0
        self._cell_sums[fresh, rank + 1] = heard

    def _fit(self, layout: Layout, scale: Scale) -> None:
        """The first fit: some sweeps of EM over the first parts, from small random loadings.

        The first sweep at once, so that nobody ever sees the random loadings, and of the others a
        few parts whenever one closes: no result waits for all of it.
        """
        rows = SLICE
        if len(self._kept) == BEGIN:
            self._first_guess(layout, scale)
            rows = BEGIN
        numbers = range(self._swept, min(self._swept + rows, BEGIN))
        for number in numbers:
            self._take_in(self._kept[number], layout, self.seed + _BEGINNING, number, 1.0)
        self._swept = numbers.stop
        if self._swept < BEGIN:
            return
        for station in range(self.stations):
            maximise(
                station, layout.first, layout.member, self._cell_sums, self._station_sums,
                self._next_cells, self._next_blocks,
            )  # fmt: skip
        self._expand(layout)
        self.publish(layout, scale)
        self._swept, self._sweep = 0, self._sweep + 1
        if self._sweep < SWEEPS:
            self._cell_sums[:] = 0.0
            self._station_sums[:] = 0.0
            return
        self._begun = True
        waited, self._kept = self._kept[BEGIN:], []
        for number, kept in enumerate(waited, self.closed - len(waited) + 1):
            self._take_in(kept, layout, self.seed + _RESAMPLING, number, DECAY)

    def _first_guess(self, layout: Layout, scale: Scale) -> None:
        numeric = int(layout.numeric.sum())
        rank = self.wanted_rank or (WIDE if numeric >= WIDE_FROM else NARROW)
        self._allocate(rank, len(layout.numeric), len(layout.first) - 1)
        self.publish(layout, scale)
        _first_loadings(self.cells, self.seed, self.replicates)
        self._next_cells[:] = self.cells
        for station in range(self.stations):
            set_block(station, layout.first, layout.member, self.cells, self.blocks)

    # -- state ---------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Everything, as plain values and arrays."""
        return {
            "rank": self.rank,
            "version": self.version,
            "closed": self.closed,
            "turn": self._turn,
            "begun": self._begun,
            "fit": [self._sweep, self._swept],
            "kept": [list(each) for each in self._kept],
            "columns": self.columns,
            "stations": self.stations,
            **{name: np.ascontiguousarray(getattr(self, name)) for name in _ARRAYS},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        self.version, self.closed, self._turn = state["version"], state["closed"], state["turn"]
        self._begun = state["begun"]
        self._sweep, self._swept = state["fit"]
        self._kept = [_Kept(*each) for each in state["kept"]]
        self.columns, self.stations = state["columns"], state["stations"]
        for name in _ARRAYS:
            array = state[name]
            take = np.asfortranarray if name == "standard" else in_line
            setattr(self, name, take(array))


_ARRAYS = (
    "cells",
    "blocks",
    "standard",
    "_cell_sums",
    "_station_sums",
    "_next_cells",
    "_next_blocks",
)


@allocating_kernel
def _learn_journey(
    x: Floats,
    state: Any,
    visited_at: Floats,
    standard: Floats,
    cells: Array,
    first: Ints,
    member: Ints,
    a: Array,
    rhs: Array,
    seed: int,
    number: int,
    replicates: int,
    decay: float,
    cell_sums: Array,
    station_sums: Array,
) -> None:
    counts = np.zeros((1, 8), np.float32)
    for m in range(replicates):
        counts[0, m] = counter_random.poisson_one(seed, number, m)
    mean = np.empty_like(rhs)
    covariance = np.empty_like(a)
    posterior(a, rhs, mean, covariance)
    take_in(
        x, state, visited_at, standard, cells, first, member, mean, covariance, counts, decay,
        cell_sums, station_sums,
    )  # fmt: skip


@kernel
def _first_loadings(cells: Array, seed: int, replicates: int) -> None:
    r = cells.shape[1] - EXTRA
    for j in range(cells.shape[0]):
        if cells[j, r + PRECISION, 0] > 0.0:
            for i in range(r):
                for m in range(replicates):
                    place = (j * r + i) * 8 + m
                    cells[j, i, m] = 0.3 * counter_random.normal(seed, _LOADING, place)


def _longer(a: Array, rows: int) -> Array:
    longer = lane_zeros(rows, *a.shape[1:])
    longer[: len(a)] = a
    return longer
