"""Whether a sensor has died or is pinned: a run of readings that says nothing, where it used to.

Three ways of saying nothing are followed for each feature: *missing* (null or left out), *constant*
(a number exactly as the one before), *saturated* (at the sensor's observed limit). For each the
usual rate and the longest harmless run are learnt. A run is an alarm when it is at least 20 long,
would come by chance less than once in a thousand million, and is three times as long as any
before it: a sensor that is often silent, or is silent in long spells, is given more time.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from models.compiled import kernel
from models.part_row import DROPPED, EMPTY, SATURATED, Codes, Floats
from models.scale import Ints

MISSING, CONSTANT, PINNED = 0, 1, 2
LEAST = 20.0
_KNOWN = 200.0  # readings until the usual rate is believed
_IMPROBABLE = 20.7  # -log of 1e-9
_SUSPECT = 10.0
_GOOD = 5.0  # good readings until it counts as alive
ACCEPTED = 2000.0  # readings after which a standing alarm becomes the usual state
_NUMERIC = 1
READINGS, LAST = 0, 1
# Of each way of saying nothing: the run, the longest before, how many such readings, the alarm.
RUN, LONGEST, COUNT, STANDING, GOOD = 0, 1, 2, 3, 4
_FIRST, _WIDTH = 2, 5
_REMEMBERED = 4000.0  # readings, then half of them is forgotten
FIGURES = _FIRST + 3 * _WIDTH
_MISSING_RUN, _CONSTANT_RUN, _PINNED_RUN = _FIRST, _FIRST + _WIDTH, _FIRST + 2 * _WIDTH


class SensorRuns:
    """The runs of all features, by column.

    Examples
    --------
    >>> runs = SensorRuns()
    >>> runs.grow(1)
    >>> for i in range(330):
    ...     cells = np.array([float(i % 7)]), np.array([2 if i >= 300 else 1], np.uint8)
    ...     if runs.observe(np.array([0]), *cells, np.array([1], np.uint8)):
    ...         print(i, runs.standing(np.array([0]), MISSING))
    319 [0]
    """

    def __init__(self) -> None:
        self.figures: Floats = np.zeros((0, FIGURES))

    def grow(self, columns: int) -> None:
        """Make room for columns 0 .. ``columns`` - 1."""
        more = columns - len(self.figures)
        if more > 0:
            self.figures = np.concatenate([self.figures, np.zeros((more, FIGURES))])

    def observe(self, columns: Ints, x: Floats, state: Codes, kind: Codes) -> int:
        """Take a station's cells in; how many sensors have died, been pinned, or come back."""
        return observe_runs(columns, x, state, kind, self.figures)

    def standing(self, columns: Ints, kind: int) -> Ints:
        """Those of ``columns`` of which MISSING, CONSTANT or PINNED stands."""
        found: Ints = columns[self.figures[columns, _FIRST + kind * _WIDTH + STANDING] > 0.0]
        return found

    def run(self, column: int, kind: int) -> int:
        """How many readings the run is long."""
        return int(self.figures[column, _FIRST + kind * _WIDTH + RUN])

    def state(self) -> dict[str, Any]:
        """Everything, as arrays."""
        return {"figures": self.figures}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        self.figures = state["figures"]


@kernel
def observe_runs(columns: Ints, x: Floats, state: Codes, kind: Codes, figures: Floats) -> int:
    """All features of the station that has reported, those that it left out too."""
    changed = 0
    for place in range(len(columns)):
        j = columns[place]
        if j >= len(state) or kind[j] == 0:
            continue
        figures[j, READINGS] += 1.0
        if figures[j, READINGS] >= _REMEMBERED:
            _forget(figures[j])
        missing = state[j] == EMPTY or state[j] == DROPPED
        # Nothing is to be done for a sensor that speaks and did so before.
        if missing or figures[j, _MISSING_RUN] > 0.0:
            changed += _extend(figures[j], MISSING, missing)
        if missing or kind[j] != _NUMERIC:
            continue
        pinned = state[j] == SATURATED
        if pinned or figures[j, _PINNED_RUN] > 0.0:
            changed += _extend(figures[j], PINNED, pinned)
        same = x[j] == figures[j, LAST] and not pinned
        if same or figures[j, _CONSTANT_RUN] > 0.0:
            changed += _extend(figures[j], CONSTANT, same)
        figures[j, LAST] = x[j]
    return changed


@kernel
def _forget(row: Floats) -> None:
    row[READINGS] *= 0.5
    for kind in range(3):
        row[_FIRST + kind * _WIDTH + COUNT] *= 0.5
        row[_FIRST + kind * _WIDTH + LONGEST] *= 0.5


@kernel
def _extend(row: Floats, kind: int, says_nothing: bool) -> int:
    """One reading more; 1 if the alarm comes or goes."""
    first = _FIRST + kind * _WIDTH
    of = row[first : first + _WIDTH]
    if of[STANDING] > 0.0:
        return _stand(of, says_nothing, row[READINGS])
    if says_nothing:
        of[RUN] += 1.0
    else:
        of[LONGEST] = max(of[LONGEST], of[RUN])
        of[RUN] = 0.0
    if of[RUN] < _SUSPECT or of[COUNT] > 0.9 * (row[READINGS] - 1.0):
        # The runs of a dying sensor must not become what is usual of it.
        of[COUNT] += says_nothing
    if of[RUN] < _SUSPECT:
        return 0
    rate = min(max(of[COUNT] / row[READINGS], 0.001), 1.0)
    improbable = -math.log(rate) * of[RUN] >= _IMPROBABLE
    longer = of[RUN] >= LEAST and of[RUN] > 3.0 * of[LONGEST]
    if improbable and longer and row[READINGS] - of[RUN] >= _KNOWN:
        of[STANDING] = 1.0
        of[GOOD] = 0.0
        return 1
    return 0


@kernel
def _stand(of: Floats, says_nothing: bool, readings: float) -> int:
    if says_nothing:
        of[RUN] += 1.0
        of[GOOD] = max(of[GOOD] - 1.0, 0.0)
        if of[RUN] >= ACCEPTED:
            of[COUNT] = readings
    else:
        of[GOOD] += 1.0
    if of[GOOD] < _GOOD and of[RUN] < ACCEPTED:
        return 0
    # What was told may have been a long batch without this reading: it is learnt within bounds.
    of[LONGEST] = max(of[LONGEST], min(of[RUN], 2.0 * max(LEAST, 3.0 * of[LONGEST])))
    of[STANDING] = of[RUN] = of[GOOD] = 0.0
    return 1
