"""Which stations still lie ahead of a part, and which it has passed by: learnt from the stream.

No plant declares its routes to andon. For every pair of stations we count how often one was
visited before the other; a station that a part has not visited is *skipped* if it comes before one
that the part has visited at least three times as often as after it, and *not reached* otherwise: of
two stations in no fixed order neither is ever taken for skipped. Counts decay, so that a changed
route is learnt in time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Times = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

_DECAY = 1.0 - 1.0 / 2000.0
_USUALLY = 3.0


class Routes:
    """Precedence counts between stations, and each station's share of visits.

    Stations are numbered by the caller, from 0, without gaps.

    Attributes
    ----------
    visit_rate
        Array (stations,): the recent share of closed parts that visited each station.

    Examples
    --------
    >>> routes = Routes()
    >>> for _ in range(3):                       # every part goes 0, 1, 2
    ...     at = np.array([np.nan, np.nan, np.nan])
    ...     for station in range(3):
    ...         at[station] = float(station)
    ...         routes.observe(at, station)
    >>> routes.skipped(np.array([0.0, np.nan, 2.0])).tolist()
    [False, True, False]
    >>> routes.skipped(np.array([0.0, np.nan, np.nan])).tolist()
    [False, False, False]
    """

    def __init__(self) -> None:
        self._before = np.zeros((0, 0))
        self.visit_rate: Times = np.zeros(0)
        self._closed: Times = np.zeros(0)

    def grow(self, stations: int) -> None:
        """Make room for stations 0 .. ``stations`` - 1."""
        have = len(self.visit_rate)
        if stations <= have:
            return
        before = np.zeros((stations, stations))
        before[:have, :have] = self._before
        self._before = before
        self.visit_rate = np.concatenate([self.visit_rate, np.ones(stations - have)])
        self._closed = np.concatenate([self._closed, np.zeros(stations - have)])

    def observe(self, visited_at: Times, station: int) -> None:
        """A part has visited ``station``; ``visited_at`` holds its visits so far (NaN: none)."""
        self.grow(max(len(visited_at), station + 1))
        others = ~np.isnan(visited_at)
        others[station] = False
        index = np.flatnonzero(others)
        if not len(index):
            return
        earlier = visited_at[index] <= visited_at[station]
        self._before[index, station] = self._before[index, station] * _DECAY + earlier
        self._before[station, index] = self._before[station, index] * _DECAY + ~earlier

    def close(self, visited_at: Times) -> None:
        """A part's journey has ended: learn which stations it visited."""
        self.grow(len(visited_at))
        visited = np.zeros(len(self.visit_rate))
        visited[: len(visited_at)] = ~np.isnan(visited_at)
        # A station counts from its first visit on, else one that opens late looks rarely used.
        known = (self._closed > 0) | (visited > 0)
        self._closed[known] += 1
        step = np.maximum(1.0 / np.maximum(self._closed, 1.0), 1.0 / 2000.0)
        self.visit_rate[known] += step[known] * (visited[known] - self.visit_rate[known])

    def skipped(self, visited_at: Times) -> Flags:
        """Array (stations,): not visited, and a station that comes later has been."""
        visited = np.zeros(len(self.visit_rate), dtype=np.bool_)
        visited[: len(visited_at)] = ~np.isnan(visited_at)
        before = self._before[:, visited]
        after = self._before[visited, :].T
        usual = (before > 0.0) & (before >= _USUALLY * after)
        passed: Flags = usual.any(axis=1) & ~visited
        return passed

    def state(self) -> dict[str, Any]:
        """Everything, as arrays."""
        return {"before": self._before, "visit_rate": self.visit_rate, "closed": self._closed}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        self._before, self.visit_rate = state["before"], state["visit_rate"]
        self._closed = state["closed"]
