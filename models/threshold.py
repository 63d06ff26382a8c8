"""The operating point, held to an alarm budget.

An operator can look at so many parts a shift. The threshold is the quantile of the recent parts'
highest risks above which the budgeted share lies. What share was really flagged corrects the share
that the quantile is taken at, slowly enough not to swing: a flag stays in the count for a whole
window. The threshold never falls below a multiple of the line's fail rate: a quiet line raises no
alarms just to spend its budget, nor saves it up.
"""

from __future__ import annotations

import math
from array import array
from typing import Any

import numpy as np
import numpy.typing as npt

_EVERY = 10
_LEAST = 100
_HIGHEST = 0.999


class AlarmBudget:
    """A rolling threshold on risk.

    Parameters
    ----------
    budget
        Share of parts that may be flagged.
    min_lift
        Alarm only at this many times the fail rate or more.
    window
        Parts over which the share is held.

    Examples
    --------
    >>> operating_point = AlarmBudget(budget=0.1, min_lift=1.0, window=500)
    >>> for part in range(1000):
    ...     risk = (part * 37 % 100) / 100
    ...     operating_point.track(part, risk, base_rate=0.05)
    ...     if operating_point.exceeded(risk):
    ...         operating_point.flag(part)
    >>> 0.85 < operating_point.threshold < 0.95
    True
    """

    def __init__(self, budget: float = 0.05, min_lift: float = 2.0, window: int = 1000) -> None:
        self.budget = budget
        self.min_lift = min_lift
        self.window = window
        self.threshold: float | None = None
        # No arrays of NumPy: a part's turn touches one place of each, quicker like this, and the
        # threshold, now and then, looks at all of them through their buffers.
        self._highest = array("d", [0.0]) * window
        self._flagged = bytearray(window)
        self._governed = bytearray(window)
        self._number = array("q", [-1]) * window
        self._parts = 0
        self._governs = False
        self._offset = 0.0

    @property
    def flagged_share(self) -> float | None:
        """The share of the recent parts that an alarm was raised for; None before the first."""
        held = sum(number >= 0 for number in self._number)
        return sum(self._flagged) / held if held else None

    def exceeded(self, risk: float | None) -> bool:
        """Whether this risk asks for an alarm."""
        return risk is not None and self.threshold is not None and risk >= self.threshold

    def track(self, part: int, risk: float, base_rate: float) -> None:
        """A part (numbered as it came onto the line) has been scored."""
        at = part % self.window
        held = self._number[at]
        if held == part:
            if risk > self._highest[at]:
                self._highest[at] = risk
            return
        if held > part:
            return  # a straggler whose place a later part has taken
        self._number[at], self._highest[at], self._flagged[at] = part, risk, False
        # Only parts that came under the budget's threshold tell whether it keeps the budget.
        self._governed[at] = self._governs
        self._parts += 1
        if self._parts % _EVERY == 0 and self._parts >= _LEAST:
            self._set(base_rate)

    def flag(self, part: int) -> None:
        """An alarm was raised for this part."""
        at = part % self.window
        if self._number[at] == part:
            self._flagged[at] = True

    def _set(self, base_rate: float) -> None:
        number = np.frombuffer(self._number, np.int64)
        highest = np.frombuffer(self._highest, np.float64)
        held, newest = number >= 0, int(number.max())
        # The younger half of the window may still be on the line, its highest risks to come.
        governed = held & (number <= newest - self.window // 2)
        governed &= np.frombuffer(self._governed, np.bool_)
        if self._governs and governed.sum() >= _LEAST:
            flagged = np.frombuffer(self._flagged, np.bool_)[governed]
            excess = float(flagged.mean()) / self.budget - 1.0
            step = min(max(excess, -1.0), 1.0) * _EVERY / self.window
            self._offset = min(max(self._offset + step, -1.0), 1.0)
        # A model that has just begun is wildly sure of itself: its first risks are soon forgotten.
        recent = max(2 * _LEAST, self._parts // 2)
        young = held & (number > newest - recent)
        wanted = _reached_by(highest[young], self.budget * math.exp(-self._offset))
        floor = self.min_lift * base_rate
        self._governs = bool(floor < wanted <= _HIGHEST)
        self.threshold = min(max(wanted, floor), _HIGHEST)

    def learnt(self) -> dict[str, Any]:
        """What of it outlives its parts: the threshold and its correction."""
        return {"threshold": self.threshold, "offset": self._offset}

    def start_from(self, learnt: dict[str, Any]) -> None:
        """Begin with what was `learnt` before; the share is counted anew."""
        self.threshold, self._offset = learnt["threshold"], learnt["offset"]

    def state(self) -> dict[str, Any]:
        """Everything, as plain values and arrays."""
        return {
            **self.learnt(),
            "highest": np.array(self._highest),
            "flagged": np.array(self._flagged, np.bool_),
            "governed": np.array(self._governed, np.bool_),
            "number": np.array(self._number, np.int64),
            "parts": self._parts,
            "governs": self._governs,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`; for a fresh one of the same window."""
        self.start_from(state)
        self._highest = array("d", state["highest"].tolist())
        self._number = array("q", state["number"].tolist())
        self._flagged = bytearray(state["flagged"].tolist())
        self._governed = bytearray(state["governed"].tolist())
        self._parts, self._governs = state["parts"], state["governs"]


def _reached_by(risks: npt.NDArray[np.float64], share: float) -> float:
    """The threshold that about this share of ``risks`` reaches.

    Many parts can have the very same risk: then it is the side of it that comes nearer to
    ``share``.
    """
    value = float(np.quantile(risks, max(1.0 - share, 0.0), method="higher"))
    reach, exceed = float((risks >= value).mean()), float((risks > value).mean())
    return value if reach - share <= share - exceed else math.nextafter(value, math.inf)
