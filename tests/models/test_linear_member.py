"""What each cell adds to a margin adds up to the margin."""

from __future__ import annotations

from dataclasses import replace

import pytest

from models.detector import Detector, DetectorSettings
from models.part_journeys import eventful_journeys, follow
from models.part_row import PartRow

SETTINGS = DetectorSettings(min_fails=3, min_passes=10, window_parts=150, window_fails=5)
SETTINGS_OF = {
    "numba": SETTINGS,
    "numpy": replace(SETTINGS, backend="numpy"),
    "logistic": replace(SETTINGS, model="logistic"),
}


def trained(name: str) -> Detector:
    detector = Detector(SETTINGS_OF[name])
    follow(detector, eventful_journeys(260))
    return detector


def rows(detector):
    """Parts at every place of their journey, and one that has not begun."""
    yield detector.catalogue.grown(PartRow())
    for readings, _ in eventful_journeys(40, seed=8):
        row = PartRow()
        for reading in readings:
            row, _ = detector.encode(row, *reading)
            yield detector.catalogue.grown(row)


@pytest.mark.parametrize("backend", ["numba", "numpy"])
def test_contributions_add_up_to_the_margin(backend):
    detector, count = trained(backend), 0
    for row in rows(detector):
        margin = detector.member.score(row).mean
        shares = detector.member.contributions(row)
        assert sum(shares.values()) == pytest.approx(margin, abs=1e-5, rel=1e-5)
        count += 1
    assert count > 100


def test_a_river_logistic_regressions_contributions_add_up_but_for_one_constant():
    detector = trained("logistic")
    rest = [
        detector.member.score(row).mean - sum(detector.member.contributions(row).values())
        for row in rows(detector)
    ]
    assert len(rest) > 100
    assert rest == pytest.approx([rest[0]] * len(rest), abs=1e-5)


def test_a_cell_says_the_same_wherever_the_part_has_been():
    """A measured number's share is its weight times its value: other cells do not move it."""
    detector = trained("numba")
    alone, _ = detector.encode(PartRow(), "oven", 5.0, {"heat": 190.0, "zone": 1})
    also, _ = detector.encode(PartRow(), "press", 1.0, {"torque": 20.0, "force": 99.0})
    also, _ = detector.encode(also, "oven", 5.0, {"heat": 190.0, "zone": 1})
    heat = next(o.column for o in detector.catalogue.columns.origin if o.feature == "heat")
    shares = [
        detector.member.contributions(detector.catalogue.grown(row))["cell", heat]
        for row in (alone, also)
    ]
    assert shares[0] == shares[1] != 0.0


@pytest.mark.parametrize("backend", ["numba", "numpy"])
@pytest.mark.parametrize("parts", [24, 25, 60])
def test_the_first_results_of_a_line_are_learnt_as_soon_as_its_scale_is_known(backend, parts):
    detector = Detector(SETTINGS_OF[backend])
    follow(detector, eventful_journeys(260)[:parts])
    learnt = detector.fails + detector.passes
    assert learnt >= 20
    assert detector.window == (0 if parts < 25 else learnt)


@pytest.mark.parametrize("backend", ["numba", "numpy"])
def test_results_that_wait_for_the_scale_are_part_of_the_state(backend):
    journeys = eventful_journeys(260)
    detector, again = Detector(SETTINGS_OF[backend]), Detector(SETTINGS_OF[backend])
    follow(detector, journeys[:20])
    again.restore(detector.state())
    assert follow(detector, journeys[20:90]) == follow(again, journeys[20:90])
    assert again.window == detector.window
