"""The alert about a part: what was found, why, and what it rests on, as it goes onto the wire."""

from __future__ import annotations

from alerts.alert import Alert, Cell, Evidence, ModelInfo, fitting
from alerts.policy import Decision
from models.detector import Detector, Verdict
from stream.events import Measurement
from stream.journey import Alarm, Journey
from stream.reasoning import as_reason

_RESTS_ON = 3


def part_alert(
    event: Measurement,
    journey: Journey,
    verdict: Verdict,
    decision: Decision,
    alarm: Alarm,
    alert_id: str,
    *,
    detector: Detector,
    threshold: float | None,
    reasons: int,
    parent: str | None,
) -> Alert:
    """The alert that a ``decision`` asks for, with at most so many ``reasons``.

    ``alarm`` is the part's first one, ``parent`` the line's alarm that it belongs to, if any.
    """
    count = reasons if decision.rule == "part.at_risk" else 0
    found = detector.attribute(journey.row) if count else None
    fragile = is_fragile(verdict, threshold)
    cells = detector.counts(journey.row)
    return Alert(
        id=alert_id,
        type=decision.rule,
        alarm=alarm.id,
        line=event.line,
        part=event.part,
        station=event.station,
        at=event.at,
        risk=None if verdict.risk is None else round(verdict.risk, 6),
        interval=_rounded(verdict.interval),
        fragile=fragile,
        threshold=None if threshold is None else round(threshold, 6),
        severity=decision.severity,
        reason=decision.reason,
        reasons=fitting(
            as_reason(cell)
            for cell in (detector.explain(journey.row, count, found) if count else ())
        ),
        rests_on=tuple(
            Cell(station=cell.station, feature=cell.feature)
            for cell in (detector.rests_on(journey.row, _RESTS_ON) if fragile else ())
        ),
        log_odds=None if found is None else round(found.log_odds, 6),
        evidence=Evidence(imputed=detector.imputed(journey.row), **cells._asdict()),
        model=ModelInfo(
            version=detector.settings.model,
            trained_on=detector.fails + detector.passes,
            window=detector.window,
        ),
        parent=parent,
        supersedes=None if alarm.id == alert_id else alarm.id,
    )


def _rounded(interval: tuple[float, float] | None) -> tuple[float, float] | None:
    return None if interval is None else (round(interval[0], 6), round(interval[1], 6))


def is_fragile(verdict: Verdict, threshold: float | None) -> bool | None:
    """Whether the verdict turns if the imputed cells lie one spread off; None if nobody knows."""
    if verdict.shifted is None or threshold is None:
        return None
    low, high = verdict.shifted
    return low < threshold <= high
