"""How good a set of risks was: ranking, probability and decision measures, in plain NumPy.

A *fail* is the positive class. A measure that these outcomes leave undefined, because they are all
of one kind or there are none, is None: never a number that looks like skill. Parts of equal risk
are one step, never put in an order that nobody gave.

Measures of ranking (`roc_auc`, `average_precision`, `recall_at_budget`) ask only for the order of
the risks, `brier_skill` and `calibration_slope` for their values, `mcc` for decisions.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]

CERTAIN = 1e-9
"""Risks nearer than this to 0 or 1 count as this near, or one of them would decide the slope."""


def roc_auc(scores: npt.ArrayLike, outcomes: npt.ArrayLike) -> float | None:
    """The chance that a failed part got a higher score than a passed one; a tie counts half.

    Parameters
    ----------
    scores : (n,), any finite scale, higher is riskier
    outcomes : (n,), true for a fail

    References
    ----------
    Hanley, McNeil, "The meaning and use of the area under a receiver operating characteristic
    curve", Radiology 143 (1982).

    >>> roc_auc([0.1, 0.4, 0.35, 0.8], [False, False, True, True])
    0.75
    >>> roc_auc([0.5, 0.5], [False, True])
    0.5
    >>> roc_auc([0.1, 0.2], [False, False]) is None
    True
    """
    x, y = _checked(scores, outcomes)
    if _one_class(y):
        return None
    fails, parts = _steps(x, y)
    passes = parts - fails
    above = np.cumsum(fails) - fails
    twice_the_pairs = int(np.dot(passes, 2 * above + fails))
    return twice_the_pairs / (2 * int(fails.sum()) * int(passes.sum()))


def average_precision(scores: npt.ArrayLike, outcomes: npt.ArrayLike) -> float | None:
    """The precision at each threshold, weighted by the recall that the threshold adds.

    No line is drawn between thresholds, which would flatter. Guessing earns the share of fails.

    Parameters
    ----------
    scores : (n,), any finite scale, higher is riskier
    outcomes : (n,), true for a fail

    References
    ----------
    Davis, Goadrich, "The relationship between precision-recall and ROC curves", ICML 2006.

    >>> round(average_precision([0.1, 0.4, 0.35, 0.8], [False, False, True, True]), 4)
    0.8333
    >>> average_precision([0.5, 0.5, 0.5, 0.5], [True, False, False, False])
    0.25
    """
    x, y = _checked(scores, outcomes)
    if _one_class(y):
        return None
    fails, parts = _steps(x, y)
    precision = np.cumsum(fails) / np.cumsum(parts)
    return float(np.dot(precision, fails) / fails.sum())


def recall_at_budget(scores: npt.ArrayLike, outcomes: npt.ArrayLike, budget: float) -> float | None:
    """The share of fails among the riskiest ``budget`` of the parts.

    Where the budget ends among parts of equal risk, it takes each of them with the same chance,
    and the answer is the expected share. Guessing therefore earns exactly ``budget``.

    Parameters
    ----------
    scores : (n,), any finite scale, higher is riskier
    outcomes : (n,), true for a fail
    budget : share of parts that may be flagged, 0 to 1

    Raises
    ------
    ValueError
        If ``budget`` is not from 0 to 1.

    >>> recall_at_budget([0.9, 0.8, 0.2, 0.1], [True, False, True, False], budget=0.5)
    0.5
    >>> recall_at_budget([0.3, 0.3, 0.3, 0.3], [True, False, True, False], budget=0.25)
    0.25
    """
    if not 0.0 <= budget <= 1.0:
        raise ValueError(f"budget must be a share of parts from 0 to 1, not {budget}")
    x, y = _checked(scores, outcomes)
    if _one_class(y):
        return None
    fails, parts = _steps(x, y)
    room = budget * y.size - (np.cumsum(parts) - parts)
    taken = np.clip(room / parts, 0.0, 1.0)
    return float(np.dot(taken, fails) / fails.sum())


def brier_skill(probabilities: npt.ArrayLike, outcomes: npt.ArrayLike) -> float | None:
    """How much of the squared error of always saying the fail rate these probabilities remove.

    1 is perfect, 0 no better than the fail rate of these very outcomes (their climatology), below 0
    worse than it.

    Parameters
    ----------
    probabilities : (n,), 0 to 1
    outcomes : (n,), true for a fail

    References
    ----------
    Murphy, "Skill scores based on the mean square error and their relationships to the correlation
    coefficient", Monthly Weather Review 116 (1988).

    >>> brier_skill([0.0, 0.0, 1.0, 1.0], [False, False, True, True])
    1.0
    >>> brier_skill([0.5, 0.5, 0.5, 0.5], [False, False, True, True])
    0.0
    """
    p, y = _checked(probabilities, outcomes)
    if _one_class(y):
        return None
    rate = float(np.mean(y))
    return 1.0 - float(np.mean((p - y) ** 2)) / (rate * (1.0 - rate))


def mcc(tp: int, fp: int, fn: int, tn: int) -> float | None:
    """Matthews' correlation of alarms with fails: 1 perfect, 0 as good as chance, -1 inverted.

    None if all parts failed or all passed; 0 if all parts were flagged or none.

    Parameters
    ----------
    tp, fp, fn, tn : numbers of true alarms, false alarms, missed fails and parts rightly left alone

    References
    ----------
    Matthews, "Comparison of the predicted and observed secondary structure of T4 phage lysozyme",
    Biochimica et Biophysica Acta 405 (1975).

    >>> mcc(tp=5, fp=0, fn=0, tn=5)
    1.0
    >>> round(mcc(tp=6, fp=3, fn=2, tn=9), 4)
    0.4924
    >>> mcc(tp=0, fp=0, fn=3, tn=7)
    0.0
    """
    if tp + fn == 0 or fp + tn == 0:
        return None
    if tp + fp == 0 or fn + tn == 0:
        return 0.0
    # Python's integers do not overflow where the product of four counts would.
    return (tp * tn - fp * fn) / math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))


def calibration_slope(probabilities: npt.ArrayLike, outcomes: npt.ArrayLike) -> float | None:
    """The slope of a logistic regression of the outcome on logit(p).

    1: the risks are as spread out as they should be. Below 1: too bold, risks lie too far apart.
    Above 1: too timid. None when no finite slope fits: outcomes of one kind, all probabilities
    equal, or failed and passed parts that one threshold separates.

    Parameters
    ----------
    probabilities : (n,), 0 to 1
    outcomes : (n,), true for a fail

    References
    ----------
    Cox, "Two further applications of a model for binary regression", Biometrika 45 (1958).

    >>> p = [0.2] * 10 + [0.8] * 10
    >>> y = [True] * 2 + [False] * 8 + [True] * 8 + [False] * 2
    >>> round(calibration_slope(p, y), 6)
    1.0
    """
    p, y = _checked(probabilities, outcomes)
    if _one_class(y):
        return None
    p = np.clip(p, CERTAIN, 1.0 - CERTAIN)
    x = np.log(p) - np.log1p(-p)
    if x[y].min() >= x[~y].max() or x[y].max() <= x[~y].min():
        return None
    spread = float(x.std())
    return _logistic_slope((x - x.mean()) / spread, y.astype(np.float64)) / spread


def _logistic_slope(x: Floats, y: Floats) -> float:
    """Newton's method with halved steps on a likelihood that is concave with one finite maximum."""
    rate = float(y.mean())
    beta = np.array([math.log(rate / (1.0 - rate)), 0.0])
    best = _log_likelihood(beta, x, y)
    for _ in range(100):
        p = np.exp(-np.logaddexp(0.0, -(beta[0] + beta[1] * x)))
        weight, rest = p * (1.0 - p), y - p
        gradient = np.array([rest.sum(), rest @ x])
        cross = weight @ x
        hessian = np.array([[weight.sum(), cross], [cross, weight @ (x * x)]])
        step = np.linalg.lstsq(hessian, gradient, rcond=None)[0]
        reached = _log_likelihood(beta + step, x, y)
        while reached < best and float(np.abs(step).max()) > 1e-12:
            step /= 2.0
            reached = _log_likelihood(beta + step, x, y)
        if reached < best:
            break
        beta, best = beta + step, reached
        if float(np.abs(step).max()) <= 1e-12 * (1.0 + float(np.abs(beta).max())):
            break
    return float(beta[1])


def _log_likelihood(beta: Floats, x: Floats, y: Floats) -> float:
    margin = beta[0] + beta[1] * x
    return float(y @ margin - np.logaddexp(0.0, margin).sum())


def _checked(scores: npt.ArrayLike, outcomes: npt.ArrayLike) -> tuple[Floats, Bools]:
    x = np.asarray(scores, dtype=np.float64)
    y = np.asarray(outcomes, dtype=np.bool_)
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(f"{x.shape} scores and {y.shape} outcomes: one of each per part is needed")
    if not np.isfinite(x).all():
        raise ValueError("a score is not finite: leave parts without a risk out")
    return x, y


def _one_class(outcomes: Bools) -> bool:
    return bool(outcomes.all()) or not bool(outcomes.any())


def _steps(scores: Floats, outcomes: Bools) -> tuple[Counts, Counts]:
    """Fails and parts at each distinct score, from the highest down."""
    order = np.argsort(-scores)
    x = scores[order]
    last = np.flatnonzero(np.append(x[1:] != x[:-1], True))
    fails = np.diff(np.cumsum(outcomes[order])[last], prepend=0)
    parts = np.diff(last, prepend=-1)
    return fails.astype(np.int64), parts.astype(np.int64)
