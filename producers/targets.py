"""How a line comes to fail as often, and as predictably, as its description asks.

log-odds = intercept + gain * (sum of the causes' shares). The gain is what makes the outcome more
or less predictable, the intercept what makes it frequent; both are found on a sample of parts from
the line's whole horizon, so that worn tools, bad lots and drifts are in it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from producers.draws import Draws, FloatArray
from producers.line_spec import LineSpec
from producers.parts import LinePlan

# These belong to every version: other numbers give slightly other odds, and so other events.
SAMPLE = 8_000
_BATCH = 1_000
_HALVINGS = 24


class Odds(NamedTuple):
    """What turns the causes' shares into log-odds."""

    intercept: float
    gain: float


@lru_cache(maxsize=64)
def odds_for(spec: LineSpec) -> Odds:
    """The intercept and gain with which ``spec`` meets its fail rate and Bayes AUC.

    >>> from producers.families import family
    >>> odds_for(family("demo")).intercept < -3
    True
    """
    plan = LinePlan(spec)
    draws = Draws("odds", spec.family, spec.version, spec.features, spec.structure)
    index = np.linspace(0, spec.horizon - 1, SAMPLE).astype(np.int64)
    shares = np.concatenate(
        [
            plan.contributions(plan.draw(draws, index[begin : begin + _BATCH])).sum(axis=1)
            for begin in range(0, SAMPLE, _BATCH)
        ]
    )
    low, high = 0.0, 64.0 / max(float(shares.std()), 1e-9)
    for _ in range(_HALVINGS):
        gain = (low + high) / 2.0
        reached = bayes_auc(gain * shares, spec.fail_rate)
        low, high = (gain, high) if reached < spec.bayes_auc else (low, gain)
    # Rounded, so that the last bit of a processor's exponential never reaches a part.
    gain = round((low + high) / 2.0, 4)
    return Odds(round(_intercept(gain * shares, spec.fail_rate), 4), gain)


def sigmoid(log_odds: FloatArray) -> FloatArray:
    """The probability of log-odds.

    >>> sigmoid(np.array([0.0, 800.0])).tolist()
    [0.5, 1.0]
    """
    return 1.0 / (1.0 + np.exp(-np.clip(log_odds, -700.0, 700.0)))


def bayes_auc(log_odds: FloatArray, fail_rate: float) -> float:
    """The expected AUC of the true probabilities, once an intercept gives them ``fail_rate``."""
    ordered = np.sort(log_odds)
    fails = sigmoid(ordered + _intercept(ordered, fail_rate))
    passes = 1.0 - fails
    below = np.cumsum(passes) - passes / 2.0
    return float((fails * below).sum() / (fails.sum() * passes.sum()))


def _intercept(log_odds: FloatArray, fail_rate: float) -> float:
    low, high = -60.0 - float(log_odds.max()), 60.0 - float(log_odds.min())
    for _ in range(_HALVINGS * 2):
        middle = (low + high) / 2.0
        if float(sigmoid(log_odds + middle).mean()) < fail_rate:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0
