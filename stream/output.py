"""What a task wants said, handed to the log: alerts, dead letters, risks."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from stream.effects import Effect, PutAside, Raised, Scored
from stream.log import Log, Record
from stream.published import OFFSET_HEADER, Published

log = structlog.get_logger()


@dataclass(frozen=True)
class Outputs:
    """The names of the topics that a worker reads and writes; ``risks`` "" for none."""

    events: str = "andon.events"
    alerts: str = "andon.alerts"
    dead_letters: str = "andon.dead-letters"
    risks: str = ""

    @property
    def written(self) -> tuple[str, ...]:
        """Those that are written."""
        return tuple(name for name in (self.alerts, self.dead_letters, self.risks) if name)


class Output:
    """Hands effects to a log, each to the partition of its event, unless the log has it."""

    def __init__(self, event_log: Log, topics: Outputs) -> None:
        self._log = event_log
        self._topics = topics
        self._passes_risks_over = not topics.risks

    def perform(self, published: Published, record: Record, effect: Effect) -> bool:
        """Hand one effect over; False if it was ``published`` before."""
        # First the usual: nearly every event has a risk, and few plants want them all written.
        if self._passes_risks_over and type(effect) is Scored:
            return True
        origin = ((OFFSET_HEADER, b"%d" % record.offset),)
        match effect:
            case Raised(alert):
                if published.recognise_alert(alert.id):
                    return False
                self._log.append(
                    self._topics.alerts,
                    alert.line.encode(),
                    alert.to_json(),
                    partition=record.partition,
                    headers=origin,
                )
                log.debug(
                    "andon.alert_published",
                    id=alert.id,
                    type=alert.type,
                    line=alert.line,
                    part=alert.part,
                    reason=alert.reason,
                )
            case PutAside(letter, key, value, headers):
                if published.recognise_letter(letter.offset):
                    return False
                self._log.append(
                    self._topics.dead_letters,
                    key,
                    value,
                    partition=record.partition,
                    headers=(*headers, *letter.to_headers()),
                )
                log.warning(
                    "andon.record_put_aside",
                    partition=letter.partition,
                    offset=letter.offset,
                    stage=letter.stage,
                    error=letter.error,
                )
            case Scored():
                if record.offset < published.risks_to:
                    return False
                self._log.append(
                    self._topics.risks,
                    effect.line.encode(),
                    effect.to_json(),
                    partition=record.partition,
                    headers=origin,
                )
        return True
