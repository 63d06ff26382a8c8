"""Which stations have fallen silent: parts come on to later stations without having been reported.

For every pair of stations is learnt how often a part that arrives at the one has been reported by
the other. The best *witness* of a station is the one that sees most of its parts; the test result
is a witness too, of the last station. Each part that arrives at the witness unreported is as much
of an expected visit as such parts usually were reported. A station is silent when 20 expected
visits have gone by without any report (by chance that is once in 500 million), and three times as
many as ever before, because products that pass a station by often come in long batches.

Time plays no part: on a line that stands still nobody is silent.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from models.compiled import kernel
from models.part_row import Floats

EXPECTED = 20.0
ACCEPTED = 2000.0
_SUSPECT = 3.0
_KNOWN = 50.0
CHOOSE_EVERY = 500
_STEP = 1.0 / 500.0
_FADES = 1.0 - 1.0 / 2000.0  # at each report
MISSED, LONGEST, WITNESS, STANDING, SILENT_FROM = 0, 1, 2, 3, 4
FIGURES = 5
RESULT = -1


class Silence:
    """The silence of stations, numbered by the caller from 0.

    Examples
    --------
    >>> silence = Silence()
    >>> silence.grow(2)
    >>> for part in range(300):
    ...     visited = np.array([np.nan, np.nan])
    ...     for station in (0, 1) if part < 270 else (1,):
    ...         visited[station] = float(part)
    ...         if silence.observe(visited, station, at=float(part)):
    ...             print(part, silence.standing(), silence.missed(0))
    290 [0] 20
    """

    def __init__(self) -> None:
        self.figures: Floats = np.zeros((0, FIGURES))
        # Row 0 is the result, row n + 1 station n: parts that arrived, and how many recently.
        self.arrived: Floats = np.zeros((1, 2))
        self.reported: Floats = np.zeros((1, 0))
        self._events = 0

    def grow(self, stations: int) -> None:
        """Make room for stations 0 .. ``stations`` - 1."""
        more = stations - len(self.figures)
        if more <= 0:
            return
        fresh = np.zeros((more, FIGURES))
        fresh[:, WITNESS] = -2.0
        self.figures = np.concatenate([self.figures, fresh])
        self.arrived = np.concatenate([self.arrived, np.zeros((more, 2))])
        wider = np.zeros((stations + 1, stations))
        had = self.reported
        wider[: had.shape[0], : had.shape[1]] = had
        self.reported = wider

    def observe(self, visited_at: Floats, station: int, at: float) -> int:
        """A part has come to ``station``, or to its result (RESULT), with these visits (NaN: none).

        Answers how many stations have fallen silent or spoken again.
        """
        self.count()
        return observe_arrival(visited_at, station, at, self.figures, self.arrived, self.reported)

    def count(self) -> None:
        """An arrival is about to be observed: now and then the witnesses are chosen anew."""
        self._events += 1
        if self._events % CHOOSE_EVERY == 0:
            self._choose()

    def standing(self) -> list[int]:
        """The stations that are silent now."""
        return [int(s) for s in np.flatnonzero(self.figures[:, STANDING] > 0.0)]

    def missed(self, station: int) -> int:
        """How many visits were expected since its last report."""
        return int(self.figures[station, MISSED])

    def silent_from(self, station: int) -> float:
        """When the first of them was, in the caller's seconds."""
        return float(self.figures[station, SILENT_FROM])

    def accepted(self, station: int) -> bool:
        """Whether the station has been silent for so long that it counts as taken away."""
        return bool(self.figures[station, MISSED] == 0.0 and not self.reported[:, station].any())

    def _choose(self) -> None:
        """The best witness of each station: of most of its parts, among those that still come."""
        seen = self.reported * self.arrived[:, 1:]
        _choose(seen, self.reported.sum(axis=1), self.reported, self.arrived, self.figures)
        self.arrived[:, 1] *= 0.5

    def state(self) -> dict[str, Any]:
        """Everything, as arrays."""
        return {
            "figures": self.figures,
            "arrived": self.arrived,
            "reported": self.reported,
            "events": self._events,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        self.figures, self.arrived = state["figures"], state["arrived"]
        self.reported, self._events = state["reported"], state["events"]


@kernel
def observe_arrival(
    visited_at: Floats,
    station: int,
    at: float,
    figures: Floats,
    arrived: Floats,
    reported: Floats,
) -> int:
    """Count the arrival, and what it says of every other station."""
    changed = 0
    if station >= 0:
        changed += _heard(figures[station])
    row = station + 1
    arrived[row, 0] += 1.0
    arrived[row, 1] += 1.0
    step = max(1.0 / arrived[row, 0], _STEP)
    for s in range(len(figures)):
        if s == station:
            continue
        visited = s < len(visited_at) and not np.isnan(visited_at[s])
        rate = reported[row, s]
        of = figures[s]
        if visited or of[MISSED] < _SUSPECT:
            reported[row, s] += step * (visited - rate)
        if of[WITNESS] != station:
            continue
        if visited:
            # Results go on coming while the line stands still: those of reported parts say so.
            changed += _heard(of)
            continue
        if of[MISSED] == 0.0:
            of[SILENT_FROM] = at
        of[MISSED] += rate
        if of[STANDING] > 0.0:
            changed += _accept(of, reported, s)
        elif of[MISSED] >= _limit(of):
            of[STANDING] = 1.0
            changed += 1
    return changed


@kernel
def _choose(
    seen: Floats, reported_by: Floats, reported: Floats, arrived: Floats, figures: Floats
) -> None:
    """`Silence._choose`: ``seen`` parts of each station by each row, ``reported_by`` how many
    stations' parts a row sees."""
    for station in range(len(figures)):
        if figures[station, MISSED] >= _SUSPECT:
            continue
        most = 0.0
        for row in range(len(seen)):
            if row != station + 1:
                most = max(most, seen[row, station])
        # Of witnesses as good as each other the one that lies farthest down the line: two
        # neighbours that fall silent together must not be each other's. The result only if no
        # station is as good.
        best, farthest = RESULT + 1, -1.0
        for row in range(1, len(seen)):
            here = 0.0 if row == station + 1 else seen[row, station]
            if here >= 0.95 * most and reported_by[row] > farthest:
                best, farthest = row, reported_by[row]
        known = arrived[best, 0] >= _KNOWN and reported[best, station] > 0.01
        figures[station, WITNESS] = best - 1 if known else -2.0


@kernel
def _limit(of: Floats) -> float:
    return float(max(EXPECTED, 3.0 * of[LONGEST]) - 1e-6)


@kernel
def _heard(of: Floats) -> int:
    """A station reports: whatever it was, it is not silent."""
    was = of[STANDING] > 0.0
    # A silence that was told may have been a long batch: twice the limit is learnt of it at most.
    longest = min(of[MISSED], 2.0 * _limit(of)) if was else of[MISSED]
    of[LONGEST] = max(of[LONGEST] * _FADES, longest)
    of[MISSED] = of[STANDING] = 0.0
    return int(was)


@kernel
def _accept(of: Floats, reported: Floats, station: int) -> int:
    """A station that has been silent for very long was taken away: nobody expects it any more."""
    if of[MISSED] < ACCEPTED:
        return 0
    of[MISSED] = of[STANDING] = 0.0
    of[WITNESS] = -2.0
    reported[:, station] = 0.0
    return 1
