"""Which stations still lie ahead of a part, and which it has passed by: learnt from the stream.

No plant declares its routes to andon. For every pair of stations we count how often one was
visited before the other; a station that a part has not visited is *skipped* if it comes before one
that the part has visited at least three times as often as after it, and *not reached* otherwise: of
two stations in no fixed order neither is ever taken for skipped. Counts decay, so that a changed
route is learnt in time.

How likely a part will yet visit a station is conditioned on the last one it has visited: of two
ways round, the one that the part has taken says that the other will not be.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from models.compiled import kernel

Times = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

_DECAY = 1.0 - 1.0 / 2000.0
_USUALLY = 3.0


class Routes:
    """Precedence counts between stations, and each station's share of visits.

    Stations are numbered by the caller, from 0, without gaps.

    Attributes
    ----------
    before
        Array (stations, stations): row t, column s: how often t was visited before s, decayed.
    visit_rate
        Array (stations,): the recent share of closed parts that visited each station.
    ahead
        Array (stations, stations): row t, column s: the recent share of parts that, with t as their
        last station so far, went on to visit s.

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
        self.before: Times = np.zeros((0, 0))
        self.visit_rate: Times = np.zeros(0)
        self.ahead: Times = np.zeros((0, 0))
        self._closed: Times = np.zeros(0)
        self._passed: Times = np.zeros(0)

    def grow(self, stations: int) -> None:
        """Make room for stations 0 .. ``stations`` - 1."""
        have = len(self.visit_rate)
        if stations <= have:
            return
        self.before = _wider(self.before, stations, 0.0)
        self.ahead = _wider(self.ahead, stations, 0.5)
        self._passed = np.concatenate([self._passed, np.zeros(stations - have)])
        self.visit_rate = np.concatenate([self.visit_rate, np.ones(stations - have)])
        self._closed = np.concatenate([self._closed, np.zeros(stations - have)])

    def observe(self, visited_at: Times, station: int) -> None:
        """A part has visited ``station``; ``visited_at`` holds its visits so far (NaN: none)."""
        self.grow(max(len(visited_at), station + 1))
        observe_visit(self.before, visited_at, station)

    def close(self, visited_at: Times) -> None:
        """A part's journey has ended: learn which stations it visited."""
        self.grow(len(visited_at))
        _close(visited_at, self.visit_rate, self._closed, self.ahead, self._passed)

    def skipped(self, visited_at: Times) -> Flags:
        """Array (stations,): not visited, and a station that comes later has been."""
        visited = np.zeros(len(self.visit_rate), dtype=np.bool_)
        visited[: len(visited_at)] = ~np.isnan(visited_at)
        before = self.before[:, visited]
        after = self.before[visited, :].T
        usual = (before > 0.0) & (before >= _USUALLY * after)
        passed: Flags = usual.any(axis=1) & ~visited
        return passed

    def odds_ahead(self, visited_at: Times) -> Times:
        """Array (stations,): how likely the part will yet visit each; 0 where it has been."""
        last = last_station(visited_at)
        odds = self.visit_rate if last < 0 else self.ahead[last]
        return np.where(np.isnan(visited_at), odds[: len(visited_at)], 0.0)

    def state(self) -> dict[str, Any]:
        """Everything, as arrays."""
        return {
            "before": self.before,
            "visit_rate": self.visit_rate,
            "ahead": self.ahead,
            "closed": self._closed,
            "passed": self._passed,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        self.before, self.visit_rate = state["before"], state["visit_rate"]
        self.ahead, self._closed, self._passed = state["ahead"], state["closed"], state["passed"]


def _wider(a: Times, stations: int, fill: float) -> Times:
    wider = np.full((stations, stations), fill)
    wider[: len(a), : len(a)] = a
    return wider


@kernel
def observe_visit(before: Times, visited_at: Times, station: int) -> None:
    """Count who came before whom, for the pairs that ``station`` makes with the others."""
    for other in range(len(visited_at)):
        if other == station or np.isnan(visited_at[other]):
            continue
        earlier = visited_at[other] <= visited_at[station]
        before[other, station] = before[other, station] * _DECAY + earlier
        before[station, other] = before[station, other] * _DECAY + (not earlier)


@kernel
def _close(
    visited_at: Times, visit_rate: Times, closed: Times, ahead: Times, passed: Times
) -> None:
    """Which stations were visited, and from each of them, which others came after it."""
    for s in range(len(visited_at)):
        visited = not np.isnan(visited_at[s])
        # A station counts from its first visit on, else one that opens late looks rarely used.
        if visited or closed[s] > 0.0:
            closed[s] += 1.0
            step = max(1.0 / closed[s], 1.0 / 2000.0)
            visit_rate[s] += step * (visited - visit_rate[s])
    for t in range(len(visited_at)):
        if np.isnan(visited_at[t]):
            continue
        passed[t] += 1.0
        step = max(1.0 / (passed[t] + 1.0), 1.0 / 1000.0)
        for s in range(len(visited_at)):
            after = visited_at[s] > visited_at[t] or (visited_at[s] == visited_at[t] and s > t)
            ahead[t, s] += step * (after - ahead[t, s])


@kernel
def last_station(visited_at: Times) -> int:
    """The station visited last, of equal times the one with the highest number; -1 for none."""
    last = -1
    for s in range(len(visited_at)):
        if not np.isnan(visited_at[s]) and (last < 0 or visited_at[s] >= visited_at[last]):
            last = s
    return last
