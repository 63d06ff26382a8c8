from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from models.calibration import PlattCalibration, logit, sigmoid


def drawn(seed, parts, intercept, slope, mean=0.0, spread=2.0):
    """Margins, and outcomes whose log-odds are ``intercept + slope * (margin - mean)``."""
    rng = np.random.default_rng(seed)
    margins = rng.normal(mean, spread, parts).clip(-12, 12)
    fails = rng.random(parts) < 1 / (1 + np.exp(-intercept - slope * (margins - mean)))
    return margins, fails


def learnt(margins, fails, **settings) -> PlattCalibration:
    calibration = PlattCalibration(**settings)
    for margin, fail in zip(margins.tolist(), fails.tolist(), strict=True):
        calibration.learn(margin, fail)
    return calibration


@given(st.floats(-12, 12))
def test_log_odds_and_probability_are_each_others_inverse(margin):
    assert logit(sigmoid(margin)) == pytest.approx(margin, abs=1e-6)


@pytest.mark.parametrize("p", [0.0, 5e-324, 1.0])
def test_certainty_has_finite_log_odds(p):
    assert abs(logit(p)) == 12.0


@given(st.floats(allow_nan=False))
def test_any_margin_has_a_probability(margin):
    assert 0.0 <= sigmoid(margin) <= 1.0


@pytest.mark.parametrize(
    ("intercept", "slope", "mean", "spread"),
    [(-3, 1, 0, 1.5), (-3, 0.3, 2, 3), (0, 0.5, -4, 4), (-2, 2, 6, 1), (-4, 0.8, 0, 3)],
)
def test_on_plenty_of_results_it_is_logistic_regression(intercept, slope, mean, spread):
    margins, fails = drawn(1, 3000, intercept, slope, mean, spread)
    ours = learnt(margins, fails)
    theirs = LogisticRegression(C=1e6).fit(margins[:, None], fails)
    grid = np.quantile(margins, [0.02, 0.2, 0.5, 0.8, 0.98])
    expected = theirs.predict_proba(grid[:, None])[:, 1]
    assert [ours.risk(m) for m in grid] == pytest.approx(expected.tolist(), rel=0.1, abs=0.003)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([10, 100, 3000]),
    st.floats(-6, 2),
    st.floats(0, 6),
    st.floats(-12, 12),
    st.floats(0.01, 10),
)
def test_the_mean_risk_is_the_share_of_fails_whatever_the_margins(
    seed, parts, intercept, slope, mean, spread
):
    """The fit has converged: at its optimum expected and real fails agree, but for the prior."""
    margins, fails = drawn(seed, parts, intercept, slope, mean, spread)
    ours = learnt(margins, fails, every=parts)
    expected = sum(ours.risk(margin) for margin in margins.tolist())
    assert expected == pytest.approx(fails.sum(), abs=3.0 + 0.01 * parts)


def test_without_results_a_risk_is_what_the_margin_says():
    assert PlattCalibration().risk(0.0) == 0.5
    assert PlattCalibration().risk(-3.0) == pytest.approx(sigmoid(-3.0))


@pytest.mark.parametrize("fail", [True, False])
def test_a_first_day_of_one_outcome_gives_sane_risks(fail):
    ours = learnt(np.linspace(-3, 3, 50), np.full(50, fail))
    risks = [ours.risk(margin) for margin in (-3.0, 0.0, 3.0)]
    assert risks == sorted(risks)
    assert all((risk > 0.5) is fail for risk in risks)
    assert all(0.0 < risk < 1.0 for risk in risks)


def test_few_results_leave_the_slope_near_one():
    margins, fails = drawn(2, 30, -3, 0.0)
    assert 0.3 < learnt(margins, fails).slope < 1.7


def test_margins_that_rank_the_wrong_way_give_the_fail_rate():
    margins, fails = drawn(3, 3000, -3, -1.0)
    ours = learnt(margins, fails)
    assert ours.slope == 0.0
    assert ours.risk(-5.0) == ours.risk(5.0) == pytest.approx(fails.mean(), rel=0.02)


def test_margins_that_are_all_the_same_give_the_fail_rate():
    fails = np.random.default_rng(4).random(1000) < 0.05
    assert learnt(np.full(1000, 11.0), fails).risk(11.0) == pytest.approx(fails.mean(), rel=0.03)


def test_old_results_are_forgotten():
    """But for where the search for the one optimum begins."""
    old, new = drawn(5, 3000, 0, 1.0), drawn(6, 3000, -4, 1.0)
    both = learnt(*(np.concatenate(pair) for pair in zip(old, new, strict=True)))
    alone = learnt(*new)
    assert (both.slope, both.intercept) == pytest.approx((alone.slope, alone.intercept), rel=1e-9)
    assert both.base_rate == alone.base_rate


def test_the_base_rate_is_the_recent_share_of_fails():
    fails = np.arange(1000) % 20 == 0
    assert learnt(np.zeros(1000), fails).base_rate == pytest.approx(0.05, abs=0.001)
    assert PlattCalibration().base_rate == 0.5


def test_a_fit_comes_every_so_many_results():
    margins, fails = drawn(7, 29, -1, 1.0)
    assert learnt(margins[:9], fails[:9]).intercept == 0.0
    assert learnt(margins[:20], fails[:20]).intercept == learnt(margins, fails).intercept != 0.0
