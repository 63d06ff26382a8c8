"""Draws from what a part's missing cells may be: x_j ~ N(w_j'f + mu_j, psi_j), f ~ N(f^, C)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models import counter_random
from models.belief import PSI, Z_LIMIT, Ints, conditional_mean, half_solved
from models.compiled import allocating_kernel
from models.dual_ascent import Singles
from models.lanes import Array, added, load, store
from models.triangular import backward, factorise, forward

_FACTORS, _CELLS = 11, 12


@allocating_kernel
def draw_cells(
    columns: Ints,
    a: Array,
    rhs: Array,
    cells: Array,
    seed: int,
    number: int,
    replicates: int,
    out: Singles,
) -> None:
    """out (cells, replicates) := one draw of each of ``columns`` from each replicate.

    The cells of one draw belong together: they share their replicate's draw of the factors.
    ``number`` counts the draws; the same number gives the same draw.
    """
    r = rhs.shape[0]
    factor = a.copy()
    factorise(factor, r)
    f = rhs.copy()
    forward(factor, f)
    noise = np.zeros((r, 8), np.float32)
    for i in range(r):
        for m in range(replicates):
            noise[i, m] = counter_random.normal(seed + _FACTORS, number, i * 8 + m)
        store(f, i, added(load(f, i), load(noise, i)))  # L^-1 rhs + e, so that f ~ N(f^, C)
    backward(factor, f)
    for k in range(len(columns)):
        cell = cells[columns[k]]
        mean = conditional_mean(cell, f)
        for m in range(replicates):
            noise_m = counter_random.normal(seed + _CELLS, number, columns[k] * 8 + m)
            value = mean[m] + np.sqrt(cell[r + PSI, m]) * noise_m
            out[k, m] = min(max(value, -Z_LIMIT), Z_LIMIT)


@allocating_kernel
def cell_moments(
    columns: Ints,
    a: Array,
    rhs: Array,
    cells: Array,
    mean: npt.NDArray[np.float32],
    variance: npt.NDArray[np.float32],
) -> None:
    """mean, variance (cells, 8): of each of ``columns`` given the part's measured cells."""
    r = rhs.shape[0]
    factor = a.copy()
    factorise(factor, r)
    f = rhs.copy()
    forward(factor, f)
    backward(factor, f)
    half = np.empty((r, 8), np.float32)
    for k in range(len(columns)):
        cell = cells[columns[k]]
        store(mean, k, conditional_mean(cell, f))
        spread = half_solved(factor, cell, r, half)
        store(variance, k, added(spread, load(cell, r + PSI)))
