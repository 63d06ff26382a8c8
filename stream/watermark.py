"""Event time of one line, guarded against wild clocks.

The watermark is the time up to which a line is believed to have been seen. It begins with the
earliest of the first 20 events and follows the line forward, but by more than an hour only when 20
events in a row, of at least 5 distinct parts, lie beyond that hour: one wild clock evicts nothing,
not even as the first one ever heard, while a Monday morning is believed within minutes.
"""

from __future__ import annotations

from typing import Any

JUMP_SECONDS = 3600.0
WITNESSES = 20
DISTINCT_PARTS = 5


class Watermark:
    """The guarded event time of one line, in seconds since 1970; None before 20 events.

    >>> clock = Watermark()
    >>> clock.update(9.9e9, "P-0")               # a station whose clock is centuries ahead
    9900000000.0
    >>> for i in range(19):
    ...     now = clock.update(1000.0 + i, f"P-{i}")
    >>> now, clock.at
    (1000.0, 1000.0)
    >>> for i in range(20):                      # the line really did stand still for a day
    ...     now = clock.update(90_000.0 + i, f"P-{i % 7}")
    >>> clock.at
    90000.0
    """

    def __init__(self) -> None:
        self.at: float | None = None
        self._first: list[float] = []
        self._beyond: list[tuple[float, str]] = []

    def update(self, at: float, part: str) -> float:
        """An event of ``part`` ("" for a tick) says that it is ``at``.

        Answers what time it is on the line: the watermark, ``at`` while there is none.
        """
        now = self.at
        if now is None:
            self._first.append(at)
            if len(self._first) == WITNESSES:
                self.at = min(self._first)
                self._first.clear()
                return self.at
            return at
        elif at <= now + JUMP_SECONDS:
            # An event from about now denies the jump; one from long ago says nothing of it.
            if self._beyond and at >= now - JUMP_SECONDS:
                self._beyond.clear()
            if at > now:
                self.at = now = at
        else:
            self._beyond.append((at, part))
            if len(self._beyond) > WITNESSES:
                self._beyond.pop(0)
            if len(self._beyond) == WITNESSES and self._agree():
                self.at = now = min(time for time, _ in self._beyond)
                self._beyond.clear()
        return now

    def state(self) -> dict[str, Any]:
        """Everything, as plain values."""
        return {
            "at": self.at,
            "first": list(self._first),
            "beyond": [list(each) for each in self._beyond],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        self.at, self._first = state["at"], list(state["first"])
        self._beyond = [(at, part) for at, part in state["beyond"]]

    def _agree(self) -> bool:
        return len({part for _, part in self._beyond if part}) >= DISTINCT_PARTS
