"""English."""

from __future__ import annotations

from collections.abc import Sequence

from alerts.alert import Alert, Cell, Reason
from alerts.words import Words, plain

_TITLES = {"part.at_risk": "is at risk", "part.cleared": "is no longer at risk"}


class English(Words):
    """
    >>> English().number(0.00123), English().percent(0.031), English().number(12345.6)
    ('0.00123', '3.1 %', '12,346')
    """

    colon = ": "
    semicolon = "; "
    alarm_cleared = "alarm cleared"

    def name(self, cell: Cell | Reason) -> str:
        return f"{plain(cell.feature)} at {plain(cell.station)}"

    def subject(self, alert: Alert) -> str:
        said = _TITLES.get(alert.type, alert.type)
        subject = f"part {plain(alert.part)} {said}" if alert.part else said
        where = f" after {plain(alert.station)}" if alert.station else ""
        return f"{plain(alert.line)}: {subject}{where}"

    def to_fail(self, risk: float) -> str:
        return f": {self.percent(risk)} to fail"

    def alarm_from(self, threshold: float) -> str:
        return f" (alarm from {self.percent(threshold)})"

    def share(self, share: float) -> str:
        return f", {self.percent(share)} of this risk"

    def measured(self, name: str, value: str) -> str:
        return f"{name} is {value}"

    def pinned(self, name: str, value: str) -> str:
        return f"{name} is pinned at its sensor's limit {value}"

    def distance(self, sigma: float, usual: str) -> str:
        side = "above" if sigma >= 0 else "below"
        return f", {self.fixed(abs(sigma), 1)} sigma {side} its usual {usual}"

    def truth(self, name: str, value: bool, expected: float | None) -> str:
        usual = "" if expected is None else f"; yes on {self.percent(expected)} of recent parts"
        return f"{name} is {'yes' if value else 'no'}{usual}"

    def category(self, name: str, value: str | None) -> str:
        return f"{name} is {value}" if value is not None else f"{name} is a name not known yet"

    def dropped(self, name: str, filled: str | None) -> str:
        counted = "" if filled is None else f" and counts as {filled}"
        return f"{name} gave no reading{counted}"

    def passed_by(self, station: str) -> str:
        return f"{station} was passed by"

    def ahead(self, station: str) -> str:
        return f"what is expected of {station}, which lies ahead"

    def reached(self, station: str) -> str:
        return f"what was expected of {station} no longer counts"

    def fragile(self, cells: Sequence[Cell]) -> str:
        names = f": {self.names(cells)}" if cells else ""
        return f"fragile, as it rests on imputed readings{names}"

    def and_more(self, count: int) -> str:
        return f" and {count} more"
