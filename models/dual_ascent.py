"""Logistic regression over exactly the parts of a window, by dual coordinate ascent.

Minimised is 1/2 sum_j w_j^2 / G_j + sum_i U_i log(1 + exp(-y_i w'phi_i)) over the window, with
U_i = 1 / (2 n) for the n parts of i's outcome, so that both outcomes have an equal say. Each part
has one dual number alpha_i within (0, U_i), and w = G v with v = sum_i alpha_i y_i phi_i. A part
that leaves takes its term out of v again: what is left has never met it.

A row phi has a dense part (numbers), *fills* (imputed numbers, which differ between replicates) and
*flags* (inputs that are 1). Every replicate has a v of its own.

Shapes: ``dense`` (rows, D) float32; ``fill_at`` (rows, F) int32 with -1 behind the last, ``fills``
(rows, F, M) float32; ``flag_at`` (rows, K) int32 with -1 behind the last; ``alpha`` (rows, M);
``v`` (M, D + flags): the flags' places follow the numbers'; ``metric`` (D + flags,).

Reference: H.-F. Yu, F.-L. Huang, C.-J. Lin, Dual coordinate descent methods for logistic
regression and maximum entropy models, 2011.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from models.compiled import allocating_kernel, kernel
from models.lanes import dot

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
Signs = npt.NDArray[np.int8]

_NEWTON = 60  # rarely more than five; as many where the curve bends sharply
_CLOSE = 1e-12


@kernel
def add_row(
    i: int,
    m: int,
    amount: float,
    dense: Singles,
    fill_at: Ints,
    fills: Singles,
    flag_at: Ints,
    v_dense: Floats,
    v_flags: Floats,
) -> None:
    """v_m += amount phi_i."""
    if amount == 0.0:
        return
    row, v = dense[i], v_dense[m]
    for j in range(len(row)):
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
def margin_at(m0: float, q: float, alpha: float, u: float) -> float:
    """Solve m = m0 + (u sigmoid(-m) - alpha) q by Newton's method, kept within its bracket."""
    low, high = m0 - alpha * q, m0 + (u - alpha) * q
    m = min(max(m0, low), high)
    moved = high - low
    for _ in range(_NEWTON):
        s = 1.0 / (1.0 + math.exp(min(max(m, -500.0), 500.0)))
        miss = m - m0 - (u * s - alpha) * q
        if miss > 0.0:
            high = m
        else:
            low = m
        following = m - miss / (1.0 + u * q * s * (1.0 - s))
        # Newton's steps may go to and fro between the flat ends of the curve: halve instead.
        if not low <= following <= high or abs(following - m) > 0.5 * moved:
            following = 0.5 * (low + high)
        moved = abs(following - m)
        m = following
        if moved < _CLOSE:
            break
    return m


@kernel
def ascend(
    i: int,
    u: float,
    sign: float,
    dense: Singles,
    fill_at: Ints,
    fills: Singles,
    flag_at: Ints,
    alpha: Floats,
    metric_dense: Floats,
    metric_flags: Floats,
    v_dense: Floats,
    v_flags: Floats,
    scratch: Floats,
) -> None:
    """One step on row ``i``: its alpha becomes the best one, all others as they are."""
    row = dense[i]
    numbers, moved = scratch[0], scratch[1]
    for j in range(len(row)):
        numbers[j] = row[j]
        moved[j] = metric_dense[j] * numbers[j]
    norm = dot(moved, numbers, len(row))
    for k in range(flag_at.shape[1]):
        if flag_at[i, k] < 0:
            break
        norm += metric_flags[flag_at[i, k]]
    for m in range(len(v_dense)):
        v = v_dense[m]
        level = dot(moved, v, len(row))
        q = norm
        for k in range(fill_at.shape[1]):
            j = fill_at[i, k]
            if j < 0:
                break
            value = fills[i, k, m]
            level += metric_dense[j] * v[j] * value
            q += metric_dense[j] * value * value
        for k in range(flag_at.shape[1]):
            f = flag_at[i, k]
            if f < 0:
                break
            level += metric_flags[f] * v_flags[m, f]
        best = margin_at(sign * level, q, alpha[i, m], u)
        fresh = u / (1.0 + math.exp(min(max(best, -500.0), 500.0)))
        change = fresh - alpha[i, m]
        alpha[i, m] = fresh
        add_row(i, m, sign * change, dense, fill_at, fills, flag_at, v_dense, v_flags)


@allocating_kernel
def ascend_all(
    rows: Ints,
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
    scratch = np.empty((2, dense.shape[1]))
    for i in rows:
        u = share_fail if signs[i] > 0 else share_pass
        ascend(
            i, u, float(signs[i]), dense, fill_at, fills, flag_at, alpha, metric_dense,
            metric_flags, v_dense, v_flags, scratch,
        )  # fmt: skip


@kernel
def remove_row(
    i: int,
    sign: float,
    dense: Singles,
    fill_at: Ints,
    fills: Singles,
    flag_at: Ints,
    alpha: Floats,
    v_dense: Floats,
    v_flags: Floats,
) -> None:
    """Take row ``i`` out of every v: exact unlearning."""
    for m in range(len(v_dense)):
        add_row(i, m, -sign * alpha[i, m], dense, fill_at, fills, flag_at, v_dense, v_flags)
        alpha[i, m] = 0.0


@kernel
def count_row(
    i: int, amount: float, dense: Singles, fill_at: Ints, fills: Singles, flag_at: Ints,
    sum_dense: Floats, square_dense: Floats, sum_flags: Floats,
) -> None:  # fmt: skip
    """Add row ``i`` ``amount`` times (-1: take it out again) to an outcome's sums of numbers,
    their squares, and flags; an imputed number counts with its mean over the replicates."""
    row = dense[i]
    for j in range(len(row)):
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
