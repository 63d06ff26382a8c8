"""Bootstrap EM of the low-rank Gaussian, online: what a closed journey adds, and the M-step.

Each replicate counts a part Poisson(1) times (the online bootstrap). All cells of a station share
one sum of the factors' moments, S = sum k (f~f~' + C~) with f~ = [f, 1]; a cell that its station
did not measure enters by its conditional moments, which is what EM prescribes. Sums decay by
1 - 1/1500 with every part that visits the station.

Shapes: ``cell_sums`` (features, rank + 2, 8): b_j = sum k z_j f~ (rank + 1 rows), then
c_j = sum k z_j^2; ``station_sums`` (stations, (rank + 1)(rank + 2) / 2 + 1, 8): S packed, then n.

References: D. Rubin and D. Thayer, EM algorithms for ML factor analysis, 1982; N. Oza and
S. Russell, Online bagging and boosting, 2001.
"""

from __future__ import annotations

import numpy as np

from models.belief import (
    EXTRA,
    MU,
    PRECISION,
    PSI,
    Codes,
    Floats,
    Ints,
    add_outer,
    observed,
    standardised,
)
from models.compiled import allocating_kernel, kernel
from models.lanes import (
    Array,
    Lanes,
    added,
    at_least,
    inverse,
    less_product,
    load,
    plus_product,
    same,
    scaled,
    store,
    times,
)
from models.triangular import (
    backward,
    factorise,
    forward,
    invert_factor,
    row_product,
    squared,
)

RIDGE = 2.0
PRIOR = 5.0  # a cell's variance counts as if five parts had shown 1
LEAST_PSI = 0.02


@allocating_kernel
def posterior(a: Array, rhs: Array, mean: Array, covariance: Array) -> None:
    """mean := inverse(A) rhs, covariance := inverse(A), packed."""
    r = rhs.shape[0]
    factor = a.copy()
    factorise(factor, r)
    mean[:] = rhs
    forward(factor, mean)
    backward(factor, mean)
    low = np.empty_like(a)
    invert_factor(factor, r, low)
    squared(low, r, covariance)


@kernel
def moments(mean: Array, covariance: Array, out: Array) -> None:
    """out := f~f~' + C~, packed over rank + 1 rows."""
    r = mean.shape[0]
    at = 0
    for i in range(r):
        fi = load(mean, i)
        for j in range(i + 1):
            store(out, at, plus_product(load(covariance, at), fi, load(mean, j)))
            at += 1
    for j in range(r):
        store(out, at + j, load(mean, j))
    store(out, at + r, same(1.0))


@allocating_kernel
def take_in(
    x: Floats,
    state: Codes,
    visited_at: Floats,
    standard: Floats,
    cells: Array,
    first: Ints,
    member: Ints,
    mean: Array,
    covariance: Array,
    counts: Array,
    decay: float,
    cell_sums: Array,
    station_sums: Array,
) -> None:
    """Add one closed journey to the sums; ``counts`` (1, 8): how often each replicate drew it."""
    r = mean.shape[0]
    moment = np.empty(((r + 1) * (r + 2) // 2, 8), np.float32)
    moments(mean, covariance, moment)
    loading = np.empty((r + 1, 8), np.float32)
    _add_moments(
        x, state, visited_at, standard, cells, first, member, mean, moment, loading, counts,
        decay, cell_sums, station_sums,
    )  # fmt: skip


@kernel
def _add_moments(
    x: Floats,
    state: Codes,
    visited_at: Floats,
    standard: Floats,
    cells: Array,
    first: Ints,
    member: Ints,
    mean: Array,
    moment: Array,
    loading: Array,
    counts: Array,
    decay: float,
    cell_sums: Array,
    station_sums: Array,
) -> None:
    r, size = mean.shape[0], moment.shape[0]
    k = load(counts, 0)
    keep = same(decay)
    for s in range(len(visited_at)):
        if np.isnan(visited_at[s]):
            continue
        sums = station_sums[s]
        for i in range(size):
            store(sums, i, plus_product(times(load(sums, i), keep), k, load(moment, i)))
        store(sums, size, plus_product(k, load(sums, size), keep))
        for at in range(first[s], first[s + 1]):
            j = member[at]
            cell = cells[j]
            if not cell[r + PRECISION, 0] > 0.0:
                continue
            own = cell_sums[j]
            if observed(state[j]):
                z = standardised(x[j], standard, j)
                kz = scaled(k, z)
                for i in range(r):
                    store(own, i, plus_product(times(load(own, i), keep), kz, load(mean, i)))
                store(own, r, plus_product(kz, load(own, r), keep))
                store(own, r + 1, plus_product(scaled(kz, z), load(own, r + 1), keep))
                continue
            for i in range(r):
                store(loading, i, load(cell, i))
            store(loading, r, load(cell, r + MU))
            square = load(cell, r + PSI)
            for i in range(r + 1):
                expected = row_product(moment, i, loading)
                square = plus_product(square, expected, load(loading, i))
                store(own, i, plus_product(times(load(own, i), keep), k, expected))
            store(own, r + 1, plus_product(times(load(own, r + 1), keep), k, square))


@allocating_kernel
def maximise(
    s: int,
    first: Ints,
    member: Ints,
    cell_sums: Array,
    station_sums: Array,
    cells: Array,
    blocks: Array,
) -> None:
    """The M-step of one station: W, mu and psi of its cells, and its block K_s."""
    r = cells.shape[1] - EXTRA
    factor = station_sums[s, : (r + 1) * (r + 2) // 2].copy()
    solved = np.empty((r + 1, 8), np.float32)
    heard = load(station_sums[s], factor.shape[0])
    _maximise(s, first, member, cell_sums, heard, factor, solved, cells)
    set_block(s, first, member, cells, blocks)


@kernel
def _maximise(
    s: int,
    first: Ints,
    member: Ints,
    cell_sums: Array,
    heard: Lanes,
    factor: Array,
    solved: Array,
    cells: Array,
) -> None:
    r = cells.shape[1] - EXTRA
    for i in range(r + 1):
        at = i * (i + 1) // 2 + i
        store(factor, at, added(load(factor, at), same(RIDGE)))
    factorise(factor, r + 1)
    for at in range(first[s], first[s + 1]):
        j = member[at]
        cell = cells[j]
        if not cell[r + PRECISION, 0] > 0.0:
            continue
        own = cell_sums[j]
        for i in range(r + 1):
            store(solved, i, load(own, i))
        forward(factor, solved)
        backward(factor, solved)
        rest = load(own, r + 1)  # c - 2 w'b + w'S w, with S w = b - RIDGE w
        for i in range(r + 1):
            w = load(solved, i)
            rest = less_product(rest, w, load(own, i))
            rest = less_product(rest, scaled(w, RIDGE), w)
        top = added(at_least(rest, 0.0), same(PRIOR))
        psi = at_least(times(top, inverse(added(heard, same(PRIOR)))), LEAST_PSI)
        for i in range(r):
            store(cell, i, load(solved, i))
        store(cell, r + MU, load(solved, r))
        store(cell, r + PSI, psi)
        store(cell, r + PRECISION, inverse(psi))


@kernel
def set_block(s: int, first: Ints, member: Ints, cells: Array, blocks: Array) -> None:
    """blocks[s] := K_s, the sum of w w' / psi over the station's numbers."""
    r = cells.shape[1] - EXTRA
    blocks[s] = 0.0
    for at in range(first[s], first[s + 1]):
        cell = cells[member[at]]
        if cell[r + PRECISION, 0] > 0.0:
            add_outer(blocks[s], cell, r, load(cell, r + PRECISION))
