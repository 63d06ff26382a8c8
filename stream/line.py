"""One line: its journeys, its detector and its alarms, as a state machine over its events.

A measurement's way: journey, cells, score, decision, alert, and only then does the detector look
at the measurement itself. A result's way: it is laid beside the journey and the risk *as scored*,
the figures are updated, and only then does the detector learn it. So no risk ever knows its own
result, and no part its own scale.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from alerts.alarms import Alarms
from alerts.alert import Alert
from alerts.policy import decide
from models.detector import Detector, DetectorSettings, Verdict
from models.evaluation import AlertMark, Prequential
from models.label_free import Waiting
from models.plain_state import State
from models.reading_digest import reading_digest
from models.threshold import AlarmBudget
from stream.effects import Effect, Raised, Scored
from stream.events import Control, Event, Feedback, Measurement, Result, Tick
from stream.journey import Alarm, Arrival, Journey
from stream.ledger import Joined, Joining, Ledger, LedgerSettings, Outcome
from stream.line_watch import LineWatch, WatchSettings
from stream.part_alert import part_alert
from stream.watermark import Watermark

_COUNTED = {arrival: f"measurement.{arrival.value}" for arrival in Arrival}
Identify = Callable[[str, str], str]


class Witness(Protocol):
    """Somebody who looks on while a line is at work, and changes nothing."""

    def scored(self, line: Line, event: Measurement, journey: Journey, verdict: Verdict) -> None:
        """A measurement was scored, and the detector has not learnt from it yet."""

    def tested(self, line: Line, event: Result, joined: Joined) -> None:
        """A result was laid beside its part, and the detector has not learnt it yet."""


@dataclass(frozen=True)
class AlarmSettings:
    """The alarm budget (share of parts), the least lift over the fail rate, the deadband, and how
    many reasons an alert names."""

    budget: float = 0.05
    min_lift: float = 2.0
    clear_ratio: float = 0.6
    reasons: int = 3


@dataclass(frozen=True)
class LineSettings:
    """All that a line's behaviour depends on besides its events.

    ``evaluated_parts`` bounds how many recent parts the figures speak of, None for all.
    """

    detector: DetectorSettings = field(default_factory=DetectorSettings)
    ledger: LedgerSettings = field(default_factory=LedgerSettings)
    alarms: AlarmSettings = field(default_factory=AlarmSettings)
    watch: WatchSettings = field(default_factory=WatchSettings)
    evaluated_parts: int | None = 20_000


class Line:
    """One line's state; `apply` is its only way forward.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> line = Line("body-A", LineSettings())
    >>> press = Measurement(line="body-A", part="P-1", station="press", values={"torque": 1.5},
    ...                     at=datetime(2026, 1, 5, 8, tzinfo=UTC))
    >>> [scored] = line.apply(press, identify=lambda rule, subject: "0" * 32)
    >>> scored.part, scored.risk
    ('P-1', None)
    """

    def __init__(self, name: str, settings: LineSettings, witness: Witness | None = None) -> None:
        self.name = name
        self._witness = witness
        self.settings = settings
        # The seed is the line's own, so that moving a line to another partition changes no risk.
        seed = settings.detector.seed + zlib.crc32(name.encode())
        self.detector = Detector(replace(settings.detector, seed=seed % 2**31))
        self.ledger = Ledger(settings.ledger)
        self.operating_point = AlarmBudget(settings.alarms.budget, settings.alarms.min_lift)
        self.alarms = Alarms()
        watched = replace(
            settings.watch, budget=settings.alarms.budget, reasons=settings.alarms.reasons
        )
        self.watch = LineWatch(name, watched, self.detector.catalogue, self.alarms)
        self.evaluation = Prequential(
            budget=settings.alarms.budget, capacity=settings.evaluated_parts
        )
        self.watermark = Watermark()
        self.learnt_at: float | None = None  # event time of the newest result learnt
        self.began_with: int | None = None  # results learnt before its first event; None: untrained
        self.counts: Counter[str] = Counter()

    def learnt(self) -> State:
        """What another line may start from (`start_from`): the detector and the operating point.

        Raises `models.plain_state.NoPlainState` for a model that cannot be taken apart.
        """
        return {"detector": self.detector.state(), "operating_point": self.operating_point.learnt()}

    def start_from(self, learnt: State) -> None:
        """Begin with what was `learnt` before; for a line that has seen nothing yet."""
        learnt = deepcopy(learnt)  # its arrays will go on learning here
        self.detector.restore(learnt["detector"])
        self.operating_point.start_from(learnt["operating_point"])
        self.began_with = self.detector.fails + self.detector.passes

    def waiting(self) -> Waiting:
        """The last risks of the parts whose results have not come, and which of them are flagged.

        For figures without results (`models.label_free.expected`).
        """
        journeys = self.ledger.open_journeys()
        return Waiting(
            np.array([_last_risk(journey.risks) for journey in journeys], dtype=np.float64),
            np.array([journey.first_alarm is not None for journey in journeys], dtype=np.bool_),
        )

    def apply(self, event: Event, identify: Identify) -> list[Effect]:
        """Take one event in; ``identify(rule, subject)`` names an alert raised by it."""
        match event:
            case Measurement():
                effects = self._measured(event, identify)
            case Result():
                effects = self._tested(event, identify)
            case Feedback():
                effects = self._answered(event)
            case Control():
                effects = self._controlled(event)
            case Tick():
                self.counts["tick"] += 1
                self.watermark.update(event.at.timestamp(), "")
                effects = []
        at = self.watermark.at
        if at is not None and at >= self.ledger.next_look:
            self._expire(at)
        return effects

    # -- measurements --------------------------------------------------------------------------

    def _measured(self, event: Measurement, identify: Identify) -> list[Effect]:
        part, station, values, time = event.part, event.station, event.values, event.at
        at = time.timestamp()
        now = self.watermark.update(at, part)
        journey = self.ledger.journey(event, now, at)
        if journey is None:
            self.counts["measurement.late"] += 1
            return []
        plan, numbers = self.detector.catalogue.plan(station, values), None
        if plan is None:
            digest = reading_digest(values)
        else:
            numbers = plan.numbers(values)
            digest = plan.digest(values, numbers)
        arrival = journey.add(event, at, digest)
        self.counts[_COUNTED[arrival]] += 1
        if arrival is Arrival.DUPLICATE or arrival is Arrival.STALE:
            return []
        reading, verdict = self.detector.read(journey.row, station, at, values, plan, numbers)
        journey.row = reading.row
        if reading.wrong:
            self.counts["value.wrong_kind"] += len(reading.wrong)
        journey.margin = verdict.margin
        if self._witness is not None:
            self._witness.scored(self, event, journey, verdict)
        # A prior is no prediction: the figures know only what a trained detector said.
        trained = verdict.trained
        scored = verdict.risk if trained else None
        if not journey.scored(float("nan") if scored is None else scored):
            self.counts["risk.collapsed"] += 1
        effects: list[Effect] = [
            # Without the detour of a constructor written in Python.
            tuple.__new__(
                Scored,
                (self.name, part, station, time, verdict.risk, trained, verdict.interval),
            )
        ]
        if scored is not None:
            effects += self._decide(event, journey, verdict, at, now, identify)
        if plan is not None and plan.only_numbers:
            settled = plan.columns
        else:
            settled = self.detector.meet(station, values, plan)
        alerts = self.watch.measured(
            reading.row, station, settled, time, now, self.ledger.opened, identify
        )
        if alerts or self.watch.conditions.withheld:
            effects += self._raised(alerts)
        return effects

    def _raised(self, alerts: list[Alert]) -> list[Effect]:
        """What the watch over the line has to say."""
        for alert in alerts:
            self.counts[f"alert.{alert.type}"] += 1
        withheld = self.watch.conditions.withheld
        if withheld:
            self.counts.update({f"withheld.{why}": count for why, count in withheld.items()})
            withheld.clear()
        return [Raised(alert) for alert in alerts]

    def _decide(
        self,
        event: Measurement,
        journey: Journey,
        verdict: Verdict,
        at: float,
        now: float,
        identify: Identify,
    ) -> list[Effect]:
        if verdict.risk is None:
            return []
        point = self.operating_point
        standing = journey.standing
        threshold = point.threshold
        decision = decide(
            standing is not None, verdict.risk, threshold, self.settings.alarms.clear_ratio
        )
        point.track(journey.number, verdict.risk, self.detector.calibration.base_rate)
        if len(journey.risks) == 1:
            self.watch.part_scored(now)
        if decision is None:
            return []
        alarm = standing or journey.first_alarm
        withheld = self.alarms.withheld(None if alarm is None else alarm.id, now)
        rises = decision.rule == "part.at_risk"
        if withheld is None and rises and not self.watch.part_alarmed(journey.number, now):
            withheld = "flood"
        if withheld is not None:
            self.counts[f"withheld.{withheld}"] += 1
            return []
        alert_id = identify(decision.rule, event.part)
        if alarm is None:
            alarm = journey.first_alarm = Alarm(alert_id, at, len(journey.risks))
        if rises:
            journey.standing = alarm
            self.alarms.activate(alarm.id)
            point.flag(journey.number)
        else:
            journey.standing = None
            self.alarms.clear(alarm.id)
        self.counts[f"alert.{decision.rule}"] += 1
        return [
            Raised(
                part_alert(
                    event,
                    journey,
                    verdict,
                    decision,
                    alarm,
                    alert_id,
                    detector=self.detector,
                    threshold=threshold,
                    reasons=self.settings.alarms.reasons,
                    parent=self.watch.surge,
                )
            )
        ]

    # -- results -------------------------------------------------------------------------------

    def _tested(self, event: Result, identify: Identify) -> list[Effect]:
        self.watermark.update(event.at.timestamp(), event.part)
        joined = self.ledger.join(event)
        self.counts[f"result.{joined.kind.value}"] += 1
        outcome = joined.outcome
        if self._witness is not None:
            self._witness.tested(self, event, joined)
        if outcome is not None and outcome.measured:
            alerts = self._watch_result(event, joined, outcome.journey, identify)
            self._judge(joined, outcome)
            self._learn(joined, outcome)
            return self._raised(alerts)
        return []

    def _watch_result(
        self, event: Result, joined: Joined, journey: Journey | None, identify: Identify
    ) -> list[Alert]:
        if joined.kind is not Joining.RESULT or joined.fail is None or journey is None:
            return []
        return self.watch.tested(
            journey.row,
            journey.number,
            joined.fail,
            journey.risks,
            self.detector.fails + self.detector.passes,
            event.at,
            self._now(event.at.timestamp()),
            self.ledger.opened,
            identify,
        )

    def _judge(self, joined: Joined, outcome: Outcome) -> None:
        """The figures first: they may know nothing that the detector is about to learn."""
        name = f"{outcome.part}#{outcome.generation}"
        journey = outcome.journey
        if joined.kind is Joining.CORRECTED and joined.fail is None:
            self.evaluation.withdraw(name)
        elif joined.fail is not None and name in self.evaluation:
            self.evaluation.correct(name, joined.fail)
        elif joined.kind is Joining.RESULT and joined.fail is not None and journey is not None:
            risks = [None if risk != risk else risk for risk in journey.risks]
            self.evaluation.update(name, joined.fail, risks, _mark(journey, outcome.result_at))

    def _learn(self, joined: Joined, outcome: Outcome) -> None:
        journey = outcome.journey
        if journey is None:
            return
        if joined.fail is not None and joined.kind in (Joining.RESULT, Joining.CORRECTED):
            self.detector.learn(journey.row, joined.fail, journey.margin, outcome.result_at)
            self.learnt_at = max(outcome.result_at, self.learnt_at or outcome.result_at)
        if joined.closed:
            self._close(journey)

    def _close(self, journey: Journey) -> None:
        if journey.standing is not None:
            self.alarms.clear(journey.standing.id)
            journey.standing = None
        self.detector.close(journey.row)

    def _expire(self, at: float) -> None:
        for journey in self.ledger.expire(at):
            self.counts["part.expired"] += 1
            self._close(journey)

    # -- people and plant ----------------------------------------------------------------------

    def _answered(self, event: Feedback) -> list[Effect]:
        until = None if event.until is None else event.until.timestamp()
        known = self.alarms.respond(event.target, event.act, until)
        self.counts[f"feedback.{event.act}" if known else "feedback.unknown_target"] += 1
        return []

    def _controlled(self, event: Control) -> list[Effect]:
        self.counts[f"control.{event.act}"] += 1
        if event.act == "product_change":
            self.watch.product_changed()
        if event.act in ("maintenance", "out_of_service"):
            self.alarms.suppress(
                event.act, None if event.until is None else event.until.timestamp()
            )
        return []

    def _now(self, at: float) -> float:
        return at if self.watermark.at is None else self.watermark.at


def _last_risk(risks: Sequence[float]) -> float:
    """The last risk that was known, NaN if none was.

    >>> _last_risk([0.1, 0.2, float("nan")])
    0.2
    """
    return next((risk for risk in reversed(risks) if risk == risk), float("nan"))


def _mark(journey: Journey, result_at: float) -> AlertMark | None:
    alarm = journey.first_alarm
    if alarm is None:
        return None
    return AlertMark(
        events_before=alarm.events - 1,
        events_after=len(journey.risks) - alarm.events,
        seconds_before_result=result_at - alarm.at,
    )
