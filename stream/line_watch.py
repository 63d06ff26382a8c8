"""What a line watches beside its parts: drift, silent stations, dead sensors, its detector, floods.

The learner is never reset by any of it: an alarm says that something has changed, and what the
window holds decides when the model has followed. Every condition becomes one alarm with a cause, by
`alerts.conditions`; what is found where is the business of `models` and `alerts.flood`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from alerts.alarms import Alarms
from alerts.alert import Alert
from alerts.conditions import Cause, Conditions
from alerts.flood import Flood
from models.columns import Layout
from models.drift import Levels
from models.features import FeatureCatalogue
from models.overdue import Overdue
from models.part_row import PartRow
from models.scale import Ints
from models.sensor_runs import CONSTANT, MISSING, PINNED
from models.silence import RESULT
from models.skill_watch import SkillWatch
from models.station_watch import DRIFT as DRIFTS
from models.station_watch import SENSORS, SILENCE, StationWatch
from stream import line_causes as causes

SURGE, DRIFT, SILENT = "line.risk_surge", "line.drift", "station.silent"
DEGRADED, FLOOD = "detector.degraded", "alarm.flood"
DEAD, SATURATED = "sensor.dead", "sensor.saturated"
RISK, RESULTS_OVERDUE = "risk", "results_overdue"
_TOGETHER = 3  # stations that may drift at once before the line as a whole is said to
_TAUGHT = 1000  # results until the skill is steady enough to be watched
_STEADY = 2000  # and the risks themselves
_KNOWN = 1000  # parts until what is met for the first time is new
_USUAL = 1000  # parts until it is new no longer
Identify = Callable[[str, str], str]


@dataclass(frozen=True)
class WatchSettings:
    """Which of a line's own alarms are raised, and from which size.

    ``drift_sigma`` is the shift of a level that matters, in its usual spreads; ``flood_alarms``
    part alarms within ``flood_minutes`` are a flood (0: never). The line gives its ``budget`` and
    the number of ``reasons``.
    """

    drift: bool = True
    drift_sigma: float = 1.0
    silent: bool = True
    sensors: bool = True
    degraded: bool = True
    surge: bool = True
    flood_alarms: int = 20
    flood_minutes: float = 10.0
    reasons: int = 3
    budget: float = 0.05


class LineWatch:
    """The conditions of one line as its events go by.

    Its methods answer the alerts to publish. ``counts`` of alerts are the caller's business, those
    that were withheld are in ``conditions.withheld``.

    Examples
    --------
    >>> from datetime import UTC
    >>> watch = LineWatch("body-A", WatchSettings(), FeatureCatalogue(), Alarms())
    >>> at = datetime(2026, 1, 5, 8, tzinfo=UTC)
    >>> settled = np.empty(0, np.int64)
    >>> watch.measured(PartRow(), "press", settled, at, 0.0, 1, lambda rule, subject: rule)
    []
    """

    def __init__(
        self, line: str, settings: WatchSettings, catalogue: FeatureCatalogue, alarms: Alarms
    ) -> None:
        self.settings = settings
        self.conditions = Conditions(line, alarms)
        self.flood = Flood(settings.budget, settings.flood_alarms, settings.flood_minutes)
        self._catalogue = catalogue
        self._stations = StationWatch(
            settings.drift_sigma,
            DRIFTS * settings.drift + SENSORS * settings.sensors + SILENCE * settings.silent,
        )
        self._levels = self._stations.levels
        self._runs = self._stations.runs
        self._silence = self._stations.silence
        self._risk_level = Levels(2.0 * settings.drift_sigma)
        self._risk_level.grow(1)
        self._skill = SkillWatch()
        self._overdue = Overdue()
        self._opened = 0
        self._together: list[str] = []  # drifting stations that the line's own alarm speaks of
        self._names: list[str] = []
        self._columns: list[Ints] = []
        self._layout: Layout | None = None
        # By column: parts opened when it was first met, and whether its kind is settled.
        self._met: list[int] = []
        self._settled: list[bool] = []
        self._new: dict[str, tuple[int, list[int]]] = {}

    def is_dead(self, column: int) -> bool:
        """Whether a feature has had no reading for longer than its usual silences explain."""
        return bool(len(self._runs.standing(np.array([column]), MISSING)))

    # -- parts' alarms -------------------------------------------------------------------------

    @property
    def surge(self) -> str | None:
        """The alarm that part alarms belong to while the line alarms far above its budget."""
        return self.conditions.alarm(SURGE)

    def part_scored(self, now: float) -> None:
        """A part has its first risk."""
        self.flood.part(now)
        self._count_alarms(now)

    def part_alarmed(self, number: int, now: float) -> bool:
        """A part is to be alarmed about: False if it goes under in a flood, counted."""
        self.flood.alarm(number, now)
        self._count_alarms(now)
        return not self.flood.flooded

    def _count_alarms(self, now: float) -> None:
        flood = self.flood
        if self.settings.surge:
            if flood.surging:
                self.conditions.begin(SURGE, "", causes.alarm_rate(flood))
            else:
                self.conditions.end(SURGE, "", "rate_normal")
        if flood.flooded:
            since = now - 60.0 * self.settings.flood_minutes
            self.conditions.begin(FLOOD, "", causes.alarms_above_limit(flood, since, self.surge))
        else:
            self.conditions.end(FLOOD, "", "flood_over")

    # -- measurements --------------------------------------------------------------------------

    def measured(
        self,
        row: PartRow,
        station: str,
        settled: Ints,
        at: datetime,
        now: float,
        opened: int,
        identify: Identify,
    ) -> list[Alert]:
        """A reading that was scored; ``opened`` parts have come onto the line.

        The catalogue has met it, and learns its cells of ``settled`` here (`Detector.meet`).
        """
        columns = self._catalogue.columns
        known = columns.stations.get(station)
        if known is not None:
            number = known.number
            if self._layout is None or self._layout is not columns.laid_out:
                self._grow(opened)
            if self._new:
                self._end_new(opened)
            changed = self._stations.observe(
                self._catalogue, settled, self._columns[number], row, number, now
            )
            if changed:
                self._tell(changed, number)
        if opened != self._opened and self._part_opened(opened):
            waiting = self._overdue.waiting(opened)
            self.conditions.begin(DEGRADED, RESULTS_OVERDUE, causes.results_overdue(waiting))
        return self._due(at, now, identify)

    def _part_opened(self, opened: int) -> bool:
        self._opened = opened
        return self.settings.degraded and self._overdue.part(opened)

    def _tell(self, changed: int, number: int) -> None:
        if changed & DRIFTS:
            self._tell_drift(number)
        if changed & SENSORS:
            self._tell_sensors(number)
        if changed & SILENCE:
            self._tell_silence()

    def _grow(self, opened: int) -> None:
        table = self._catalogue.columns
        layout = self._layout = table.layout()
        self._names = list(table.stations)
        first, member = layout.first, layout.member.astype(np.int64)
        self._columns = [
            member[first[s] : first[s + 1]].copy() for s in range(len(layout.first) - 1)
        ]
        self._stations.grow(len(table), len(table.stations))
        self._met += [opened] * (len(table) - len(self._met))
        self._settled += [False] * (len(table) - len(self._settled))
        for column, kind in enumerate(table.kind.tolist()):
            if kind and not self._settled[column]:
                self._settled[column] = True
                if self.settings.drift and self._met[column] >= _KNOWN:
                    self._tell_new(column, opened)

    def _tell_new(self, column: int, opened: int) -> None:
        """A station or a feature that a line in full swing has never had before."""
        number = int(self._catalogue.columns.station_of[column])
        station = self._names[number]
        columns = [*self._new.get(station, (0, []))[1], column]
        self._new[station] = opened, columns
        whole = min(self._met[c] for c in self._columns[number].tolist()) >= _KNOWN
        features = [self._feature(c) for c in columns]
        cause = causes.first_met(station, whole, features, self._most)
        self.conditions.begin(DRIFT, f"{station}|new", cause)

    def _end_new(self, opened: int) -> None:
        for station in [s for s, (since, _) in self._new.items() if opened - since >= _USUAL]:
            del self._new[station]
            self.conditions.end(DRIFT, f"{station}|new", "usual_by_now")

    def _tell_drift(self, number: int) -> None:
        station = self._names[number]
        drifting = self._levels.drifting(self._columns[number])
        if len(drifting):
            drifted = [s for s in self._names if self.conditions.holds(DRIFT, s)]
            alone = station in drifted or len(drifted) < _TOGETHER
            if alone and station not in self._together:
                self.conditions.begin(DRIFT, station, self._level_moved(station, drifting))
            elif station not in self._together:
                self._together.append(station)
                self._tell_line_drifts()
        elif station in self._together:
            self._together.remove(station)
            self._tell_line_drifts()
        else:
            self.conditions.end(DRIFT, station, "level_steady")

    def _tell_line_drifts(self) -> None:
        together = self._together
        if not together:
            self.conditions.end(DRIFT, "", "level_steady")
            return
        self.conditions.begin(DRIFT, "", causes.levels_moved(len(together)))

    def _level_moved(self, station: str, drifting: Ints) -> Cause:
        return causes.level_moved(station, self._levels, drifting, self._feature, self._most)

    @property
    def _most(self) -> int:
        return max(self.settings.reasons, 1)

    def _feature(self, column: int) -> str:
        return self._catalogue.columns.origin[column].feature

    def _tell_sensors(self, number: int) -> None:
        columns, runs = self._columns[number], self._runs
        missing, constant = runs.standing(columns, MISSING), runs.standing(columns, CONSTANT)
        dead = {int(column): runs.run(int(column), MISSING) for column in missing}
        for column in constant.tolist():
            dead.setdefault(column, runs.run(column, CONSTANT))
        why = "no_reading" if len(missing) else "constant"
        self._tell_sensor(DEAD, number, dead, why, "reading_again")
        pinned = {int(c): runs.run(int(c), PINNED) for c in runs.standing(columns, PINNED)}
        self._tell_sensor(SATURATED, number, pinned, "at_limit", "within_limits")

    def _tell_sensor(
        self, rule: str, number: int, found: dict[int, int], why: str, over: str
    ) -> None:
        station = self._names[number]
        if not found:
            self.conditions.end(rule, station, over)
            return
        longest = sorted(found, key=lambda column: (-found[column], column))
        features = [self._feature(column) for column in longest]
        cause = causes.says_nothing(station, why, features, found[longest[0]], self._most)
        self.conditions.begin(rule, station, cause)

    def _tell_silence(self) -> None:
        silent = set(self._silence.standing())
        for number, station in enumerate(self._names):
            if number in silent:
                self.conditions.begin(
                    SILENT, station, causes.no_report(station, self._silence, number)
                )
            else:
                gone = self._silence.accepted(number)
                over = "taken_as_removed" if gone else "reports_again"
                self.conditions.end(SILENT, station, over)

    # -- results -------------------------------------------------------------------------------

    def tested(
        self,
        row: PartRow,
        number: int,
        fail: bool,
        risks: Sequence[float],
        taught: int,
        at: datetime,
        now: float,
        opened: int,
        identify: Identify,
    ) -> list[Alert]:
        """The result of a part of this number, with the risks as scored, NaN while untrained.

        ``taught`` results had been learnt before this one.
        """
        risk = next((risk for risk in reversed(risks) if risk == risk), None)
        if self.settings.degraded:
            self._tell_degraded(number, fail, risk if taught >= _TAUGHT else None, opened)
        if self.settings.drift and risk is not None and taught >= _STEADY:
            self._tell_risk_level(risk, now)
        if self.settings.silent and self._silence.observe(row.visited_at, RESULT, now):
            self._tell_silence()
        return self._due(at, now, identify)

    def _tell_degraded(self, number: int, fail: bool, risk: float | None, opened: int) -> None:
        if self._overdue.result(opened, number):
            self.conditions.end(DEGRADED, RESULTS_OVERDUE, "results_again")
        if risk is None:
            return
        before = list(self._skill.findings)
        if not self._skill.update(fail, risk):
            return
        for finding in before:
            if finding not in self._skill.findings:
                self.conditions.end(DEGRADED, finding, "skill_settled")
        for finding, skill in self._skill.findings.items():
            self.conditions.begin(DEGRADED, finding, causes.degraded(finding, skill))

    def _tell_risk_level(self, risk: float, now: float) -> None:
        if not self._risk_level.observe_one(0, risk, now):
            return
        if not len(self._risk_level.drifting(np.array([0]))):
            self.conditions.end(DRIFT, RISK, "level_steady")
            return
        self.conditions.begin(DRIFT, RISK, causes.risk_level(self._risk_level))

    # -- all -----------------------------------------------------------------------------------

    def product_changed(self) -> None:
        """Another product is meant to look different: what is usual is learnt anew, in silence."""
        self._levels.forget()
        self._risk_level.forget()
        self._together.clear()
        for station in self._names:
            self.conditions.end(DRIFT, station, "product_change")
        for subject in ("", RISK):
            self.conditions.end(DRIFT, subject, "product_change")

    def _due(self, at: datetime, now: float, identify: Identify) -> list[Alert]:
        return self.conditions.due(at, now, identify) if self.conditions.pending else []

    def state(self) -> dict[str, Any]:
        """Everything, as plain values and arrays."""
        state = {
            "conditions": self.conditions.state(),
            "flood": self.flood.state(),
            "stations": self._stations.state(),
            "risk_level": self._risk_level.state(),
            "skill": self._skill.state(),
            "overdue": self._overdue.state(),
            "opened": self._opened,
            "together": list(self._together),
            "met": list(self._met),
            "settled": list(self._settled),
            "new": {station: [since, list(cs)] for station, (since, cs) in self._new.items()},
        }
        return deepcopy(state)  # its arrays are not the ones that go on watching

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`; for a fresh watch over a catalogue that knows the same features."""
        self.conditions.restore(state["conditions"])
        self.flood.restore(state["flood"])
        self._stations.restore(state["stations"])
        self._risk_level.restore(state["risk_level"])
        self._skill.restore(state["skill"])
        self._overdue.restore(state["overdue"])
        self._opened = state["opened"]
        self._together = list(state["together"])
        self._met, self._settled = list(state["met"]), list(state["settled"])
        self._new = {station: (since, list(cs)) for station, (since, cs) in state["new"].items()}
