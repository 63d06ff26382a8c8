"""An alert in the words of the shop floor, the same for every channel."""

from __future__ import annotations

from alerts.alert import Alert, Reason
from alerts.line_wording import line_sentence

_TITLES = {"part.at_risk": "is at risk", "part.cleared": "is no longer at risk"}


def headline(alert: Alert) -> str:
    """One line for a person.

    >>> from datetime import UTC, datetime
    >>> print(headline(Alert(id="1", type="part.at_risk", alarm="1", line="body-A", part="P-7",
    ...     station="press", at=datetime(2026, 1, 5, tzinfo=UTC), risk=0.31, threshold=0.1,
    ...     severity="high", reason="risk_above_threshold", reasons=(Reason(station="press",
    ...     feature="torque", value=14.2, expected=11.0, sigma=3.1, contribution=0.62),))))
    body-A: part P-7 is at risk after press: 31 % to fail (alarm from 10 %); press torque 14.2, \
3.1 sigma above its usual 11
    """
    of_line = line_sentence(alert)
    if of_line is not None:
        return f"{plain(alert.line)}: {plain(of_line)}"
    said = _TITLES.get(alert.type, alert.type)
    subject = f"part {plain(alert.part)} {said}" if alert.part else said
    where = f" after {plain(alert.station)}" if alert.station else ""
    text = f"{plain(alert.line)}: {subject}{where}"
    if alert.risk is not None:
        text += f": {_percent(alert.risk)} to fail"
        if alert.threshold is not None and alert.type == "part.at_risk":
            text += f" (alarm from {_percent(alert.threshold)})"
    if alert.reasons:
        text += f"; {sentence(alert.reasons[0])}"
    return text


def sentence(reason: Reason) -> str:
    """What one cell shows.

    >>> sentence(Reason(station="L3", feature="mold", value="8722", contribution=0.4))
    'L3 mold is 8722'
    """
    name = plain(f"{reason.station} {reason.feature}".strip())
    if reason.feature == "":
        return f"{name} was passed by"
    if reason.value is None:
        return f"{name} gave no reading"
    if reason.sigma is None or not isinstance(reason.expected, int | float):
        return f"{name} is {plain(str(reason.value))}"
    side = "above" if reason.sigma >= 0 else "below"
    return (
        f"{name} {_short(reason.value)}, {abs(reason.sigma):.1f} sigma {side} "
        f"its usual {_short(reason.expected)}"
    )


def plain(text: str | None) -> str:
    """A name from the plant without control characters, which could forge lines on a terminal.

    >>> plain("P-1\\x1b[31m")
    'P-1\\\\x1b[31m'
    """
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text or "")


def _short(value: float | bool | str) -> str:
    return f"{value:.4g}" if isinstance(value, float) else plain(str(value))


def _percent(p: float) -> str:
    return f"{100 * p:.0f} %" if p >= 0.095 else f"{100 * p:.1f} %"
