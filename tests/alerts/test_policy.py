"""The alarm policy raises, holds and clears; it never speaks while nothing is known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.policy import decide, severity

shares = st.floats(0.0, 1.0)


@pytest.mark.parametrize(("risk", "threshold"), [(None, 0.1), (0.9, None), (None, None)])
@pytest.mark.parametrize("standing", [True, False])
def test_an_unknown_risk_or_threshold_is_never_an_alert(
    standing: bool, risk: float | None, threshold: float | None
) -> None:
    assert decide(standing, risk, threshold) is None


def test_a_risk_at_the_threshold_raises() -> None:
    decision = decide(False, 0.1, 0.1)
    assert decision is not None
    assert (decision.rule, decision.reason) == ("part.at_risk", "risk_above_threshold")


def test_a_standing_alarm_is_not_raised_again() -> None:
    assert decide(True, 0.9, 0.1) is None


def test_a_risk_within_the_deadband_keeps_the_alarm_and_one_below_clears_it() -> None:
    assert decide(True, 0.07, 0.1, clear_ratio=0.6) is None
    cleared = decide(True, 0.05, 0.1, clear_ratio=0.6)
    assert cleared is not None
    assert cleared.rule == "part.cleared"


@given(risks=st.lists(shares, max_size=50), threshold=st.floats(0.01, 0.99), ratio=shares)
def test_raised_and_cleared_alternate_whatever_the_risks(
    risks: list[float], threshold: float, ratio: float
) -> None:
    standing = False
    for risk in risks:
        decision = decide(standing, risk, threshold, ratio)
        if decision is None:
            assert standing or risk < threshold
            continue
        assert (decision.rule == "part.cleared") == standing
        standing = not standing


@given(risk=shares, higher=shares, threshold=st.floats(0.01, 0.99))
def test_a_higher_risk_is_never_less_severe(risk: float, higher: float, threshold: float) -> None:
    order = ("low", "medium", "high")
    low, high = sorted((risk, higher))
    assert order.index(severity(low, threshold)) <= order.index(severity(high, threshold))
