"""From a model's margin to a probability: Platt's logistic calibration, refitted as results come.

The pairs are honest: the margin is the one with which the part was scored, before its result.
A ridge pulls the slope to 1 and the intercept to the fail rate, so that the first day is sane.

Reference: J. Platt, Probabilistic outputs for support vector machines, 1999.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from models.compiled import kernel
from models.ridge_logistic import ridge_logistic

Floats = npt.NDArray[np.float64]

_PRIOR_WORTH = 50.0
_LIMIT = 12.0


def logit(p: float) -> float:
    """Log-odds, kept within +-12.

    >>> logit(0.5), round(logit(1.0), 1)
    (0.0, 12.0)
    """
    p = min(max(p, 1e-12), 1.0 - 1e-12)
    return min(max(math.log(p / (1.0 - p)), -_LIMIT), _LIMIT)


def sigmoid(margin: float) -> float:
    """The probability of a log-odds.

    >>> sigmoid(0.0)
    0.5
    """
    if margin >= 0.0:
        return 1.0 / (1.0 + math.exp(-margin))
    odds = math.exp(margin)
    return odds / (1.0 + odds)


class PlattCalibration:
    """Slope and intercept over the last ``capacity`` results, refitted every ``every`` of them.

    Parameters
    ----------
    capacity
        How many margins and outcomes are kept.
    every
        Results between two fits.
    prior_rate
        The line's usual fail rate, worth 50 results; 0 if nobody knows it.

    Examples
    --------
    >>> calibration = PlattCalibration()
    >>> for i in range(1000):                    # margins far too sure of themselves
    ...     calibration.learn(6.0 if i % 2 else -6.0, (i % 2 == 1) == (i % 10 < 8))
    >>> round(calibration.risk(6.0), 1), round(calibration.risk(-6.0), 1)
    (0.8, 0.2)
    """

    def __init__(self, capacity: int = 3000, every: int = 10, prior_rate: float = 0.0) -> None:
        self.capacity = capacity
        self.every = every
        self.prior_rate = prior_rate
        self.slope = 1.0
        self.intercept = logit(prior_rate) if prior_rate > 0.0 else 0.0
        self._margin: Floats = np.zeros(capacity)
        self._fail: Floats = np.zeros(capacity)
        self._out: Floats = np.zeros(5)
        self._seen = 0
        self._fails = 0  # among those kept
        # The share of fails among the results kept and the prior; without one, half a fail and
        # half a pass are added.
        self.base_rate = self._base_rate()

    def _base_rate(self) -> float:
        kept = min(self._seen, self.capacity)
        worth, rate = (_PRIOR_WORTH, self.prior_rate) if self.prior_rate > 0.0 else (1.0, 0.5)
        return (self._fails + worth * rate) / (kept + worth)

    def learn(self, margin: float, fail: bool) -> None:
        """The outcome of a part that was scored with ``margin``."""
        at = self._seen % self.capacity
        self._fails += fail - int(self._fail[at])
        self._margin[at] = margin
        self._fail[at] = fail
        self._seen += 1
        self.base_rate = self._base_rate()
        if self._seen % self.every == 0:
            self._fit()

    def log_odds(self, margin: float) -> float:
        """The calibrated log-odds of failing, not drawn to the middle for what lies ahead."""
        return self.intercept + self.slope * margin

    def risk(self, margin: float, ahead: float = 0.0) -> float:
        """The calibrated probability of failing.

        ``ahead`` is the margin's variance due to stations not reached. The fit knows last margins,
        for which it is 0; before, the probability is the mean over what the stations may yet say
        (the usual approximation of a logistic by a probit).
        """
        spread = math.sqrt(1.0 + math.pi / 8.0 * self.slope * self.slope * ahead)
        return sigmoid((self.intercept + self.slope * margin) / spread)

    def risks(self, mean: float, ahead: float, deviation: float, shift: float) -> list[float]:
        """The risk at the mean, at ``deviation`` below and above it, and with the margin moved
        down and up by ``shift``: what `risk` says of each, in one go."""
        _risks(self.intercept, self.slope, mean, ahead, deviation, shift, self._out)
        risks: list[float] = self._out.tolist()
        return risks

    def state(self) -> dict[str, Any]:
        """Everything, as plain values and arrays."""
        return {
            "slope": self.slope,
            "intercept": self.intercept,
            "margin": self._margin,
            "fail": self._fail,
            "seen": self._seen,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        self.slope, self.intercept = state["slope"], state["intercept"]
        self._margin, self._fail, self._seen = state["margin"], state["fail"], state["seen"]
        self.capacity = len(self._margin)
        self._fails = int(self._fail.sum())
        self.base_rate = self._base_rate()

    def _fit(self) -> None:
        kept = min(self._seen, self.capacity)
        m, y = self._margin[:kept], self._fail[:kept]
        # A slope is worth what the rarer outcome can tell; centred margins keep both steps apart.
        centre = float(m.mean())
        drawn_to = logit(self.base_rate)
        level, slope = (
            (self.intercept + self.slope * centre, self.slope) if self.slope else (drawn_to, 1.0)
        )
        begin = np.array([level, slope])
        a, b = ridge_logistic((m - centre)[:, None], y, drawn_to, 1.0, begin).tolist()
        if b <= 0.0:
            a, b = drawn_to, 0.0  # margins that rank the wrong way tell no more than the fail rate
        self.slope = b
        self.intercept = a - b * centre


@kernel
def _risks(
    intercept: float,
    slope: float,
    mean: float,
    ahead: float,
    deviation: float,
    shift: float,
    out: Floats,
) -> None:
    spread = math.sqrt(1.0 + math.pi / 8.0 * slope * slope * ahead)
    level = intercept + slope * mean
    out[0] = 1.0 / (1.0 + math.exp(-level / spread))
    out[1] = 1.0 / (1.0 + math.exp(-level + slope * deviation))
    out[2] = 1.0 / (1.0 + math.exp(-level - slope * deviation))
    out[3] = 1.0 / (1.0 + math.exp(-(level - slope * shift) / spread))
    out[4] = 1.0 / (1.0 + math.exp(-(level + slope * shift) / spread))
