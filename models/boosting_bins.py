"""Bins: a column of numbers as small codes, cut finer where fails lie.

Half of a column's edges are quantiles of all rows, half are quantiles of the fails' values: at two
fails in a hundred, quantiles of all rows alone leave the region that matters in one or two bins.
"""

from __future__ import annotations

import numpy as np

from models.boosting_trees import Bools, Bytes, Ints, Singles
from models.compiled import compiled

SAMPLE = 3_000
"""Rows that the quantiles of all rows are read from."""

LARGEST = np.float32(3e38)
"""Numbers are clipped to plus and minus this, so that infinity stays free for "no edge"."""


def quantiles(values: Singles, count: int) -> Singles:
    """``count`` of the values, evenly spread over their ranks; all distinct ones if they are few.

    >>> quantiles(np.array([3, 1, 2, np.nan], np.float32), 2).tolist()
    [1.0, 2.0]
    """
    ordered = np.sort(values)
    ordered = ordered[: np.searchsorted(ordered, np.float32(np.inf))]
    if not ordered.size:
        return ordered
    ranks = (np.arange(1, count + 1) * ordered.size - 1) // (count + 1)
    return ordered[np.maximum(ranks, 0)]


def edges(values: Singles, fails: Singles, bins: int) -> Singles:
    """The bins - 1 upper edges of a column, increasing; plus infinity where there is none.

    Parameters
    ----------
    values : of a sample of all rows; NaN = missing
    fails : of the fails among the rows; NaN = missing
    bins : a power of two

    >>> edges(np.array([1, 2, 2, 5], np.float32), np.array([4], np.float32), 8).tolist()
    [1.0, 2.0, 4.0, 5.0, inf, inf, inf]
    """
    cut = np.full(bins - 1, np.inf, np.float32)
    distinct = _distinct(np.concatenate((values, fails)), bins - 1)
    if distinct is None:
        usual = quantiles(values, bins // 2)
        rare = quantiles(fails, bins - 1 - bins // 2)
        distinct = np.unique(np.concatenate((usual, rare)))
    cut[: distinct.size] = distinct
    return cut


def _distinct(values: Singles, most: int) -> Singles | None:
    """All distinct numbers, or None if there are more than ``most``."""
    found = np.unique(values[~np.isnan(values)])
    return found if found.size <= most else None


@compiled
def code(value: np.float32, cut: Singles) -> int:
    """How many edges lie below a number; one more than there are edges if it is missing.

    A binary search without branches, so the number of bins is a power of two.
    """
    if np.isnan(value):
        return cut.size + 1
    below, step = 0, (cut.size + 1) // 2
    while step:
        if cut[below + step - 1] < value:
            below += step
        step //= 2
    return below


@compiled
def code_column(values: Singles, cut: Singles, codes: Bytes) -> None:
    """`code` of each value, into ``codes``."""
    for i in range(values.size):
        codes[i] = code(values[i], cut)


@compiled
def next_due(seen: Ints, due: Ints, cursor: int) -> int:
    """The next column from ``cursor`` on, in rotation, that has seen enough for new edges; or -1."""
    for k in range(seen.size):
        column = (cursor + k) % seen.size
        if seen[column] >= due[column]:
            return column
    return -1


def fail_rows(fail: Bools) -> Ints:
    """Where the fails are."""
    return np.flatnonzero(fail)
