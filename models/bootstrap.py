"""How sure a figure is: confidence intervals by the moving-block bootstrap.

Parts that follow each other share a tool, a lot and a shift, so drawing them one by one would
promise more than the data hold. Whole blocks of neighbours are drawn instead. Two models are
compared on the same drawn parts, so that what is hard for both does not blur their difference.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

Metric = Callable[[npt.NDArray[np.float64], npt.NDArray[np.bool_]], float | None]
Rows = npt.NDArray[np.int64]


def interval(
    metric: Metric,
    scores: npt.ArrayLike,
    outcomes: npt.ArrayLike,
    *,
    block: int | None = None,
    draws: int = 200,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[float, float] | None:
    """The middle ``level`` of the values that ``metric`` takes on resampled histories.

    Each history is made of blocks of ``block`` parts in a row, drawn with replacement from all
    that the real one contains and joined to its length.

    Parameters
    ----------
    metric : answers None where it is undefined; such draws are left out
    scores : (n,), in the order in which the results came
    outcomes : (n,), true for a fail
    block : parts in a row; None is the square root of n, long enough for streaks to stay whole
    draws : histories to draw
    seed : of the generator; the same seed gives the same interval
    level : 0 to 1

    Returns
    -------
    (low, high), or None if the metric is undefined on half of the draws or more

    Raises
    ------
    ValueError
        If ``block`` or ``draws`` is below 1.

    References
    ----------
    Kuensch, "The jackknife and the bootstrap for general stationary observations", Annals of
    Statistics 17 (1989).

    >>> from models.ranking import roc_auc
    >>> low, high = interval(roc_auc, [0.1, 0.3, 0.2, 0.8, 0.4, 0.9] * 20,
    ...                      [False, False, True, True, False, True] * 20, block=6)
    >>> low <= roc_auc([0.1, 0.3, 0.2, 0.8, 0.4, 0.9],
    ...                [False, False, True, True, False, True]) <= high
    True
    """
    x = np.asarray(scores, dtype=np.float64)
    y = np.asarray(outcomes, dtype=np.bool_)
    drawn = histories(y.size, block=block, draws=draws, seed=seed)
    return middle([metric(x[rows], y[rows]) for rows in drawn], level)


def paired_interval(
    metric: Metric,
    scores: npt.ArrayLike,
    reference: npt.ArrayLike,
    outcomes: npt.ArrayLike,
    *,
    block: int | None = None,
    draws: int = 200,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[float, float] | None:
    """The middle ``level`` of the amounts by which ``scores`` beat a ``reference``.

    Both are measured on the same resampled histories; see `interval` for the rest.

    >>> from models.ranking import roc_auc
    >>> outcomes = [False, True, False, True] * 25
    >>> risks = [0.1, 0.8, 0.3, 0.9] * 25
    >>> paired_interval(roc_auc, risks, risks, outcomes)
    (0.0, 0.0)
    """
    x = np.asarray(scores, dtype=np.float64)
    z = np.asarray(reference, dtype=np.float64)
    y = np.asarray(outcomes, dtype=np.bool_)
    drawn = histories(y.size, block=block, draws=draws, seed=seed)
    return middle([beaten_by(metric, x[rows], z[rows], y[rows]) for rows in drawn], level)


def beaten_by(
    metric: Metric,
    scores: npt.NDArray[np.float64],
    reference: npt.NDArray[np.float64],
    outcomes: npt.NDArray[np.bool_],
) -> float | None:
    """By how much ``scores`` beat ``reference`` in ``metric``; None where that is undefined."""
    ours, theirs = metric(scores, outcomes), metric(reference, outcomes)
    return None if ours is None or theirs is None else ours - theirs


def histories(
    parts: int, *, block: int | None = None, draws: int = 200, seed: int = 0
) -> Iterator[Rows]:
    """Resampled histories of so many parts, as the numbers of the parts that they are made of.

    The same arguments give the same histories. None at all if there are no parts.

    Raises
    ------
    ValueError
        If ``block`` or ``draws`` is below 1.

    >>> [rows.size for rows in histories(10, block=3, draws=2)]
    [10, 10]
    """
    if draws < 1 or (block is not None and block < 1):
        raise ValueError(f"block={block} and draws={draws} must be 1 or more")
    if parts == 0:
        return
    length = min(parts, block if block is not None else math.isqrt(parts))
    within = np.arange(length)
    generator = np.random.Generator(np.random.PCG64(seed))
    for _ in range(draws):
        starts = generator.integers(0, parts - length + 1, size=-(-parts // length))
        yield (starts[:, None] + within).ravel()[:parts]


def middle(values: Sequence[float | None], level: float = 0.95) -> tuple[float, float] | None:
    """The middle ``level`` of these values; None if half of them or more are undefined.

    >>> middle([0.0, 1.0, None, 2.0], level=0.5)
    (0.5, 1.5)
    >>> middle([1.0, None]) is None
    True
    """
    known = [value for value in values if value is not None]
    if 2 * len(known) <= len(values):
        return None
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(known, [tail, 1.0 - tail])
    return float(low), float(high)
