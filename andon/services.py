"""What the commands do, as functions of settings: the command line only parses and prints."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
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
from andon.checkpoints import TakeUp, model_keeper, opened_checkpoints
from andon.endpoints import open_endpoints
from andon.garbage import FullCollections
from andon.history import is_event_file
from andon.kafka_security import check_kafka_security
from andon.monitoring import producer_monitor, worker_monitor
from andon.sections import TopicName
from andon.settings import Settings
from andon.terminal import Stop, metered
from andon.warm_up import warm_up
from models.baselines import NATIVE
from producers.event_file import write_events
from producers.families import family as known_family
from producers.pace import Pace
from producers.plant_messages import (
    encode_message,
    plant_topic,
    plant_topics,
    told_by_a_plant,
)
from producers.publish import publish
from producers.simulator import SimulatedLine
from stream.effects import Effect, Raised
from stream.errors import ConfigError
from stream.events import Event, Name
from stream.log import Log, Record
from stream.worker import Worker


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
    plant: str | None,
    stop: Stop,
) -> dict[str, Any]:
    """Put a simulated line onto the log, or into a file; ``plant`` as a plant's own messages."""
    if line is not None:
        _check_name("--line", line)
    if plant is not None:
        _check_plant(settings, plant, to)
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
                count = _publish_line(settings, event_log, events, plant, pace)
    if parts is None:
        stop.cut = False  # a line without end is ended by being stopped
    place = " and ".join(plant_topics(plant)) if plant else settings.topics.events
    return {"events": count, "line": described.name, "to": str(to or place)}


def _publish_line(
    settings: Settings, event_log: Log, events: Iterable[Event], plant: str | None, pace: Pace
) -> int:
    if plant is None:
        return publish(event_log, settings.topics.events, events, pace=pace)
    if settings.log.kind == "local":
        create_topics_on(event_log, settings, plant_topics(plant))
    return publish(
        event_log,
        partial(plant_topic, plant),
        told_by_a_plant(events),
        encode=encode_message,
        pace=pace,
    )


def watch(
    settings: Settings,
    *,
    until_end: bool,
    show: Callable[[Alert], None] | None,
    stop: Stop,
    take_up: TakeUp | None = None,
) -> None:
    """Run a worker until the end of the log or a stop; ``show`` gets every new alert."""
    if settings.detector.model in NATIVE:
        warm_up((settings.detector.model,))
    with (
        FullCollections() as collections,
        ready_log(settings) as event_log,
        worker_monitor(settings, event_log) as monitor,
        opened_checkpoints(settings, event_log, take_up, monitor.checkpointed) as checkpoints,
    ):

        def observe(record: Record, effects: list[Effect]) -> None:
            monitor.observe(record, effects)
            for effect in effects:
                if isinstance(effect, Raised) and show is not None:
                    show(effect.alert)

        def turned(worker: Worker) -> None:
            monitor.turned(worker)
            collections.turned(worker.quiet)

        worker = build_worker(settings, event_log, observe, turned, checkpoints)
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


def create_topics(settings: Settings, also: Sequence[str] = ()) -> list[str]:
    """Create the topics that are missing, and ``also`` these; answers their names."""
    for name in also:
        _check_topic("--also", name)
    with opened_log(settings) as event_log:
        return create_topics_on(event_log, settings, also)


def create_topics_on(event_log: Log, settings: Settings, also: Sequence[str]) -> list[str]:
    """Create on an open log what is missing of the settings' topics and of ``also``."""
    own = topic_specs(settings)
    names = {spec.name for spec in own}
    more = [replace(own[0], name=name) for name in dict.fromkeys(also) if name not in names]
    return event_log.create_topics([*own, *more])


def check(settings: Settings, environ: Mapping[str, str]) -> dict[str, Any]:
    """Try what the settings name (the model, the secrets) and show them without secrets."""
    model_keeper(settings, task_settings(settings).line)
    if settings.log.kind == "kafka":
        check_kafka_security(settings.kafka, environ)
    open_endpoints(settings.endpoints, environ)
    return settings.public()


def _check_name(option: str, name: str) -> None:
    try:
        TypeAdapter(Name).validate_python(name)
    except ValidationError:
        raise ConfigError(
            f"{option} is {json.dumps(name[:80])}: give 1 to 256 printable characters"
        ) from None


def _check_topic(option: str, name: str) -> None:
    try:
        TypeAdapter(TopicName).validate_python(name)
    except ValidationError:
        raise ConfigError(
            f"{option} is {json.dumps(name[:80])}: give a topic's name, 1 to 249 letters, digits, "
            f"'.', '_' or '-', not beginning with '.'"
        ) from None


def _check_plant(settings: Settings, prefix: str, to: Path | None) -> None:
    if to is not None:
        raise ConfigError(
            "--plant and --out are both given: a file holds events, not a plant's messages; "
            "remove one"
        )
    for name in plant_topics(prefix):
        _check_topic("--plant", name)
        if name in {spec.name for spec in topic_specs(settings)}:
            raise ConfigError(
                f"--plant {prefix}: topic {name!r} is one of andon's own in the settings: give "
                f"another prefix"
            )
