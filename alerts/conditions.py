"""The life of a line's alarms: each condition is said once when it begins and once when it ends.

The life cycle is that of ISA-18.2, for conditions that are not a part's: a station that drifts, a
silent station, a degraded detector. While a condition holds it is silent, unless it has grown to
twice its size; it may be acknowledged and shelved by its id. An alarm that is withheld (shelved, or
the line out of service) is said as soon as it may be, if its condition still holds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from alerts.alarms import Alarms
from alerts.alert import Affected, Alert, Reason, Severity

CLEARED = "alarm.cleared"


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a line's alarm is raised; ``size`` is what grows, such as how many sensors have died."""

    severity: Severity
    reason: str
    station: str | None = None
    reasons: tuple[Reason, ...] = ()
    affected: Affected | None = None
    size: int = 1
    parent: str | None = None

    def state(self) -> dict[str, Any]:
        """The cause as plain values."""
        return {
            "severity": self.severity,
            "reason": self.reason,
            "station": self.station,
            "reasons": [reason.model_dump(mode="json") for reason in self.reasons],
            "affected": None if self.affected is None else self.affected.model_dump(mode="json"),
            "size": self.size,
            "parent": self.parent,
        }

    @classmethod
    def restored(cls, state: dict[str, Any]) -> Cause:
        """The cause of a `state`."""
        affected = state["affected"]
        return cls(
            **state
            | {
                "reasons": tuple(Reason.model_validate(each) for each in state["reasons"]),
                "affected": None if affected is None else Affected.model_validate(affected),
            }
        )


@dataclass(slots=True)
class _Standing:
    alarm: str
    alert: str
    size: int
    station: str | None


class Conditions:
    """The conditions of one line, by rule and subject.

    ``identify(rule, subject)`` names an alert by the event's place in the log. ``pending`` is what
    is to be said, by rule and subject: a cause, or why a condition has ended.

    Examples
    --------
    >>> from datetime import UTC
    >>> conditions = Conditions("body-A", Alarms())
    >>> at = datetime(2026, 1, 5, 8, tzinfo=UTC)
    >>> def identify(rule, subject):
    ...     return f"{rule}:{subject}"
    >>> conditions.begin("station.silent", "L3", Cause("high", "no_report", "L3"))
    >>> [alert.type for alert in conditions.due(at, 0.0, identify)]
    ['station.silent']
    >>> conditions.end("station.silent", "L3", "reports_again")
    >>> [alert] = conditions.due(at, 0.0, identify)
    >>> alert.type, alert.reason, alert.alarm
    ('alarm.cleared', 'reports_again', 'station.silent:L3')
    """

    def __init__(self, line: str, alarms: Alarms) -> None:
        self.withheld: Counter[str] = Counter()
        self._line = line
        self._alarms = alarms
        self._standing: dict[tuple[str, str], _Standing] = {}
        self.pending: dict[tuple[str, str], Cause | str] = {}
        # Which of it was already counted as withheld.
        self._kept_back: set[tuple[str, str]] = set()

    def alarm(self, rule: str, subject: str = "") -> str | None:
        """The id of the alarm that stands, None if none does."""
        standing = self._standing.get((rule, subject))
        return None if standing is None else standing.alarm

    def holds(self, rule: str, subject: str = "") -> bool:
        """Whether the condition is known to hold, said or not."""
        key = rule, subject
        return isinstance(self.pending.get(key, self._standing.get(key)), Cause | _Standing)

    def begin(self, rule: str, subject: str, cause: Cause) -> None:
        """The condition holds; of one that stands already this matters only if it has doubled."""
        key = rule, subject
        standing = self._standing.get(key)
        if standing is None or cause.size >= 2 * standing.size:
            self.pending[key] = cause
        else:
            self.pending.pop(key, None)  # an end that was not said yet

    def end(self, rule: str, subject: str, reason: str) -> None:
        """The condition has gone."""
        key = rule, subject
        if key in self._standing:
            self.pending[key] = reason
        else:
            self.pending.pop(key, None)  # it began and ended while withheld
            self._kept_back.discard(key)

    def due(self, at: datetime, now: float, identify: Callable[[str, str], str]) -> list[Alert]:
        """The alerts to publish now."""
        said: list[Alert] = []
        for key, what in list(self.pending.items()):
            standing = self._standing.get(key)
            why = self._alarms.withheld(None if standing is None else standing.alarm, now)
            if why is not None:
                if key not in self._kept_back:
                    self._kept_back.add(key)
                    self.withheld[why] += 1
                continue
            del self.pending[key]
            self._kept_back.discard(key)
            said.append(self._say(key, standing, what, at, identify))
        return said

    def _say(
        self,
        key: tuple[str, str],
        standing: _Standing | None,
        what: Cause | str,
        at: datetime,
        identify: Callable[[str, str], str],
    ) -> Alert:
        rule, subject = key
        if isinstance(what, str) and standing is not None:
            del self._standing[key]
            self._alarms.clear(standing.alarm)
            return Alert(
                id=identify(CLEARED, f"{rule}|{subject}"),
                type=CLEARED,
                alarm=standing.alarm,
                line=self._line,
                station=standing.station,
                at=at,
                severity="low",
                reason=what,
                supersedes=standing.alert,
            )
        if isinstance(what, str):
            raise RuntimeError(f"{rule} of {subject!r} ends without having begun")
        alert_id = identify(rule, subject)
        before = None if standing is None else standing.alert
        alarm = alert_id if standing is None else standing.alarm
        self._standing[key] = _Standing(alarm, alert_id, what.size, what.station)
        self._alarms.activate(alarm)
        return Alert(
            id=alert_id,
            type=rule,
            alarm=alarm,
            line=self._line,
            station=what.station,
            at=at,
            severity=what.severity,
            reason=what.reason,
            reasons=what.reasons,
            affected=what.affected,
            parent=what.parent,
            supersedes=before,
        )

    def state(self) -> dict[str, Any]:
        """What stands and what is still to be said, as plain values."""
        return {
            "to_say": [
                [rule, subject, what if isinstance(what, str) else what.state()]
                for (rule, subject), what in self.pending.items()
            ],
            "kept_back": [[rule, subject] for rule, subject in sorted(self._kept_back)],
            "standing": [
                [rule, subject, s.alarm, s.alert, s.size, s.station]
                for (rule, subject), s in self._standing.items()
            ],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`; for fresh conditions."""
        for rule, subject, what in state["to_say"]:
            self.pending[rule, subject] = what if isinstance(what, str) else Cause.restored(what)
        self._kept_back = {(rule, subject) for rule, subject in state["kept_back"]}
        for rule, subject, alarm, alert, size, station in state["standing"]:
            self._standing[rule, subject] = _Standing(alarm, alert, size, station)
            self._alarms.activate(alarm)
