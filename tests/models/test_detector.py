from __future__ import annotations

import dataclasses
import math

import pytest

from models.detector import Detector, DetectorSettings, Verdict
from models.part_journeys import PartJourney, Reading, follow, sample_journeys
from models.part_row import PartRow

SMALL = DetectorSettings(min_fails=3, min_passes=10, window_parts=60, window_fails=5)


def part(torque, fail, at=0.0, **more):
    return PartJourney((Reading("press", at, {"torque": float(torque), **more}),), fail)


def parts(count, every=5):
    """Every fifth part fails and has a high torque."""
    return [part(9.0 if i % every == 0 else i % 4, i % every == 0, i) for i in range(count)]


def verdict(detector, torque) -> Verdict:
    row, _ = detector.encode(PartRow(), "press", 0.0, {"torque": float(torque)})
    return detector.score(row)


@pytest.mark.parametrize(("fails", "passes"), [(2, 100), (100, 9), (0, 200)])
def test_until_both_outcomes_have_come_often_enough_there_is_no_risk(fails, passes):
    detector = Detector(SMALL)
    follow(detector, [part(i % 5, False, i) for i in range(passes)])
    follow(detector, [part(9, True, i) for i in range(fails)])
    assert verdict(detector, 9).risk is None
    assert not verdict(detector, 9).trained
    assert not detector.trained


def test_with_enough_of_both_there_is_one():
    detector = Detector(SMALL)
    risks = follow(detector, [part(i % 5, False, i) for i in range(50)])
    risks += follow(detector, [part(9, True, i) for i in range(3)])
    assert set(risks) == {None}
    assert 0.0 < verdict(detector, 9).risk < 1.0
    assert verdict(detector, 9).trained


@pytest.mark.parametrize("model", ["logistic", "forest"])
def test_a_part_like_those_that_failed_is_at_risk(model):
    detector = Detector(dataclasses.replace(SMALL, model=model, window_parts=300))
    follow(detector, parts(600))
    assert verdict(detector, 9).risk > 0.5
    assert verdict(detector, 1).risk < 0.1


def test_risks_are_as_frequent_as_they_say():
    detector = Detector(DetectorSettings(window_parts=1000))
    journeys = sample_journeys(2500, seed=1)
    follow(detector, journeys[:1500])
    rest = journeys[1500:]
    said = sum(follow(detector, [journey])[-1] for journey in rest)
    assert said == pytest.approx(sum(journey.fail for journey in rest), rel=0.2)


def test_an_observation_alone_teaches_no_outcome():
    detector = Detector(SMALL)
    follow(detector, [part(i % 5, None, i) for i in range(100)])
    assert (detector.fails, detector.passes, detector.window) == (0, 0, 0)
    assert detector.catalogue.scale.count[0] > 0


def test_the_window_tells_how_many_results_and_fails_the_answering_model_has_learnt():
    detector = Detector(SMALL)
    follow(detector, parts(500))
    assert (detector.fails, detector.passes) == (100, 400)
    assert 40 <= detector.window <= 60
    assert detector.window_fails == pytest.approx(detector.window / 5, abs=1)


def test_the_margin_of_the_verdict_is_what_calibration_learns():
    detector = Detector(SMALL)
    follow(detector, parts(100))
    row, _ = detector.encode(PartRow(), "press", 0.0, {"torque": 9.0})
    rate = detector.calibration.base_rate
    detector.learn(row, True, None)  # never scored
    assert detector.calibration.base_rate == rate
    detector.learn(row, True, 1.0)
    assert detector.calibration.base_rate > rate


def test_a_part_without_a_single_reading_has_the_risk_of_the_line():
    detector = Detector(SMALL)
    follow(detector, parts(300))
    risk = detector.score(PartRow()).risk
    assert risk is not None
    assert verdict(detector, 1).risk < risk < verdict(detector, 9).risk


@pytest.mark.parametrize("model", ["logistic", "forest", "river.tree.HoeffdingTreeClassifier"])
def test_an_alarm_is_explained_by_the_cell_that_caused_it(model):
    detector = Detector(dataclasses.replace(SMALL, model=model, window_parts=300))
    journeys = [
        part(9.0 if i % 5 == 0 else i % 4, i % 5 == 0, i, temp=float(i * 7 % 11))
        for i in range(600)
    ]
    follow(detector, journeys)
    row, _ = detector.encode(PartRow(), "press", 0.0, {"torque": 9.0, "temp": 5.0})
    reason = detector.explain(row, 1)[0]
    assert (reason.station, reason.feature, reason.value) == ("press", "torque", 9.0)
    assert reason.expected == pytest.approx(3.0, abs=0.5)
    assert reason.sigma > 1.0
    assert reason.share > 0.5


def test_an_untrained_detector_explains_nothing():
    for model in ("logistic", "forest"):
        detector = Detector(dataclasses.replace(SMALL, model=model))
        follow(detector, [part(i % 5, None, i) for i in range(50)])
        row, _ = detector.encode(PartRow(), "press", 0.0, {"torque": 9.0})
        assert detector.explain(row, 3) == ()


def test_the_seed_makes_the_forest():
    def risks(seed):
        return follow(Detector(dataclasses.replace(SMALL, model="forest", seed=seed)), journeys)

    journeys = sample_journeys(120)
    assert risks(1) == risks(1)
    assert risks(1) != risks(2)


def test_a_wild_reading_is_explained_in_finite_figures():
    detector = Detector(SMALL)
    follow(detector, parts(300))
    row, _ = detector.encode(PartRow(), "press", 0.0, {"torque": 1e308})
    [reason] = detector.explain(row, 3)
    assert reason.value == 1e308
    assert all(math.isfinite(x) for x in (reason.expected, reason.sigma, reason.share))


def test_an_unknown_model_is_refused_when_the_detector_is_made():
    with pytest.raises(ValueError, match="'logit' is no model"):
        Detector(DetectorSettings(model="logit"))
