"""Logistic regression over exactly the parts of a window, by dual coordinate ascent.

Minimised is 1/2 sum_j w_j^2 / G_j + sum_i U_i log(1 + exp(-y_i w'phi_i)) over the window, with
U_i = 1 / (2 n) for the n parts of i's outcome, so that both outcomes have an equal say. Each part
has one dual number alpha_i within (0, U_i), and w = G v with v = sum_i alpha_i y_i phi_i. A part
that leaves takes its term out of v again: what is left has never met it.

A row phi has a dense part (numbers), *fills* (imputed numbers, which differ between replicates) and
*flags* (inputs that are 1). Every replicate has a v of its own.

Shapes: ``dense`` (rows, D) float32; ``fill_at`` (rows, F) int32 with -1 behind the last, ``fills``
(rows, F, M) float32; ``flag_at`` (rows, K) int32 with -1 behind the last; ``alpha`` (rows, M);
``v`` (M, D + flags): the flags' places follow the numbers'; ``metric`` (D + flags,). Arrays are
wider than what is known of a line: behind the first ``columns`` of D there are only zeros.

Reference: H.-F. Yu, F.-L. Huang, C.-J. Lin, Dual coordinate descent methods for logistic
regression and maximum entropy models, 2011.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from models.compiled import allocating_kernel, fused, kernel
from models.lanes import (
    LANES,
    across,
    added,
    every,
    load,
    plus_product,
    put,
    store,
    take,
    times,
)

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
Signs = npt.NDArray[np.int8]

_NEWTON = 60  # rarely more than five; as many where the curve bends sharply
_CLOSE = 1e-12


@kernel
def add_row(
    i: int,
    amounts: Floats,
    columns: int,
    dense: Singles,
    fill_at: Ints,
    fills: Singles,
    flag_at: Ints,
    v_dense: Floats,
    v_flags: Floats,
) -> None:
    """v_m += amounts_m phi_i, for every replicate m."""
    row = dense[i]
    whole = columns // LANES * LANES
    for m in range(len(v_dense)):
        v, amount = v_dense[m], amounts[m]
        if amount == 0.0:
            continue
        for at in range(0, whole, LANES):
            put(v, at, added(take(v, at), times(every(amount), take(row, at))))
        for j in range(whole, columns):
            v[j] += amount * row[j]
        for k in range(fill_at.shape[1]):
            if fill_at[i, k] < 0:
                break
            v[fill_at[i, k]] += amount * fills[i, k, m]
        for k in range(flag_at.shape[1]):
            if flag_at[i, k] < 0:
                break
            v_flags[m, flag_at[i, k]] += amount


@kernel
def products(
    row: Singles, columns: int, metric: Floats, v: Floats, sums: Floats, out: Floats
) -> float:
    """out := row'G v_m for every replicate m; answers row'G row.

    ``sums`` (M, 8) is room to work in. All go through the row together: a sum alone would wait for
    its own last addition at every step.
    """
    whole = columns // LANES * LANES
    norm = every(0.0)
    sums[:] = 0.0
    for at in range(0, whole, LANES):
        numbers = take(row, at)
        moved = times(take(metric, at), numbers)
        norm = plus_product(norm, moved, numbers)
        for m in range(len(v)):
            store(sums, m, plus_product(load(sums, m), moved, take(v[m], at)))
    for m in range(len(v)):
        rest = 0.0
        for j in range(whole, columns):
            rest = fused(metric[j] * np.float64(row[j]), v[m, j], rest)
        out[m] = across(load(sums, m)) + rest
    rest = 0.0
    for j in range(whole, columns):
        rest = fused(metric[j] * np.float64(row[j]), np.float64(row[j]), rest)
    answer: float = across(norm) + rest
    return answer


@kernel
def margins_at(m0: Floats, q: Floats, alpha: Floats, u: float, m: Floats, room: Floats) -> None:
    """Solve m = m0 + (u sigmoid(-m) - alpha) q by Newton's method, kept within its bracket.

    Of every replicate, and all of them side by side: a step is a chain of divisions, and the chains
    of several replicates take hardly longer than one. ``room`` is (4, M).
    """
    low, high, moved, miss_at_most = room[0], room[1], room[2], room[3]
    for r in range(len(m)):
        low[r], high[r] = m0[r] - alpha[r] * q[r], m0[r] + (u - alpha[r]) * q[r]
        m[r] = min(max(m0[r], low[r]), high[r])
        moved[r] = miss_at_most[r] = high[r] - low[r]
    going = True
    for step in range(_NEWTON):
        if not going:
            break
        going = False
        for r in range(len(m)):
            if step > 0 and miss_at_most[r] < _CLOSE:
                continue
            s = 1.0 / (1.0 + math.exp(min(max(m[r], -500.0), 500.0)))
            miss = m[r] - m0[r] - (u * s - alpha[r]) * q[r]
            if miss > 0.0:
                high[r] = m[r]
            else:
                low[r] = m[r]
            following = m[r] - miss / (1.0 + u * q[r] * s * (1.0 - s))
            # Newton's steps may go to and fro between the flat ends of the curve: halve instead.
            if not low[r] <= following <= high[r] or abs(following - m[r]) > 0.5 * moved[r]:
                following = 0.5 * (low[r] + high[r])
                moved[r] = miss_at_most[r] = abs(following - m[r])
            else:
                # This curve bends less than it is steep: half the step's square is left to do.
                moved[r] = abs(following - m[r])
                miss_at_most[r] = 0.5 * moved[r] * moved[r]
            m[r] = following
            if not miss_at_most[r] < _CLOSE:
                going = True


@kernel
def ascend(
    i: int,
    u: float,
    sign: float,
    columns: int,
    dense: Singles,
    fill_at: Ints,
    fills: Singles,
    flag_at: Ints,
    alpha: Floats,
    metric_dense: Floats,
    metric_flags: Floats,
    v_dense: Floats,
    v_flags: Floats,
    sums: Floats,
    room: Floats,
) -> None:
    """One step on row ``i``: its alpha becomes the best one, all others as they are.

    ``sums`` (M, 8) and ``room`` (7, M) are to work in.
    """
    level, q, best = room[0], room[1], room[2]
    norm = products(dense[i], columns, metric_dense, v_dense, sums, level)
    for k in range(flag_at.shape[1]):
        if flag_at[i, k] < 0:
            break
        norm += metric_flags[flag_at[i, k]]
    for m in range(len(v_dense)):
        q[m] = norm
        for k in range(fill_at.shape[1]):
            j = fill_at[i, k]
            if j < 0:
                break
            value = fills[i, k, m]
            level[m] += metric_dense[j] * v_dense[m, j] * value
            q[m] += metric_dense[j] * value * value
        for k in range(flag_at.shape[1]):
            f = flag_at[i, k]
            if f < 0:
                break
            level[m] += metric_flags[f] * v_flags[m, f]
        level[m] = sign * level[m]
    margins_at(level, q, alpha[i], u, best, room[3:])
    amounts = level
    for m in range(len(v_dense)):
        fresh = u / (1.0 + math.exp(min(max(best[m], -500.0), 500.0)))
        amounts[m] = sign * (fresh - alpha[i, m])
        alpha[i, m] = fresh
    add_row(i, amounts, columns, dense, fill_at, fills, flag_at, v_dense, v_flags)


@allocating_kernel
def ascend_all(
    rows: Ints,
    columns: int,
    share_fail: float,
    share_pass: float,
    signs: Signs,
    dense: Singles,
    fill_at: Ints,
    fills: Singles,
    flag_at: Ints,
    alpha: Floats,
    metric_dense: Floats,
    metric_flags: Floats,
    v_dense: Floats,
    v_flags: Floats,
) -> None:
    """`ascend` on each of ``rows``, in their order."""
    sums, room = np.empty((len(v_dense), LANES)), np.empty((7, len(v_dense)))
    for i in rows:
        u = share_fail if signs[i] > 0 else share_pass
        ascend(
            i, u, float(signs[i]), columns, dense, fill_at, fills, flag_at, alpha, metric_dense,
            metric_flags, v_dense, v_flags, sums, room,
        )  # fmt: skip


@kernel
def remove_row(
    i: int,
    sign: float,
    columns: int,
    dense: Singles,
    fill_at: Ints,
    fills: Singles,
    flag_at: Ints,
    alpha: Floats,
    v_dense: Floats,
    v_flags: Floats,
) -> None:
    """Take row ``i`` out of every v: exact unlearning."""
    amounts = alpha[i]
    for m in range(len(amounts)):
        amounts[m] = -sign * amounts[m]
    add_row(i, amounts, columns, dense, fill_at, fills, flag_at, v_dense, v_flags)
    amounts[:] = 0.0


@kernel
def count_row(
    i: int, amount: float, columns: int, dense: Singles, fill_at: Ints, fills: Singles,
    flag_at: Ints, sum_dense: Floats, square_dense: Floats, sum_flags: Floats,
) -> None:  # fmt: skip
    """Add row ``i`` ``amount`` times (-1: take it out again) to an outcome's sums of numbers,
    their squares, and flags; an imputed number counts with its mean over the replicates."""
    row = dense[i]
    for j in range(columns):
        sum_dense[j] += amount * row[j]
        square_dense[j] += amount * row[j] * row[j]
    for k in range(fill_at.shape[1]):
        j = fill_at[i, k]
        if j < 0:
            break
        value = 0.0
        for m in range(fills.shape[2]):
            value += fills[i, k, m]
        value /= fills.shape[2]
        sum_dense[j] += amount * value
        square_dense[j] += amount * value * value
    for k in range(flag_at.shape[1]):
        f = flag_at[i, k]
        if f < 0:
            break
        sum_flags[f] += amount
