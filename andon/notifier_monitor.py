"""What a notifier tells of itself, its lag and its endpoints."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import structlog
from prometheus_client.core import Metric

from alerts.delivery import Outcome
from alerts.outbox import Outbox
from andon.alert_feed import AlertFeed
from andon.metrics import counter, family, histogram
from andon.monitor import HEARTBEAT_S, Monitor
from stream.errors import LogError
from stream.log import Log, TopicPartition

log = structlog.get_logger()

_STATES = ("pending", "exhausted")


@dataclass(frozen=True)
class _Picture:
    lag: dict[TopicPartition, int]
    depth: dict[str, dict[str, int]]
    disabled: frozenset[str]


class NotifierMonitor(Monitor):
    """The monitor of ``notify``: `turned` and `attempted` are the notifier's callbacks.

    Ready once its group has given it a partition of the alerts: its outbox is open by then.
    ``endpoints`` names those in the settings; an outbox may hold alerts for others as well.
    """

    def __init__(
        self,
        alert_log: Log,
        feed: AlertFeed,
        outbox: Outbox,
        group: str,
        endpoints: Sequence[str],
        *,
        interval_s: float = 5.0,
        heartbeat_s: float = HEARTBEAT_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__("notify", heartbeat_s=heartbeat_s, clock=clock)
        self._log = alert_log
        self._feed = feed
        self._outbox = outbox
        self._group = group
        self._endpoints = tuple(endpoints)
        self._interval_s = interval_s
        self._due = clock()
        self._picture: _Picture | None = None
        self._attempts = counter("andon_delivery_attempts_total", self.registry)
        self._seconds = histogram("andon_delivery_attempt_seconds", self.registry)

    def attempted(self, endpoint: str, outcome: Outcome, seconds: float) -> None:
        """An attempt was made; from any thread."""
        self._attempts.labels(endpoint, outcome).inc()
        self._seconds.labels(endpoint).observe(seconds)

    def turned(self) -> None:
        """The notifier's loop has turned."""
        self.beat()
        held = self._feed.next_offsets
        self.set_ready(*([] if held else ["no partition of the alerts is assigned"]))
        if self._clock() >= self._due:
            self._picture = _Picture(
                lag=self._lag(held),
                depth=self._outbox.depth(),
                disabled=frozenset(self._outbox.disabled()),
            )
            self._due = self._clock() + self._interval_s

    def collect(self) -> Iterable[Metric]:
        """The picture as metrics."""
        picture = self._picture
        lag, depth = family("andon_lag_records"), family("andon_outbox_alerts")
        disabled = family("andon_endpoint_disabled")
        told = [*super().collect(), lag, depth, disabled]
        if picture is None:
            return told
        for at, left in sorted(picture.lag.items()):
            lag.add_metric([self._group, at.topic, str(at.partition)], left)
        for endpoint in sorted({*self._endpoints, *picture.depth}):
            for state in _STATES:
                depth.add_metric([endpoint, state], picture.depth.get(endpoint, {}).get(state, 0))
        for endpoint in sorted({*self._endpoints, *picture.disabled}):
            disabled.add_metric([endpoint], endpoint in picture.disabled)
        return told

    def _lag(self, held: dict[TopicPartition, int]) -> dict[TopicPartition, int]:
        found = {}
        for at, offset in held.items():
            try:
                found[at] = max(self._log.end(at) - offset, 0)
            except LogError as error:
                log.warning("andon.lag_unknown", partition=at.partition, error=str(error))
        return found
