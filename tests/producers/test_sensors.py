from __future__ import annotations

import numpy as np
import pytest
from lines import measurements, small_spec

from producers.causes import BoolArray, Cell
from producers.draws import Draws, FloatArray
from producers.line_spec import Feature, Labels, SensorDrift, Span, ValueDrop
from producers.parts import LinePlan
from producers.sensors import Readings, Sensors
from producers.simulator import SimulatedLine

N = 20_000


def read(feature: Feature, **changes: object) -> tuple[FloatArray, FloatArray, BoolArray]:
    """The true z of a feature, what is reported of it, and where it is lost."""
    plan = LinePlan(small_spec(feature, **changes))
    batch = plan.draw(Draws("parts"), np.arange(N))
    readings: Readings = Sensors(plan).read(Draws("sensors"), batch)
    column = plan.columns[Cell("B", feature.name)][0]
    return batch.z[:, column], readings.values[:, column], readings.lost[:, column]


def test_a_numeric_value_has_its_mean_spread_and_resolution():
    _, values, _ = read(Feature("x", mean=62.0, spread=0.4, decimals=2))
    assert abs(values.mean() - 62.0) < 0.02
    assert abs(values.std() - 0.4) < 0.02
    assert all(len(repr(value)) <= 5 for value in values.tolist())


def test_zero_is_never_reported_as_minus_zero():
    _, values, _ = read(Feature("x", mean=0.0, spread=1.0, decimals=0))
    assert not np.signbit(values[values == 0.0]).any()


def test_a_skewed_feature_keeps_mean_spread_and_order():
    z, values, _ = read(Feature("x", mean=5.0, spread=1.0, decimals=6, skewed=True))
    assert abs(values.mean() - 5.0) < 0.03
    assert abs(values.std() - 1.0) < 0.03
    assert ((values - 5.0) ** 3).mean() > 1.0
    assert (np.diff(values[np.argsort(z)]) >= 0).all()


def test_readings_are_dropped_at_random_at_the_stated_rate():
    z, _, lost = read(Feature("x", dropped=0.1))
    assert abs(lost.mean() - 0.1) < 0.007
    assert abs(z[lost].mean() - z[~lost].mean()) < 0.06


@pytest.mark.parametrize("limit", [1.0, -1.0], ids=["high", "low"])
def test_readings_dropped_by_their_value_are_lost_only_beyond_the_limit(limit: float):
    z, _, lost = read(Feature("x", value_drop=ValueDrop(limit, rate=0.7)))
    beyond = z > 1.0 if limit > 0 else z < -1.0
    assert not lost[~beyond].any()
    assert abs(lost[beyond].mean() - 0.7) < 0.03
    assert abs(z[lost].mean() - z[~lost].mean()) > 1.0


def test_random_and_value_dependent_drops_add_up():
    z, _, lost = read(Feature("x", dropped=0.2, value_drop=ValueDrop(0.5, rate=0.5)))
    assert abs(lost[z > 0.5].mean() - 0.6) < 0.02
    assert abs(lost[z <= 0.5].mean() - 0.2) < 0.02


def test_a_saturated_sensor_stays_at_its_limit():
    z, values, lost = read(Feature("x", mean=10.0, spread=2.0, decimals=4, pinned_at=1.5))
    assert values.max() == 13.0
    assert np.array_equal(values == 13.0, z >= 1.5 - 2e-5)
    assert not lost.any()


def test_a_dead_sensor_reports_nothing_for_its_span():
    _, _, lost = read(Feature("x", dead=Span(100, 250)))
    assert np.flatnonzero(lost).tolist() == list(range(100, 250))


def test_a_drifting_sensor_lies_about_parts_that_stay_as_they_were():
    drift = SensorDrift(Cell("B", "x"), since=10_000, shift=2.0)
    z, values, _ = read(Feature("x", decimals=6), sensor_drifts=(drift,))
    error = values - z
    assert np.abs(error[:10_000]).max() < 1e-6
    assert np.abs(error[10_000:] - 2.0).max() < 1e-6


def test_a_boolean_trips_with_its_tail():
    events = list(
        SimulatedLine(small_spec(Feature("ok", kind="boolean", trips_at=1.0))).events(4000)
    )
    said = [event.values["ok"] for event in measurements(events, "B")]
    assert set(map(type, said)) == {bool}
    assert abs(np.mean(said) - 0.159) < 0.025


def test_lots_come_one_after_the_other_and_molds_take_turns():
    spec = small_spec(
        Feature("lot", kind="categorical", labels=Labels("L", renew=4)),
        Feature("mold", kind="categorical", labels=Labels("M", renew=6, cycle=3)),
    )
    said = [e.values for e in measurements(SimulatedLine(spec).events(8), "B")]
    assert [v["lot"] for v in said] == ["L0000"] * 4 + ["L0001"] * 4
    assert [v["mold"] for v in said] == [
        "M0000", "M0001", "M0002", "M0000", "M0001", "M0002", "M0003", "M0004",
    ]  # fmt: skip


def test_a_feature_is_absent_before_it_exists_and_null_when_dropped():
    spec = small_spec(Feature("new", present=Span(100, 400), dropped=0.5))
    said = [e.values for e in measurements(SimulatedLine(spec).events(500), "B")]
    assert [("new" in v) for v in said] == [100 <= i < 400 for i in range(500)]
    assert abs(np.mean([v["new"] is None for v in said[100:400]]) - 0.5) < 0.12
