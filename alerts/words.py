"""What every language's words are made of: numbers, names, and the phrases that a language owes."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal

from alerts.alert import Alert, Cell, Reason

Language = Literal["en", "fr"]


def plain(text: str | None) -> str:
    """A name from the plant without control characters, which could forge lines on a terminal.

    >>> plain("P-1\\x1b[31m")
    'P-1\\\\x1b[31m'
    """
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text or "")


class Words(ABC):
    """One language. What comes from the plant is made `plain`; figures are rounded for reading."""

    decimal = "."
    thousands = ","
    before_percent = " "
    shown = 5

    def number(self, value: float, spread: float | None = None) -> str:
        """Four digits, or all that are before the decimal mark; with a spread, hundredths of it."""
        if spread and 1e-9 < spread < 1e4 and abs(value) < 1e4:
            text = f"{value:.{max(1 - math.floor(math.log10(spread)), 0)}f}"
            return (text.rstrip("0").rstrip(".") if "." in text else text).replace(
                ".", self.decimal
            )
        if 1e4 <= abs(value) < 1e9:
            return f"{value:,.0f}".replace(",", self.thousands)
        return f"{value:.4g}".replace(".", self.decimal)

    def fixed(self, value: float, digits: int, sign: str = "") -> str:
        """A number with so many decimals."""
        return f"{value:{sign}.{digits}f}".replace(".", self.decimal)

    def percent(self, p: float) -> str:
        """A probability; small ones keep a digit."""
        return self.fixed(100 * p, 0 if p >= 0.095 else 1) + self.before_percent + "%"

    def headline(self, alert: Alert) -> str:
        """An alert in one line."""
        text = self.subject(alert)
        if alert.risk is not None:
            text += self.to_fail(alert.risk)
            if alert.threshold is not None and alert.type == "part.at_risk":
                text += self.alarm_from(alert.threshold)
        if alert.type == "part.cleared":
            text += self.semicolon + self.alarm_cleared
        if alert.reasons:
            text += self.semicolon + self.reason(alert.reasons[0])
        if alert.fragile and alert.type == "part.at_risk":
            text += self.semicolon + self.fragile(alert.rests_on)
        return text

    def reason(self, reason: Reason) -> str:
        """What a cell shows, and its share of all that raises the risk."""
        return self.cell(reason) + self.share(reason.contribution)

    def cell(self, reason: Reason) -> str:
        """What a cell, or a station, shows."""
        name = self.name(reason)
        match _direction(reason):
            case "passed_by":
                return self.passed_by(plain(reason.station))
            case "ahead":
                return self.ahead(plain(reason.station))
            case "reached":
                return self.reached(plain(reason.station))
            case "dropped":
                filled = reason.filled
                return self.dropped(
                    name, None if filled is None else self.number(filled, reason.spread)
                )
            case "category":
                value = None if reason.value is None else plain(str(reason.value))
                return self.category(name, value)
            case direction:
                return self._number(name, reason, pinned=direction == "saturated")

    def _number(self, name: str, reason: Reason, pinned: bool) -> str:
        value = reason.value
        expected = reason.expected if isinstance(reason.expected, int | float) else None
        if isinstance(value, bool):
            return self.truth(name, value, expected)
        shown = (
            self.number(value, reason.spread)
            if isinstance(value, int | float)
            else plain(str(value))
        )
        text = self.pinned(name, shown) if pinned else self.measured(name, shown)
        if reason.sigma is None or expected is None:
            return text
        return text + self.distance(reason.sigma, self.number(expected, reason.spread))

    def names(self, cells: Sequence[Cell]) -> str:
        """The first names of a list, and how many more there are."""
        return self.listed([self.name(cell) for cell in cells])

    def listed(self, texts: Sequence[str]) -> str:
        """The first of these texts, and how many more there are."""
        more = len(texts) - self.shown
        return ", ".join(texts[: self.shown]) + (self.and_more(more) if more > 0 else "")

    # -- what a language owes ------------------------------------------------------------------

    colon: str
    semicolon: str
    alarm_cleared: str

    @abstractmethod
    def name(self, cell: Cell | Reason) -> str:
        """A feature at its station."""

    @abstractmethod
    def subject(self, alert: Alert) -> str:
        """Who the alert is about, and what is said of it."""

    @abstractmethod
    def to_fail(self, risk: float) -> str:
        """How likely a fail is."""

    @abstractmethod
    def alarm_from(self, threshold: float) -> str:
        """The risk from which there is an alarm."""

    @abstractmethod
    def share(self, share: float) -> str:
        """The share of all that raises the risk."""

    @abstractmethod
    def measured(self, name: str, value: str) -> str:
        """A number."""

    @abstractmethod
    def pinned(self, name: str, value: str) -> str:
        """A number at its sensor's limit."""

    @abstractmethod
    def distance(self, sigma: float, usual: str) -> str:
        """How far a number lies from the usual one."""

    @abstractmethod
    def truth(self, name: str, value: bool, expected: float | None) -> str:
        """A yes or no, and how often it is yes."""

    @abstractmethod
    def category(self, name: str, value: str | None) -> str:
        """A name that a feature takes, None for an unknown one."""

    @abstractmethod
    def dropped(self, name: str, filled: str | None) -> str:
        """A reading that did not come, and what it counts as."""

    @abstractmethod
    def passed_by(self, station: str) -> str:
        """A station that the part did not visit."""

    @abstractmethod
    def ahead(self, station: str) -> str:
        """A station that the part is expected to visit."""

    @abstractmethod
    def reached(self, station: str) -> str:
        """A station of which nothing is expected any more, as it has been visited."""

    @abstractmethod
    def fragile(self, cells: Sequence[Cell]) -> str:
        """That a verdict would turn if the imputed readings lay elsewhere."""

    @abstractmethod
    def and_more(self, count: int) -> str:
        """How many names were left out of a list."""


def _direction(reason: Reason) -> str:
    """What is to be seen; alerts of the first version did not say it."""
    if reason.direction is not None:
        return reason.direction
    if reason.feature == "":
        return "passed_by"
    if reason.value is None:
        return "dropped"
    if reason.sigma is None or not isinstance(reason.expected, int | float):
        return "category"
    return "above"
