"""Single steps of the dual ascent; what they add up to is tested in test_classifier.py."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from models.dual_ascent import add_row, ascend_all, count_row, margins_at, remove_row

COLUMNS, FLAGS, REPLICATES, ROWS = 11, 4, 2, 12  # a vector of eight columns, and three


class Window:
    """Twelve random rows, two of them with an imputed number, and their arrays."""

    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        self.sign = rng.choice(np.array([-1, 1], np.int8), ROWS)
        self.sign[:2] = (-1, 1)
        self.dense = rng.normal(size=(ROWS, COLUMNS)).astype(np.float32)
        self.fill_at = np.full((ROWS, 2), -1, np.int32)
        self.fills = rng.normal(size=(ROWS, 2, REPLICATES)).astype(np.float32)
        for i in (0, 5):
            self.fill_at[i, 0], self.dense[i, 1] = 1, 0.0
        self.flag_at = np.full((ROWS, 3), -1, np.int32)
        self.flag_at[:, 0] = 0
        self.flag_at[::3, 1] = rng.integers(1, FLAGS, ROWS // 3)
        self.alpha = np.zeros((ROWS, REPLICATES))
        self.metric_dense = rng.uniform(0.1, 30.0, COLUMNS)
        self.metric_flags = rng.uniform(0.1, 30.0, FLAGS)
        self.v_dense = np.zeros((REPLICATES, COLUMNS))
        self.v_flags = np.zeros((REPLICATES, FLAGS))
        fails = int((self.sign > 0).sum())
        self.u = (0.5 / fails, 0.5 / (ROWS - fails))

    @property
    def rows(self):
        return self.dense, self.fill_at, self.fills, self.flag_at

    def ascend(self, rows):
        ascend_all(
            np.array(rows, np.int32), COLUMNS, *self.u, self.sign, *self.rows, self.alpha,
            self.metric_dense, self.metric_flags, self.v_dense, self.v_flags,
        )  # fmt: skip

    def dual(self):
        """What the steps ascend, of each replicate."""
        energy = (self.metric_dense * self.v_dense**2).sum(axis=1)
        energy += (self.metric_flags * self.v_flags**2).sum(axis=1)
        u = np.where(self.sign > 0, *self.u)[:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            inner = (
                self.alpha * np.log(self.alpha / u),
                (u - self.alpha) * np.log1p(-self.alpha / u),
            )
        return -0.5 * energy - np.nan_to_num(inner[0]).sum(0) - np.nan_to_num(inner[1]).sum(0)


def margin_at(m0, q, alpha, u):
    """Solved beside another equation, which must not matter to it."""
    m = np.empty(2)
    margins_at(
        np.array([1.0, m0]), np.array([2.0, q]), np.array([0.0, alpha]), u, m, np.empty((4, 2))
    )
    return m[1]


@settings(deadline=None)
@given(
    m0=st.floats(-1e3, 1e3),
    q=st.floats(0.0, 1e4),
    u=st.floats(1e-6, 0.5),
    share=st.floats(0.0, 1.0),
)
@example(m0=3.0, q=51.0, u=0.5, share=1.0)  # plain Newton steps go to and fro for ever
def test_the_margin_after_a_step_solves_its_equation(m0, q, u, share):
    alpha = share * u
    m = margin_at(m0, q, alpha, u)
    sigmoid = 1.0 / (1.0 + math.exp(min(max(m, -500.0), 500.0)))
    assert m0 - alpha * q <= m <= m0 + (u - alpha) * q
    assert m == pytest.approx(m0 + (u * sigmoid - alpha) * q, abs=1e-6 * (1.0 + abs(m0) + u * q))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.integers(0, ROWS - 1), min_size=1, max_size=40))
def test_no_step_goes_down(seed, steps):
    window = Window(seed)
    for row in steps:
        before = window.dual()
        window.ascend([row])
        assert (window.dual() >= before - 1e-12).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.integers(0, ROWS - 1), max_size=60))
def test_dual_numbers_stay_within_their_bounds(seed, steps):
    window = Window(seed)
    window.ascend(steps)
    u = np.where(window.sign > 0, *window.u)[:, None]
    assert ((window.alpha >= 0.0) & (window.alpha <= u)).all()


def test_steps_in_one_call_are_those_of_many_calls():
    one, many = Window(1), Window(1)
    one.ascend([3, 1, 4, 1, 5])
    for row in (3, 1, 4, 1, 5):
        many.ascend([row])
    assert (one.alpha == many.alpha).all()
    assert (one.v_dense == many.v_dense).all()


def test_a_row_taken_out_leaves_what_the_others_added():
    window = Window(2)
    window.ascend(list(range(ROWS)) * 3)
    remove_row(
        5, float(window.sign[5]), COLUMNS, *window.rows, window.alpha, window.v_dense,
        window.v_flags,
    )  # fmt: skip
    assert not window.alpha[5].any()
    dense, flags = np.zeros((REPLICATES, COLUMNS)), np.zeros((REPLICATES, FLAGS))
    for i in range(ROWS):
        add_row(i, window.sign[i] * window.alpha[i], COLUMNS, *window.rows, dense, flags)
    assert window.v_dense == pytest.approx(dense, abs=1e-12)
    assert window.v_flags == pytest.approx(flags, abs=1e-12)


def test_a_row_counted_and_taken_out_again_leaves_no_trace():
    window = Window(3)
    sums = np.zeros(COLUMNS), np.zeros(COLUMNS), np.zeros(FLAGS)
    for amount in (1.0, -1.0):
        for i in range(ROWS):
            count_row(i, amount, COLUMNS, *window.rows, *sums)
        if amount > 0:
            assert sums[0][1] == pytest.approx(
                window.dense[:, 1].sum() + window.fills[[0, 5], 0].mean(axis=1).sum(), abs=1e-5
            )
            assert sums[2][0] == ROWS
    assert all(np.abs(each).max() < 1e-12 for each in sums)
