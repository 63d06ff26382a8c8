"""What of a partition's output is on the log already, and is not to be published again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import structlog
from pydantic import BaseModel, ValidationError

from stream.errors import StateOffsetOutOfRange
from stream.events import DeadLetter
from stream.log import Log, Record, TopicPartition

log = structlog.get_logger()

OFFSET_HEADER = "andon.offset"
"""The header of an alert or a risk that holds the offset of its event."""


class _Alert(BaseModel):
    """What matters of an alert that lies on the log already, whatever its version."""

    id: str


@dataclass
class Published:
    """Output that was found, each with its own offset; ``risks_to`` is the offset of the first
    event whose risk is not there yet, as their order is that of the events."""

    alerts: dict[str, int] = field(default_factory=dict)
    letters: dict[int, int] = field(default_factory=dict)
    risks_to: int = 0

    def recognise_alert(self, name: str) -> bool:
        """Whether the alert is there; it is not said a third time, so it need not be kept."""
        return self.alerts.pop(name, None) is not None

    def recognise_letter(self, event_offset: int) -> bool:
        """Whether the dead letter of this event is there."""
        return self.letters.pop(event_offset, None) is not None

    def forget(self) -> None:
        """Nothing of it will be said again: the events that it was about have been read."""
        self.alerts.clear()
        self.letters.clear()


def read_alerts(event_log: Log, at: TopicPartition, since: int | None) -> dict[str, int]:
    """The ids on a partition of the alerts; what is no alert there is nobody's to repeat."""
    found = {}
    for record in _read(event_log, at, since):
        try:
            found[_Alert.model_validate_json(record.value or b"").id] = record.offset
        except ValidationError:
            log.warning("andon.alert_unreadable", partition=at.partition, offset=record.offset)
    return found


def read_letters(
    event_log: Log, at: TopicPartition, since: int | None, events: TopicPartition
) -> dict[int, int]:
    """The offsets of the events that were put aside."""
    found = {}
    for record in _read(event_log, at, since):
        try:
            letter = DeadLetter.from_headers(record.headers)
        except ValidationError:
            continue  # not one of ours
        if (letter.topic, letter.partition) == events:
            found[letter.offset] = record.offset
    return found


def read_risks_to(event_log: Log, at: TopicPartition) -> int:
    """The offset of the first event whose risk is not there."""
    begin, end = event_log.begin(at), event_log.end(at)
    last = list(event_log.read(at, max(begin, end - 1), end))
    return int(dict(last[-1].headers)[OFFSET_HEADER]) + 1 if last else 0


def _read(event_log: Log, at: TopicPartition, since: int | None) -> Iterator[Record]:
    if since is not None:
        begin, end = event_log.begin(at), event_log.end(at)
        if since > end:
            raise StateOffsetOutOfRange(at.topic, at.partition, since, begin, end)
        since = max(since, begin)
    return event_log.read(at, since)
