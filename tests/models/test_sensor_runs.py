"""A run of readings that say nothing is an alarm where it used to be impossible."""

from __future__ import annotations

import numpy as np
import pytest

from models.part_row import DROPPED, EMPTY, MEASURED, SATURATED
from models.sensor_runs import ACCEPTED, CONSTANT, MISSING, PINNED, SensorRuns

COLUMN = np.array([0])
NUMBER, YES_NO = np.array([1], np.uint8), np.array([2], np.uint8)


def take(runs: SensorRuns, x: float, state: int = MEASURED, kind: np.ndarray = NUMBER) -> int:
    return runs.observe(COLUMN, np.array([x]), np.array([state], np.uint8), kind)


def alive(readings: int = 400) -> SensorRuns:
    """A sensor in full swing."""
    runs = SensorRuns()
    runs.grow(1)
    assert sum(take(runs, float(i)) for i in range(readings)) == 0
    return runs


@pytest.mark.parametrize("state", [DROPPED, EMPTY])
def test_null_and_left_out_are_both_missing(state: int) -> None:
    runs = alive()
    assert [take(runs, 0.0, state) for _ in range(20)] == [0] * 19 + [1]
    assert runs.standing(COLUMN, MISSING).tolist() == [0]


def test_a_pinned_sensor_is_pinned_not_constant() -> None:
    runs = alive()
    assert sum(take(runs, 7.0, SATURATED) for _ in range(40)) == 1
    assert runs.standing(COLUMN, PINNED).tolist() == [0]
    assert runs.standing(COLUMN, CONSTANT).tolist() == []


def test_a_switch_may_stay_where_it_is() -> None:
    runs = SensorRuns()
    runs.grow(1)
    assert sum(take(runs, 1.0, kind=YES_NO) for _ in range(1_000)) == 0


def test_a_sensor_that_often_fails_is_given_more_time() -> None:
    runs = SensorRuns()
    runs.grow(1)
    rng = np.random.default_rng(0)
    for i in range(3_000):
        assert take(runs, float(i), DROPPED if rng.random() < 0.5 else MEASURED) == 0
    told = [take(runs, 0.0, DROPPED) for _ in range(60)].index(1)
    assert told > 30


def test_a_feature_that_is_gone_for_good_is_told_and_then_accepted() -> None:
    runs = alive()
    changes = [take(runs, 0.0, DROPPED) for _ in range(int(ACCEPTED) + 500)]
    assert sum(changes) == 2
    assert runs.standing(COLUMN, MISSING).tolist() == []


def test_a_young_sensor_is_not_judged() -> None:
    runs = alive(100)
    assert sum(take(runs, 0.0, DROPPED) for _ in range(150)) == 0
