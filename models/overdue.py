"""Whether results have stopped coming while parts go on: counted in parts, not in time."""

from __future__ import annotations

from typing import Any

LEAST = 200
_KNOWN = 100
_FORGETS = 1.0 - 1.0 / 1000.0


class Overdue:
    """The wait for results on one line.

    Results are overdue when, since the last one, as many parts have come onto the line as three
    times the usual way of a part to its result and four times the longest such pause (which is
    forgotten over about 1,000 results), and 200 at least: a laboratory that sends its results once
    a shift is not overdue at noon. They have come back after ten of them.

    Examples
    --------
    >>> overdue = Overdue()
    >>> for part in range(1, 1500):
    ...     if 30 < part < 500:
    ...         _ = overdue.result(opened=part, number=part - 30)
    ...     if overdue.part(opened=part):
    ...         print(part, overdue.overdue, overdue.waiting(part))
    699 True 200
    """

    def __init__(self) -> None:
        self.overdue = False
        self._results = 0
        self._last = 0  # parts opened when the last result came
        self._way = 0.0
        self._pause = 0.0
        self._back = 0

    def waiting(self, opened: int) -> int:
        """Parts that have come onto the line since the last result."""
        return opened - self._last

    def part(self, opened: int) -> bool:
        """A part has come onto the line, the ``opened``-th; whether `overdue` has changed."""
        limit = max(LEAST, 3.0 * self._way, 4.0 * self._pause)
        if self.overdue or self._results < _KNOWN or opened - self._last < limit:
            return False
        self.overdue, self._back = True, 0
        return True

    def result(self, opened: int, number: int) -> bool:
        """A result of the part of this number has come; whether `overdue` has changed."""
        self._results += 1
        way = max(opened - number, 0)
        self._way += max(1.0 / self._results, 1.0 / 200.0) * (way - self._way)
        pause, self._last = opened - self._last, opened
        if not self.overdue:
            if self._results > 1:  # before the first one, nobody was used to any
                self._pause = max(self._pause * _FORGETS, float(pause))
            return False
        self._back += 1
        if self._back < 10:
            return False
        self.overdue = False
        return True

    def state(self) -> dict[str, Any]:
        """Everything, as plain values."""
        return {
            "overdue": self.overdue,
            "results": self._results,
            "last": self._last,
            "way": self._way,
            "pause": self._pause,
            "back": self._back,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        self.overdue, self._results = state["overdue"], state["results"]
        self._last, self._way = state["last"], state["way"]
        self._pause, self._back = state["pause"], state["back"]
