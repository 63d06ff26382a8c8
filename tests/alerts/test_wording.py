"""The words of an alert, for every kind of reason, and safe to print."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.alert import Alert, Reason
from alerts.wording import headline, plain, sentence
from stream.testing import at


def alert(**fields: Any) -> Alert:
    known = {
        "id": "1",
        "type": "part.at_risk",
        "alarm": "1",
        "line": "A",
        "part": "P-7",
        "station": "press",
        "at": at(0),
        "risk": 0.031,
        "threshold": 0.02,
        "severity": "low",
        "reason": "risk_above_threshold",
    }
    return Alert(**{**known, **fields})


REASONS = {
    "above": (
        Reason(station="S", feature="f", value=2.5, expected=1.0, sigma=3.1, contribution=1),
        "S f 2.5, 3.1 sigma above its usual 1",
    ),
    "below": (
        Reason(station="S", feature="f", value=0.5, expected=1.0, sigma=-2, contribution=1),
        "S f 0.5, 2.0 sigma below its usual 1",
    ),
    "dropped": (
        Reason(station="S", feature="f", value=None, contribution=1),
        "S f gave no reading",
    ),
    "a name": (Reason(station="S", feature="mold", value="8722", contribution=1), "S mold is 8722"),
    "passed by": (Reason(station="S", feature="", value=None, contribution=1), "S was passed by"),
    "yes or no": (
        Reason(station="S", feature="f", value=True, expected=0.1, sigma=3, contribution=1),
        "S f True, 3.0 sigma above its usual 0.1",
    ),
}


@pytest.mark.parametrize("kind", REASONS, ids=list(REASONS))
def test_every_kind_of_reason_has_its_words(kind: str) -> None:
    reason, words = REASONS[kind]
    assert sentence(reason) == words


def test_small_risks_keep_a_digit() -> None:
    assert "3.1 % to fail (alarm from 2.0 %)" in headline(alert())


def test_an_alert_of_a_type_not_known_here_still_has_a_headline() -> None:
    text = headline(alert(type="line.drift", part=None, station=None, risk=None))
    assert text == "A: line.drift"


def test_a_cleared_part_is_said_so() -> None:
    assert "is no longer at risk" in headline(alert(type="part.cleared"))


@given(st.text(max_size=40))
def test_no_name_can_forge_a_line(name: str) -> None:
    assert plain(name).isprintable() or not plain(name)


def test_names_from_the_plant_are_made_plain_everywhere() -> None:
    hostile = "x\x1b[2J\n"
    reason = Reason(station=hostile, feature=hostile, value=hostile, contribution=1)
    text = headline(alert(line=hostile, part=hostile, station=hostile, reasons=(reason,)))
    assert text.isprintable()
