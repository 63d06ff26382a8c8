"""What the commands do, as functions of settings: the command line only parses and prints."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

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
from andon.history import is_event_file
from andon.monitoring import producer_monitor, worker_monitor
from andon.settings import Settings
from andon.terminal import Stop, metered
from producers.event_file import write_events
from producers.families import family as known_family
from producers.pace import Pace
from producers.publish import publish
from producers.simulator import SimulatedLine
from stream.effects import Effect, Raised
from stream.errors import ConfigError
from stream.events import Name
from stream.log import Record


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
    stop: Stop,
) -> dict[str, Any]:
    """Put a simulated line onto the log, or into a file."""
    if line is not None:
        _check_name("--line", line)
    if to is not None and not is_event_file(to):
        raise ConfigError(
            f"--out {to}: end its name in .jsonl or .jsonl.gz, by which replay and produce know "
            f"that it holds events"
        )
    described = known_family(family, features=features, line=line)
    simulated = SimulatedLine(described, seed=seed, remember=0)
    with (
        producer_monitor(settings, "simulate") as monitor,
        metered(f"simulating {described.name}") as meter,
    ):
        events = meter.counted(monitor.events(stop.until(simulated.events(parts))))
        pace = Pace(speed, sleep=monitor.resting(stop.wait))
        if to is not None:
            to.parent.mkdir(parents=True, exist_ok=True)
            count = write_events(to, pace(events))
        else:
            with ready_log(settings) as event_log:
                count = publish(event_log, settings.topics.events, events, pace=pace)
    if parts is None:
        stop.cut = False  # a line without end is ended by being stopped
    return {"events": count, "line": described.name, "to": str(to or settings.topics.events)}


def watch(
    settings: Settings, *, until_end: bool, show: Callable[[Alert], None] | None, stop: Stop
) -> None:
    """Run a worker until the end of the log or a stop; ``show`` gets every new alert."""

    with ready_log(settings) as event_log, worker_monitor(settings, event_log) as monitor:

        def observe(record: Record, effects: list[Effect]) -> None:
            monitor.observe(record, effects)
            for effect in effects:
                if isinstance(effect, Raised) and show is not None:
                    show(effect.alert)

        worker = build_worker(settings, event_log, observe, monitor.turned)
        worker.run(stop.is_set, until_end=until_end)
        monitor.take_picture(worker)
    stop.cut = until_end and stop.is_set()


def notify(
    settings: Settings, environ: Mapping[str, str], drain: float | None, *, stop: Stop
) -> int:
    """Run a notifier until a stop, or for ``drain`` seconds; answers what is left pending."""
    with (
        ready_log(settings) as alert_log,
        built_notifier(settings, alert_log, environ) as notifier,
    ):
        if drain is not None:
            return notifier.drain(drain, stop)
        notifier.run(stop)
        return 0


def create_topics(settings: Settings) -> list[str]:
    """Create the topics that are missing; answers their names."""
    with opened_log(settings) as event_log:
        return event_log.create_topics(topic_specs(settings))


def check(settings: Settings, environ: Mapping[str, str]) -> dict[str, Any]:
    """Try what the settings name (the model, the secrets) and show them without secrets."""
    task_settings(settings)
    open_endpoints(settings.endpoints, environ)
    return settings.public()


def _check_name(option: str, name: str) -> None:
    try:
        TypeAdapter(Name).validate_python(name)
    except ValidationError:
        raise ConfigError(
            f"{option} is {json.dumps(name[:80])}: give 1 to 256 printable characters"
        ) from None
