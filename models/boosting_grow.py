"""Growing one small tree: best split first, on histograms of coded columns.

A node's histogram holds, for each column and bin, the sum of gradients and that of curvatures,
which carries the count (`models.boosting_sample`). Of two siblings only the smaller is summed; the
other is the parent less that one, exactly, since all are integers. A missing value has a bin of its
own, is tried on both sides of every cut, and against all that is not missing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from models.boosting_sample import COUNT_BITS, UNIT, Sample
from models.boosting_trees import Bytes, Floats, Ints, Singles, Trees
from models.compiled import compiled

LEAST_ROWS = 10
"""Sampled rows that a leaf needs."""

LEAST_GAIN = 1e-9
STEEPEST = 4.0
"""A leaf's Newton step is clipped to this before it is shrunk by the rate."""

GRID = float(1 << 32)
"""Leaf values are whole multiples of 1 / GRID: their sums are exact, in any order."""


class Bench(NamedTuple):
    """Room to grow a tree in; nothing is kept here from one to the next."""

    histogram: Ints  # (L, C, bins + 1, 2)
    end: Ints  # (L + 1,): leaf l holds sampled rows begin[l] to end[l]
    begin: Ints
    gain: Floats  # (L,): of each leaf's best split
    place: Ints  # (L,): which of the drawn columns
    cut: Ints  # (L,): after which bin; all observed values if it is the last
    aside: Ints  # (L,): 1 if missing goes right
    spare: Ints  # (3, sampled rows)
    bins: Ints  # (S,): the cut of each split that was made


def no_bench(leaves: int, columns: int, bins: int, rows: int) -> Bench:
    """Room for trees of so many leaves over so many drawn columns."""
    ints = [np.zeros(leaves, np.int64) for _ in range(6)]
    return Bench(
        np.zeros((leaves, columns, bins + 1, 2), np.int64),
        ints[0],
        ints[1],
        np.zeros(leaves),
        ints[2],
        ints[3],
        ints[4],
        np.zeros((3, rows), np.int64),
        ints[5],
    )


@compiled
def _sum(
    codes: Bytes, columns: Ints, count: int, sample: Sample, begin: int, end: int, histogram: Ints
) -> None:
    histogram[:count] = 0
    for k in range(count):
        column, sums = codes[columns[k]], histogram[k]
        for j in range(begin, end):
            b = column[sample.rows[j]]
            sums[b, 0] += sample.gradient[j]
            sums[b, 1] += sample.curvature[j]


@compiled
def _merit(g: int, h: int, l2: float) -> float:
    """Twice the fall of the loss from one leaf with these sums."""
    slope = g / UNIT
    return slope * slope / ((h >> COUNT_BITS) / UNIT + l2)


@compiled
def _best_split(bench: Bench, leaf: int, count: int, g: int, h: int, l2: float) -> None:
    """Find the split of a leaf with sums ``g`` and ``h`` that gains most."""
    mask = (1 << COUNT_BITS) - 1
    rows = h & mask
    unsplit = _merit(g, h, l2)
    bench.gain[leaf] = 0.0
    last = bench.histogram.shape[2] - 2
    for k in range(count):
        sums = bench.histogram[leaf, k]
        missing_g, missing_h = sums[last + 1]
        missing = missing_h & mask
        left_g, left_h = 0, 0
        for b in range(last + 1):
            if sums[b, 1] == 0:
                continue
            left_g += sums[b, 0]
            left_h += sums[b, 1]
            left = left_h & mask
            if left >= LEAST_ROWS and rows - left >= LEAST_ROWS:
                gain = _merit(left_g, left_h, l2) + _merit(g - left_g, h - left_h, l2) - unsplit
                if gain > bench.gain[leaf]:
                    bench.gain[leaf], bench.place[leaf] = gain, k
                    bench.cut[leaf] = last if left + missing == rows else b
                    bench.aside[leaf] = missing > 0 or 2 * left < rows
            if missing == 0:
                continue
            left += missing
            if left >= LEAST_ROWS and rows - left >= LEAST_ROWS:
                g1, h1 = left_g + missing_g, left_h + missing_h
                gain = _merit(g1, h1, l2) + _merit(g - g1, h - h1, l2) - unsplit
                if gain > bench.gain[leaf]:
                    bench.gain[leaf], bench.place[leaf] = gain, k
                    bench.cut[leaf], bench.aside[leaf] = b, 0


