"""Too many alarms: how often a line alarms about its parts, against its budget and a person's day.

*Surge*: a cumulative sum of alarms beyond four times the budget reaches ten; it is over when the
recent share of alarmed parts is below one and a half times the budget. A detector that has just
begun is wildly sure of itself, so the first 500 parts with a risk are left out. *Flood*
(ISA-18.2): more alarms within ten minutes than an operator can answer, and three times the
budget of the parts of these minutes, so that a line of a part a second is not called flooded for
keeping its budget; it is over below half of either.

Times are event times in seconds; memory is ten buckets and the parts alarmed in them.
"""

from __future__ import annotations

from collections import deque
from typing import Any

_EXCESS = 4.0
_SURGE = 10.0
_BEGINS = 500
_FLOODED = 3.0
_CALM = 1.5
_BUCKETS = 10
_PARTS = 100.0


class Flood:
    """The alarms of one line as they come.

    Parameters
    ----------
    budget
        The share of parts that may be alarmed about.
    alarms, minutes
        So many alarms within so many minutes are a flood; 0 alarms: never.

    Examples
    --------
    >>> flood = Flood(budget=0.05, alarms=10, minutes=10.0)
    >>> for part in range(620):
    ...     flood.part(at=30.0 * part)
    ...     if part >= 600:
    ...         flood.alarm(part, at=30.0 * part)
    >>> flood.surging, flood.flooded, flood.recent_alarms
    (True, True, 20)
    """

    def __init__(self, budget: float, alarms: int = 20, minutes: float = 10.0) -> None:
        self.budget = budget
        self.alarms = alarms
        self.surging = False
        self.flooded = False
        self._width = 60.0 * minutes / _BUCKETS
        # Of each bucket: its number, parts, and the parts alarmed about, in order.
        self._buckets: deque[list[Any]] = deque()
        self._alarmed: dict[int, None] = {}
        self._parts = 0
        self._excess = 0.0
        self._share = 0.0
        self._since: float | None = None
        self._counted = 0

    @property
    def recent_alarms(self) -> int:
        """How many parts were alarmed about within the last minutes, withheld ones included."""
        return len(self._alarmed)

    @property
    def recent_parts(self) -> int:
        """How many parts came onto the line within the last minutes."""
        return sum(bucket[1] for bucket in self._buckets)

    @property
    def surge_alarms(self) -> tuple[int, float | None]:
        """How many parts were alarmed about since the excess began, and when that was."""
        return self._counted, self._since

    def part(self, at: float) -> None:
        """A part has come onto the line and may be alarmed about."""
        self._bucket(at)[1] += 1
        self._parts += 1
        self._excess = max(self._excess - _EXCESS * self.budget, 0.0)
        if self._excess == 0.0 and not self.surging:
            self._counted, self._since = 0, None
        self._share *= 1.0 - 1.0 / _PARTS
        self._judge()

    def alarm(self, part: int, at: float) -> None:
        """A part, by its number, is alarmed about, or would be; it counts once."""
        bucket = self._bucket(at)
        if part in self._alarmed:
            return
        self._alarmed[part] = None
        bucket[2].append(part)
        self._share += 1.0 / _PARTS
        if self._parts > _BEGINS:
            self._excess += 1.0
            self._counted += 1
            self._since = at if self._since is None else self._since
        self._judge()

    def _judge(self) -> None:
        if self.surging:
            self.surging = self._share >= _CALM * self.budget
        elif self._excess >= _SURGE:
            self.surging = True
        if not self.surging:
            self._excess = min(self._excess, _SURGE)
        least = max(float(self.alarms), _FLOODED * self.budget * self.recent_parts)
        if self.flooded:
            least /= 2.0
        self.flooded = self.alarms > 0 and len(self._alarmed) >= least

    def _bucket(self, at: float) -> list[Any]:
        number = int(at // self._width)
        if not self._buckets or number > self._buckets[-1][0]:
            self._buckets.append([number, 0, []])
            while self._buckets[0][0] <= number - _BUCKETS:
                for part in self._buckets.popleft()[2]:
                    del self._alarmed[part]
        return self._buckets[-1]

    def state(self) -> dict[str, Any]:
        """Everything, as plain values."""
        return {
            "width": self._width,
            "surging": self.surging,
            "flooded": self.flooded,
            "buckets": [[number, parts, list(alarmed)] for number, parts, alarmed in self._buckets],
            "parts": self._parts,
            "excess": self._excess,
            "share": self._share,
            "since": self._since,
            "counted": self._counted,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`; for a fresh flood.

        The last minutes are counted anew if their number is another one now.
        """
        self.surging = state["surging"]
        if state["width"] == self._width:
            self.flooded = state["flooded"]
            self._buckets = deque(list(bucket) for bucket in state["buckets"])
            self._alarmed = {part: None for bucket in self._buckets for part in bucket[2]}
        self._parts, self._excess, self._share = state["parts"], state["excess"], state["share"]
        self._since, self._counted = state["since"], state["counted"]
