"""Reasons say what a cell shows, and what they add up to is the verdict."""

from __future__ import annotations

import pytest

from models.columns import Input
from models.explanation import by_subject
from models.features import FeatureCatalogue
from models.part_row import PartRow
from models.reasons import strongest_reasons


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
