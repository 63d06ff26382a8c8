"""A fixed queue of small trees as flat arrays, and a part's way down them.

A tree is its list of splits in the order in which they were made. Split ``s`` divides leaf
``parent[s]``: what goes left keeps that number, what goes right becomes leaf ``s + 1``. A descent
is one loop over the splits, without pointers, and so is a descent that goes both ways at once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.compiled import allocating_kernel, kernel

Bytes = npt.NDArray[np.uint8]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Singles = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]


class Trees(NamedTuple):
    """T trees of at most S splits; a row of each array is one tree.

    ``seen_right`` is the share of the window's rows at a split that have a value there and go
    right; ``cover_right`` the share of all its rows that go right, both when the tree was grown.
    """

    splits: Ints  # (T,)
    parent: Ints  # (T, S)
    column: Ints  # (T, S)
    threshold: Singles  # (T, S): above it a value goes right
    missing_right: Bools  # (T, S): where a missing value goes
    seen_right: Floats  # (T, S)
    cover_right: Floats  # (T, S)
    value: Floats  # (T, S + 1): what each leaf adds to the margin


def no_trees(trees: int, leaves: int) -> Trees:
    """Trees of one leaf that adds nothing.

    >>> float(margin(no_trees(3, 8), np.zeros(5, np.float32)))
    0.0
    """
    shape = (trees, leaves - 1)
    return Trees(
        np.zeros(trees, np.int64),
        np.zeros(shape, np.int64),
        np.zeros(shape, np.int64),
        np.zeros(shape, np.float32),
        np.zeros(shape, np.bool_),
        np.zeros(shape),
        np.zeros(shape),
        np.zeros((trees, leaves)),
    )


@kernel
def leaf_of(trees: Trees, tree: int, x: Singles) -> int:
    """The leaf that a row of d cells, NaN = missing, ends in."""
    leaf = 0
    for split in range(trees.splits[tree]):
        if trees.parent[tree, split] == leaf:
            value = x[trees.column[tree, split]]
            right = value > trees.threshold[tree, split]
            if np.isnan(value):
                right = trees.missing_right[tree, split]
            if right:
                leaf = split + 1
    return leaf


@kernel
def margin(trees: Trees, x: Singles) -> float:
    """The sum of the leaves that a row ends in."""
    total = 0.0
    for tree in range(trees.splits.size):
        total += trees.value[tree, leaf_of(trees, tree, x)]
    return total


@allocating_kernel
def margins(trees: Trees, rows: Singles) -> Floats:
    """`margin` of each of n rows."""
    out = np.empty(rows.shape[0])
    for i in range(rows.shape[0]):
        out[i] = margin(trees, rows[i])
    return out


@kernel
def right_shares(
    trees: Trees, tree: int, x: Singles, ahead: Bools, visit: Floats, out: Floats
) -> None:
    """Fill in how much of a part goes right at each split: 0 or 1, or between for a cell ahead.

    Such a cell will be measured with probability ``visit``, and then go right as often as the
    window's rows that had a value there; else it will be missing.
    """
    for split in range(trees.splits[tree]):
        column = trees.column[tree, split]
        value = x[column]
        if not np.isnan(value):
            out[split] = 1.0 if value > trees.threshold[tree, split] else 0.0
            continue
        out[split] = 1.0 if trees.missing_right[tree, split] else 0.0
        if ahead[column]:
            measured = visit[column] * trees.seen_right[tree, split]
            out[split] = measured + (1.0 - visit[column]) * out[split]


@allocating_kernel
def partial_margin(trees: Trees, x: Singles, ahead: Bools, visit: Floats) -> float:
    """The margin expected of a part under way: cells ahead send it down both ways."""
    share, right = np.empty(trees.value.shape[1]), np.empty(trees.parent.shape[1])
    return _shared_margin(trees, x, ahead, visit, share, right)


@kernel
def _shared_margin(
    trees: Trees, x: Singles, ahead: Bools, visit: Floats, share: Floats, right: Floats
) -> float:
    total = 0.0
    for tree in range(trees.splits.size):
        splits = trees.splits[tree]
        share[0] = 1.0
        right_shares(trees, tree, x, ahead, visit, right)
        for split in range(splits):
            parent = trees.parent[tree, split]
            share[split + 1] = share[parent] * right[split]
            share[parent] *= 1.0 - right[split]
        for leaf in range(splits + 1):
            total += share[leaf] * trees.value[tree, leaf]
    return total
