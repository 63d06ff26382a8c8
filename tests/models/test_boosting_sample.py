"""The sample of rows and columns that a tree is grown on."""

from __future__ import annotations

import numpy as np
import pytest

from models.boosting_sample import (
    COUNT_BITS,
    UNIT,
    draw_columns,
    gradients,
    no_sample,
    random_below,
    sigmoid,
    take_sample,
)

ROWS, BUDGET = 2_000, 200


def window(share: float = 0.02) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    rng = np.random.default_rng(0)
    fail = rng.random(ROWS) < share
    g, h = np.zeros(ROWS, np.int64), np.zeros(ROWS, np.int64)
    sums = gradients(rng.normal(-4.0, 1.0, ROWS), fail, np.ones(ROWS), 0.0, g, h)
    return g, h, fail, sums[2]


@pytest.mark.parametrize("margin", [-30.0, -3.0, -1e-9, 0.0, 0.5, 8.0, 36.0, 1e300])
def test_the_probability_is_the_logistic_functions(margin):
    assert sigmoid(margin) == pytest.approx(np.exp(-np.logaddexp(0.0, -margin)), rel=2e-5)


def test_every_fail_is_taken_while_they_are_few():
    g, h, fail, passes = window()
    out = no_sample(BUDGET)
    taken = take_sample(g, h, fail, int(fail.sum()), passes, BUDGET, 7, out)
    assert set(np.flatnonzero(fail)) <= set(out.rows[:taken])
    assert taken <= fail.sum() + BUDGET + 1


def test_a_window_of_fails_does_not_overflow_the_sample():
    g, h, fail, passes = window(0.9)
    out = no_sample(BUDGET)
    taken = take_sample(g, h, fail, int(fail.sum()), passes, BUDGET, UNIT - 1, out)
    assert BUDGET < taken <= out.rows.size


def test_sums_over_samples_are_unbiased():
    g, h, fail, passes = window()
    out, slopes, curves = no_sample(BUDGET), [], []
    for start in np.linspace(0, UNIT - 1, 400).astype(np.int64):
        taken = take_sample(g, h, fail, int(fail.sum()), passes, BUDGET, int(start), out)
        slopes.append(out.gradient[:taken].sum())
        curves.append((out.curvature[:taken] >> COUNT_BITS).sum())
    assert np.mean(slopes) == pytest.approx(g.sum(), rel=0.01)
    assert np.mean(curves) == pytest.approx(h.sum(), rel=0.01)


def test_passes_with_large_gradients_are_taken_rather():
    g, h, fail, passes = window()
    out, counts = no_sample(BUDGET), np.zeros(ROWS)
    for start in range(0, UNIT, UNIT // 50):
        taken = take_sample(g, h, fail, int(fail.sum()), passes, BUDGET, start, out)
        counts[out.rows[:taken]] += 1
    order = np.argsort(g)[fail.sum() :]  # a fail's gradient is negative
    assert counts[order[-100:]].sum() > 3 * counts[order[:100]].sum()


def test_columns_are_drawn_evenly_and_only_live_ones():
    live = np.arange(20) % 2 == 0
    state, out = np.array([88172645463325252], np.uint64), np.zeros(20, np.int64)
    counts = np.zeros(20)
    for _ in range(2000):
        drawn = draw_columns(live, state, out)
        assert drawn == len(set(out[:drawn])) == 6
        counts[out[:drawn]] += 1
    assert counts[live] / 2000 == pytest.approx(0.6, abs=0.05)
    assert not counts[~live].any()


def test_a_random_number_is_below_its_end():
    state = np.array([1], np.uint64)
    assert {random_below(state, 7) for _ in range(500)} == set(range(7))
