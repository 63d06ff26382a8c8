"""What may go out as an alert."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from alerts.alert import Alert
from alerts.source import MAX_BODY, AlertMessage, Position, read_message

AT = Position("andon.alerts/0", 7)


def test_the_message_around_an_alert_keeps_its_bytes():
    alert = Alert(
        id="0" * 32,
        type="part.at_risk",
        alarm="a1",
        line="body-A",
        at=datetime(2026, 1, 5, 8, tzinfo=UTC),
        severity="high",
        reason="risk_above_threshold",
    )
    found = read_message(alert.to_json(), AT)
    assert found == AlertMessage(alert.id, alert.type, "high", alert.to_json(), AT)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"id":1,"type":"a.b","severity":"low"}',
        b"\xff",
        b'{"id":"a","type":"a.b"}',
    ],
)
def test_what_is_no_alert_is_a_value_error(body):
    with pytest.raises(ValueError, match="validation error"):
        read_message(body, AT)


@pytest.mark.parametrize("alert_id", ["", "a.b", "a b", "a\r\nHost: inner", "ä", "a" * 65])
def test_an_id_that_cannot_be_signed_or_sent_is_refused(alert_id):
    with pytest.raises(ValueError, match="cannot be a webhook-id"):
        AlertMessage(alert_id, "part.at_risk", "high", b"{}", AT)


def test_a_body_too_large_or_not_in_utf_8_is_refused():
    AlertMessage("a1", "part.at_risk", "high", b"x" * MAX_BODY, AT)
    with pytest.raises(ValueError, match="65537 bytes"):
        AlertMessage("a1", "part.at_risk", "high", b"x" * (MAX_BODY + 1), AT)
    with pytest.raises(ValueError, match="not UTF-8"):
        AlertMessage("a1", "part.at_risk", "high", b"\xff", AT)
