"""Each feature's recent mean, spread and observed limits.

Mean and variance are exponentially weighted over about the last 2,000 observed values. The first 20
are taken together, and a value beyond ten spreads counts as if it lay there: one wild reading of
1e12 must not blind a feature for thousands of parts.

A sensor is taken to saturate at its highest (lowest) value when it has been pinned there at least
ten times, three times as often as at the next value, and the two lie closer than half a spread: a
natural extreme is rare, a clipped one piles up.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from models.compiled import allocating_kernel, kernel

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

WINDOW = 2000.0
START = 20
_REACH = 10.0
_PINNED = 10.0
# Sums and squares of values this large stay finite.
_LARGEST = 1e150
# A smaller spread, as a share of the mean, is rounding.
_ROUNDING = 1e-12
_FARTHEST = 1e6
# What is known of a column: its figures, and of its highest values (of its lowest, with the sign
# turned) the extreme, the next one, and how often each was seen.
MEAN, VARIANCE, COUNT, HIGH, LOW = 0, 1, 2, 3, 7
FIRST, SECOND, FIRST_HITS, SECOND_HITS = 0, 1, 2, 3
FIGURES = 11


class Scale:
    """Mean, spread and limits of numeric and boolean features, by column.

    Attributes
    ----------
    figures
        Array (columns, 11): mean, variance, count, and the limits.
    beginning
        Array (columns, 20): the first values of each column.

    Examples
    --------
    >>> scale = Scale()
    >>> scale.grow(1)
    >>> for value in (1.0, 2.0, 3.0):
    ...     scale.observe(np.array([0]), np.array([value]))
    >>> scale.mean[0].item(), scale.standardise(np.array([0]), np.array([99.0]), 5.0).tolist()
    (2.0, [5.0])
    """

    def __init__(self) -> None:
        self.figures: Floats = np.empty((0, FIGURES))
        self.beginning: Floats = np.empty((0, START))

    @property
    def mean(self) -> Floats:
        """Array (columns,): the recent mean."""
        return self.figures[:, MEAN]

    @property
    def variance(self) -> Floats:
        """Array (columns,): the recent variance."""
        return self.figures[:, VARIANCE]

    @property
    def count(self) -> Floats:
        """Array (columns,): how many values were observed."""
        return self.figures[:, COUNT]

    def grow(self, columns: int) -> None:
        """Make room for columns 0 .. ``columns`` - 1."""
        more = columns - len(self.figures)
        if more > 0:
            fresh = np.zeros((more, FIGURES))
            for limit in (HIGH, LOW):
                fresh[:, limit + FIRST] = fresh[:, limit + SECOND] = -np.inf
            self.figures = np.concatenate([self.figures, fresh])
            self.beginning = np.concatenate([self.beginning, np.full((more, START), np.nan)])

    def observe(self, columns: Ints, x: Floats) -> None:
        """Learn one value each of distinct ``columns``."""
        for column, value in zip(columns, x, strict=True):
            observe_value(self.figures, self.beginning, column, value)

    def spread(self, columns: Ints | slice = slice(None)) -> Floats:
        """The standard deviation, 0 while unknown."""
        spread: Floats = np.sqrt(self.variance[columns])
        return spread

    def standard(self, numeric: Flags) -> Floats:
        """Array (columns, 2): mean and 1 / spread; the latter 0 where no spread is known."""
        mean, spread = self.mean, self.spread()
        known = numeric & (spread > _ROUNDING * np.abs(mean))
        return np.stack([mean, np.where(known, 1.0 / np.where(known, spread, 1.0), 0.0)], axis=1)

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
        pinned = [at_limit(self.figures, c, v) for c, v in zip(columns, x, strict=True)]
        return np.array(pinned, np.bool_)

    def state(self) -> dict[str, Any]:
        """Everything, as arrays."""
        return {"figures": self.figures, "beginning": self.beginning}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        self.figures, self.beginning = state["figures"], state["beginning"]


def _bounded(x: Floats) -> Floats:
    # Quicker than np.clip for a station's handful of values.
    return np.minimum(np.maximum(x, -_LARGEST), _LARGEST)


@kernel
def observe_value(figures: Floats, beginning: Floats, j: int, x: float) -> None:
    """Learn one value of column ``j``."""
    x = min(max(x, -_LARGEST), _LARGEST)
    row = figures[j]
    row[COUNT] += 1.0
    if row[COUNT] <= START:
        _begin(row, beginning[j], x)
        return
    step = max(1.0 / row[COUNT], 1.0 / WINDOW)
    reach = _reach(math.sqrt(row[VARIANCE]))
    delta = x - row[MEAN]
    tame = abs(delta) <= reach
    delta = min(max(delta, -reach), reach)
    row[VARIANCE] = (1.0 - step) * (row[VARIANCE] + step * delta * delta)
    row[MEAN] += step * delta
    if tame:
        _observe_limit(row[HIGH : HIGH + 4], x)
        _observe_limit(row[LOW : LOW + 4], -x)


@kernel
def _reach(spread: float) -> float:
    return _REACH * spread if spread > 0.0 else np.inf


@allocating_kernel
def _begin(row: Floats, values: Floats, x: float) -> None:
    """The first values, taken together, each within ten spreads of their median."""
    count = int(row[COUNT])
    values[count - 1] = x
    known = values[:count]
    middle = np.median(known)
    # 1.4826: the median deviation of a Gaussian is this much smaller than its spread.
    reach = _reach(1.4826 * np.median(np.abs(known - middle)))
    total = 0.0
    for value in known:
        total += min(max(value, middle - reach), middle + reach)
    mean = total / count
    squares = 0.0
    for value in known:
        off = min(max(value, middle - reach), middle + reach) - mean
        squares += off * off
    row[MEAN] = mean
    row[VARIANCE] = squares / count


@kernel
def _observe_limit(limit: Floats, x: float) -> None:
    if x > limit[FIRST]:
        limit[SECOND], limit[SECOND_HITS] = limit[FIRST], limit[FIRST_HITS]
        limit[FIRST], limit[FIRST_HITS] = x, 1.0
    elif x == limit[FIRST]:
        limit[FIRST_HITS] += 1.0
    elif x > limit[SECOND]:
        limit[SECOND], limit[SECOND_HITS] = x, 1.0
    elif x == limit[SECOND]:
        limit[SECOND_HITS] += 1.0


@kernel
def _pinned(limit: Floats, x: float, spread: float) -> bool:
    if not (x >= limit[FIRST] and limit[FIRST_HITS] >= _PINNED):
        return False
    # Before a second value is known the gap is infinite: not pinned.
    close = limit[FIRST] - limit[SECOND] < 0.5 * spread
    return bool(close and limit[FIRST_HITS] >= 3.0 * limit[SECOND_HITS])


@kernel
def at_limit(figures: Floats, j: int, x: float) -> bool:
    """Whether ``x`` is pinned at the observed limit of column ``j``."""
    x = min(max(x, -_LARGEST), _LARGEST)
    row = figures[j]
    spread = math.sqrt(row[VARIANCE])
    high = _pinned(row[HIGH : HIGH + 4], x, spread)
    return high or _pinned(row[LOW : LOW + 4], -x, spread)
