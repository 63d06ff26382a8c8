"""A line's own alarms in English (`alerts.line_wording`)."""

from __future__ import annotations

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

THE_LINE = "the line"
ABOVE, BELOW, MORE = "above", "below", " (and others of the station)"
