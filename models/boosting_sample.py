"""Gradients of the logistic loss over the window, and a small unbiased sample of its rows.

Gradients and curvatures are integers, in units of 2^-30. Sums of integers do not depend on their
order, so a histogram less its sibling is exact, and every machine gives the same trees.

References
----------
Ke et al., "LightGBM", NeurIPS 2017 (gradient-based one-side sampling). Madow, "On the theory of
systematic sampling, II", Annals of Mathematical Statistics 20 (1949).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from models.boosting_trees import Bools, Floats, Ints
from models.compiled import kernel

UNIT = 1 << 30
"""Gradient 1.0 as an integer; also probability 1.0."""

COUNT_BITS = 16
"""A curvature carries a count of rows in its low bits: one addition sums both."""

EVEN = 0.4
"""The part of the budget that is spread evenly; the rest follows the gradients' size."""


class Sample(NamedTuple):
    """Sampled rows of the window, and what each stands for."""

    rows: Ints
    gradient: Ints
    curvature: Ints  # shifted by COUNT_BITS, plus 1


def no_sample(budget: int) -> Sample:
    """Room for the fails and the passes, each at most the budget."""
    size = 2 * budget + 2
    return Sample(np.zeros(size, np.int64), np.zeros(size, np.int64), np.zeros(size, np.int64))


@kernel
def sigmoid(margin: float) -> float:
    """1 / (1 + exp(-margin)) by additions and multiplications only: the same bits everywhere.

    exp(-a) is (exp(-a / 256))^256, the inner one by its series; relative error below 1e-5.
    """
    a = min(abs(margin), 36.0)
    z = a * (-1.0 / 256.0)
    e = 1.0 + z * (1.0 + z * (1 / 2 + z * (1 / 6 + z * (1 / 24 + z * (1 / 120)))))
    for _ in range(8):
        e *= e
    p = 1.0 / (1.0 + e)
    return p if margin >= 0.0 else e * p


@kernel
def gradients(
    margin: Floats, fail: Bools, weight: Floats, bias: float, g: Ints, h: Ints
) -> tuple[int, int, int]:
    """Fill in each row's gradient and curvature; answers their sums, and that of the passes' |g|.

    Parameters
    ----------
    margin, fail, weight : (n,) of the window's rows
    bias : the intercept
    g, h : (n,) to fill in
    """
    sum_g, sum_h, sum_passes = 0, 0, 0
    for i in range(margin.size):
        p = sigmoid(margin[i] + bias)
        y = 1.0 if fail[i] else 0.0
        g[i] = np.int64(np.floor(weight[i] * (p - y) * UNIT + 0.5))
        h[i] = np.int64(np.floor(weight[i] * p * (1.0 - p) * UNIT + 0.5))
        sum_g += g[i]
        sum_h += h[i]
        sum_passes += 0 if fail[i] else g[i]
    return sum_g, sum_h, sum_passes


@kernel
def take_sample(
    g: Ints, h: Ints, fail: Bools, fails: int, sum_passes: int, budget: int, start: int, out: Sample
) -> int:
    """Fill in a sample: every fail, and of the passes those with large gradients rather; how many.

    Systematic: inclusion probabilities are summed along the window, and a row is taken where the
    sum, begun at ``start`` (0 to UNIT - 1), passes a whole number. A row stands for 1 / probability
    rows, so that sums over the sample are unbiased.
    """
    passes = fail.size - fails
    sure = UNIT if fails <= budget else UNIT * budget // fails
    even = EVEN * budget / max(passes, 1)
    steep = (1.0 - EVEN) * budget / max(sum_passes, 1)
    total: Any = start
    taken = 0
    for i in range(fail.size):
        step: Any = np.int64(min(even + steep * g[i], 1.0) * UNIT)
        if fail[i]:
            step = sure
        total += step
        if total >= UNIT:
            total -= UNIT
            weight = UNIT / step
            out.rows[taken] = i
            out.gradient[taken] = np.int64(np.floor(g[i] * weight + 0.5))
            out.curvature[taken] = (np.int64(np.floor(h[i] * weight + 0.5)) << COUNT_BITS) + 1
            taken += 1
    return taken


@kernel
def random_below(state: npt.NDArray[np.uint64], end: int) -> int:
    """A whole number from 0 to ``end`` - 1; moves the state on (xorshift64, Marsaglia 2003)."""
    x = state[0]
    x ^= x << np.uint64(13)
    x ^= x >> np.uint64(7)
    x ^= x << np.uint64(17)
    state[0] = x
    return int(np.int64(x >> np.uint64(33)) * end >> 31)


@kernel
def draw_columns(live: Bools, state: npt.NDArray[np.uint64], out: Ints) -> int:
    """Fill in a random subset of the live columns, in the order drawn; how many."""
    found = 0
    for column in range(live.size):
        if live[column]:
            out[found] = column
            found += 1
    wanted = int(min(np.ceil(0.6 * found), np.floor(24 + 0.07 * found)))
    for k in range(wanted):
        other = k + random_below(state, found - k)
        out[k], out[other] = out[other], out[k]
    return wanted
