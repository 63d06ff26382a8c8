"""What a command that puts events onto the log tells of itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import Counter

from andon.metrics import counter
from andon.monitor import HEARTBEAT_S, Monitor
from stream.events import Event


class ProducerMonitor(Monitor):
    """Counts what is produced; ready as soon as the first event was asked for.

    >>> from datetime import UTC, datetime
    >>> from stream.events import Tick
    >>> monitor = ProducerMonitor("simulate")
    >>> tick = Tick(line="body-A", at=datetime(2026, 1, 5, tzinfo=UTC))
    >>> len(list(monitor.events([tick])))
    1
    >>> monitor.registry.get_sample_value("andon_produced_events_total", {"kind": "tick"})
    1.0
    """

    def __init__(self, command: str, *, heartbeat_s: float = HEARTBEAT_S) -> None:
        super().__init__(command, heartbeat_s=heartbeat_s)
        self._events = counter("andon_produced_events_total", self.registry)
        self._by_kind: dict[str, Counter] = {}
        self._unusable = counter("andon_input_unusable_total", self.registry)
        self._cut = counter("andon_visits_cut_total", self.registry)

    def produced(self, kind: str) -> None:
        """An event of this type was handed over."""
        told = self._by_kind.get(kind)
        if told is None:
            told = self._by_kind[kind] = self._events.labels(kind)
        told.inc()

    def unusable(self) -> None:
        """A cell, row or message of the input could not be used."""
        self._unusable.inc()

    def cut(self) -> None:
        """A visit was told before it was whole."""
        self._cut.inc()

    def events(self, events: Iterable[Event]) -> Iterator[Event]:
        """``events``, counted when the next one is asked for, and a beat with each."""
        self.set_ready()
        for event in events:
            self.beat()
            yield event
            self.produced(event.type)

    def resting(self, rest: Callable[[float], object]) -> Callable[[float], None]:
        """``rest`` (for some seconds; true when it was ended early) with heartbeats in between.

        >>> rests = []
        >>> ProducerMonitor("simulate", heartbeat_s=60.0).resting(rests.append)(40.0)
        >>> rests
        [15.0, 15.0, 10.0]
        """

        def rested(seconds: float) -> None:
            while seconds > 0:
                self.beat()
                slept = min(seconds, self.heartbeat_s / 4)
                if rest(slept):
                    return
                seconds -= slept

        return rested
