"""Reasons say what a cell shows, and what they add up to is the verdict."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from models.columns import Input
from models.detector import Detector, DetectorSettings
from models.explanation import by_subject
from models.features import FeatureCatalogue
from models.part_journeys import eventful_journeys, follow, sample_journeys
from models.part_row import PartRow
from models.reasons import strongest_reasons
from models.stack_member import StackMember


@pytest.fixture
def line():
    """A catalogue of two stations, and a row with a high torque and a dropped force."""
    catalogue = FeatureCatalogue()
    for part in range(100):
        row = PartRow()
        press = {"torque": float(part % 9), "force": None if part % 5 == 0 else 1.0, "mold": "A"}
        for station, values in (("press", press), ("oven", {"heat": float(part % 7)})):
            row, _ = catalogue.encode(row, station, float(part), values)
            catalogue.observe(row, station, values)
        catalogue.close(row)
    row = PartRow()
    row, _ = catalogue.encode(row, "press", 0.0, {"torque": 14.0, "force": None, "mold": "A"})
    return catalogue, row


def strongest(line, by_input, count):
    return strongest_reasons(*line, by_subject(*line, by_input), count)


def test_the_strongest_cells_come_first_with_their_share_of_what_raised_the_risk(line):
    by_input = {"press.torque": 3.0, "press.force?": 1.0, "press.mold=A": -2.0}
    first, second = strongest(line, by_input, 3)
    assert (first.station, first.feature, first.value, first.share) == (
        "press",
        "torque",
        14.0,
        0.75,
    )
    assert first.expected == pytest.approx(4.0, abs=0.2)
    assert first.sigma == pytest.approx(3.9, abs=0.3)
    assert (second.feature, second.value, second.sigma, second.share) == ("force", None, None, 0.25)


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_of_cells_that_raise_the_risk_alike_the_first_by_name_come_first(line, count):
    by_input = {"press.torque": 1.0, "press.mold=A": 1.0, "oven.heat": 0.5, "press.force?": 1.0}
    found = [reason.feature for reason in strongest(line, by_input, count)]
    assert found == ["force", "mold", "torque"][:count]


def test_all_inputs_of_a_cell_are_one_reason(line):
    by_input = {"press.torque": 1.0, "press.torque!": 2.0, "press.torque?": 0.5, "press.mold=A": 3}
    reasons = strongest(line, by_input, 5)
    assert [(reason.feature, reason.share) for reason in reasons] == [
        ("torque", pytest.approx(3.5 / 6.5)),
        ("mold", pytest.approx(3 / 6.5)),
    ]


def test_a_station_passed_by_is_a_reason_without_a_feature(line):
    [reason] = strongest(line, {"oven?": 1.0}, 3)
    assert (reason.station, reason.feature, reason.value, reason.share) == ("oven", "", None, 1.0)


def test_what_lowers_the_risk_is_no_reason(line):
    assert strongest(line, {"press.torque": -1.0, "press.mold=A": 0.0}, 3) == ()


def test_no_more_reasons_than_asked_for_and_ties_in_the_order_of_names(line):
    by_input = {"press.torque": 1.0, "press.mold=A": 1.0, "press.force?": 1.0}
    reasons = strongest(line, by_input, 2)
    assert [reason.feature for reason in reasons] == ["force", "mold"]
    assert [reason.share for reason in reasons] == [pytest.approx(1 / 3)] * 2


def test_an_input_that_no_cell_explains_is_left_out(line):
    assert strongest(line, {"weld.gap": 9.0}, 3) == ()
    assert isinstance(line[0].origins(line[1])["press.torque"], Input)


# -- what a verdict is made of -----------------------------------------------------------------

SMALL = DetectorSettings(min_fails=3, min_passes=10, window_parts=150, window_fails=5)
SETTINGS_OF = {
    "linear": SMALL,
    "numpy": replace(SMALL, backend="numpy"),
    "stack": replace(SMALL, model="stack"),
    "logistic": replace(SMALL, model="logistic"),
    "forest": replace(SMALL, model="forest"),
}


@pytest.fixture(scope="module", params=SETTINGS_OF)
def taught(request):
    detector = Detector(SETTINGS_OF[request.param])
    follow(detector, eventful_journeys(260))
    return detector


def rows(detector, parts=25):
    """Parts at every place of their journey."""
    for readings, _ in eventful_journeys(parts, seed=8):
        row = PartRow()
        for reading in readings:
            row, _ = detector.encode(row, *reading)
            yield detector.catalogue.grown(row)


def logit(p):
    return math.log(p / (1.0 - p))


def test_the_amounts_and_the_rest_are_the_log_odds_of_the_risk_before_it_is_spread(taught):
    count = 0
    for row in rows(taught):
        found, verdict = taught.attribute(row), taught.score(row)
        raw = taught.member.score(row)
        ahead = getattr(raw, "linear", raw).ahead
        spread = math.sqrt(1.0 + math.pi / 8.0 * taught.calibration.slope**2 * ahead)
        assert sum(found.amounts.values()) + found.rest == pytest.approx(
            logit(verdict.risk) * spread, abs=1e-6
        )
        count += 1
    assert count > 50


@pytest.mark.parametrize("backend", ["linear", "numpy"])
def test_the_rest_is_the_intercepts_alone(backend):
    detector = Detector(SETTINGS_OF[backend])
    follow(detector, eventful_journeys(260))
    calibration = detector.calibration
    for row in rows(detector):
        intercept = detector.member.contributions(row)["", -1]
        assert detector.attribute(row).rest == pytest.approx(
            calibration.slope * intercept + calibration.intercept, abs=1e-5
        )


NUMBER = st.none() | st.floats(0.0, 200.0)
READINGS = st.fixed_dictionaries(
    {},
    optional={
        "press": st.fixed_dictionaries(
            {"torque": NUMBER, "force": NUMBER},
            optional={"mold": st.none() | st.sampled_from("ABC"), "supplier": st.text(max_size=2)},
        ),
        "weld": st.fixed_dictionaries({"current": NUMBER}),
        "oven": st.fixed_dictionaries({"heat": NUMBER, "zone": st.none() | st.integers(0, 3)}),
    },
)


@pytest.mark.parametrize("taught", ["linear", "numpy", "stack"], indirect=True)
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(readings=READINGS)
def test_the_shares_of_all_members_trees_included_sum_to_the_verdicts_log_odds(taught, readings):
    row = PartRow()
    for at, (station, values) in enumerate(readings.items()):
        row, _ = taught.encode(row, station, float(at), values)
    row = taught.catalogue.grown(row)
    member, calibration = taught.member, taught.calibration
    found = member.score(row)
    assume(found is not None)
    if isinstance(member, StackMember):
        shares = member.contributions(row, calibration.slopes)
        told = calibration.log_odds(found.means)
    else:
        shares = {s: calibration.slope * a for s, a in member.contributions(row).items()}
        told = calibration.log_odds(found.mean)
    assert math.fsum(shares.values()) + calibration.intercept == pytest.approx(told, abs=1e-5)
    amounts = taught.attribute(row).amounts
    assert {s: a for s, a in shares.items() if s != ("", -1)} == amounts


def test_moves_are_the_difference_of_two_attributions(taught):
    first, *_, last = rows(taught, 3)
    now, before = taught.attribute(last), taught.attribute(first)
    moved = sum(now.minus(before).values()) + now.rest - before.rest
    assert moved == pytest.approx(now.log_odds - before.log_odds, abs=1e-9)


def test_a_reason_names_the_moves_to_either_side(taught):
    *_, row = rows(taught, 2)
    moves = {("cell", 0): -2.0, ("station", 0): 1.0, ("cell", 1): 0.5}
    first, second = taught.describe(row, moves, 2)
    assert (first.amount, first.share) == (-2.0, pytest.approx(2.0 / 3.5))
    assert (second.feature, second.direction, second.amount) == ("", "reached", 1.0)


def test_a_dropped_number_is_imputed_from_the_others_and_says_what_it_counts_as():
    detector = Detector(replace(SMALL, window_parts=1000))
    rng = random.Random(3)
    for part in range(600):
        torque = rng.gauss(20.0, 2.0)
        press = {"torque": torque, "twin": None if part % 8 == 0 else 10.0 + torque}
        row, _ = detector.encode(PartRow(), "press", float(part), press)
        margin = detector.score(row).margin
        detector.observe(row, "press", press)
        detector.learn(row, torque > 22.5, margin)
        detector.close(row)
    row, _ = detector.encode(PartRow(), "press", 0.0, {"torque": 24.0, "twin": None})
    reasons = {reason.feature: reason for reason in detector.explain(row, 5)}
    twin, torque = reasons["twin"], reasons["torque"]
    assert (twin.value, twin.direction, twin.imputed) == (None, "dropped", True)
    assert twin.filled == pytest.approx(34.0, abs=1.0)
    assert twin.expected == pytest.approx(30.0, abs=0.5)
    assert (torque.direction, torque.imputed, torque.filled) == ("above", False, None)
    assert torque.spread == pytest.approx(2.0, abs=0.3)
    assert [cell.feature for cell in detector.rests_on(row, 3)] == ["twin"]
    assert detector.imputed(row) == 1


def test_a_station_passed_by_and_one_that_lies_ahead_are_told_apart():
    detector = Detector(SMALL)
    follow(detector, sample_journeys(300))
    pressed, _ = detector.encode(PartRow(), "press", 1.0, {"torque": 20.0, "force": None})
    baked, _ = detector.encode(PartRow(), "press", 1.0, {"torque": 20.0, "force": 100.0})
    baked, _ = detector.encode(baked, "oven", 2.0, {"heat": 180.0, "zone": 1})
    missing = detector.missing(pressed)
    assert [cell.feature for cell in missing.dropped] == ["force"]
    assert {cell.feature for cell in missing.left_out} == {"mold", "supplier"}
    assert "oven" in missing.ahead
    assert (detector.missing(baked).passed_by, detector.missing(baked).ahead) == (("weld",), ())
    weld = detector.catalogue.columns.stations["weld"].number
    [passed] = detector.describe(baked, {("station", weld): 1.0}, 1)
    assert (passed.station, passed.direction, passed.imputed) == ("weld", "passed_by", False)
    oven = detector.catalogue.columns.stations["oven"].number
    [ahead] = detector.describe(pressed, {("station", oven): 1.0}, 1)
    assert (ahead.direction, ahead.imputed) == ("ahead", True)


def test_a_pinned_reading_is_saturated():
    detector = Detector(SMALL)
    follow(detector, sample_journeys(300))
    row, _ = detector.encode(PartRow(), "press", 1.0, {"torque": 20.0, "force": 108.0})
    force = detector.catalogue.columns.stations["press"].columns["force"]
    [reason] = detector.describe(row, {("cell", force): 1.0}, 1)
    assert (reason.direction, reason.value) == ("saturated", 108.0)
    assert [cell.feature for cell in detector.missing(row).saturated] == ["force"]
