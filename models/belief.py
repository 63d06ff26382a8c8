"""What is known of one part's hidden factors, after the stations it has visited.

The model: z_j = w_j'f + mu_j + e_j, f ~ N(0, I), e_j ~ N(0, psi_j). Given the observed cells the
factors are normal with precision A = I + sum w_j w_j' / psi_j and right-hand side
sum w_j (z_j - mu_j) / psi_j, so a station adds its own terms and nothing else is touched (a Kalman
filter without a transition). A station's whole sum K_s = sum w_j w_j' / psi_j is kept ready, and
its few missing cells are taken out of it again.

Shapes: ``cells`` (features, rank + 3, 8): the rows of W, then MU, PRECISION (1 / psi; 0 for a cell
that is no number) and PSI; ``blocks`` (stations, rank (rank + 1) / 2, 8): K_s, packed as in
`models.triangular`; ``standard`` (features, 2): mean and 1 / spread; ``first``, ``member``: the
columns of station s are ``member[first[s]:first[s + 1]]``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from models.compiled import allocating_kernel, kernel
from models.lanes import (
    Array,
    Lanes,
    less,
    less_product,
    load,
    plus_product,
    same,
    scaled,
    store,
    times,
)
from models.routes import last_station
from models.triangular import set_identity

MU, PRECISION, PSI = 0, 1, 2  # behind the rows of W
EXTRA = 3
Z_LIMIT = 5.0

Ints = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.uint8]


@kernel
def observed(state: int) -> bool:
    """Whether a cell of this state holds a value: measured or saturated."""
    return state == 1 or state == 3


@kernel
def standardised(x: float, standard: Floats, j: int) -> Any:
    """z of a raw value, within +-5, as float32; 0 where no spread is known."""
    z = (x - standard[j, 0]) * standard[j, 1]
    return np.float32(min(max(z, -Z_LIMIT), Z_LIMIT))


@kernel
def cell_residual(z: Any, cell: Array, r: int) -> Lanes:
    """z - mu of one cell."""
    return less(same(z), load(cell, r + MU))


@kernel
def add_outer(a: Array, cell: Array, r: int, weight: Lanes) -> None:
    """A += weight w w', for the loadings w of one cell."""
    at = 0
    for i in range(r):
        wi = times(load(cell, i), weight)
        for j in range(i + 1):
            store(a, at, plus_product(load(a, at), wi, load(cell, j)))
            at += 1


@kernel
def add_station(
    s: int,
    x: Floats,
    state: Codes,
    standard: Floats,
    cells: Array,
    blocks: Array,
    first: Ints,
    member: Ints,
    a: Array,
    rhs: Array,
) -> None:
    """Add station ``s``'s measured cells to a part's precision ``a`` and right side ``rhs``."""
    r = rhs.shape[0]
    present = 0
    absent = 0
    for at in range(first[s], first[s + 1]):
        j = member[at]
        if cells[j, r + PRECISION, 0] > 0.0:
            if observed(state[j]):
                present += 1
            else:
                absent += 1
    if present == 0:
        return
    whole = absent <= present
    if whole:
        block = blocks[s]
        for i in range(a.shape[0]):
            store(a, i, plus_product(load(a, i), load(block, i), same(1.0)))
    for at in range(first[s], first[s + 1]):
        j = member[at]
        cell = cells[j]
        if not cell[r + PRECISION, 0] > 0.0:
            continue
        precision = load(cell, r + PRECISION)
        if observed(state[j]):
            z = standardised(x[j], standard, j)
            pull = times(cell_residual(z, cell, r), precision)
            for i in range(r):
                store(rhs, i, plus_product(load(rhs, i), load(cell, i), pull))
            if not whole:
                add_outer(a, cell, r, precision)
        elif whole:
            add_outer(a, cell, r, scaled(precision, -1.0))


@allocating_kernel
def visiting_order(visited_at: Floats) -> Ints:
    """The stations that a part has visited, the first one first; of equal times by number."""
    order = np.empty(len(visited_at), np.int32)
    count = 0
    for s in range(len(visited_at)):
        if np.isnan(visited_at[s]):
            continue
        at = count
        while at > 0 and visited_at[order[at - 1]] > visited_at[s]:
            order[at] = order[at - 1]
            at -= 1
        order[at] = s
        count += 1
    return order[:count]


@kernel
def update(
    station: int,
    x: Floats,
    state: Codes,
    visited_at: Floats,
    standard: Floats,
    cells: Array,
    blocks: Array,
    first: Ints,
    member: Ints,
    a: Array,
    rhs: Array,
) -> None:
    """Add ``station`` to a belief that holds all others; make it anew if that is negative.

    It is made anew as well if the station was not visited last: cells are added in the order of
    the visits, so that a belief made at once and one made station by station are the same bits.
    """
    if station >= 0 and station == last_station(visited_at):
        add_station(station, x, state, standard, cells, blocks, first, member, a, rhs)
    else:
        _make_anew(x, state, visited_at, standard, cells, blocks, first, member, a, rhs)


@allocating_kernel
def _make_anew(
    x: Floats,
    state: Codes,
    visited_at: Floats,
    standard: Floats,
    cells: Array,
    blocks: Array,
    first: Ints,
    member: Ints,
    a: Array,
    rhs: Array,
) -> None:
    set_identity(a, rhs.shape[0])
    rhs[:] = 0.0
    for s in visiting_order(visited_at):
        add_station(int(s), x, state, standard, cells, blocks, first, member, a, rhs)


@kernel
def conditional_mean(cell: Array, f: Array) -> Lanes:
    """w'f + mu of one cell."""
    r = f.shape[0]
    value = load(cell, r + MU)
    for i in range(r):
        value = plus_product(value, load(cell, i), load(f, i))
    return value


@kernel
def half_solved(factor: Array, cell: Array, r: int, out: Array) -> Lanes:
    """out := inverse(L) w of one cell; answers w' inverse(A) w, its variance due to the factors."""
    total = same(0.0)
    for i in range(r):
        row = i * (i + 1) // 2
        value = load(cell, i)
        for k in range(i):
            value = less_product(value, load(factor, row + k), load(out, k))
        value = times(value, load(factor, row + i))
        store(out, i, value)
        total = plus_product(total, value, value)
    return total
