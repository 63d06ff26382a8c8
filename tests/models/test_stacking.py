"""The stack: several margins, one probability."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.calibration import PlattCalibration
from models.detector import Detector, DetectorSettings
from models.part_journeys import follow, sample_journeys
from models.part_row import PartRow
from models.stacking import StackedCalibration
from stream import checkpoint


def outcomes(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two honest margins of which the second knows more, and one that is noise."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=count)
    fail = rng.random(count) < 1 / (1 + np.exp(3.0 - 2.0 * truth))
    noises = rng.normal(size=(count, 3)) * (1.0, 0.3, 1.0)
    return np.stack([truth, truth, np.zeros(count)], axis=1) + noises, fail


def learnt(count: int, members: int = 3, seed: int = 0) -> StackedCalibration:
    stack = StackedCalibration(members)
    for margins, fail in zip(*outcomes(count, seed), strict=True):
        stack.learn(tuple(margins[:members].tolist()), bool(fail))
    return stack


def test_the_member_that_knows_more_has_more_say_and_noise_has_little():
    first, second, noise = learnt(3000).slopes
    assert second > 2 * first
    assert noise < 0.1


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(10, 300))
def test_no_member_ever_has_a_negative_say(seed, count):
    stack = StackedCalibration(3)
    for margins, fail in zip(*outcomes(count, seed), strict=True):
        stack.learn((-margins[0], margins[1], -margins[2]), bool(fail))
    assert min(stack.slopes) >= 0.0
    assert 0.0 < stack.risk((1.0, 1.0, 1.0)) < 1.0


def test_members_that_all_rank_the_wrong_way_leave_the_fail_rate():
    stack = StackedCalibration(2)
    for margins, fail in zip(*outcomes(3000), strict=True):
        stack.learn((-margins[0], -margins[1]), bool(fail))
    assert stack.slopes == (0.0, 0.0)
    assert stack.risk((5.0, 5.0)) == pytest.approx(stack.base_rate, rel=1e-3)


def test_a_stack_of_one_is_platts_calibration():
    stack, platt = StackedCalibration(1), PlattCalibration()
    for margins, fail in zip(*outcomes(2000), strict=True):
        stack.learn((float(margins[0]),), bool(fail))
        platt.learn(float(margins[0]), bool(fail))
    assert stack.slope == pytest.approx(platt.slope, abs=1e-6)
    for margin in (-2.0, 0.0, 2.0):
        assert stack.risk((margin,), 0.5) == pytest.approx(platt.risk(margin, 0.5), abs=1e-6)
        assert stack.risks((margin,), 0.5, 1.0, 0.3) == pytest.approx(
            platt.risks(margin, 0.5, 1.0, 0.3), abs=1e-6
        )


def test_a_member_that_knows_what_no_other_does_earns_and_noise_does_not():
    first, second, noise = learnt(3000).worth(("first", "second", "noise"))
    assert second.earns > 0.01
    assert second.earns > first.earns
    assert noise.earns < 0.001
    assert second.weight > first.weight > noise.weight
    assert second.roc_auc > first.roc_auc > noise.roc_auc


def test_what_the_only_member_earns_is_its_lead_over_the_fail_rate():
    (only,) = learnt(3000, members=1).worth(("only",))
    assert only.earns > 0.01
    assert only.weight == 1.0


def test_before_any_result_nothing_is_said_of_what_members_earn():
    assert {one.earns for one in StackedCalibration(2).worth(("a", "b"))} == {None}


def test_a_stack_read_back_goes_on_alike():
    going, again = learnt(500), StackedCalibration(3)
    again.restore(checkpoint.loads(checkpoint.dumps(going.state())))
    for margins, fail in zip(*outcomes(200, seed=1), strict=True):
        for stack in (going, again):
            stack.learn(tuple(margins.tolist()), bool(fail))
    assert (going.slopes, going.intercept) == (again.slopes, again.intercept)
    names = ("a", "b", "c")
    assert going.worth(names) == again.worth(names)


def test_the_shares_of_cells_and_stations_add_up_to_the_verdicts_log_odds():
    detector = Detector(DetectorSettings(model="stack", min_fails=5, min_passes=20))
    journeys = sample_journeys(300)
    follow(detector, journeys)
    row = PartRow()
    for reading in journeys[7].readings:
        row, _ = detector.encode(row, *reading)
        row = detector.catalogue.grown(row)
        scores = detector.score(row).margin
        found = detector.attribute(row)
        stack = detector.calibration
        assert found is not None
        assert isinstance(scores, tuple)
        trees = detector.member.contributions(row, stack.slopes)["", -1]
        assert found.log_odds == stack.log_odds(scores)
        assert found.rest == pytest.approx(trees + stack.intercept, abs=1e-4)
