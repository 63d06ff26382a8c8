"""What an ingest is told before it begins: settings, who watches it, and its partitions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from producers.gathering import GATHERED_BYTES
from producers.ingest_map import IngestMap
from stream.codec import DEFAULT_LIMITS, InputLimits
from stream.errors import LogError, TopicMissing
from stream.log import Log, TopicPartition


@dataclass(frozen=True)
class IngestSettings:
    """The topics written to, this process's static name if any, bounds in bytes and records
    (``gathered_bytes``: of the readings that wait for their visit to end), and after how many
    seconds offsets are stored."""

    events: str = "andon.events"
    dead_letters: str = "andon.dead-letters"
    member: str | None = None
    limits: InputLimits = DEFAULT_LIMITS
    dead_letter_bytes: int = 64 * 1024
    gathered_bytes: int = GATHERED_BYTES
    poll_records: int = 1_000
    settle_seconds: float = 1.0


class Observer(Protocol):
    """Who wants to know how the work goes."""

    def beat(self) -> None:
        """The loop turns."""

    def set_ready(self, *reasons: str) -> None:
        """It works; or it does not, for these reasons."""

    def produced(self, kind: str) -> None:
        """An event of this type was handed to the log."""

    def unusable(self) -> None:
        """A record, or an item of one, was put aside."""

    def cut(self) -> None:
        """A visit was told before it was whole, for the bounds on what waits."""


class Unobserved:
    """Nobody wants to know."""

    def beat(self) -> None:
        """See `Observer`."""

    def set_ready(self, *reasons: str) -> None:
        """See `Observer`."""

    def produced(self, kind: str) -> None:
        """See `Observer`."""

    def unusable(self) -> None:
        """See `Observer`."""

    def cut(self) -> None:
        """See `Observer`."""


def source_partitions(source: Log, ingest_map: IngestMap) -> list[TopicPartition]:
    """All partitions of the map's topics; raises `LogError` for a topic that does not exist."""
    found = []
    for topic in ingest_map.topics:
        try:
            count = source.partitions(topic.name)
        except TopicMissing:
            raise LogError(
                f"topic {topic.name!r} of the map does not exist: correct its name, or check that "
                f"[source] names the right cluster"
            ) from None
        found += [TopicPartition(topic.name, number) for number in range(count)]
    return found
