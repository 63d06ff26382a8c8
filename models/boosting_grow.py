"""Growing one small tree: best split first, on histograms of coded columns.

A node's histogram holds, for each column and bin, the sum of gradients and that of curvatures,
which carries the count (`models.boosting_sample`). Of two siblings only the smaller is summed; the
other is the parent less that one, exactly, since all are integers. A missing value has a bin of its
own, is tried on both sides of every cut, and against all that is not missing.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from models.boosting_sample import COUNT_BITS, UNIT, Sample
from models.boosting_trees import Bytes, Floats, Ints, Singles, Trees
from models.compiled import allocating_kernel, kernel

LEAST_ROWS = 10
"""Sampled rows that a leaf needs."""

LEAST_GAIN = 1e-9
COUNTS = (1 << COUNT_BITS) - 1
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
    codes: Bytes  # (sampled rows, C)
    run: Ints  # (2, bins): running sums
    gains: Floats  # (2, bins): of cuts with missing on the right, and on the left
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
        np.zeros((rows, columns), np.uint8),
        np.zeros((2, bins), np.int64),
        np.zeros((2, bins)),
        ints[5],
    )


@kernel
def _gather(codes: Bytes, columns: Ints, count: int, rows: Ints, taken: int, out: Bytes) -> None:
    """The codes of the sampled rows, side by side: what follows stays in the fast caches."""
    for begin in range(0, taken, 256):
        for k in range(count):
            column = codes[columns[k]]
            for j in range(begin, min(begin + 256, taken)):
                out[j, k] = column[rows[j]]


@kernel
def _sum(codes: Bytes, count: int, sample: Sample, begin: int, end: int, histogram: Ints) -> None:
    histogram[:count] = 0
    for j in range(begin, end):
        row, g, h = sample.rows[j], sample.gradient[j], sample.curvature[j]
        for k in range(count):
            b = codes[row, k]
            histogram[k, b, 0] += g
            histogram[k, b, 1] += h


@kernel
def _merit(left_g: int, left_h: int, g: int, h: int, l2: float) -> float:
    """Twice the loss that two leaves take away, one with the sums ``left``, of ``g`` and ``h``."""
    a, b = left_g / UNIT, (g - left_g) / UNIT
    p = (left_h >> COUNT_BITS) / UNIT + l2
    q = ((h - left_h) >> COUNT_BITS) / UNIT + l2
    return (a * a * q + b * b * p) / (p * q)


@kernel
def _gains(
    sums: Ints, left_g: int, left_h: int, g: int, h: int, l2: float, run: Ints, out: Floats
) -> None:
    """Fill in what a cut after each bin takes off the loss; 0 where a side has too few rows,
    or where the bin is empty and the cut before it is the same.

    ``left_g`` and ``left_h`` are on the left of every cut. Loops apart, so that all but the running
    sums is done for several bins at once.
    """
    for b in range(out.size):
        left_g += sums[b, 0]
        left_h += sums[b, 1]
        run[0, b], run[1, b] = left_g, left_h
    unsplit = _merit(0, 0, g, h, l2)
    for b in range(out.size):
        left, right = run[1, b] & COUNTS, (h - run[1, b]) & COUNTS
        gain = _merit(run[0, b], run[1, b], g, h, l2) - unsplit
        enough = (left >= LEAST_ROWS) & (right >= LEAST_ROWS) & (sums[b, 1] != 0)
        out[b] = gain if enough else 0.0


@kernel
def _best_split(bench: Bench, leaf: int, count: int, g: int, h: int, l2: float) -> None:
    """Find the split of a leaf with sums ``g`` and ``h`` that gains most."""
    best, place, cut, aside = 0.0, 0, 0, False
    last, rows = bench.histogram.shape[2] - 2, h & COUNTS
    right, left, run = bench.gains[0], bench.gains[1], bench.run
    for k in range(count if rows >= 2 * LEAST_ROWS else 0):
        sums = bench.histogram[leaf, k]
        gap_g, gap_h = sums[last + 1, 0], sums[last + 1, 1]
        gaps = gap_h & COUNTS
        left[:] = 0.0
        if gaps:
            _gains(sums, gap_g, gap_h, g, h, l2, run, left)
        _gains(sums, 0, 0, g, h, l2, run, right)
        for b in range(last + 1):
            if right[b] > best:
                there = run[1, b] & COUNTS
                best, place, cut = right[b], k, last if there + gaps == rows else b
                aside = (gaps > 0) | (2 * there < rows)
            if left[b] > best:
                best, place, cut, aside = left[b], k, b, False
    bench.gain[leaf], bench.place[leaf] = best, place
    bench.cut[leaf], bench.aside[leaf] = cut, aside


@kernel
def goes_right(code: Any, cut: Any, aside: bool, missing: Any) -> bool:
    """Which way a code goes; ``missing`` is the code of a missing value, above all others."""
    moves: bool = (code > cut) & (aside | (code != missing))
    return moves


@kernel
def _divide(missing: int, sample: Sample, bench: Bench, leaf: int) -> int:
    """Put the rows of a leaf that go left before those that go right, in their order; where."""
    left, right = bench.begin[leaf], 0
    spare, codes = bench.spare, bench.codes[:, bench.place[leaf]]
    cut, aside = bench.cut[leaf], bench.aside[leaf] == 1
    for j in range(bench.begin[leaf], bench.end[leaf]):
        row, g, h = sample.rows[j], sample.gradient[j], sample.curvature[j]
        if goes_right(codes[row], cut, aside, missing):
            spare[0, right], spare[1, right], spare[2, right] = row, g, h
            right += 1
        else:
            sample.rows[left], sample.gradient[left], sample.curvature[left] = row, g, h
            left += 1
    for j in range(right):
        sample.rows[left + j] = spare[0, j]
        sample.gradient[left + j] = spare[1, j]
        sample.curvature[left + j] = spare[2, j]
    return int(left)


@kernel
def _totals(sample: Sample, begin: int, end: int) -> tuple[int, int]:
    g, h = 0, 0
    for j in range(begin, end):
        g += sample.gradient[j]
        h += sample.curvature[j]
    return g, h


@allocating_kernel
def _siblings(count: int, sample: Sample, bench: Bench, leaf: int, new: int) -> None:
    """Histograms of both halves of a leaf: the smaller summed, the larger what is left."""
    h = bench.histogram
    small, large = new, leaf
    if bench.end[leaf] - bench.begin[leaf] < bench.end[new] - bench.begin[new]:
        small, large = leaf, new
        h[new, :count] = h[leaf, :count]
    _sum(bench.codes, count, sample, bench.begin[small], bench.end[small], h[small])
    h[large, :count] -= h[small, :count]


@allocating_kernel
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

    Uses the sample up. The shares of rows that go right are left to `models.boosting_window`.
    """
    missing = edges.shape[1] + 1
    bench.begin[0], bench.end[0] = 0, taken
    g, h = _totals(sample, 0, taken)
    _gather(codes, columns, count, sample.rows, taken, bench.codes)
    sample.rows[:taken] = np.arange(taken)
    _sum(bench.codes, count, sample, 0, taken, bench.histogram[0])
    _best_split(bench, 0, count, g, h, l2)
    size = trees.value.shape[1]
    leaves = 1
    while leaves < size:
        leaf = int(np.argmax(bench.gain[:leaves]))
        if bench.gain[leaf] <= LEAST_GAIN:
            break
        new, column, cut = leaves, columns[bench.place[leaf]], bench.cut[leaf]
        trees.parent[tree, new - 1] = leaf
        trees.column[tree, new - 1] = column
        trees.threshold[tree, new - 1] = np.inf if cut == missing - 1 else edges[column, cut]
        trees.missing_right[tree, new - 1] = bench.aside[leaf] == 1
        bench.bins[new - 1] = cut
        middle = _divide(missing, sample, bench, leaf)
        bench.begin[new], bench.end[new], bench.end[leaf] = middle, bench.end[leaf], middle
        leaves += 1
        if leaves < size:
            _siblings(count, sample, bench, leaf, new)
            for half in (leaf, new):
                g, h = _totals(sample, bench.begin[half], bench.end[half])
                _best_split(bench, half, count, g, h, l2)
    trees.splits[tree] = leaves - 1
    for leaf in range(leaves):
        g, h = _totals(sample, bench.begin[leaf], bench.end[leaf])
        step = -(g / UNIT) / ((h >> COUNT_BITS) / UNIT + l2)
        step = rate * min(max(step, -STEEPEST), STEEPEST)
        trees.value[tree, leaf] = np.floor(step * GRID + 0.5) / GRID
