"""What every long-running command tells of itself: metrics, whether it lives, whether it serves.

A monitor is written to by the command's own loop and read by the threads of `andon.health`. What
belongs to the loop (tasks, lines) is never read from another thread: a subclass takes a picture of
it between two turns, and the picture is what is served.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import Metric

from andon import __version__
from andon.metrics import family

HEARTBEAT_S = 60.0


class Monitor:
    """One command's metrics, heartbeat and readiness.

    Parameters
    ----------
    command
        Its name.
    heartbeat_s
        Seconds without a `beat` after which it no longer counts as alive.
    clock
        Answers seconds that only go forward.

    >>> now = [0.0]
    >>> monitor = Monitor("watch", heartbeat_s=60.0, clock=lambda: now[0])
    >>> monitor.unready, monitor.alive
    (('the command has not begun its work yet',), True)
    >>> monitor.set_ready()
    >>> now[0] = 61.0
    >>> monitor.unready, monitor.alive
    ((), False)
    """

    def __init__(
        self,
        command: str,
        *,
        heartbeat_s: float = HEARTBEAT_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.command = command
        self.heartbeat_s = heartbeat_s
        self.registry = CollectorRegistry()
        self._clock = clock
        self._beat_at = clock()
        self._unready: tuple[str, ...] = ("the command has not begun its work yet",)
        ProcessCollector(registry=self.registry)
        self.registry.register(self)

    def beat(self) -> None:
        """The loop turns."""
        self._beat_at = self._clock()

    def set_ready(self, *reasons: str) -> None:
        """It serves; or it does not (yet), for these reasons."""
        self._unready = reasons

    @property
    def heartbeat_age(self) -> float:
        """Seconds since the last beat."""
        return max(self._clock() - self._beat_at, 0.0)

    @property
    def alive(self) -> bool:
        """Whether the loop turns."""
        return self.heartbeat_age < self.heartbeat_s

    @property
    def unready(self) -> tuple[str, ...]:
        """Why it does not serve; empty when it does."""
        return self._unready

    def collect(self) -> Iterable[Metric]:
        """What is computed when metrics are asked for; subclasses add theirs."""
        info = family("andon_build_info")
        info.add_metric([__version__, self.command], 1)
        age = family("andon_heartbeat_age_seconds")
        age.add_metric([], self.heartbeat_age)
        ready = family("andon_ready")
        ready.add_metric([], not self._unready)
        return [info, age, ready]
