"""Results that come before the line's first scale is known: they wait, and are learnt after all.

A part's numbers mean nothing to a linear model before the usual level and spread of each are known,
which takes some closed parts. Its result is kept until then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

from models.part_row import PartRow

CAPACITY = 1000  # the first scale is known after 25 closed parts


class EarlyResult(NamedTuple):
    """A part as it was when its result came, the result, and its time in seconds."""

    row: PartRow
    fail: bool
    at: float


class EarlyResults:
    """A queue of results, the oldest first; beyond ``CAPACITY`` the oldest are forgotten.

    Examples
    --------
    >>> waiting = EarlyResults()
    >>> waiting.add(PartRow(), True, 0.0)
    >>> [result.fail for result in waiting.taken()], [result.fail for result in waiting.taken()]
    ([True], [])
    """

    def __init__(self) -> None:
        self._results: deque[EarlyResult] = deque(maxlen=CAPACITY)

    def add(self, row: PartRow, fail: bool, at: float) -> None:
        """A result that cannot be learnt yet; the row goes on belonging to the caller."""
        kept = PartRow(row.x.copy(), row.state.copy(), row.visited_at.copy())
        self._results.append(EarlyResult(kept, fail, at))

    def taken(self) -> Iterator[EarlyResult]:
        """Take them all out, in the order in which they came."""
        while self._results:
            yield self._results.popleft()

    def state(self) -> list[list[Any]]:
        """Everything, as plain values and arrays."""
        return [[row.x, row.state, row.visited_at, fail, at] for row, fail, at in self._results]

    def restore(self, state: list[list[Any]]) -> None:
        """Go on from a `state`."""
        self._results.clear()
        for x, cells, visited_at, fail, at in state:
            self._results.append(EarlyResult(PartRow(x, cells, visited_at), fail, at))
