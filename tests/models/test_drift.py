"""A level that moves is told late enough to be sure, and early enough to matter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river.drift import PageHinkley

from models.drift import BACK, BLOCK, RAISED, REFERENCE, SETTLED, Levels

LEARNT = BLOCK * REFERENCE


def changes(values: np.ndarray, levels: Levels | None = None) -> list[tuple[int, int]]:
    """At which values one feature's status changed, and to what."""
    levels = levels or Levels()
    levels.grow(1)
    found = [(i, levels.observe_one(0, float(x), float(i))) for i, x in enumerate(values)]
    return [(i, change) for i, change in found if change]


def noise(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(10.0, 2.0, count)


def test_noise_alone_is_no_drift() -> None:
    assert [changes(noise(20_000, seed)) for seed in range(20)] == [[]] * 20


@pytest.mark.parametrize(("sigma", "readings"), [(1.5, 250), (-1.5, 250), (3.0, 100), (50.0, 100)])
def test_a_step_is_told_within_so_many_readings_and_is_the_new_level_a_thousand_later(
    sigma: float, readings: int
) -> None:
    values = noise(6_000)
    values[3_000:] += 2.0 * sigma
    (told, first), (settled, second) = changes(values)
    assert (first, second) == (RAISED, SETTLED)
    assert 3_000 < told < 3_000 + readings
    assert told + LEARNT <= settled <= told + 2 * LEARNT


def test_a_level_that_comes_back_ends_the_drift_within_three_hundred_readings() -> None:
    values = noise(6_000)
    values[3_000:3_400] += 4.0
    (_, first), (over, second) = changes(values)
    assert (first, second) == (RAISED, BACK)
    assert 3_400 < over < 3_700


def test_the_shift_is_told_in_the_units_of_the_plant_and_in_spreads() -> None:
    levels = Levels()
    values = noise(3_300)
    values[3_000:] -= 4.0
    changes(values, levels)
    now, usual, sigma = levels.shift(0)
    assert (now, usual, sigma) == pytest.approx((6.0, 10.0, -2.0), abs=0.3)
    since, readings = levels.since(0)
    assert 2_950 <= since <= 3_050
    assert 100 <= readings <= 350


def test_a_feature_that_wanders_is_given_more_room() -> None:
    rng = np.random.default_rng(1)
    blocks = rng.normal(0.0, 1.0, 400).repeat(BLOCK)  # as far between blocks as within one
    assert changes(noise(len(blocks)) + 2.0 * blocks) == []


def test_one_wild_block_is_no_drift() -> None:
    values = noise(4_000)
    values[3_000 : 3_000 + BLOCK] += 1e6
    assert changes(values) == []


def test_a_constant_has_no_level_to_leave() -> None:
    assert changes(np.r_[np.full(3_000, 5.0), np.full(500, 6.0)]) == []


def test_the_sums_are_those_of_rivers_page_hinkley_about_the_reference() -> None:
    """River's test has a running mean; held at the reference, it keeps the same sums."""
    levels, seen = Levels(), noise(2_000)
    assert changes(seen, levels) == []
    row = levels.figures[0]
    mean, spread, unit = row[4], row[5], row[7 - 1]
    river = PageHinkley(min_instances=1, delta=unit, threshold=1e9, alpha=1.0, mode="up")
    values = noise(40 * BLOCK, seed=9) + 1.6
    for number, block in enumerate(values.reshape(-1, BLOCK)[:4]):
        for x in block:
            levels.observe_one(0, float(x), 0.0)
        off = min((block.mean() - mean) / spread, 3.5 * unit)
        river._x_mean.mean, river._x_mean.n = 0.0, 1e12
        river.update(off)
        rise = river._sum_increase - min(river._min_increase, 0.0)
        assert levels.figures[0, 8] == pytest.approx(rise, abs=1e-6), number


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=30))
def test_no_value_however_wild_makes_a_figure_that_is_no_number(wild: list[float]) -> None:
    levels = Levels()
    levels.grow(1)
    column, state, kind = np.array([0]), np.array([1], np.uint8), np.array([1], np.uint8)
    scale = np.zeros((1, 11))
    for x in [*noise(1_100).tolist(), *(wild * 60)]:
        levels.observe(column, np.array([x]), state, kind, scale, 0.0)
    assert np.isfinite(levels.figures).all()