@compiled
def goes_right(code: int, cut: int, aside: bool, missing: int) -> bool:
    """Which way a code goes; ``missing`` is the code of a missing value, above all others."""
    return code > cut and (aside or code != missing)


@compiled
def _divide(codes: Bytes, missing: int, sample: Sample, bench: Bench, leaf: int, cut: int) -> int:
    """Put the rows of a leaf that go left before those that go right, in their order; where."""
    left, right = bench.begin[leaf], 0
    spare = bench.spare
    for j in range(bench.begin[leaf], bench.end[leaf]):
        row, g, h = sample.rows[j], sample.gradient[j], sample.curvature[j]
        if goes_right(codes[row], cut, bench.aside[leaf] == 1, missing):
            spare[0, right], spare[1, right], spare[2, right] = row, g, h
            right += 1
        else:
            sample.rows[left], sample.gradient[left], sample.curvature[left] = row, g, h
            left += 1
    for j in range(right):
        sample.rows[left + j] = spare[0, j]
        sample.gradient[left + j] = spare[1, j]
        sample.curvature[left + j] = spare[2, j]
    return left


@compiled
def _totals(sample: Sample, begin: int, end: int) -> tuple[int, int]:
    g, h = 0, 0
    for j in range(begin, end):
        g += sample.gradient[j]
        h += sample.curvature[j]
    return g, h


@compiled
def _siblings(
    codes: Bytes, columns: Ints, count: int, sample: Sample, bench: Bench, leaf: int, new: int
) -> None:
    """Histograms of both halves of a leaf: the smaller summed, the larger the rest of the parent."""
    h = bench.histogram
    small, large = new, leaf
    if bench.end[leaf] - bench.begin[leaf] < bench.end[new] - bench.begin[new]:
        small, large = leaf, new
        h[new, :count] = h[leaf, :count]
    _sum(codes, columns, count, sample, bench.begin[small], bench.end[small], h[small])
    h[large, :count] -= h[small, :count]


@compiled
def grow(
    codes: Bytes,
    edges: Singles,
    columns: Ints,
    count: int,
    sample: Sample,
    taken: int,
    l2: float,
    rate: float,
    trees: Trees,
    tree: int,
    bench: Bench,
) -> None:
    """Grow a tree over the first ``count`` of ``columns`` from ``taken`` sampled rows, in place.

    Reorders the sample. The shares of rows that go right are left to `models.boosting_window`.
    """
    missing = edges.shape[1] + 1
    bench.begin[0], bench.end[0] = 0, taken
    g, h = _totals(sample, 0, taken)
    _sum(codes, columns, count, sample, 0, taken, bench.histogram[0])
    _best_split(bench, 0, count, g, h, l2)
    size = trees.value.shape[1]
    leaves = 1
    while leaves < size:
        leaf = np.argmax(bench.gain[:leaves])
        if bench.gain[leaf] <= LEAST_GAIN:
            break
        new, column, cut = leaves, columns[bench.place[leaf]], bench.cut[leaf]
        trees.parent[tree, new - 1] = leaf
        trees.column[tree, new - 1] = column
        trees.threshold[tree, new - 1] = np.inf if cut == missing - 1 else edges[column, cut]
        trees.missing_right[tree, new - 1] = bench.aside[leaf] == 1
        bench.bins[new - 1] = cut
        middle = _divide(codes[column], missing, sample, bench, leaf, cut)
        bench.begin[new], bench.end[new], bench.end[leaf] = middle, bench.end[leaf], middle
        leaves += 1
        if leaves < size:
            _siblings(codes, columns, count, sample, bench, leaf, new)
            for half in (leaf, new):
                g, h = _totals(sample, bench.begin[half], bench.end[half])
                _best_split(bench, half, count, g, h, l2)
    trees.splits[tree] = leaves - 1
    for leaf in range(leaves):
        g, h = _totals(sample, bench.begin[leaf], bench.end[leaf])
        step = -(g / UNIT) / ((h >> COUNT_BITS) / UNIT + l2)
        step = rate * min(max(step, -STEEPEST), STEEPEST)
        trees.value[tree, leaf] = np.floor(step * GRID + 0.5) / GRID
