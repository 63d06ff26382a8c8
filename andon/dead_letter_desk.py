"""What ``andon dead-letters`` does, as functions of settings."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from andon.build import input_limits, opened_log
from andon.dead_letter_events import Left, Made
from andon.dead_letter_replay import DeadLetterReplay, ReplaySettings, Summary, read_present
from andon.dead_letters import Letter, Letters, Reason, Wanted, as_letter, by_reason
from andon.settings import Settings
from andon.terminal import Stop
from producers.ingest_map import load_ingest_map
from stream.errors import ConfigError
from stream.log import Log, TopicPartition

_PLACE = re.compile(r"([0-9]{1,9}):([0-9]{1,18})")


@dataclass(frozen=True)
class Listing:
    """Letters by reason; ``foreign`` counts the topic's records that are no dead letters."""

    reasons: list[Reason]
    foreign: int


def reasons(settings: Settings, wanted: Wanted, *, replayed: bool, stop: Stop) -> Listing:
    """The letters by reason; ``replayed``: with how many of them events were made since."""
    with opened_log(settings) as log:
        topics = settings.topics
        known = None
        if replayed:
            known = read_present(log, topics.events, set(), "", stop.until).letters
        letters = Letters(log, topics.dead_letters, wanted)
        return Listing(by_reason(stop.until(letters), known), letters.foreign)


def letter_at(settings: Settings, place: str) -> Letter:
    """The letter at ``PARTITION:OFFSET``; raises `ConfigError` where none lies."""
    found = _PLACE.fullmatch(place)
    if found is None:
        raise ConfigError(
            f"{place!r} is no place: write PARTITION:OFFSET, such as 0:12; "
            f"'andon dead-letters list' shows some"
        )
    topic = settings.topics.dead_letters
    at, offset = TopicPartition(topic, int(found[1])), int(found[2])
    with opened_log(settings) as log:
        count = log.partitions(topic)
        if at.partition >= count:
            raise ConfigError(
                f"{place}: topic {topic!r} has no partition {at.partition}: give 0 to {count - 1}"
            )
        return _letter_at(log, at, offset, place)


def _letter_at(log: Log, at: TopicPartition, offset: int, place: str) -> Letter:
    begin, end = log.begin(at), log.end(at)
    if not begin <= offset < end:
        here = f"holds {begin} to {end - 1}" if begin < end else "is empty"
        raise ConfigError(
            f"{place}: {at.topic}[{at.partition}] {here}: 'andon dead-letters list' shows places"
        )
    for record in log.read(at, offset, offset + 1):
        letter = as_letter(record)
        if letter is None:
            raise ConfigError(f"{place}: the record on {at.topic!r} carries no reason of andon's")
        return letter
    raise ConfigError(f"{place}: no record lies at this offset: 'andon dead-letters list' shows")


def replay(
    settings: Settings,
    wanted: Wanted,
    map_file: Path | None,
    *,
    show: Callable[[Made | Left], None] | None = None,
    stop: Stop,
) -> Summary:
    """Put letters where they belong; with ``show`` only tell what would be done."""
    ingest_map = None if map_file is None else load_ingest_map(map_file)
    topics = settings.topics
    pure = ReplaySettings(
        events=topics.events,
        dead_letters=topics.dead_letters,
        group=f"{settings.worker.group}.dead-letters",
        limits=input_limits(settings),
    )
    with opened_log(settings) as log:
        work = DeadLetterReplay(log, pure, wanted, ingest_map)
        summary = work.run(stop.is_set) if show is None else work.preview(show, stop.is_set)
    stop.cut = stop.is_set()
    return summary
