"""What the commands do, as functions of settings: the command line only parses and prints."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import structlog

from alerts.alert import Alert
from andon.build import (
    build_worker,
    built_notifier,
    opened_log,
    ready_log,
    task_settings,
    topic_specs,
)
from andon.endpoints import open_endpoints
from andon.history import History
from andon.monitoring import producer_monitor, worker_monitor
from andon.replay import Replay
from andon.report import summary
from andon.settings import Settings
from andon.terminal import Meter, metered, stopped_by_signals
from producers.event_file import write_events
from producers.families import family as known_family
from producers.pace import Pace
from producers.publish import publish
from producers.simulator import SimulatedLine
from stream.effects import Effect, Raised
from stream.events import Event
from stream.log import Record

log = structlog.get_logger()

BAD_FILE = "bad.jsonl"


def simulate(
    settings: Settings,
    *,
    family: str,
    features: int,
    parts: int | None,
    seed: int,
    line: str | None,
    speed: float | None,
    to: Path | None,
) -> dict[str, Any]:
    """Put a simulated line onto the log, or into a file."""
    described = known_family(family, features=features, line=line)
    simulated = SimulatedLine(described, seed=seed, remember=0)
    with (
        stopped_by_signals() as stop,
        producer_monitor(settings, "simulate") as monitor,
        metered(f"simulating {described.name}") as meter,
    ):
        pace = Pace(speed, sleep=monitor.resting(stop.wait))
        events = _counted(monitor.events(_until(stop, simulated.events(parts))), meter)
        if to is not None:
            to.parent.mkdir(parents=True, exist_ok=True)
            count = write_events(to, pace(events))
        else:
            with ready_log(settings) as event_log:
                count = publish(event_log, settings.topics.events, events, pace=pace)
    return {"events": count, "line": described.name, "to": str(to or settings.topics.events)}


def produce(
    settings: Settings, source: Sequence[Path], map_file: Path | None, speed: float | None
) -> dict[str, Any]:
    """Put a history onto the log."""
    with ExitStack() as stack:
        stop = stack.enter_context(stopped_by_signals())
        monitor = stack.enter_context(producer_monitor(settings, "produce"))
        meter = stack.enter_context(metered("producing"))
        bad = stack.enter_context(_BadInput(None, monitor.unusable))
        history = History(source, map_file, on_bad=bad.add, on_bytes=meter.bytes)
        event_log = stack.enter_context(ready_log(settings))
        count = publish(
            event_log,
            settings.topics.events,
            _counted(monitor.events(_until(stop, history)), meter),
            pace=Pace(speed, sleep=monitor.resting(stop.wait)),
        )
    return {"events": count, "bad": bad.count, "to": settings.topics.events}


def watch(settings: Settings, *, until_end: bool, show: Callable[[Alert], None] | None) -> None:
    """Run a worker until the end of the log or a signal; ``show`` gets every new alert."""

    with (
        stopped_by_signals() as stop,
        ready_log(settings) as event_log,
        worker_monitor(settings, event_log) as monitor,
    ):

        def observe(record: Record, effects: list[Effect]) -> None:
            monitor.observe(record, effects)
            for effect in effects:
                if isinstance(effect, Raised) and show is not None:
                    show(effect.alert)

        worker = build_worker(settings, event_log, observe, monitor.turned)
        worker.run(stop.is_set, until_end=until_end)
        monitor.take_picture(worker)


def notify(settings: Settings, environ: Mapping[str, str], drain: float | None) -> int:
    """Run a notifier until a signal, or for ``drain`` seconds; answers what is left pending."""
    with (
        stopped_by_signals() as stop,
        ready_log(settings) as alert_log,
        built_notifier(settings, alert_log, environ) as notifier,
    ):
        if drain is not None:
            return notifier.drain(drain)
        notifier.run(stop)
        return 0


def replay(
    settings: Settings, source: Sequence[Path], map_file: Path | None, to: Path
) -> tuple[str, dict[str, Any]]:
    """Run history through the detector; answers the summary and the content of report.json."""
    with ExitStack() as stack:
        stop = stack.enter_context(stopped_by_signals())
        meter = stack.enter_context(metered("replaying"))
        bad = stack.enter_context(_BadInput(to / BAD_FILE))
        history = History(source, map_file, on_bad=bad.add, on_bytes=meter.bytes)
        desk = Replay(task_settings(settings), settings.topics.partitions)
        report = desk.run(
            _until(stop, history),
            to,
            source=", ".join(path.name for path in source),
            on_progress=meter.events,
        )
    lines = [summary(report), f"risks, alerts and report: {to}"]
    if bad.count:
        lines.append(f"{bad.count:,} cells or rows could not be used: {to / BAD_FILE}")
    return "\n".join(lines), report.to_dict()


def create_topics(settings: Settings) -> list[str]:
    """Create the topics that are missing; answers their names."""
    with opened_log(settings) as event_log:
        return event_log.create_topics(topic_specs(settings))


def check(settings: Settings, environ: Mapping[str, str]) -> dict[str, Any]:
    """Try what the settings name (the model, the secrets) and show them without secrets."""
    task_settings(settings)
    open_endpoints(settings.endpoints, environ)
    return settings.public()


def _until(stop: threading.Event, events: Iterable[Event]) -> Iterator[Event]:
    for event in events:
        if stop.is_set():
            return
        yield event


def _counted(events: Iterable[Event], meter: Meter) -> Iterator[Event]:
    for number, event in enumerate(events, start=1):
        if number % 1000 == 0:
            meter.events(number)
        yield event


class _BadInput:
    """Counts what could not be used, and keeps a list of it in a file or in the program's log."""

    def __init__(self, path: Path | None, on_add: Callable[[], None] = lambda: None) -> None:
        self.count = 0
        self._on_add = on_add
        self._path = path
        self._file: BinaryIO | None = None

    def __enter__(self) -> _BadInput:
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        return self

    def __exit__(self, *error: object) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, place: str, reason: str) -> None:
        """One cell, row or line."""
        self.count += 1
        self._on_add()
        if self._path is None:
            log.warning("andon.input_unusable", place=place, reason=reason)
            return
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("wb")
        self._file.write(json.dumps({"place": place, "reason": reason}).encode() + b"\n")
