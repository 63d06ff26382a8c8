"""A line's own alarms in the words of the shop floor: one table, a sentence for each reason.

The fields in braces are filled from the alert: ``station``, ``count`` (of ``affected``), and of the
first reason ``feature``, ``value``, ``expected``, ``sigma`` (without its sign) and ``side``.
"""

from __future__ import annotations

from alerts.alert import Alert

ABOVE, BELOW, MORE = "above", "below", " (and others of the station)"

SENTENCES = {
    ("line.drift", "level_moved"): "{station} drifts: {feature} is now about {value}, {sigma} "
    "spreads {side} its usual {expected}{more}",
    ("line.drift", "levels_moved"): "the whole line drifts: {count} more stations at once",
    ("line.drift", "risk_level"): "parts carry another risk than usual: now {value}, "
    "usually {expected}",
    ("line.drift", "new_station"): "{station} is a new station",
    ("line.drift", "new_feature"): "{station} measures something new: {feature}{more}",
    ("station.silent", "no_report"): "{station} is silent: {count} parts should have been "
    "reported since it last was heard of",
    ("sensor.dead", "no_reading"): "{station} {feature} is dead: no reading {count} times in a "
    "row{more}",
    ("sensor.dead", "constant"): "{station} {feature} is dead: the same value {count} times in a "
    "row{more}",
    ("sensor.saturated", "at_limit"): "{station} {feature} is pinned at its limit, {count} times "
    "in a row{more}",
    ("detector.degraded", "skill_lost"): "the detector has lost skill: ROC-AUC {value}, before "
    "{expected}",
    ("detector.degraded", "fails_beyond_risk"): "more parts fail than the detector expects: "
    "{value} of them, expected {expected}",
    ("detector.degraded", "results_overdue"): "test results are overdue: none for the last "
    "{count} parts",
    ("line.risk_surge", "alarm_rate_above_budget"): "alarms far above the budget: {count} parts",
    ("alarm.flood", "alarms_above_limit"): "too many alarms at once ({count} parts): alarms of "
    "single parts are withheld until it is over",
    ("alarm.cleared", "level_steady"): "{station} drifts no longer: its level is steady",
    ("alarm.cleared", "product_change"): "alarm over: the product has changed",
    ("alarm.cleared", "usual_by_now"): "what was new at {station} is usual by now",
    ("alarm.cleared", "reports_again"): "{station} reports again",
    ("alarm.cleared", "taken_as_removed"): "{station} has been silent for so long that it counts "
    "as removed",
    ("alarm.cleared", "reading_again"): "{station} has its readings again",
    ("alarm.cleared", "within_limits"): "{station} is no longer pinned at a limit",
    ("alarm.cleared", "skill_settled"): "the detector's skill is steady again",
    ("alarm.cleared", "results_again"): "test results come again",
    ("alarm.cleared", "rate_normal"): "alarms are within the budget again",
    ("alarm.cleared", "flood_over"): "alarms of single parts are told again",
}
"""By type and reason. ``station`` is ``the line`` where the alert names none."""

THE_LINE = "the line"


def line_sentence(alert: Alert) -> str | None:
    """What a line's alert says, names as they came; None for an alert about a part.

    >>> from datetime import UTC, datetime
    >>> line_sentence(Alert(id="1", type="station.silent", alarm="1", line="A", station="L3",
    ...     at=datetime(2026, 1, 5, tzinfo=UTC), severity="high", reason="no_report",
    ...     affected={"count": 20, "what": "expected_visits"}))
    'L3 is silent: 20 parts should have been reported since it last was heard of'
    """
    words = SENTENCES.get((alert.type, alert.reason))
    if words is None:
        return None
    first = alert.reasons[0] if alert.reasons else None
    sigma = 0.0 if first is None or first.sigma is None else first.sigma
    return words.format(
        station=alert.station or THE_LINE,
        count=0 if alert.affected is None else alert.affected.count,
        feature="" if first is None else first.feature,
        value=_number(None if first is None else first.value),
        expected=_number(None if first is None else first.expected),
        sigma=f"{abs(sigma):.1f}",
        side=BELOW if sigma < 0 else ABOVE,
        more=MORE if len(alert.reasons) > 1 else "",
    )


def _number(value: float | bool | str | None) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
