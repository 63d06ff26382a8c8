"""The kernels of rolling boosting in plain NumPy: what they compute, for readers and for tests.

Each function answers what its compiled namesake answers, to the last bit: sums are of integers, and
what is computed per row is computed by the same operations. It is some hundred times slower.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.boosting_bins import LARGEST
from models.boosting_grow import GRID, LEAST_GAIN, LEAST_ROWS, STEEPEST, Bench
from models.boosting_sample import COUNT_BITS, EVEN, UNIT, Sample
from models.boosting_trees import Bools, Bytes, Floats, Ints, Singles, Trees
from models.boosting_window import Window


def clipped(values: Floats, out: Singles) -> None:
    """`models.boosting_window.clipped`."""
    out[:] = np.clip(values, -LARGEST, LARGEST)


def code_column(values: Singles, cut: Singles, codes: Bytes) -> None:
    """`models.boosting_bins.code_column`."""
    codes[:] = np.where(np.isnan(values), cut.size + 1, np.searchsorted(cut, values, side="left"))


def next_due(seen: Ints, due: Ints, cursor: int) -> int:
    """`models.boosting_bins.next_due`."""
    found = np.flatnonzero(seen >= due)
    if not found.size:
        return -1
    return int(found[np.argmin((found - cursor) % seen.size)])


def leaf_of(trees: Trees, tree: int, x: Singles) -> int:
    """`models.boosting_trees.leaf_of`."""
    nothing = np.zeros(x.size)
    shares = leaf_shares(trees, tree, x, nothing > 0, nothing)
    return int(np.argmax(shares))


def margin(trees: Trees, x: Singles) -> float:
    """`models.boosting_trees.margin`."""
    return float(sum(trees.value[t, leaf_of(trees, t, x)] for t in range(trees.splits.size)))


def margins(trees: Trees, rows: Singles) -> Floats:
    """`models.boosting_trees.margins`."""
    return np.array([margin(trees, x) for x in rows])


def right_shares(trees: Trees, tree: int, x: Singles, ahead: Bools, visit: Floats) -> Floats:
    """How much of a part goes right at each split of a tree."""
    splits = slice(trees.splits[tree])
    column = trees.column[tree, splits]
    missing = trees.missing_right[tree, splits].astype(np.float64)
    expected = visit[column] * trees.seen_right[tree, splits] + (1.0 - visit[column]) * missing
    right = (x[column] > trees.threshold[tree, splits]).astype(np.float64)
    return np.where(np.isnan(x[column]), np.where(ahead[column], expected, missing), right)


def leaf_shares(trees: Trees, tree: int, x: Singles, ahead: Bools, visit: Floats) -> Floats:
    """How much of a part ends in each leaf of a tree."""
    shares = np.zeros(trees.splits[tree] + 1)
    shares[0] = 1.0
    for split, right in enumerate(right_shares(trees, tree, x, ahead, visit)):
        parent = trees.parent[tree, split]
        shares[split + 1] = shares[parent] * right
        shares[parent] *= 1.0 - right
    return shares


def partial_margin(trees: Trees, x: Singles, ahead: Bools, visit: Floats) -> float:
    """`models.boosting_trees.partial_margin`."""
    total = 0.0
    for tree in range(trees.splits.size):
        shares = leaf_shares(trees, tree, x, ahead, visit)
        for share, value in zip(shares, trees.value[tree], strict=False):
            total += share * value
    return float(total)


def contributions(
    trees: Trees,
    x: Singles,
    ahead: Bools,
    visit: Floats,
    nodes: Floats,
    weights: Floats,
    out: Floats,
) -> float:
    """`models.boosting_shap.contributions`."""
    bias = 0.0
    for tree in range(trees.splits.size):
        right = right_shares(trees, tree, x, ahead, visit)
        for leaf in range(trees.splits[tree] + 1):
            own: dict[int, float] = {}
            usual: dict[int, float] = {}
            for split, goes_right in _way(trees, tree, leaf):
                column = int(trees.column[tree, split])
                o, z = right[split], trees.cover_right[tree, split]
                own[column] = own.get(column, 1.0) * (o if goes_right else 1.0 - o)
                usual[column] = usual.get(column, 1.0) * (z if goes_right else 1.0 - z)
            value = trees.value[tree, leaf]
            bias += value * float(np.prod(list(usual.values())))
            mixed = {c: usual[c] + nodes * (own[c] - usual[c]) for c in own}
            for column in own:
                others = weights.copy()
                for other in own:
                    others *= 1.0 if other == column else mixed[other]
                out[column] += value * (own[column] - usual[column]) * others.sum()
    return bias


def _way(trees: Trees, tree: int, leaf: int) -> list[tuple[int, bool]]:
    """The splits above a leaf, from below, and whether its side is the right one."""
    way, at = [], leaf
    for split in reversed(range(trees.splits[tree])):
        if split + 1 == at:
            way.append((split, True))
            at = int(trees.parent[tree, split])
        elif trees.parent[tree, split] == at:
            way.append((split, False))
    return way


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
    """`models.boosting_window.put`."""
    new = ~np.isnan(x)
    present += new
    if full:
        present -= ~np.isnan(window.x[: x.size, slot])
    seen += new
    window.x[: x.size, slot] = x
    for column in range(x.size):
        code_column(x[column : column + 1], edges[column], window.codes[column, slot : slot + 1])
    leaves = [leaf_of(trees, tree, x) for tree in range(trees.splits.size)]
    window.leaf[:, slot] = leaves
    window.margin[slot] = trees.value[np.arange(len(leaves)), leaves].sum()
    window.fail[slot] = fail


def drop(window: Window, rows: int, trees: Trees, tree: int) -> None:
    """`models.boosting_window.drop`."""
    window.margin[:rows] -= trees.value[tree, window.leaf[tree, :rows]]


def _move(codes: Bytes, cut: int, aside: bool, missing: int) -> Bools:
    """`models.boosting_grow.goes_right` of many codes."""
    moves: Bools = (codes > cut) & (aside | (codes != missing))
    return moves


def route(window: Window, rows: int, missing: int, trees: Trees, tree: int, bins: Ints) -> None:
    """`models.boosting_window.route`."""
    leaf = window.leaf[tree, :rows]
    leaf[:] = 0
    for split in range(trees.splits[tree]):
        codes = window.codes[trees.column[tree, split], :rows]
        inside = leaf == trees.parent[tree, split]
        aside = bool(trees.missing_right[tree, split])
        right = inside & _move(codes, int(bins[split]), aside, missing)
        seen = inside & (codes != missing)
        trees.cover_right[tree, split] = right.sum() / inside.sum()
        share = (right & seen).sum() / seen.sum() if seen.any() else 0.5
        trees.seen_right[tree, split] = share
        leaf[right] = split + 1
    window.margin[:rows] += trees.value[tree, leaf]


def sigmoid(margin: Floats) -> Floats:
    """`models.boosting_sample.sigmoid`."""
    z = np.minimum(np.abs(margin), 36.0) * (-1.0 / 256.0)
    e = 1.0 + z * (1.0 + z * (1 / 2 + z * (1 / 6 + z * (1 / 24 + z * (1 / 120)))))
    for _ in range(8):
        e = e * e
    p = 1.0 / (1.0 + e)
    return np.where(margin >= 0.0, p, e * p)


def _whole(values: Floats) -> Ints:
    return np.floor(values + 0.5).astype(np.int64)


def gradients(
    margin: Floats, fail: Bools, weight: Floats, bias: float, g: Ints, h: Ints
) -> tuple[int, int, int]:
    """`models.boosting_sample.gradients`."""
    p = sigmoid(margin + bias)
    g[:] = _whole(weight * (p - fail) * UNIT)
    h[:] = _whole(weight * p * (1.0 - p) * UNIT)
    return int(g.sum()), int(h.sum()), int(g[~fail].sum())


def take_sample(
    g: Ints, h: Ints, fail: Bools, fails: int, sum_passes: int, budget: int, start: int, out: Sample
) -> int:
    """`models.boosting_sample.take_sample`."""
    sure = UNIT if fails <= budget else UNIT * budget // fails
    even = EVEN * budget / max(fail.size - fails, 1)
    steep = (1.0 - EVEN) * budget / max(sum_passes, 1)
    step = (np.minimum(even + steep * g, 1.0) * UNIT).astype(np.int64)
    step[fail] = sure
    total = start + np.cumsum(step)
    rows = np.flatnonzero(total // UNIT > (total - step) // UNIT)
    weight = UNIT / step[rows]
    out.rows[: rows.size] = rows
    out.gradient[: rows.size] = _whole(g[rows] * weight)
    out.curvature[: rows.size] = (_whole(h[rows] * weight) << COUNT_BITS) + 1
    return rows.size


def random_below(state: npt.NDArray[np.uint64], end: int) -> int:
    """`models.boosting_sample.random_below`."""
    x = int(state[0])
    x ^= (x << 13) & (2**64 - 1)
    x ^= x >> 7
    x ^= (x << 17) & (2**64 - 1)
    state[0] = x
    return (x >> 33) * end >> 31


def draw_columns(live: Bools, state: npt.NDArray[np.uint64], out: Ints) -> int:
    """`models.boosting_sample.draw_columns`."""
    found = np.flatnonzero(live)
    out[: found.size] = found
    wanted = min(int(np.ceil(0.6 * found.size)), int(24 + 0.07 * found.size))
    for k in range(wanted):
        other = k + random_below(state, found.size - k)
        out[[k, other]] = out[[other, k]]
    return wanted


def _merit(left_g: int, left_h: int, g: int, h: int, l2: float) -> float:
    """`models.boosting_grow._merit`."""
    a, b = left_g / UNIT, (g - left_g) / UNIT
    p = (left_h >> COUNT_BITS) / UNIT + l2
    q = ((h - left_h) >> COUNT_BITS) / UNIT + l2
    return (a * a * q + b * b * p) / (p * q)


def _best_split(
    codes: Bytes, columns: Ints, sample: Sample, rows: Ints, missing: int, l2: float
) -> tuple[float, int, int, bool]:
    """Gain, column, last bin to the left and whether missing goes right, of a leaf's best split."""
    g, h = sample.gradient[rows], sample.curvature[rows]
    sums = int(g.sum()), int(h.sum())
    unsplit = _merit(0, 0, *sums, l2)
    best = (0.0, -1, -1, False)
    for column in columns:
        of_rows = codes[column, sample.rows[rows]]
        present = np.unique(of_rows[of_rows != missing])
        gaps = int((of_rows == missing).sum())
        for b in present:
            for aside in (True, False) if gaps else (True,):
                right = _move(of_rows, b, aside, missing)
                counts = (~right).sum(), right.sum()
                if min(counts) < LEAST_ROWS:
                    continue
                left = int(g[~right].sum()), int(h[~right].sum())
                gain = _merit(*left, *sums, l2) - unsplit
                if gain > best[0]:
                    alone = aside and counts[1] == gaps
                    heavier = gaps > 0 or counts[0] < counts[1]
                    cut = missing - 1 if alone else int(b)
                    best = (gain, int(column), cut, aside and heavier)
    return best


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
    """`models.boosting_grow.grow`."""
    missing = edges.shape[1] + 1
    leaf = np.zeros(taken, np.int64)
    best = {}
    for new in range(trees.value.shape[1]):
        parent = trees.parent[tree, new - 1] if new else 0
        for half in {parent, new}:
            rows = np.flatnonzero(leaf == half)
            best[half] = _best_split(codes, columns[:count], sample, rows, missing, l2)
        widest = max(best, key=lambda number: (best[number][0], -number))
        gain, column, cut, aside = best[widest]
        trees.splits[tree] = new
        if gain <= LEAST_GAIN or new + 1 == trees.value.shape[1]:
            break
        trees.parent[tree, new] = widest
        trees.column[tree, new] = column
        trees.threshold[tree, new] = np.inf if cut == missing - 1 else edges[column, cut]
        trees.missing_right[tree, new] = aside
        bench.bins[new] = cut
        right = _move(codes[column, sample.rows[:taken]], cut, aside, missing)
        leaf[(leaf == widest) & right] = new + 1
    for number in range(trees.splits[tree] + 1):
        inside = leaf == number
        g, h = sample.gradient[:taken][inside].sum(), sample.curvature[:taken][inside].sum()
        step = -(g / UNIT) / ((h >> COUNT_BITS) / UNIT + l2)
        step = rate * min(max(step, -STEEPEST), STEEPEST)
        trees.value[tree, number] = np.floor(step * GRID + 0.5) / GRID
