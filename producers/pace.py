"""Event time at a chosen multiple of real time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from stream.errors import ConfigError
from stream.events import Event


class Pace:
    """Releases events as their own time passes, ``speed`` times as fast as the clock.

    The first event is released at once and sets the zero of both times. The schedule is absolute:
    who falls behind catches up without waiting, and an event whose time lies before that of an
    earlier one (a skewed clock) is not waited for.

    Parameters
    ----------
    speed
        Seconds of event time per second; None does not wait at all.
    clock, sleep
        Monotonic seconds, and how to wait for some of them; for tests, and for a `sleep` that can
        be interrupted.

    Examples
    --------
    >>> from producers.families import family
    >>> from producers.simulator import SimulatedLine
    >>> waits = []
    >>> pace = Pace(60.0, clock=lambda: sum(waits), sleep=waits.append)
    >>> events = list(pace(SimulatedLine(family("demo")).events(parts=10)))
    >>> passed = events[-1].at - events[0].at
    >>> abs(sum(waits) - passed.total_seconds() / 60.0) < 1e-6
    True
    """

    def __init__(
        self,
        speed: float | None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        if speed is not None and not 0 < speed < float("inf"):
            raise ConfigError(f"speed is {speed}: give a positive number, or none for no waiting")
        self.speed = speed
        self.clock = clock
        self.sleep = sleep
        self._zero: tuple[datetime, float] | None = None

    def wait(self, event: Event) -> float:
        """Seconds until ``event`` is due, 0 if it already is.

        The first event asked about sets the zero.
        """
        if self.speed is None:
            return 0.0
        if self._zero is None:
            self._zero = (event.at, self.clock())
        began_at, began = self._zero
        due = began + (event.at - began_at).total_seconds() / self.speed
        return max(0.0, due - self.clock())

    def __call__(self, events: Iterable[Event]) -> Iterator[Event]:
        """``events``, each when it is due."""
        for event in events:
            if (seconds := self.wait(event)) > 0:
                self.sleep(seconds)
            yield event
