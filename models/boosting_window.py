"""The window of the last labelled rows: coded, with their margins and their leaf in every tree."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from models.boosting_bins import LARGEST, code
from models.boosting_grow import goes_right
from models.boosting_trees import Bools, Bytes, Floats, Ints, Singles, Trees, leaf_of
from models.compiled import kernel


class Window(NamedTuple):
    """W rows in a ring, columns first: a step reads few columns, each over all rows."""

    x: Singles  # (D, W): NaN = missing
    codes: Bytes  # (D, W)
    fail: Bools  # (W,)
    margin: Floats  # (W,): the sum of the row's leaf values, exact
    leaf: Bytes  # (T, W)


def no_window(columns: int, rows: int, trees: int) -> Window:
    """Room for a window; only rows that were put are ever read, so memory comes with them."""
    return Window(
        np.zeros((columns, rows), np.float32),
        np.zeros((columns, rows), np.uint8),
        np.zeros(rows, np.bool_),
        np.zeros(rows),
        np.zeros((trees, rows), np.uint8),
    )


@kernel
def clipped(values: Floats, out: Singles) -> None:
    """Numbers as float32 between plus and minus `LARGEST`; NaN stays NaN."""
    for i in range(values.size):
        out[i] = min(max(values[i], -LARGEST), LARGEST) if values[i] == values[i] else np.nan


@kernel
def put(
    window: Window,
    slot: int,
    x: Singles,
    fail: bool,
    full: bool,
    edges: Singles,
    trees: Trees,
    present: Ints,
    seen: Ints,
) -> None:
    """Write a row of d cells into its slot, over an old one if the window is full.

    ``present`` counts each column's values in the window, ``seen`` all there ever were.
    """
    for column in range(x.size):
        value = x[column]
        if full and not np.isnan(window.x[column, slot]):
            present[column] -= 1
        if not np.isnan(value):
            present[column] += 1
            seen[column] += 1
        window.x[column, slot] = value
        window.codes[column, slot] = code(value, edges[column])
    total = 0.0
    for tree in range(trees.splits.size):
        leaf = leaf_of(trees, tree, x)
        window.leaf[tree, slot] = leaf
        total += trees.value[tree, leaf]
    window.margin[slot] = total
    window.fail[slot] = fail


@kernel
def drop(window: Window, rows: int, trees: Trees, tree: int) -> None:
    """Take a tree out of the margins of the first ``rows`` rows."""
    value, leaf = trees.value[tree], window.leaf[tree]
    for i in range(rows):
        window.margin[i] -= value[leaf[i]]


@kernel
def route(window: Window, rows: int, missing: int, trees: Trees, tree: int, bins: Ints) -> None:
    """Send all rows down a new tree, note how many go right, and add it to their margins."""
    leaf, gap = window.leaf[tree], np.uint8(missing)
    leaf[:rows] = 0
    for split in range(trees.splits[tree]):
        codes = window.codes[trees.column[tree, split]]
        parent, new = np.uint8(trees.parent[tree, split]), np.uint8(split + 1)
        cut, aside = np.uint8(bins[split]), trees.missing_right[tree, split]
        here, right, gaps = 0, 0, 0
        for i in range(rows):
            inside = leaf[i] == parent
            moves = inside & goes_right(codes[i], cut, aside, gap)
            here += inside
            right += moves
            gaps += inside & (codes[i] == gap)
            leaf[i] = new if moves else leaf[i]
        seen = here - gaps
        trees.cover_right[tree, split] = right / here
        seen_right = right - gaps if aside else right
        trees.seen_right[tree, split] = seen_right / seen if seen else 0.5
    value = trees.value[tree]
    for i in range(rows):
        window.margin[i] += value[leaf[i]]
