"""Dead letters for tests: plants whose map is wrong, and replays of what it put aside."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from plants import loaded

from andon.dead_letter_replay import DeadLetterReplay, ReplaySettings, Summary
from andon.dead_letters import Wanted
from producers.ingest import Ingest
from stream.log import Log, TopicSpec

EVENTS, LETTERS = "andon.events", "andon.dead-letters"


def wrong(data: dict[str, Any]) -> dict[str, Any]:
    """The map, but it looks for every time where none stands."""
    topics = []
    for topic in data["topic"]:
        at = topic["at"]
        nowhere = {**at, "path": "$.nowhere"} if isinstance(at, dict) else "$.nowhere"
        topics.append({**topic, "at": nowhere})
    return {**data, "topic": topics}


def create_topics(log: Log, partitions: int = 2) -> None:
    """Events and dead letters."""
    log.create_topics([TopicSpec(EVENTS, partitions), TopicSpec(LETTERS, partitions)])


def ingest(log: Log, data: dict[str, Any]) -> Ingest:
    """All that the plant's topics hold, by the map."""
    work = Ingest(log, log, loaded(data))
    work.run(lambda: False, until_end=True)
    return work


def replay(
    log: Log,
    data: dict[str, Any] | None = None,
    wanted: Wanted | None = None,
    settings: ReplaySettings | None = None,
    **changes: Any,
) -> Summary:
    """One replay, by the map if there is one."""
    work = DeadLetterReplay(
        log,
        replace(settings or ReplaySettings(), **changes),
        wanted or Wanted(),
        None if data is None else loaded(data),
    )
    return work.run(lambda: False)


def figures(summary: Summary) -> tuple[int, int, int, int]:
    """Replayed, events, already, remaining."""
    return summary.replayed, summary.events, summary.already, summary.remaining
