from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.scale import Scale

AT = np.array([0])
HOSTILE = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([1e308, -1e308, 5e-324, -0.0, 1e12, 1.0]),
)


def seen(values) -> Scale:
    """The scale of one feature after these values."""
    scale = Scale()
    scale.grow(1)
    for value in values:
        scale.observe(AT, np.array([float(value)]))
    return scale


def z(scale: Scale, value: float) -> float:
    return scale.standardise(AT, np.array([value]), 5.0).item()


def at_limit(scale: Scale, value: float) -> bool:
    return bool(scale.at_limit(AT, np.array([float(value)]))[0])


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 1900),
    st.floats(-1e3, 1e3),
    st.floats(1e-3, 1e3),
)
def test_under_two_thousand_values_mean_and_variance_are_the_plain_ones(seed, count, mean, spread):
    values = np.random.default_rng(seed).uniform(mean - spread, mean + spread, count)
    scale = seen(values)
    assert scale.mean[0] == pytest.approx(values.mean(), rel=1e-9, abs=1e-9 * spread)
    assert scale.variance[0] == pytest.approx(values.var(), rel=1e-6, abs=1e-9 * spread**2)


def test_later_values_count_for_about_the_last_two_thousand():
    rng = np.random.default_rng(0)
    scale = seen(np.concatenate([rng.normal(0, 1, 6000), rng.normal(3, 1, 2000)]))
    assert scale.mean[0] == pytest.approx(3 * (1 - np.exp(-1)), abs=0.15)


def test_features_seen_together_do_not_mix():
    rng = np.random.default_rng(1)
    both, alone = Scale(), [Scale(), Scale()]
    both.grow(2)
    for scale in alone:
        scale.grow(1)
    for x in rng.normal([0.0, 50.0], [1.0, 9.0], (300, 2)):
        both.observe(np.array([0, 1]), x)
        for scale, value in zip(alone, x, strict=True):
            scale.observe(AT, np.array([value]))
    assert both.mean.tolist() == [scale.mean[0] for scale in alone]
    assert both.variance.tolist() == [scale.variance[0] for scale in alone]


@pytest.mark.parametrize("wild", [1e12, -1e12, 1e308, -1e308])
@pytest.mark.parametrize("when", [0, 5, 19, 25, 1000])
def test_one_wild_reading_blinds_no_feature(wild, when):
    values = np.random.default_rng(2).normal(20.0, 2.0, 1100)
    values[when] = wild
    scale = seen(values)
    assert z(scale, 24.0) == pytest.approx(2.0, abs=0.7)


def test_a_unit_that_changes_overnight_is_learnt_within_a_thousand_parts():
    rng = np.random.default_rng(3)
    scale = seen(np.concatenate([rng.normal(20, 2, 3000), rng.normal(20_000, 2_000, 1000)]))
    assert 500 < scale.spread()[0] < 20_000
    assert abs(z(scale, 20_000.0)) < 2.0


@settings(max_examples=150, deadline=None)
@given(st.lists(HOSTILE, min_size=1, max_size=60), HOSTILE)
def test_all_figures_stay_finite_whatever_the_values(values, value):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scale = seen(values)
        at_limit(scale, value)
        distance = scale.distance(0, value)
        assert abs(z(scale, value)) <= 5.0
    assert np.isfinite([scale.mean[0], scale.variance[0]]).all()
    assert distance is None or np.isfinite(distance)


@pytest.mark.parametrize(
    ("mean", "spread"), [(0.0, 1e-13), (3e-12, 1e-13), (1e9, 1.0), (-40.0, 1e6)]
)
def test_any_unit_will_do(mean, spread):
    scale = seen(np.random.default_rng(4).normal(mean, spread, 1500))
    assert z(scale, mean + 2 * spread) == pytest.approx(2.0, abs=0.2)
    assert scale.distance(0, mean + 2 * spread) == pytest.approx(2.0, abs=0.2)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e9])
def test_a_constant_has_no_spread_to_be_measured_in(value):
    scale = seen([value] * 500)
    assert z(scale, value + 1.0) == 0.0
    assert scale.distance(0, value + 1.0) is None


def test_a_feature_never_seen_has_no_scale():
    assert z(seen([]), 7.0) == 0.0
    assert seen([]).distance(0, 7.0) is None
    assert not at_limit(seen([]), 7.0)


# -- saturation --------------------------------------------------------------------------------


def test_a_clipped_sensor_saturates_at_its_limits_alone():
    values = np.random.default_rng(5).normal(100.0, 10.0, 1000).clip(85.0, 110.0)
    scale = seen(values)
    assert at_limit(scale, 110.0)
    assert at_limit(scale, 85.0)
    assert not at_limit(scale, 109.9)
    assert not at_limit(scale, 85.1)


def test_one_electric_spike_does_not_hide_the_limit():
    values = np.random.default_rng(6).normal(100.0, 10.0, 1000).clip(None, 110.0)
    values[500] = 1e7
    assert at_limit(seen(values), 110.0)


@pytest.mark.parametrize("draw", ["normal", "uniform", "exponential", "lognormal"])
def test_natural_extremes_are_no_saturation(draw):
    values = getattr(np.random.default_rng(7), draw)(size=3000)
    scale = seen(values)
    assert not at_limit(scale, values.max())
    assert not at_limit(scale, values.min())


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.9, 0.98])
def test_a_boolean_does_not_saturate(share):
    scale = seen(np.random.default_rng(8).random(2000) < share)
    assert not at_limit(scale, 0.0)
    assert not at_limit(scale, 1.0)


@pytest.mark.parametrize("highest", [2, 5, 20])
def test_an_integer_does_not_saturate(highest):
    scale = seen(np.random.default_rng(9).integers(0, highest + 1, 3000))
    assert not at_limit(scale, 0.0)
    assert not at_limit(scale, highest)


def test_a_rounded_reading_does_not_saturate():
    values = np.random.default_rng(10).normal(20.0, 2.0, 3000).round(1)
    scale = seen(values)
    assert not at_limit(scale, values.max())
    assert not at_limit(scale, values.min())


def test_a_scale_made_again_from_its_state_goes_on_as_if_nothing_had_happened():
    values = np.random.default_rng(11).normal(100.0, 10.0, 60).clip(None, 108.0)
    through = seen(values)
    again = Scale()
    again.restore(seen(values[:12]).state())
    for value in values[12:]:
        again.observe(AT, np.array([value]))
    assert again.mean[0] == through.mean[0]
    assert again.variance[0] == through.variance[0]
    assert at_limit(again, 108.0) is at_limit(through, 108.0)
