"""Each feature's recent mean, spread and observed limits.

Mean and variance are exponentially weighted over about the last 2,000 observed values. A sensor is
taken to saturate at its highest (lowest) value when it has been pinned there at least ten times,
three times as often as at the next value, and the two lie closer than half a spread: a natural
extreme is rare, a clipped one piles up.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

WINDOW = 2000.0
_PINNED = 10.0


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
        # Before a second value is known the gap is infinite, or not a number: not pinned.
        with np.errstate(invalid="ignore"):
            close = self.first[columns] - self.second[columns] < 0.5 * spread
        piled: Flags = at_it & close & (hits >= 3.0 * self.second_hits[columns])
        return piled


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
        self._high = _Limit()
        self._low = _Limit()

    def grow(self, columns: int) -> None:
        """Make room for columns 0 .. ``columns`` - 1."""
        more = columns - len(self.mean)
        if more > 0:
            self.mean = np.concatenate([self.mean, np.zeros(more)])
            self.variance = np.concatenate([self.variance, np.zeros(more)])
            self.count = np.concatenate([self.count, np.zeros(more)])
            self._high.grow(more)
            self._low.grow(more)

    def observe(self, columns: Ints, x: Floats) -> None:
        """Learn one value each of distinct ``columns``."""
        if not len(columns):
            return
        self.count[columns] += 1.0
        step = np.maximum(1.0 / self.count[columns], 1.0 / WINDOW)
        old_mean = self.mean[columns]
        old_variance = self.variance[columns]
        # A value beyond ten spreads moves the scale as if it lay there: one wild reading of 1e12
        # must not blind the feature for the next two thousand parts.
        reach = np.where(
            (self.count[columns] > 20) & (old_variance > 0), 10.0 * np.sqrt(old_variance), np.inf
        )
        delta = np.clip(x - old_mean, -reach, reach)
        self.mean[columns] = old_mean + step * delta
        with np.errstate(over="ignore"):
            grown = (1.0 - step) * (old_variance + step * delta * delta)
        self.variance[columns] = np.where(np.isfinite(grown), grown, old_variance)
        self._high.observe(columns, x)
        self._low.observe(columns, -x)

    def spread(self, columns: Ints | slice = slice(None)) -> Floats:
        """The standard deviation, 0 while unknown."""
        spread: Floats = np.sqrt(self.variance[columns])
        return spread

    def standardise(self, columns: Ints, x: Floats, limit: float) -> Floats:
        """z = (x - mean) / spread, clipped at +- ``limit``, 0 where no spread is known."""
        spread = self.spread(columns)
        known = spread > 1e-12
        with np.errstate(over="ignore", invalid="ignore"):
            z = np.where(known, (x - self.mean[columns]) / np.where(known, spread, 1.0), 0.0)
        clipped: Floats = np.clip(np.nan_to_num(z, posinf=limit, neginf=-limit), -limit, limit)
        return clipped

    def at_limit(self, columns: Ints, x: Floats) -> Flags:
        """Whether each of ``x`` is pinned at its sensor's observed limit."""
        spread = self.spread(columns)
        return self._high.pinned(columns, x, spread) | self._low.pinned(columns, -x, spread)
