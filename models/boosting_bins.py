"""Bins: a column of numbers as small codes, cut finer where fails lie.

Half of a column's edges are quantiles of all rows, half are quantiles of the fails' values: at two
fails in a hundred, quantiles of all rows alone leave the region that matters in one or two bins.
"""

from __future__ import annotations

import numpy as np

from models.boosting_trees import Bytes, Ints, Singles
from models.compiled import kernel

SAMPLE = 3_000
"""Rows that the quantiles of all rows are read from."""

LARGEST = np.float32(3e38)
"""Numbers are clipped to plus and minus this, so that infinity stays free for "no edge"."""


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
    usual, rare = _ordered(values), _ordered(fails)
    found = _distinct(np.concatenate((_distinct(usual), _distinct(rare))))
    if found.size > bins - 1:
        half = bins // 2
        found = _distinct(np.concatenate((_spread(usual, half), _spread(rare, bins - 1 - half))))
    cut = np.full(bins - 1, np.inf, np.float32)
    cut[: found.size] = found
    return cut


def _ordered(values: Singles) -> Singles:
    """The values that are not missing, in order."""
    ordered = np.sort(values)
    return ordered[: np.searchsorted(ordered, np.float32(np.inf))]


def _distinct(values: Singles) -> Singles:
    ordered = np.sort(values)
    return ordered[np.append(ordered[:-1] < ordered[1:], True)] if ordered.size else ordered


def _spread(ordered: Singles, count: int) -> Singles:
    """``count`` of some ordered values, evenly spread over their ranks."""
    ranks = (np.arange(1, count + 1) * ordered.size - 1) // (count + 1)
    return ordered[np.maximum(ranks, 0)] if ordered.size else ordered


@kernel
def code(value: np.float32, cut: Singles) -> int:
    """How many edges lie below a number; one more than there are edges if it is missing.

    A binary search without branches, so the number of bins is a power of two.
    """
    if np.isnan(value):
        return cut.size + 1
    below, step = np.uint64(0), np.uint64((cut.size + 1) >> 1)
    while step:
        below += step * np.uint64(cut[below + step - np.uint64(1)] < value)
        step >>= np.uint64(1)
    return int(below)


@kernel
def code_column(values: Singles, cut: Singles, codes: Bytes) -> None:
    """`code` of each value, into ``codes``: edge by edge, which the processor does in parallel."""
    codes[:] = 0
    for edge in cut:
        if edge == np.inf:
            break
        for i in range(values.size):
            codes[i] += np.uint8(values[i] > edge)
    missing = np.uint8(cut.size + 1)
    for i in range(values.size):
        codes[i] = missing if np.isnan(values[i]) else codes[i]


@kernel
def next_due(seen: Ints, due: Ints, cursor: int) -> int:
    """The next column from ``cursor`` on, in rotation, that is due for new edges; or -1."""
    for k in range(seen.size):
        column = (cursor + k) % seen.size
        if seen[column] >= due[column]:
            return column
    return -1
