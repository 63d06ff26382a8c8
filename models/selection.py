"""Value-dependent missingness: how a dropped cell differs from a measured one of a like part.

Imputation takes a dropped cell for one that could as well have been measured. Where a sensor fails
at high values, that is too low. Suppose the odds of being dropped grow by exp(b) with every spread
of the cell's own value z. Then by Bayes' rule the dropped cells of parts that look alike are spread
like the measured ones, tilted:

    p(z | dropped, rest)  ~  p(z | measured, rest) exp(b z),

and if the measured ones are N(m, v), the dropped ones are N(m + b v, v). The odds given the rest
are exp(a + b m + b^2 v / 2): the slope of a logistic regression of "dropped" on m is b itself. So b
can be learnt although no dropped value is ever seen, wherever the rest of a part tells something of
the cell (v < 1). For a measured cell, m must not have seen z: it is the leave-one-out mean.

The slope is that of a linear discriminant: the difference of the two class means of m over their
common variance, which is the logistic slope for normal m; it has no step size and cannot run away.
It is shrunk towards 0 by its own uncertainty. What it tilts never goes back into EM: fed back, each
tilt would confirm the next (in our study the variances ran to 1e288).

It helps where readings are lost by their own value: on simulated lines whose sensors fail beyond a
limit the error of lost cells halves (1.31 to 0.68 spreads, 500 features), and 90 % intervals hold
93 % of them instead of 58 %. Where readings are lost by chance it costs next to nothing (0.858 to
0.861). It knows no cell's own reason: in a feature that loses high values, a reading that is lost
by chance is filled too high. A sharp limit is not a slope: the shift is about right, the shape is
not.

References: J. Kim and C. Yu, A semiparametric estimation of mean functionals with nonignorable
missing data, 2011 (exponential tilting); B. Efron, The efficiency of logistic regression compared
to normal discriminant analysis, 1975.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from models.belief import PSI, Codes, Floats, conditional_mean, half_solved, standardised
from models.compiled import allocating_kernel, kernel
from models.lanes import Array
from models.part_row import DROPPED, EMPTY
from models.triangular import backward, factorise, forward

CELLS = 128  # looked at with each closed part, in turn
_DECAY = 1.0 - 1.0 / 1000.0
_LEAST_DROPPED = 5.0
_FARTHEST = 2.0  # a tilt moves a cell by at most so many spreads
_DOUBT = 3.0
MEASURED_N, MEASURED_SUM, DROPPED_N, DROPPED_SUM, SQUARES = 0, 1, 2, 3, 4
FIGURES = 5
_DROPPED, _EMPTY = DROPPED, EMPTY


class Selection:
    """For each column, the slope of being dropped on its own value.

    Attributes
    ----------
    sums
        Array (columns, 5): number and sum of the leave-one-out means where the cell was measured,
        the same where it was dropped, and the sum of all their squares; decaying.

    Examples
    --------
    >>> selection = Selection()
    >>> selection.grow(1)
    >>> selection.sums[0] = 500.0, 0.0, 500.0, 250.0, 500.0   # means 0 and 0.5
    >>> [round(float(b), 2) for b in selection.slopes(np.array([0]))]
    [1.31]
    """

    def __init__(self) -> None:
        self.sums: Floats = np.zeros((0, FIGURES))
        self._turn = 0

    def grow(self, columns: int) -> None:
        """Make room for columns 0 .. ``columns`` - 1."""
        more = columns - len(self.sums)
        if more > 0:
            self.sums = np.concatenate([self.sums, np.zeros((more, FIGURES))])

    def learn(
        self,
        columns: npt.NDArray[np.int64],
        x: Floats,
        state: Codes,
        standard: Floats,
        cells: Array,
        a: Array,
        rhs: Array,
        replicates: int,
    ) -> None:
        """Learn from a closed part: the next 128 of its ``columns``, all of visited stations."""
        if not len(columns):
            return
        begin = self._turn % len(columns)
        turn = np.take(columns, np.arange(begin, begin + min(CELLS, len(columns))), mode="wrap")
        self._turn = (begin + len(turn)) % len(columns)
        _learn(turn, x, state, standard, cells, a, rhs, replicates, self.sums)

    def slopes(self, columns: npt.NDArray[np.int64]) -> Floats:
        """b of each of ``columns``, per spread; 0 where too little is known."""
        n, total, dropped_n, dropped_total, squares = self.sums[columns].T
        with np.errstate(divide="ignore", invalid="ignore"):
            mean, dropped = total / n, dropped_total / dropped_n
            common = (squares - n * mean**2 - dropped_n * dropped**2) / (n + dropped_n)
            slope = (dropped - mean) / common
            # How many standard errors the slope is away from 0, squared.
            evidence = slope**2 * common * n * dropped_n / (n + dropped_n)
            slope = slope * np.maximum(1.0 - _DOUBT / evidence, 0.0)
        known = (np.minimum(n, dropped_n) >= _LEAST_DROPPED) & (common > 1e-3)
        return np.where(known & np.isfinite(slope), slope, 0.0)

    def tilt(self, columns: npt.NDArray[np.int64], variance: Floats) -> Floats:
        """How far each of ``columns``, being dropped, lies from its conditional mean: b v."""
        return np.clip(self.slopes(columns) * variance, -_FARTHEST, _FARTHEST)

    def state(self) -> dict[str, Any]:
        """Everything, as plain values and arrays."""
        return {"sums": self.sums, "turn": self._turn}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        self.sums, self._turn = state["sums"], state["turn"]


@kernel
def left_out_mean(z: float, mean: float, spread: float, psi: float) -> float:
    """The mean of a measured cell given all others, from ``mean`` and ``spread`` given all.

    ``spread`` is w'Cw. The residual of a cell that was left out is the residual over
    1 - w'Cw / psi (the closed form of leave-one-out in least squares).

    >>> left_out_mean(2.0, 1.0, 0.0, 0.5), left_out_mean(2.0, 1.5, 0.25, 0.5)
    (1.0, 1.0)
    """
    return z - (z - mean) * psi / max(psi - spread, 1e-3 * psi)


@allocating_kernel
def _learn(
    columns: npt.NDArray[np.int64],
    x: Floats,
    state: Codes,
    standard: Floats,
    cells: Array,
    a: Array,
    rhs: Array,
    replicates: int,
    sums: Floats,
) -> None:
    r = rhs.shape[0]
    factor = a.copy()
    factorise(factor, r)
    f = rhs.copy()
    forward(factor, f)
    backward(factor, f)
    half = np.empty((r, 8), np.float32)
    for at in range(len(columns)):
        j = columns[at]
        if state[j] == _EMPTY:
            continue
        cell = cells[j]
        means = conditional_mean(cell, f)
        dropped = state[j] == _DROPPED
        mean = 0.0
        if dropped:
            for m in range(replicates):
                mean += means[m]
        else:
            z = standardised(x[j], standard, j)
            spreads = half_solved(factor, cell, r, half)
            for m in range(replicates):
                mean += left_out_mean(z, means[m], spreads[m], cell[r + PSI, m])
        mean /= replicates
        own = sums[j]
        for i in range(5):
            own[i] *= _DECAY
        own[2 * dropped] += 1.0
        own[2 * dropped + 1] += mean
        own[SQUARES] += mean * mean
