"""Several members' margins into one probability: a calibrated, non-negative stack.

A logistic regression of the outcome on the members' raw margins, over the last results, refitted as
they come. Every pair is honest: the margins are those with which the part was scored. A ridge pulls
the slopes to equal shares; a member that ranks the wrong way is given no say rather than a negative
one. Raw margins, not calibrated ones, are stacked: in our study calibrating each member first lost
0.014 to 0.017 AUC.

Reference: D. Wolpert, Stacked generalization, 1992; L. Breiman, Stacked regressions, 1996 (the
non-negativity).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from models.calibration import logit, sigmoid
from models.member_worth import MemberWorth, member_worth
from models.ridge_logistic import ridge_logistic

Floats = npt.NDArray[np.float64]
Margins = tuple[float, ...]


class StackedCalibration:
    """Slopes of the members and an intercept over the last ``capacity`` results.

    The first member carries the uncertainty: variances and shifts are those of its margin.

    Parameters
    ----------
    members
        How many margins a part has.
    capacity, every, prior_rate
        As `models.calibration.PlattCalibration`'s.

    Examples
    --------
    The second member is noise, the first is too sure of itself:

    >>> stack = StackedCalibration(members=2)
    >>> for i in range(1000):
    ...     stack.learn((6.0 if i % 2 else -6.0, (i * 7 % 11) - 5.0), (i % 2 == 1) == (i % 10 < 8))
    >>> round(stack.risk((6.0, 0.0)), 1), round(stack.risk((-6.0, 0.0)), 1)
    (0.8, 0.2)
    >>> stack.slopes[1] < 0.1
    True
    """

    def __init__(
        self, members: int, capacity: int = 3000, every: int = 10, prior_rate: float = 0.0
    ) -> None:
        self.capacity = capacity
        self.every = every
        self.prior_rate = prior_rate
        self.slopes: tuple[float, ...] = (1.0 / members,) * members
        self.intercept = logit(prior_rate) if prior_rate > 0.0 else 0.0
        self._margins: Floats = np.zeros((capacity, members))
        self._fail: Floats = np.zeros(capacity)
        # The stack as it would be without each member, and the log loss of all these by result.
        rest = 1.0 / max(members - 1, 1)
        self._without = np.full((members, members + 1), rest)
        self._without[:, members] = self.intercept
        np.fill_diagonal(self._without, 0.0)
        self._losses: Floats = np.zeros((capacity, members + 1))
        self._seen = 0
        self._fails = 0

    @property
    def slope(self) -> float:
        """The first member's slope."""
        return self.slopes[0]

    @property
    def base_rate(self) -> float:
        """The share of fails among the results kept and the prior."""
        kept = min(self._seen, self.capacity)
        worth, rate = (50.0, self.prior_rate) if self.prior_rate > 0.0 else (1.0, 0.5)
        return (self._fails + worth * rate) / (kept + worth)

    def learn(self, margins: Margins, fail: bool) -> None:
        """The outcome of a part that was scored with ``margins``."""
        at = self._seen % self.capacity
        self._fails += fail - int(self._fail[at])
        self._losses[at, 0] = _log_loss(self.log_odds(margins), fail)
        for member, (*slopes, level) in enumerate(self._without.tolist()):
            odds = level + sum(s * m for s, m in zip(slopes, margins, strict=True))
            self._losses[at, 1 + member] = _log_loss(odds, fail)
        self._margins[at] = margins
        self._fail[at] = fail
        self._seen += 1
        if self._seen % self.every == 0:
            self._fit()

    def worth(self, names: tuple[str, ...]) -> tuple[MemberWorth, ...]:
        """What each member earned over the results kept."""
        kept = min(self._seen, self.capacity)
        return member_worth(
            names, self.slopes, self._margins[:kept], self._fail[:kept], self._losses[:kept]
        )

    def log_odds(self, margins: Margins) -> float:
        """The calibrated log-odds of failing."""
        return self.intercept + sum(s * m for s, m in zip(self.slopes, margins, strict=True))

    def risk(self, margins: Margins, ahead: float = 0.0) -> float:
        """The calibrated probability of failing; ``ahead`` as in `PlattCalibration.risk`."""
        spread = math.sqrt(1.0 + math.pi / 8.0 * self.slope * self.slope * ahead)
        return sigmoid(self.log_odds(margins) / spread)

    def risks(self, margins: Margins, ahead: float, deviation: float, shift: float) -> list[float]:
        """As `PlattCalibration.risks`; ``deviation`` and ``shift`` are the first member's."""
        slope = self.slope
        level = self.log_odds(margins)
        spread = math.sqrt(1.0 + math.pi / 8.0 * slope * slope * ahead)
        return [
            sigmoid(level / spread),
            sigmoid(level - slope * deviation),
            sigmoid(level + slope * deviation),
            sigmoid((level - slope * shift) / spread),
            sigmoid((level + slope * shift) / spread),
        ]

    def state(self) -> dict[str, Any]:
        """Everything, as plain values and arrays."""
        return {
            "slopes": list(self.slopes),
            "intercept": self.intercept,
            "margins": self._margins,
            "fail": self._fail,
            "seen": self._seen,
            "without": self._without,
            "losses": self._losses,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        self.slopes, self.intercept = tuple(state["slopes"]), state["intercept"]
        self._margins, self._fail, self._seen = state["margins"], state["fail"], state["seen"]
        self._without, self._losses = state["without"], state["losses"]
        self.capacity = len(self._margins)
        self._fails = int(self._fail.sum())

    def _fit(self) -> None:
        """Fit the stack, and in turn one stack that lacks a member: so the work stays even."""
        members = len(self.slopes)
        whole = np.array([*self.slopes, self.intercept])
        slopes, self.intercept = self._fitted(np.ones(members, np.bool_), whole)
        self.slopes = tuple(slopes.tolist())
        lacking = self._seen // self.every % members
        others = np.ones(members, np.bool_)
        others[lacking] = False
        slopes, level = self._fitted(others, self._without[lacking])
        self._without[lacking, :members], self._without[lacking, members] = slopes, level

    def _fitted(self, free: npt.NDArray[np.bool_], before: Floats) -> tuple[Floats, float]:
        """The slopes and the intercept of a stack of the members that are ``free``; ``before``
        holds those of the last fit."""
        kept = min(self._seen, self.capacity)
        m, y = self._margins[:kept], self._fail[:kept]
        # Centred margins keep the level and the slopes apart.
        centre = m.mean(axis=0)
        members = m.shape[1]
        start = logit(self.base_rate)
        prior = 1.0 / max(int(free.sum()), 1)
        level = float(before[members]) + math.fsum((before[:members] * centre).tolist())
        slopes = before[:members].copy()
        while free.any():
            begin = np.array([level, *slopes[free]])
            fit = ridge_logistic((m - centre)[:, free], y, start, prior, begin)
            level = float(fit[0])
            slopes[free], slopes[~free] = fit[1:], 0.0
            worst = int(np.argmin(slopes))
            if slopes[worst] >= 0.0:
                break
            free[worst] = False
        else:
            level, slopes = start, np.zeros(members)
        return slopes, level - math.fsum((slopes * centre).tolist())


def _log_loss(odds: float, fail: bool) -> float:
    return max(odds, 0.0) + math.log1p(math.exp(-abs(odds))) - fail * odds
