"""What a line's own alarms say of their cause: findings of `models`, in the alert's terms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from alerts.alert import Affected, Reason, Severity
from alerts.conditions import Cause
from alerts.flood import Flood
from models.drift import Levels
from models.scale import Ints
from models.silence import Silence
from models.skill_watch import SKILL_LOST, Skill

Feature = Callable[[int], str]
"""The name of a column's feature."""


def level_moved(station: str, levels: Levels, columns: Ints, feature: Feature, most: int) -> Cause:
    """The levels of these columns of a station, the strongest shift first.

    >>> import numpy as np
    >>> levels = Levels()
    >>> levels.grow(1)
    >>> level_moved("press", levels, np.array([0]), lambda column: "torque", 3).reasons[0].feature
    'torque'
    """
    shifts = {int(column): levels.shift(int(column)) for column in columns}
    strongest = sorted(shifts, key=lambda column: (-abs(shifts[column][2]), column))
    total = sum(abs(sigma) for _, _, sigma in shifts.values()) or 1.0
    since, readings = levels.since(strongest[0])
    return Cause(
        severity=_shifted(shifts[strongest[0]][2]),
        reason="level_moved",
        station=station,
        reasons=tuple(
            _level(station, feature(column), *shifts[column], total) for column in strongest[:most]
        ),
        affected=Affected(count=readings, what="readings", since=_time(since), station=station),
        size=len(columns),
    )


def levels_moved(stations: int) -> Cause:
    """So many stations at once."""
    affected = Affected(count=stations, what="stations")
    return Cause("high", "levels_moved", affected=affected, size=stations)


def risk_level(levels: Levels) -> Cause:
    """The mean risk, the one column of ``levels``."""
    shift = levels.shift(0)
    since, count = levels.since(0)
    affected = Affected(count=count, what="results", since=_time(since))
    reasons = (_level("", "risk", *shift, None),)
    return Cause(_shifted(shift[2]), "risk_level", reasons=reasons, affected=affected)


def first_met(station: str, whole: bool, features: Sequence[str], most: int) -> Cause:
    """Features that a line in full swing has never had before, or a ``whole`` station."""
    why = "new_station" if whole else "new_feature"
    size = 1 if whole else len(features)
    return Cause("low", why, station, _named(station, features, most), size=size)


def says_nothing(station: str, why: str, features: Sequence[str], run: int, most: int) -> Cause:
    """Sensors that are dead or pinned, the longest ``run`` of readings first."""
    affected = Affected(count=run, what="readings", station=station)
    reasons = _named(station, features, most)
    return Cause("medium", why, station, reasons, affected=affected, size=len(features))


def no_report(station: str, silence: Silence, number: int) -> Cause:
    """A silent station and its number."""
    affected = Affected(
        count=silence.missed(number),
        what="expected_visits",
        since=_time(silence.silent_from(number)),
        station=station,
    )
    return Cause("high", "no_report", station, affected=affected)


def degraded(finding: str, skill: Skill) -> Cause:
    """What `models.skill_watch.SkillWatch` has found."""
    lost = finding == SKILL_LOST
    feature, side = ("roc_auc", -1.0) if lost else ("fail_rate", 1.0)
    reason = _level("", feature, skill.value, skill.expected, side * skill.sigma, None)
    affected = Affected(count=skill.results, what="results")
    return Cause("medium", finding, reasons=(reason,), affected=affected)


def results_overdue(waiting: int) -> Cause:
    """So many parts since the last result."""
    affected = Affected(count=waiting, what="parts_without_result")
    return Cause("medium", "results_overdue", affected=affected)


def alarm_rate(flood: Flood) -> Cause:
    """The surge of part alarms."""
    count, since = flood.surge_alarms
    affected = Affected(
        count=count, what="alarmed_parts", since=None if since is None else _time(since)
    )
    return Cause("high", "alarm_rate_above_budget", affected=affected, size=max(count, 1))


def alarms_above_limit(flood: Flood, since: float, parent: str | None) -> Cause:
    """The flood of part alarms, counted ``since`` then."""
    count = flood.recent_alarms
    affected = Affected(count=count, what="alarmed_parts", since=_time(since))
    return Cause("high", "alarms_above_limit", affected=affected, size=count, parent=parent)


def _shifted(sigma: float) -> Severity:
    return "high" if abs(sigma) >= 3.0 else "medium"


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _named(station: str, features: Sequence[str], most: int) -> tuple[Reason, ...]:
    share = round(1.0 / len(features), 4)
    return tuple(
        Reason(station=station, feature=feature, contribution=share) for feature in features[:most]
    )


def _level(
    station: str, feature: str, value: float, expected: float, sigma: float, total: float | None
) -> Reason:
    """A level that has moved, and its share of all that have."""
    return Reason(
        station=station,
        feature=feature,
        value=round(value, 6),
        expected=round(expected, 6),
        sigma=round(sigma, 3),
        contribution=1.0 if total is None else round(abs(sigma) / total, 4),
    )
