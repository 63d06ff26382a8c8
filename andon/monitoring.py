"""The monitors of the commands, as the settings ask for them; who serves them is `andon.health`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from alerts.outbox import Outbox
from andon.alert_feed import AlertFeed
from andon.health import served
from andon.line_state import TrainedFile
from andon.monitor import Monitor
from andon.notifier_monitor import NotifierMonitor
from andon.producer_monitor import ProducerMonitor
from andon.settings import Settings
from andon.worker_monitor import WorkerMonitor
from stream.log import Log


@contextmanager
def worker_monitor(settings: Settings, event_log: Log) -> Iterator[WorkerMonitor]:
    """The monitor of a worker, served while the block runs."""
    monitoring = settings.monitoring
    monitor = WorkerMonitor(
        event_log,
        settings.worker.group,
        monitoring.state,
        trained=TrainedFile.found(settings.detector.trained),
        interval_s=monitoring.interval_s,
        heartbeat_s=monitoring.heartbeat_s,
    )
    with _served(settings, monitor):
        yield monitor


@contextmanager
def notifier_monitor(
    settings: Settings, alert_log: Log, feed: AlertFeed, outbox: Outbox, endpoints: Sequence[str]
) -> Iterator[NotifierMonitor]:
    """The monitor of a notifier, served while the block runs."""
    monitoring = settings.monitoring
    monitor = NotifierMonitor(
        alert_log,
        feed,
        outbox,
        settings.notifier.group,
        endpoints,
        interval_s=monitoring.interval_s,
        heartbeat_s=monitoring.heartbeat_s,
    )
    with _served(settings, monitor):
        yield monitor


@contextmanager
def producer_monitor(settings: Settings, command: str) -> Iterator[ProducerMonitor]:
    """The monitor of a command that puts events onto the log, served while the block runs."""
    monitor = ProducerMonitor(command, heartbeat_s=settings.monitoring.heartbeat_s)
    with _served(settings, monitor):
        yield monitor


@contextmanager
def _served(settings: Settings, monitor: Monitor) -> Iterator[None]:
    with served(monitor, settings.monitoring.host, settings.monitoring.port):
        yield
