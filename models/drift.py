"""Whether a feature's level has moved away from where it used to be, and whether it has settled.

Page's cumulative sum (the Page-Hinkley test) against a *slow* reference, on means of 50 readings.
The scale that models standardise with follows a drift within 2,000 readings and so hides it; this
reference is learnt from 1,000 readings and then moves by a half per cent a block, and only while
nothing is suspected.

A cumulative sum was taken before ADWIN and KSWIN because a level is what an operator can act on,
because its state is a few numbers a feature, which a checkpoint can hold, and because a block mean
carries its own yardstick: how far the means of blocks usually scatter, slow wander included, is
learnt with the reference, so that a feature that wanders is given more room.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from models.compiled import kernel
from models.part_row import DROPPED, EMPTY, Codes, Floats
from models.scale import MEAN as SCALE_MEAN
from models.scale import VARIANCE as SCALE_VARIANCE
from models.scale import Ints

BLOCK = 50
REFERENCE = 20  # blocks
LEARNING, WATCHING, DRIFTING = 0.0, 1.0, 2.0
NOTHING, RAISED, BACK, SETTLED = 0, 1, 2, 3
_QUIET = 5.0  # blocks at the old level until it is believed
_REACH = 10.0
# Squares of values this large stay finite.
_LARGEST = 1e150
_SLOW = 1.0 / 200.0
_RECENT = 0.3
_CATEGORICAL = 3
# Of the block under way; of the reference; of the test; of the next reference.
ANCHOR, SUM, SQUARES, HELD = 0, 1, 2, 3
MEAN, SPREAD, UNIT, STATUS = 4, 5, 6, 7
RISE, FALL, RUN, SHIFT, SINCE, QUIET = 8, 9, 10, 11, 12, 13
BLOCKS, NEXT_MEAN, NEXT_SCATTER, NEXT_WITHIN, HALF = 14, 15, 16, 17, 18
FIGURES = 19


class Levels:
    """The levels of numeric and boolean features, by column.

    Parameters
    ----------
    sigma
        The shift that matters, in standard deviations of single readings. Half of it is given
        away at every block; a feature whose blocks scatter widely is given more.

    Examples
    --------
    A feature that alternates about 10 rises by two of its spreads after 2,000 readings:

    >>> levels = Levels()
    >>> levels.grow(1)
    >>> for i in range(2300):
    ...     x = 10.0 + (-1.0) ** i + (2.0 if i >= 2000 else 0.0)
    ...     change = levels.observe_one(0, x, at=float(i))
    ...     if change:
    ...         print(i, change == RAISED, levels.shift(0))
    2099 True (12.0, 10.0, 2.0)

    References
    ----------
    Page, "Continuous inspection schemes", Biometrika 41 (1954).
    """

    def __init__(self, sigma: float = 1.0) -> None:
        self.sigma = sigma
        self.figures: Floats = np.zeros((0, FIGURES))

    def grow(self, columns: int) -> None:
        """Make room for columns 0 .. ``columns`` - 1."""
        more = columns - len(self.figures)
        if more > 0:
            self.figures = np.concatenate([self.figures, np.zeros((more, FIGURES))])

    def observe(
        self, columns: Ints, x: Floats, state: Codes, kind: Codes, scale: Floats, at: float
    ) -> int:
        """Take a reading's cells in at time ``at``; how many columns have changed their status."""
        return observe_levels(columns, x, state, kind, scale, self.figures, self.sigma, at)

    def observe_one(self, column: int, x: float, at: float) -> int:
        """Take one value in: NOTHING, RAISED, BACK (at the old level) or SETTLED (at a new one)."""
        return _observe_value(self.figures[column], x, self.sigma, at)

    def drifting(self, columns: Ints) -> Ints:
        """Those of ``columns`` whose level has moved and not settled yet."""
        found: Ints = columns[self.figures[columns, STATUS] == DRIFTING]
        return found

    def shift(self, column: int) -> tuple[float, float, float]:
        """The level now, the level that was usual, and their distance in usual spreads."""
        row = self.figures[column]
        usual, spread, sigma = float(row[MEAN]), float(row[SPREAD]), float(row[SHIFT])
        return usual + sigma * spread, usual, sigma

    def since(self, column: int) -> tuple[float, int]:
        """When the suspicion began, in the caller's seconds, and how many readings ago."""
        row = self.figures[column]
        return float(row[SINCE]), int(row[RUN]) * BLOCK

    def forget(self) -> None:
        """What was usual is so no longer: learn it anew."""
        self.figures[:] = 0.0

    def state(self) -> dict[str, Any]:
        """Everything, as arrays."""
        return {"figures": self.figures}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        self.figures = state["figures"]


@kernel
def observe_levels(
    columns: Ints,
    x: Floats,
    state: Codes,
    kind: Codes,
    scale: Floats,
    figures: Floats,
    sigma: float,
    at: float,
) -> int:
    """A reading's numbers, each held to within ten spreads of its recent mean."""
    changed = 0
    for place in range(len(columns)):
        j = columns[place]
        if j >= len(state) or state[j] == EMPTY or state[j] == DROPPED:
            continue
        if kind[j] == 0 or kind[j] == _CATEGORICAL:
            continue
        value = min(max(x[j], -_LARGEST), _LARGEST)
        off, variance = value - scale[j, SCALE_MEAN], scale[j, SCALE_VARIANCE]
        if off * off > _REACH * _REACH * variance > 0.0:
            value = scale[j, SCALE_MEAN] + math.copysign(_REACH * math.sqrt(variance), off)
        if figures[j, HELD] == 0.0:
            _begin_block(figures[j], value, at)
        off = value - figures[j, ANCHOR]
        figures[j, SUM] += off
        figures[j, SQUARES] += off * off
        figures[j, HELD] += 1.0
        if figures[j, HELD] >= BLOCK:
            changed += _end_block(figures[j], sigma) != 0
    return changed


