"""Shares of the margin are Shapley values: they are held to the definition."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest

from models.boosting import RollingBoosting

WIDTH = 4
VISIT = 0.6


def taught() -> RollingBoosting:
    """Few columns and many leaves, so that a way down meets a column more than once."""
    model = RollingBoosting(window=400, trees=6, leaves=12, sample=300, bins=16, l2=1.0)
    rng = np.random.default_rng(0)
    for _ in range(400):
        x = rng.normal(size=WIDTH).astype(np.float32)
        fail = bool(x[0] * x[1] + x[2] ** 2 > 1.0)
        x[rng.random(WIDTH) < 0.2] = np.nan
        model.learn(x, fail)
    return model


def right(trees, tree, split, x, ahead, known) -> float:
    """How much of a part goes right at a split, if only the ``known`` columns are looked at."""
    column = trees.column[tree, split]
    if column not in known:
        return trees.cover_right[tree, split]
    if not np.isnan(x[column]):
        return float(x[column] > trees.threshold[tree, split])
    missing = float(trees.missing_right[tree, split])
    if not ahead[column]:
        return missing
    return VISIT * trees.seen_right[tree, split] + (1.0 - VISIT) * missing


def worth(model, x, ahead, known) -> float:
    """The margin if only the ``known`` columns are looked at."""
    trees, total = model._trees, model.bias
    for tree in range(trees.splits.size):
        shares = [1.0]
        for split in range(trees.splits[tree]):
            parent = trees.parent[tree, split]
            share = right(trees, tree, split, x, ahead, known)
            shares.append(shares[parent] * share)
            shares[parent] *= 1.0 - share
        total += float(np.dot(shares, trees.value[tree, : len(shares)]))
    return total


@pytest.mark.parametrize("under_way", [False, True], ids=["finished", "under way"])
def test_a_share_is_what_a_column_adds_on_average_over_all_orders(under_way):
    model, rng = taught(), np.random.default_rng(1)
    for _ in range(3):
        x = rng.normal(size=WIDTH).astype(np.float32)
        x[2:] = np.nan, x[3]
        ahead = np.isnan(x) & under_way
        shares, rest = model.contributions(x, ahead, np.full(WIDTH, VISIT))
        assert rest == pytest.approx(worth(model, x, ahead, ()), abs=1e-12)
        for column in range(WIDTH):
            others = [other for other in range(WIDTH) if other != column]
            mean = 0.0
            for size in range(WIDTH):
                weight = math.factorial(size) * math.factorial(WIDTH - size - 1)
                for known in combinations(others, size):
                    added = worth(model, x, ahead, (*known, column)) - worth(model, x, ahead, known)
                    mean += weight / math.factorial(WIDTH) * added
            assert shares[column] == pytest.approx(mean, abs=1e-12)
