"""The margin of a part somewhere on its line, from its own cells and its belief alone.

Measured cells count by their z, dropped ones by their conditional mean and a flag, stations that
still lie ahead by what they are expected to say, times the probability of the visit; stations
passed by count by their flag. No vector of all inputs is ever built: a station ahead is one row of
loadings g_s, so that its expected contribution is k_s + g_s'f and its variance follows from the
same triangular solve as everything else.

Shapes: ``slopes`` (3, columns, 8): the weight of a cell's number, of its being dropped, of its
being saturated; ``ahead`` (stations, rank + 3, 8): the rows of g_s, then CONSTANT (k_s), RESIDUAL
(the variance that the factors leave) and SKIPPED (the weight of being passed by).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.belief import (
    MU,
    PRECISION,
    PSI,
    Codes,
    Floats,
    Ints,
    conditional_mean,
    standardised_far,
)
from models.compiled import kernel
from models.dual_ascent import Singles
from models.lanes import (
    LANES,
    Array,
    Lanes,
    added,
    lane_zeros,
    less,
    load,
    plus_product,
    same,
    store,
    times,
)
from models.part_row import DROPPED, EMPTY, SATURATED
from models.routes import last_station
from models.triangular import backward, factorise, forward_each, packed_size

NUMBER, DROP, SATURATE = 0, 1, 2
CONSTANT, RESIDUAL, SKIPPED = 0, 1, 2  # behind the rows of g_s
# What `score` writes.
MARGIN, WITHIN, DROPPED_ONLY, BETWEEN, SHIFT, AHEAD = 0, 1, 2, 3, 4, 5
FIGURES = 6
_SURELY_NOT = 1e-4
_DOUBT = 0.01


@kernel
def dot_halves(a: Array, b: Array) -> Lanes:
    """a'b over rows."""
    total = same(0.0)
    for i in range(a.shape[0]):
        total = plus_product(total, load(a, i), load(b, i))
    return total


@kernel
def lane_mean(v: Lanes, count: int) -> float:
    """The mean over the first ``count`` lanes."""
    total = 0.0
    for m in range(count):
        total += v[m]
    return total / count


@kernel
def observed_numbers(x: Floats, state: Codes, standard: Floats, z: Singles) -> None:
    """z := that of every number that was measured, 0 elsewhere; without branches, for the vector
    units, which take all columns in less time than the visited stations' can be looked up."""
    for j in range(len(z)):
        # The codes of cells that hold a value are odd. Without a known spread z is 0.
        z[j] = standardised_far(x[j], standard, j) * np.float32(state[j] & 1)


@kernel
def observed_sum(z: Singles, weights: Array) -> Lanes:
    """The sum of w z over all columns, in four sums side by side: each waits for its own last
    product."""
    one, two, three, four = same(0.0), same(0.0), same(0.0), same(0.0)
    fours = len(z) // 4 * 4
    for j in range(0, fours, 4):
        one = plus_product(one, load(weights, j), same(z[j]))
        two = plus_product(two, load(weights, j + 1), same(z[j + 1]))
        three = plus_product(three, load(weights, j + 2), same(z[j + 2]))
        four = plus_product(four, load(weights, j + 3), same(z[j + 3]))
    for j in range(fours, len(z)):
        one = plus_product(one, load(weights, j), same(z[j]))
    return added(added(one, two), added(three, four))


@kernel
def score(
    x: Floats,
    state: Codes,
    visited_at: Floats,
    a: Array,
    rhs: Array,
    standard: Floats,
    cells: Array,
    slopes: Array,
    ahead: Array,
    flag_weights: Array,
    category_row: Ints,
    category: Ints,
    odds_ahead: Floats,
    visit_rate: Floats,
    replicates: int,
    room: Array,
    z: Singles,
    out: Floats,
) -> None:
    """Write into ``out``: the margin's mean over replicates, its variance within a replicate, that
    due to dropped cells alone, its variance between replicates, by how much the margin moves if
    every imputed cell lies one spread further off, and how many stations are expected ahead.

    ``room`` (see `room_for`) and ``z`` (columns,) are room to work in.
    """
    packed, r = a.shape[0], rhs.shape[0]
    for i in range(packed):
        store(room, i, load(a, i))
    for i in range(r):
        store(room, packed + i, load(rhs, i))
        store(room, packed + r + i, same(0.0))
        store(room, packed + 2 * r + i, same(0.0))
    _score(
        x, state, visited_at, standard, cells, slopes, ahead, flag_weights,
        category_row, category, odds_ahead, visit_rate, replicates,
        room[:packed], room[packed:], r, z[: len(state)], out,
    )  # fmt: skip