@kernel
def _begin_block(row: Floats, x: float, at: float) -> None:
    row[ANCHOR] = x
    if row[RUN] == 0.0:
        row[SINCE] = at


@kernel
def _observe_value(row: Floats, x: float, sigma: float, at: float) -> int:
    if row[HELD] == 0.0:
        _begin_block(row, x, at)
    off = x - row[ANCHOR]
    row[SUM] += off
    row[SQUARES] += off * off
    row[HELD] += 1.0
    return _end_block(row, sigma) if row[HELD] >= BLOCK else 0


@kernel
def _end_block(row: Floats, sigma: float) -> int:
    mean = row[SUM] / BLOCK
    within = max(row[SQUARES] / BLOCK - mean * mean, 0.0)
    mean += row[ANCHOR]
    row[SUM] = row[SQUARES] = row[HELD] = 0.0
    if row[STATUS] == LEARNING:
        if _gather(row, mean, within):
            _adopt(row, sigma)
        return 0
    off = (mean - row[MEAN]) / row[SPREAD]
    off = min(max(off, -_REACH), _REACH)
    if row[STATUS] == WATCHING:
        return _test(row, mean, within, off)
    return _follow(row, mean, within, off, sigma)


@kernel
def _test(row: Floats, mean: float, within: float, off: float) -> int:
    """One block against the reference."""
    unit = row[UNIT]
    # No block says more than half of what is needed: two must agree.
    capped = min(max(off, -3.5 * unit), 3.5 * unit)
    row[RISE] = max(row[RISE] + capped - unit, 0.0)
    row[FALL] = max(row[FALL] - capped - unit, 0.0)
    if row[RISE] == 0.0 and row[FALL] == 0.0:
        row[RUN] = row[SHIFT] = 0.0
        row[MEAN] += _SLOW * (mean - row[MEAN])
        variance = row[SPREAD] * row[SPREAD]
        row[SPREAD] = math.sqrt(variance + _SLOW * (within - variance))
        return 0
    row[RUN] += 1.0
    row[SHIFT] += max(1.0 / row[RUN], _RECENT) * (off - row[SHIFT])
    if max(row[RISE], row[FALL]) < 5.0 * unit or abs(row[SHIFT]) < 2.0 * unit:
        return 0
    row[STATUS] = DRIFTING
    row[QUIET] = 0.0
    row[BLOCKS] = row[NEXT_MEAN] = row[NEXT_SCATTER] = row[NEXT_WITHIN] = 0.0
    return 1


@kernel
def _follow(row: Floats, mean: float, within: float, off: float, sigma: float) -> int:
    """One block while the level is known to have moved."""
    row[RUN] += 1.0
    row[SHIFT] += _RECENT * (off - row[SHIFT])
    row[QUIET] = row[QUIET] + 1.0 if abs(off) < row[UNIT] else 0.0
    if row[QUIET] >= _QUIET:
        _watch(row)
        return 2
    if not _gather(row, mean, within):
        return 0
    step = abs(2.0 * (row[NEXT_MEAN] - row[HALF])) / row[SPREAD]
    if step > max(0.3, 0.5 * row[UNIT]):
        row[BLOCKS] = row[NEXT_MEAN] = row[NEXT_SCATTER] = row[NEXT_WITHIN] = 0.0
        return 0
    _adopt(row, sigma)
    return 3 if row[STATUS] == WATCHING else 0


@kernel
def _gather(row: Floats, mean: float, within: float) -> bool:
    """Add a block to the next reference; whether that is complete."""
    row[BLOCKS] += 1.0
    off = mean - row[NEXT_MEAN]
    row[NEXT_MEAN] += off / row[BLOCKS]
    row[NEXT_SCATTER] += off * (mean - row[NEXT_MEAN])
    row[NEXT_WITHIN] += (within - row[NEXT_WITHIN]) / row[BLOCKS]
    if row[BLOCKS] == REFERENCE // 2:
        row[HALF] = row[NEXT_MEAN]
    return bool(row[BLOCKS] >= REFERENCE)


@kernel
def _adopt(row: Floats, sigma: float) -> None:
    """The gathered blocks become the reference, unless they hold one single value."""
    scatter = row[NEXT_SCATTER] / (REFERENCE - 1.0)
    variance = row[NEXT_WITHIN] + scatter
    if math.sqrt(variance) > 1e-9 * abs(row[NEXT_MEAN]):
        row[MEAN] = row[NEXT_MEAN]
        row[SPREAD] = math.sqrt(variance)
        row[UNIT] = max(0.5 * sigma, 1.5 * math.sqrt(scatter / variance))
        _watch(row)
    row[BLOCKS] = row[NEXT_MEAN] = row[NEXT_SCATTER] = row[NEXT_WITHIN] = 0.0


@kernel
def _watch(row: Floats) -> None:
    row[STATUS] = WATCHING
    row[RISE] = row[FALL] = row[RUN] = row[SHIFT] = 0.0
