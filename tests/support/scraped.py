"""Registries of monitors that have really worked, and what a scrape of them says."""

from __future__ import annotations

import time
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from small_line import LEARNT, QUICK, small_line
from webhooks import SECRET, local_endpoint
from workers import TOPICS, create_topics, put

from alerts.notifier import Notifier
from alerts.outbox import Outbox
from alerts.receiver import Receiver
from andon.alert_feed import AlertFeed
from andon.notifier_monitor import NotifierMonitor
from andon.producer_monitor import ProducerMonitor
from andon.worker_monitor import WorkerMonitor
from stream.log import Log
from stream.memory import MemoryLog
from stream.task import Task, TaskSettings
from stream.worker import Worker

Labels = tuple[tuple[str, str], ...]


def samples(registry: CollectorRegistry) -> dict[tuple[str, Labels], float]:
    """Every sample by name and labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(generate_latest(registry).decode())
        for sample in family.samples
    }


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    """One sample, None if there is none."""
    return samples(registry).get((name, tuple(sorted(labels.items()))))


def families(registry: CollectorRegistry) -> dict[str, tuple[str, set[str]]]:
    """Kind and labels of every metric by its full name, those without samples included."""
    found = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        found[name] = (family.type, {label for each in family.samples for label in each.labels})
    return found


def monitored_worker(
    log: Log,
    folder: Path | None,
    *,
    interval_s: float = 0.0,
    settings: TaskSettings = QUICK,
) -> tuple[Worker, WorkerMonitor]:
    """A worker of quick settings with its monitor."""
    monitor = WorkerMonitor(log, QUICK.group, folder, interval_s=interval_s)
    worker = Worker(
        log,
        TOPICS,
        group=QUICK.group,
        make_task=lambda partition: Task(partition, settings),
        poll_records=100,
        observe=monitor.observe,
        on_turn=monitor.turned,
    )
    return worker, monitor


def small_log(line: str = "A") -> MemoryLog:
    """A log with a small line's history, and a record that is no event."""
    log = MemoryLog()
    create_topics(log)
    log.append(TOPICS.events, line.encode(), b"{not json")
    put(log, small_line(LEARNT, line))
    return log


def worker_registry(folder: Path) -> CollectorRegistry:
    """Of a worker that has read a small line to its end."""
    worker, monitor = monitored_worker(small_log(), folder / "state")
    worker.run(lambda: False, until_end=True)
    return monitor.registry


def notifier_registry(folder: Path) -> CollectorRegistry:
    """Of a notifier that has delivered a small line's alerts."""
    log = small_log()
    worker, _ = monitored_worker(log, None)
    worker.run(lambda: False, until_end=True)
    feed = AlertFeed(log, TOPICS.alerts, "notifier")
    with Receiver([SECRET]) as receiver, Outbox(folder / "outbox.db") as outbox:
        endpoint = local_endpoint(receiver.url)
        monitor = NotifierMonitor(log, feed, outbox, "notifier", [endpoint.name], interval_s=0.0)
        notifier = Notifier(
            feed, outbox, [endpoint], on_attempt=monitor.attempted, on_turn=monitor.turned
        )
        over = time.monotonic() + 20
        while not receiver.received:
            assert time.monotonic() < over, "nothing was delivered"
            notifier.drain(1.0)
        monitor.turned()
    return monitor.registry


def producer_registry(folder: Path) -> CollectorRegistry:
    """Of a producer of a small line."""
    monitor = ProducerMonitor("simulate")
    for _ in monitor.events(small_line(3)):
        pass
    monitor.unusable()
    return monitor.registry