def room_for(rank: int, stations: int) -> Array:
    """What `score` works in: a part's belief, two more right sides, and one for each station.

    >>> room_for(2, 3).shape
    (15, 8)
    """
    return lane_zeros(packed_size(rank) + (3 + stations) * rank, LANES)


@kernel
def _score(
    x: Floats,
    state: Codes,
    visited_at: Floats,
    standard: Floats,
    cells: Array,
    slopes: Array,
    ahead: Array,
    flag_weights: Array,
    category_row: Ints,
    category: Ints,
    odds_ahead: Floats,
    visit_rate: Floats,
    replicates: int,
    factor: Array,
    solved: Array,
    r: int,
    z: Singles,
    out: Floats,
) -> None:
    """`score` with room to work in: ``factor`` begins as the belief's precision, ``solved`` as its
    right side, two of zeros, and what the stations that may be passed by will leave behind."""
    f, dropped, coming = solved[:r], solved[r : 2 * r], solved[2 * r : 3 * r]
    margin = load(flag_weights, 0)
    rest_dropped = same(0.0)
    rest_coming = same(0.0)
    shift = 0.0
    stations_ahead = 0.0
    doubtful = 0
    last = last_station(visited_at)
    for s in range(len(visited_at)):
        if np.isnan(visited_at[s]):
            p = odds_ahead[last, s] if last >= 0 else visit_rate[s]
            block = ahead[s]
            margin = plus_product(margin, load(block, r + SKIPPED), same(1.0 - p))
            if p > _SURELY_NOT:
                stations_ahead += p
                margin = plus_product(margin, load(block, r + CONSTANT), same(p))
                rest_coming = plus_product(rest_coming, load(block, r + RESIDUAL), same(p * p))
                for i in range(r):
                    store(coming, i, plus_product(load(coming, i), load(block, i), same(p)))
                if in_doubt(p):
                    for i in range(r):
                        store(solved, (3 + doubtful) * r + i, load(block, i))
                    doubtful += 1
    observed_numbers(x, state, standard, z)
    margin = added(margin, observed_sum(z, slopes[NUMBER]))
    for j in range(len(state)):
        if state[j] < DROPPED and (category_row[j] < 0 or state[j] == EMPTY):
            continue
        if state[j] == DROPPED:
            margin = added(margin, load(slopes[DROP], j))
            if standard[j, 1] > 0.0:  # a number whose spread is known
                cell = cells[j]
                w = load(slopes[NUMBER], j)
                margin = plus_product(margin, w, load(cell, r + MU))
                rest_dropped = plus_product(rest_dropped, times(w, w), load(cell, r + PSI))
                shift += abs(lane_mean(w, replicates))
                for i in range(r):
                    store(dropped, i, plus_product(load(dropped, i), w, load(cell, i)))
            continue
        if category_row[j] >= 0:
            code = int(x[j])
            flag = category[category_row[j], code] if code >= 0 else -1
            if flag >= 0:
                margin = added(margin, load(flag_weights, flag))
        if state[j] == SATURATED:
            margin = added(margin, load(slopes[SATURATE], j))

    factorise(factor, r)
    forward_each(factor, solved, r, 3 + doubtful)
    within_dropped = added(dot_halves(dropped, dropped), rest_dropped)
    for i in range(r):
        store(coming, i, added(load(coming, i), load(dropped, i)))
    margin = added(margin, dot_halves(coming, f))
    within = added(added(dot_halves(coming, coming), rest_dropped), rest_coming)
    backward(factor, f)
    halves = solved[3 * r :]
    route = _visit_variance(visited_at, last, f, ahead, odds_ahead, visit_rate, halves)
    within = added(within, route)

    mean = lane_mean(margin, replicates)
    between = 0.0
    for m in range(replicates):
        between += (margin[m] - mean) ** 2
    out[MARGIN] = mean
    out[WITHIN] = lane_mean(within, replicates)
    out[DROPPED_ONLY] = lane_mean(within_dropped, replicates)
    out[BETWEEN] = between / (replicates - 1) if replicates > 1 else 0.0
    out[SHIFT] = shift
    out[AHEAD] = stations_ahead


