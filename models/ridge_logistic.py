"""A logistic regression on few columns, drawn to what is expected: how calibrations are fitted.

Maximised is the likelihood of the outcomes less half a squared distance of the level from its prior
and `RIDGE` halves of the slopes' from theirs, by Newton's method, from wherever the last fit ended:
there is one optimum, and a few results ago it lay nearby.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from models.compiled import allocating_kernel, kernel

Floats = npt.NDArray[np.float64]

RIDGE = 10.0
_STEPS = 30
# Newton's error is squared with every step: after one this small nothing is left to be found.
_SMALL = 1e-4


@allocating_kernel
def ridge_logistic(d: Floats, y: Floats, level: float, slope: float, begin: Floats) -> Floats:
    """Level and slopes of the fit of ``y`` (rows,), 0 or 1, on ``d`` (rows, columns).

    They are drawn to ``level`` and ``slope``; ``begin`` is where the search does.

    >>> d = np.array([[-1.0], [-1.0], [1.0], [1.0]] * 50)
    >>> y = np.array([0.0, 0.0, 0.0, 1.0] * 50)
    >>> fit = ridge_logistic(d, y, 0.0, 1.0, np.array([0.0, 1.0]))
    >>> [round(float(w), 2) for w in fit]
    [-1.67, 1.58]
    """
    k = len(begin)
    w = begin.copy()
    gradient, curve = np.zeros(k), np.zeros((k, k))
    there, there_curve = np.zeros(k), np.zeros((k, k))
    steepness = _derivatives(d, y, level, slope, w, gradient, curve)
    for _ in range(_STEPS):
        _solve(curve, gradient)
        step = gradient
        # Newton's step overshoots where the curve is flat: halve it until it leads towards the top.
        share = 1.0
        tried = w + step
        lower = _derivatives(d, y, level, slope, tried, there, there_curve)
        while lower > steepness and share > 1e-3:
            share *= 0.5
            tried = w + share * step
            lower = _derivatives(d, y, level, slope, tried, there, there_curve)
        if lower >= steepness:
            break
        moved = share * np.abs(step).sum()
        w, steepness = tried, lower
        gradient, there = there, gradient
        curve, there_curve = there_curve, curve
        if moved < _SMALL:
            break
    return w


@kernel
def _derivatives(
    d: Floats,
    y: Floats,
    level: float,
    slope: float,
    w: Floats,
    gradient: Floats,
    curve: Floats,
) -> float:
    """The gradient at ``w`` and the negative second derivatives; answers the gradient's square."""
    k = len(w)
    curve[:] = 0.0
    gradient[0], curve[0, 0] = level - w[0], 1.0
    for j in range(1, k):
        gradient[j] = -RIDGE * (w[j] - slope)
        curve[j, j] = RIDGE
    for i in range(len(y)):
        odds = w[0]
        for j in range(1, k):
            odds += w[j] * d[i, j - 1]
        p = 1.0 / (1.0 + math.exp(-min(max(odds, -30.0), 30.0)))
        weight, miss = p * (1.0 - p), y[i] - p
        gradient[0] += miss
        curve[0, 0] += weight
        for j in range(1, k):
            gradient[j] += miss * d[i, j - 1]
            moved = weight * d[i, j - 1]
            curve[0, j] += moved
            for other in range(1, j + 1):
                curve[other, j] += moved * d[i, other - 1]
    square = 0.0
    for j in range(k):
        square += gradient[j] * gradient[j]
        for other in range(j):
            curve[j, other] = curve[other, j]
    return square


@kernel
def _solve(a: Floats, b: Floats) -> None:
    """b := inverse(A) b for a small positive definite A, which is used up.

    Written out, because a matrix library's sums depend on where in memory its arrays lie.
    """
    k = len(b)
    for i in range(k):
        for j in range(i + 1, k):
            share = a[j, i] / a[i, i]
            for at in range(i, k):
                a[j, at] -= share * a[i, at]
            b[j] -= share * b[i]
    for i in range(k - 1, -1, -1):
        for at in range(i + 1, k):
            b[i] -= a[i, at] * b[at]
        b[i] /= a[i, i]
