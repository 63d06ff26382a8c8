"""An alert survives its way over the log, and its id says where it came from."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.alert import Alert, Cell, Evidence, ModelInfo, Reason, alert_id, fitting, iso
from stream.testing import at

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
numbers = st.floats(allow_nan=False, allow_infinity=False)
reasons = st.builds(
    Reason,
    station=texts,
    feature=texts,
    value=st.none() | st.booleans() | numbers | texts,
    expected=st.none() | numbers,
    sigma=st.none() | numbers,
    contribution=numbers,
)
alerts = st.builds(
    Alert,
    id=st.just("a" * 32),
    type=st.sampled_from(["part.at_risk", "part.cleared", "line.drift"]),
    alarm=texts,
    line=texts,
    part=st.none() | texts,
    station=st.none() | texts,
    at=st.integers(0, 10**6).map(at),
    risk=st.none() | st.floats(0, 1),
    interval=st.none(),
    fragile=st.none() | st.booleans(),
    threshold=st.none() | st.floats(0, 1),
    severity=st.sampled_from(["low", "medium", "high"]),
    reason=texts,
    reasons=st.lists(reasons, max_size=3).map(tuple),
    evidence=st.none() | st.just(Evidence(measured=3)),
    model=st.none() | st.just(ModelInfo(version="logistic", trained_on=5, window=5)),
)


@given(alerts)
def test_what_is_written_is_read_back(alert: Alert) -> None:
    assert Alert.model_validate_json(alert.to_json()) == alert


def test_a_reason_without_a_reading_is_read_back() -> None:
    reason = Reason(station="press", feature="torque", contribution=0.5)
    assert Reason.model_validate_json(reason.model_dump_json(exclude_none=True)) == reason


def test_a_field_of_a_later_version_is_passed_over() -> None:
    body = b'{"id":"a","type":"part.at_risk","alarm":"a","line":"A","at":"2026-01-05T00:00:00Z",'
    Alert.model_validate_json(body + b'"severity":"low","reason":"r","shift":"night"}')


@pytest.mark.parametrize(
    "change",
    [
        {"group": "g2"},
        {"topic": "t2"},
        {"partition": 1},
        {"offset": 8},
        {"rule": "part.cleared"},
        {"subject": "P-2"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_id_depends_on_every_part_of_the_place(change: dict[str, Any]) -> None:
    place: dict[str, Any] = {
        "group": "g",
        "topic": "t",
        "partition": 0,
        "offset": 7,
        "rule": "part.at_risk",
        "subject": "P-1",
    }
    assert alert_id(**place) == alert_id(**place)
    assert alert_id(**{**place, **change}) != alert_id(**place)


def test_times_are_written_in_utc_with_milliseconds() -> None:
    assert iso(at(0.5)) == "2026-01-05T00:00:30.000Z"


def test_an_alert_with_the_longest_names_everywhere_stays_below_twenty_kilobytes() -> None:
    name, feature = "\N{GRINNING FACE}" * 256, "\x01" * 256
    reason = Reason(
        station=name, feature=feature, value="\x01" * 1024, expected=-1.23456789e-300,
        sigma=-999_999.123, contribution=0.1234, spread=1.23456789e-300, direction="category",
        imputed=True, filled=-1.23456789e-300, amount=-12.123456,
    )  # fmt: skip
    kept = fitting([reason] * 10)
    assert len(kept) >= 1
    whole = Alert(
        id="a" * 64, type="part.at_risk", alarm="a" * 64, line=name, part=name, station=name,
        at=at(0), risk=0.123456, interval=(0.123456, 0.234567), fragile=True, threshold=0.123456,
        severity="medium", reason="risk_above_threshold", reasons=kept,
        rests_on=(Cell(station=name, feature=feature),) * 3, log_odds=-1.123456,
        evidence=Evidence(measured=10**5), parent="a" * 64, supersedes="a" * 64,
        model=ModelInfo(version="river." + "x" * 200, trained_on=10**9, window=10**9),
    )  # fmt: skip
    assert len(whole.to_json()) < 20_000


def test_reasons_of_ordinary_names_all_fit() -> None:
    reason = Reason(
        station="L3_S33_assembly_of_the_left_door", feature="torque_of_the_second_screw_Nm",
        value=14.2, expected=12.3, sigma=3.1, contribution=0.6, spread=0.6, direction="above",
        amount=0.7,
    )  # fmt: skip
    assert fitting([reason] * 10) == (reason,) * 10
