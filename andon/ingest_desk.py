"""What ``andon ingest`` does, as functions of settings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from andon.build import input_limits, opened_log, ready_log
from andon.kafka_section import KafkaSection
from andon.monitoring import producer_monitor
from andon.settings import Settings
from andon.terminal import Stop
from producers.ingest import Ingest, IngestSettings
from producers.ingest_map import IngestMap, load_ingest_map
from producers.ingest_preview import Seen, preview
from stream.errors import ConfigError
from stream.log import Log


def ingest(
    settings: Settings, map_file: Path, *, member: str | None, until_end: bool, stop: Stop
) -> dict[str, Any]:
    """Put a plant's own topics onto the log; answers what became of the records."""
    ingest_map = load_ingest_map(map_file)
    _check_topics(settings, map_file, ingest_map)
    with (
        ready_log(settings) as target,
        _source(settings, map_file, ingest_map, target) as source,
        producer_monitor(settings, "ingest") as monitor,
    ):
        topics = settings.topics
        work = Ingest(
            source,
            target,
            ingest_map,
            IngestSettings(
                events=topics.events,
                dead_letters=topics.dead_letters,
                member=member,
                limits=input_limits(settings),
                dead_letter_bytes=settings.limits.dead_letter_bytes,
                gathered_bytes=settings.limits.gathered_bytes,
            ),
            observer=monitor,
        )
        work.run(stop.is_set, until_end=until_end)
    stop.cut = until_end and stop.is_set()
    counts = {name: work.counts[name] for name in ("records", "events", "dead_letters", "ticks")}
    return {**counts, "to": topics.events}


def show(settings: Settings, map_file: Path, count: int) -> list[Seen]:
    """What a map makes of the newest records; nothing is written."""
    ingest_map = load_ingest_map(map_file)
    with opened_log(settings) as target, _source(settings, map_file, ingest_map, target) as source:
        return list(preview(source, ingest_map, count, input_limits(settings)))


def _check_topics(settings: Settings, map_file: Path, ingest_map: IngestMap) -> None:
    """Ingest must not read what it writes."""
    if ingest_map.source.bootstrap_servers:
        return
    ours = settings.topics
    for topic in ingest_map.topics:
        if topic.name in (ours.events, ours.alerts, ours.dead_letters, ours.risks, ours.notices):
            raise ConfigError(
                f"{map_file}: topic {topic.name!r} is one of andon's own in the settings: name "
                f"the plant's topic, or another one in the settings"
            )


@contextmanager
def _source(
    settings: Settings, map_file: Path, ingest_map: IngestMap, target: Log
) -> Iterator[Log]:
    """The log with the plant's topics: the one of the settings, or a cluster of its own."""
    servers = ingest_map.source.bootstrap_servers
    if not servers:
        yield target
        return
    try:
        kafka = KafkaSection.model_validate(
            {**settings.kafka.model_dump(), "bootstrap_servers": servers}
        )
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        reason = str(detail.get("ctx", {}).get("error", "each server is written as host:port"))
        raise ConfigError(f"{map_file}: source.bootstrap_servers: {reason}") from None
    log = settings.log.model_copy(update={"kind": "kafka"})
    with opened_log(settings.model_copy(update={"log": log, "kafka": kafka})) as source:
        yield source