@kernel
def cell_amounts(
    x: Floats,
    state: Codes,
    standard: Floats,
    cells: Array,
    slopes: Array,
    flag_weights: Array,
    category_row: Ints,
    category: Ints,
    replicates: int,
    f: Array,
    out: Floats,
) -> None:
    """out := what each cell adds to the margin that `score` finds, given the factors' means ``f``;
    0 for those that are empty."""
    for j in range(len(state)):
        out[j] = 0.0
        if state[j] == EMPTY:
            continue
        amount, known = same(0.0), standard[j, 1] > 0.0
        if state[j] == DROPPED:
            amount = load(slopes[DROP], j)
            if known:
                expected = conditional_mean(cells[j], f)
                amount = plus_product(amount, load(slopes[NUMBER], j), expected)
        else:
            if known:
                z = standardised_far(x[j], standard, j)
                amount = plus_product(amount, load(slopes[NUMBER], j), same(z))
            code = int(x[j]) if category_row[j] >= 0 else -1
            flag = category[category_row[j], code] if code >= 0 else -1
            if flag >= 0:
                amount = added(amount, load(flag_weights, flag))
            if state[j] == SATURATED:
                amount = added(amount, load(slopes[SATURATE], j))
        out[j] = lane_mean(amount, replicates)


@kernel
def in_doubt(p: float) -> bool:
    """Whether it matters that a station of this probability may be visited or not."""
    return p * (1.0 - p) > _DOUBT


@kernel
def _visit_variance(
    visited_at: Floats,
    last: int,
    f: Array,
    ahead: Array,
    odds_ahead: Floats,
    visit_rate: Floats,
    halves: Array,
) -> Lanes:
    """What not knowing the rest of the route adds: p (1 - p) times the square of (if visited - if
    passed by), which is that of the means and the variance of what the station would say.

    ``halves``: inverse(L) g_s of each station `in_doubt`, one behind the other.
    """
    r = f.shape[0]
    total = same(0.0)
    at = 0
    for s in range(len(visited_at)):
        if not np.isnan(visited_at[s]):
            continue
        p = odds_ahead[last, s] if last >= 0 else visit_rate[s]
        if in_doubt(p):
            block = ahead[s]
            swing = less(load(block, r + CONSTANT), load(block, r + SKIPPED))
            for i in range(r):
                swing = plus_product(swing, load(block, i), load(f, i))
            half = halves[at : at + r]
            square = plus_product(load(block, r + RESIDUAL), swing, swing)
            doubt = same(p * (1.0 - p))
            total = plus_product(total, added(square, dot_halves(half, half)), doubt)
            at += r
    return total


@kernel
def label_row(
    x: Floats,
    state: Codes,
    numeric: npt.NDArray[np.bool_],
    standard: Floats,
    cells: Array,
    out: Singles,
    fill_at: Ints,
) -> int:
    """out := z of every number that was measured, 0 elsewhere; fill_at := the columns of those that
    were dropped. Answers how many these are."""
    r = cells.shape[1] - 3
    count = 0
    for j in range(len(state)):
        if state[j] == DROPPED and numeric[j]:
            fill_at[count] = j
            count += 1
        known = state[j] & 1 and cells[j, r + PRECISION, 0] > 0.0
        out[j] = standardised_far(x[j], standard, j) if known else 0.0
    return count
