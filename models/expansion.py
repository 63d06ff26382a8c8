"""Parameter expansion: the hidden factors are kept at mean 0 and covariance I.

EM is slow where it is sure of the factors: it then learns their scale and their correlations from
the prior alone, a little with every sweep. Whatever mean m and covariance L L' the factors turn out
to have, the same model can be written with factors inverse(L) (f - m), which have the mean and
covariance that the model supposes: w becomes L'w and mu becomes mu + w'm. The sums are rewritten
alike, as if they had been taken with the new factors from the start.

What it is worth, on a simulated line of twelve numbers: after 1,500 parts the correlations that a
replicate believes in are wrong by 0.017 on average instead of 0.074.

Reference: C. Liu, D. Rubin, Y. Wu, Parameter expansion to accelerate EM: the PX-EM algorithm, 1998.
"""

from __future__ import annotations

import numpy as np

from models.belief import EXTRA, MU, PRECISION
from models.compiled import allocating_kernel, kernel
from models.lanes import (
    Array,
    inverse,
    less_product,
    load,
    plus_product,
    store,
    times,
)
from models.triangular import factorise, forward

# Of fewer parts than this a replicate knows no covariance.
_LEAST_HEARD = 50.0


@allocating_kernel
def expand(cells: Array, cell_sums: Array, station_sums: Array) -> None:
    """Rewrite a model and its sums (`models.expectation`); the blocks must then be set anew."""
    r = cells.shape[1] - EXTRA
    mean = np.zeros((r, 8), np.float32)
    factor = np.zeros((r * (r + 1) // 2, 8), np.float32)
    factor_moments(station_sums, mean, factor)
    factorise(factor, r)
    w = np.empty((r, 8), np.float32)
    for j in range(cells.shape[0]):
        if cells[j, r + PRECISION, 0] > 0.0:
            _rewrite_loadings(cells[j], mean, factor, w)
            _rewrite_sum(cell_sums[j], mean, factor, w)
    for s in range(station_sums.shape[0]):
        _rewrite_moments(station_sums[s], mean, factor)


@kernel
def factor_moments(station_sums: Array, mean: Array, covariance: Array) -> None:
    """The factors' mean and covariance (packed) over all visits; 0 and I where few are known."""
    r = mean.shape[0]
    size = (r + 1) * (r + 2) // 2
    for m in range(8):
        heard = 0.0
        for s in range(station_sums.shape[0]):
            heard += station_sums[s, size, m]
        known = heard >= _LEAST_HEARD
        for i in range(r):
            mean[i, m] = _total(station_sums, size - r - 1 + i, m) / heard if known else 0.0
        at = 0
        for i in range(r):
            for j in range(i + 1):
                covariance[at, m] = 1.0 if i == j else 0.0
                if known:
                    second = _total(station_sums, at, m) / heard
                    covariance[at, m] = second - mean[i, m] * mean[j, m]
                at += 1


@kernel
def _total(station_sums: Array, at: int, m: int) -> float:
    total = 0.0
    for s in range(station_sums.shape[0]):
        total += station_sums[s, at, m]
    return total


@kernel
def _rewrite_loadings(cell: Array, mean: Array, factor: Array, w: Array) -> None:
    """w := L'w, mu := mu + w'm."""
    r = mean.shape[0]
    mu = load(cell, r + MU)
    for i in range(r):
        store(w, i, load(cell, i))
        mu = plus_product(mu, load(cell, i), load(mean, i))
    for i in range(r):
        value = times(load(w, i), inverse(load(factor, i * (i + 1) // 2 + i)))
        for k in range(i + 1, r):
            value = plus_product(value, load(factor, k * (k + 1) // 2 + i), load(w, k))
        store(cell, i, value)
    store(cell, r + MU, mu)


@kernel
def _rewrite_sum(own: Array, mean: Array, factor: Array, y: Array) -> None:
    """b := inverse(L) (b - m b_1)."""
    r = mean.shape[0]
    last = load(own, r)
    for i in range(r):
        store(y, i, less_product(load(own, i), load(mean, i), last))
    forward(factor, y)
    for i in range(r):
        store(own, i, load(y, i))


@allocating_kernel
def _rewrite_moments(sums: Array, mean: Array, factor: Array) -> None:
    """S := T S T', with T = inverse(L) (f - m) on [f, 1]."""
    r = mean.shape[0]
    last = r * (r + 1) // 2
    count = load(sums, last + r)
    half = np.empty((r, r, 8), np.float32)
    for i in range(r):
        for j in range(i + 1):
            value = load(sums, i * (i + 1) // 2 + j)
            value = less_product(value, load(sums, last + i), load(mean, j))
            value = less_product(value, load(mean, i), load(sums, last + j))
            value = plus_product(value, times(load(mean, i), load(mean, j)), count)
            store(half[i], j, value)
            store(half[j], i, value)
    for i in range(r):
        forward(factor, half[i])
    column = np.empty((r, 8), np.float32)
    for j in range(r):
        for i in range(r):
            store(column, i, load(half[i], j))
        forward(factor, column)
        for i in range(j, r):
            store(sums, i * (i + 1) // 2 + j, load(column, i))
    for i in range(r):
        store(column, i, less_product(load(sums, last + i), load(mean, i), count))
    forward(factor, column)
    for i in range(r):
        store(sums, last + i, load(column, i))
