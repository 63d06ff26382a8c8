"""How sure a figure is: a confidence interval by the moving-block bootstrap.

Parts that follow each other share a tool, a lot and a shift, so drawing them one by one would
promise more than the data hold. Whole blocks of neighbours are drawn instead.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Metric = Callable[[npt.NDArray[np.float64], npt.NDArray[np.bool_]], float | None]


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
    if draws < 1 or (block is not None and block < 1):
        raise ValueError(f"block={block} and draws={draws} must be 1 or more")
    x = np.asarray(scores, dtype=np.float64)
    y = np.asarray(outcomes, dtype=np.bool_)
    n = x.size
    if n == 0:
        return None
    length = min(n, block if block is not None else math.isqrt(n))
    within = np.arange(length)
    generator = np.random.Generator(np.random.PCG64(seed))
    values = []
    for _ in range(draws):
        starts = generator.integers(0, n - length + 1, size=-(-n // length))
        rows = (starts[:, None] + within).ravel()[:n]
        value = metric(x[rows], y[rows])
        if value is not None:
            values.append(value)
    if 2 * len(values) <= draws:
        return None
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(values, [tail, 1.0 - tail])
    return float(low), float(high)
