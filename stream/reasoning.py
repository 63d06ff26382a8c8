"""A detector's reasons in the alert's own terms, with figures that a person can read."""

from __future__ import annotations

from alerts.alert import Reason
from models.reasons import CellReason


def as_reason(cell: CellReason) -> Reason:
    """The reason as an alert bears it.

    >>> as_reason(CellReason("press", "torque", 14.2, 12.3, 3.12345, 0.62, 0.61, "above"))
    Reason(station='press', feature='torque', value=14.2, expected=12.3, sigma=3.123, \
contribution=0.62, spread=0.61, direction='above', imputed=False, filled=None, amount=0.0)
    """
    return Reason(
        station=cell.station,
        feature=cell.feature,
        value=cell.value,
        expected=_figure(cell.expected),
        sigma=None if cell.sigma is None else round(cell.sigma, 3),
        contribution=round(cell.share, 4),
        spread=_figure(cell.spread),
        direction=cell.direction,
        imputed=cell.imputed,
        filled=_figure(cell.filled),
        amount=round(cell.amount, 6),
    )


def _figure(value: float | None) -> float | None:
    """Nine digits are more than any sensor has, in whatever unit."""
    return None if value is None else float(f"{value:.9g}")
