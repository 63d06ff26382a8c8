"""Ticks for quiet lines: time passes there too, or parts would never expire.

A tick's time is that of the line's last event plus the time that has passed since it was heard, so
it fits the line's own clock, whatever ours says. Of more lines than any plant has, those heard
longest ago get no ticks. Pure: the time of day is told from outside.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from stream.events import Tick

LINES_KEPT = 10_000


class _Heard(NamedTuple):
    at: datetime
    when: float
    ticked: float


class QuietLines:
    """Whose turn it is to get a tick; ``every`` of zero: nobody's.

    >>> from datetime import UTC
    >>> lines = QuietLines(timedelta(minutes=1))
    >>> lines.heard("A", datetime(2026, 1, 5, 8, tzinfo=UTC), now=1000.0)
    >>> list(lines.ticks(now=1059.0)), [tick.at.isoformat() for tick in lines.ticks(now=1060.0)]
    ([], ['2026-01-05T08:01:00+00:00'])
    >>> list(lines.ticks(now=1061.0))
    []
    """

    def __init__(self, every: timedelta) -> None:
        self._every = every.total_seconds()
        # In the order in which they were last heard.
        self._lines: OrderedDict[str, _Heard] = OrderedDict()

    def heard(self, line: str, at: datetime, now: float) -> None:
        """An event of a line, at ``now`` in seconds of any steady clock."""
        self._lines[line] = _Heard(at, now, now)
        self._lines.move_to_end(line)
        if len(self._lines) > LINES_KEPT:
            self._lines.popitem(last=False)

    def ticks(self, now: float) -> Iterator[Tick]:
        """The ticks that are due."""
        if not self._every:
            return
        for line, heard in self._lines.items():
            if now - heard.ticked >= self._every:
                self._lines[line] = heard._replace(ticked=now)
                passed = timedelta(milliseconds=int((now - heard.when) * 1000))
                yield Tick(line=line, at=heard.at + passed)
