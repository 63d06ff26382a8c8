"""When a risk is worth an alert: the alarm policy, apart from how an alert is delivered.

A part's alarm stands from the event whose risk reaches the threshold until the risk falls below a
share of it (the deadband, so that a risk that hovers does not chatter), or until its result.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from alerts.alert import Severity


@dataclass(frozen=True, slots=True)
class Decision:
    """An alert that should be raised, and why; the reason is the same word everywhere.

    ``rule`` is the alert's type, ``reason`` a word for the alert, the log line and the metric.
    """

    rule: Literal["part.at_risk", "part.cleared"]
    reason: Literal["risk_above_threshold", "risk_below_deadband"]
    severity: Severity


def decide(
    standing: bool, risk: float | None, threshold: float | None, clear_ratio: float = 0.6
) -> Decision | None:
    """What a new risk means for a part whose alarm stands or does not.

    Parameters
    ----------
    standing
        Whether an alarm stands for the part.
    risk, threshold
        None while untrained, or while no operating point is known: never an alert.
    clear_ratio
        The deadband: the alarm clears below this share of the threshold.

    Examples
    --------
    >>> decide(standing=False, risk=0.31, threshold=0.1)
    Decision(rule='part.at_risk', reason='risk_above_threshold', severity='high')
    >>> decide(standing=True, risk=0.08, threshold=0.1) is None
    True
    >>> decide(standing=True, risk=0.02, threshold=0.1).rule
    'part.cleared'
    """
    if risk is None or threshold is None:
        return None
    if not standing and risk >= threshold:
        return Decision("part.at_risk", "risk_above_threshold", severity(risk, threshold))
    if standing and risk < clear_ratio * threshold:
        return Decision("part.cleared", "risk_below_deadband", "low")
    return None


def severity(risk: float, threshold: float) -> Severity:
    """How far above the threshold the risk lies: high from three times, medium from one and a half.

    >>> severity(0.11, 0.1), severity(0.2, 0.1), severity(0.95, 0.5)
    ('low', 'medium', 'high')
    """
    if risk >= 0.9 or risk >= 3.0 * threshold:
        return "high"
    return "medium" if risk >= 1.5 * threshold else "low"
