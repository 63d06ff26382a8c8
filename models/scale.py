"""Each feature's recent mean, spread and observed limits.

Mean and variance are exponentially weighted over about the last 2,000 observed values. The first 20
are taken together, and a value beyond ten spreads counts as if it lay there: one wild reading of
1e12 must not blind a feature for thousands of parts.

A sensor is taken to saturate at its highest (lowest) value when it has been pinned there at least
ten times, three times as often as at the next value, and the two lie closer than half a spread: a
natural extreme is rare, a clipped one piles up.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

WINDOW = 2000.0
_START = 20
_REACH = 10.0
_PINNED = 10.0
# Sums and squares of values this large stay finite.
_LARGEST = 1e150
# A smaller spread, as a share of the mean, is rounding.
_ROUNDING = 1e-12
_FARTHEST = 1e6
_LIMIT = ("first", "second", "first_hits", "second_hits")


class _Limit:
    """The extreme value seen, the next one, and how often each was."""

    def __init__(self) -> None:
        self.first: Floats = np.empty(0)
        self.second: Floats = np.empty(0)
        self.first_hits: Floats = np.empty(0)
        self.second_hits: Floats = np.empty(0)

    def grow(self, more: int) -> None:
        self.first = np.concatenate([self.first, np.full(more, -np.inf)])
        self.second = np.concatenate([self.second, np.full(more, -np.inf)])
        self.first_hits = np.concatenate([self.first_hits, np.zeros(more)])
        self.second_hits = np.concatenate([self.second_hits, np.zeros(more)])

    def observe(self, columns: Ints, x: Floats) -> None:
        first, second = self.first[columns], self.second[columns]
        self.first_hits[columns] += x == first
        self.second_hits[columns] += x == second
        above = x > first
        if above.any():
            at = columns[above]
            self.second[at], self.second_hits[at] = self.first[at], self.first_hits[at]
            self.first[at], self.first_hits[at] = x[above], 1.0
        between = (x > second) & (x < first)
        if between.any():
            at = columns[between]
            self.second[at], self.second_hits[at] = x[between], 1.0

    def pinned(self, columns: Ints, x: Floats, spread: Floats) -> Flags:
        hits = self.first_hits[columns]
        at_it = (x >= self.first[columns]) & (hits >= _PINNED)
        if not at_it.any():
            return at_it
        # Before a second value is known the gap is infinite: not pinned.
        gap = self.first[columns] - np.where(at_it, self.second[columns], -np.inf)
        close = gap < 0.5 * spread
        piled: Flags = at_it & close & (hits >= 3.0 * self.second_hits[columns])
        return piled

    def state(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _LIMIT}

    def restore(self, state: dict[str, Any]) -> None:
        for name in _LIMIT:
            setattr(self, name, state[name])


class Scale:
    """Mean, spread and limits of numeric and boolean features, by column.

    >>> scale = Scale()
    >>> scale.grow(1)
    >>> for value in (1.0, 2.0, 3.0):
    ...     scale.observe(np.array([0]), np.array([value]))
    >>> scale.mean[0].item(), scale.standardise(np.array([0]), np.array([99.0]), 5.0).tolist()
    (2.0, [5.0])
    """

    def __init__(self) -> None:
        self.mean: Floats = np.empty(0)
        self.variance: Floats = np.empty(0)
        self.count: Floats = np.empty(0)
        self._first: Floats = np.empty((0, _START))
        self._high = _Limit()
        self._low = _Limit()

    def grow(self, columns: int) -> None:
        """Make room for columns 0 .. ``columns`` - 1."""
        more = columns - len(self.mean)
        if more > 0:
            self.mean = np.concatenate([self.mean, np.zeros(more)])
            self.variance = np.concatenate([self.variance, np.zeros(more)])
            self.count = np.concatenate([self.count, np.zeros(more)])
            self._first = np.concatenate([self._first, np.full((more, _START), np.nan)])
            self._high.grow(more)
            self._low.grow(more)

    def observe(self, columns: Ints, x: Floats) -> None:
        """Learn one value each of distinct ``columns``."""
        x = _bounded(x)
        self.count[columns] += 1.0
        young = self.count[columns] <= _START
        if young.any():
            self._start(columns[young], x[young])
            columns, x = columns[~young], x[~young]
        if not len(columns):
            return
        step = np.maximum(1.0 / self.count[columns], 1.0 / WINDOW)
        old_mean, old_variance = self.mean[columns], self.variance[columns]
        reach = _REACH * np.sqrt(old_variance)
        reach = np.where(reach > 0.0, reach, np.inf)
        delta = x - old_mean
        tame = np.abs(delta) <= reach
        delta = np.clip(delta, -reach, reach)
        self.mean[columns] = old_mean + step * delta
        self.variance[columns] = (1.0 - step) * (old_variance + step * delta * delta)
        self._high.observe(columns[tame], x[tame])
        self._low.observe(columns[tame], -x[tame])

    def _start(self, columns: Ints, x: Floats) -> None:
        """The first values, taken together, each within ten spreads of their median."""
        self._first[columns, self.count[columns].astype(np.int64) - 1] = x
        first = self._first[columns]
        middle = np.nanmedian(first, axis=1, keepdims=True)
        # 1.4826: the median deviation of a Gaussian is this much smaller than its spread.
        reach = _REACH * 1.4826 * np.nanmedian(np.abs(first - middle), axis=1, keepdims=True)
        reach = np.where(reach > 0.0, reach, np.inf)
        first = np.clip(first, middle - reach, middle + reach)
        self.mean[columns] = np.nanmean(first, axis=1)
        self.variance[columns] = np.nanvar(first, axis=1)

    def spread(self, columns: Ints | slice = slice(None)) -> Floats:
        """The standard deviation, 0 while unknown."""
        spread: Floats = np.sqrt(self.variance[columns])
        return spread

    def standardise(self, columns: Ints, x: Floats, limit: float) -> Floats:
        """z = (x - mean) / spread, clipped at +- ``limit``, 0 where no spread is known."""
        mean, spread = self.mean[columns], self.spread(columns)
        known = spread > _ROUNDING * np.abs(mean)
        with np.errstate(over="ignore"):
            z = np.where(known, _bounded(x) - mean, 0.0) / np.where(known, spread, 1.0)
        clipped: Floats = np.clip(z, -limit, limit)
        return clipped

    def distance(self, column: int, x: float) -> float | None:
        """How many spreads ``x`` lies from the mean, None where no spread is known."""
        at = np.array([column])
        if not self.spread(at)[0] > _ROUNDING * abs(self.mean[column]):
            return None
        return float(self.standardise(at, np.array([x]), _FARTHEST)[0])

    def at_limit(self, columns: Ints, x: Floats) -> Flags:
        """Whether each of ``x`` is pinned at its sensor's observed limit."""
        spread, x = self.spread(columns), _bounded(x)
        return self._high.pinned(columns, x, spread) | self._low.pinned(columns, -x, spread)

    def state(self) -> dict[str, Any]:
        """Everything, as arrays."""
        return {
            "mean": self.mean,
            "variance": self.variance,
            "count": self.count,
            "first": self._first,
            "high": self._high.state(),
            "low": self._low.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        self.mean, self.variance, self.count = state["mean"], state["variance"], state["count"]
        self._first = state["first"]
        self._high.restore(state["high"])
        self._low.restore(state["low"])


def _bounded(x: Floats) -> Floats:
    # Quicker than np.clip for a station's handful of values.
    return np.minimum(np.maximum(x, -_LARGEST), _LARGEST)
