"""A task: one partition of the events log as a deterministic function of its records.

Records in, effects out; the same records give the same effects, bit for bit, however they are cut
into polls. A task holds the lines that are hashed to its partition, each with a detector of its
own, seeded by the line's name.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from alerts.alert import alert_id
from models.plain_state import Opaque, State
from stream.codec import DEFAULT_LIMITS, InputLimits, Rejected, decoder
from stream.effects import Effect, PutAside
from stream.events import DeadLetter, Event
from stream.fingerprint import fingerprint
from stream.letter_bounds import short_headers, short_key
from stream.line import Line, LineSettings, Witness
from stream.line_state import line_state, restore_line
from stream.log import Record

_DECODED_AHEAD = 100


@dataclass(frozen=True)
class TaskSettings:
    """Who the task is, and its bounds; ``group`` and ``topic`` are the namespace of alert ids."""

    group: str = "andon"
    topic: str = "andon.events"
    limits: InputLimits = DEFAULT_LIMITS
    dead_letter_bytes: int = 64 * 1024
    max_lines: int = 1_000
    line: LineSettings = field(default_factory=LineSettings)


class Task:
    """All lines of one partition.

    ``trained`` holds, by name, what lines start from; ``witness`` looks on; ``opaque`` keeps models
    that have no plain state. ``last`` is the last record's event, None after a record that was
    none.

    Examples
    --------
    >>> task = Task(0, TaskSettings())
    >>> [aside] = task.process(Record("andon.events", 0, 7, b"body-A", b"not JSON"))
    >>> aside.letter.error, aside.letter.offset
    ('not_json', 7)
    >>> tick = b'{"type":"tick","v":1,"line":"body-A","at":"2026-01-05T08:00:00Z"}'
    >>> task.process(Record("andon.events", 0, 8, b"body-A", tick)), sorted(task.lines)
    ([], ['body-A'])
    """

    def __init__(
        self,
        partition: int,
        settings: TaskSettings,
        trained: Mapping[str, State] | None = None,
        witness: Witness | None = None,
        opaque: Opaque | None = None,
    ) -> None:
        self._witness = witness
        self._opaque = opaque
        self.partition = partition
        self.settings = settings
        self._decode = decoder(settings.limits).decode
        self.lines: dict[str, Line] = {}
        self.rejected: Counter[str] = Counter()
        self.last: Event | None = None
        self._offset = -1
        self._trained = trained or {}

    def process(self, record: Record) -> list[Effect]:
        """What one record asks for. Never raises: a record that cannot be used is put aside."""
        return self._take(record, self._decode(record.key, record.value))

    def process_all(self, records: Iterable[Record]) -> Iterator[tuple[Record, list[Effect]]]:
        """Each record and what it asks for, in turn: what `process` answers, sooner.

        A few records are decoded before the first of them is taken in, so that the code for the
        one and for the other stays in the processor's caches.
        """
        left, decode = iter(records), self._decode
        while some := list(islice(left, _DECODED_AHEAD)):
            events = [decode(record.key, record.value) for record in some]
            for record, event in zip(some, events, strict=True):
                yield record, self._take(record, event)

    def _take(self, record: Record, event: Event | Rejected) -> list[Effect]:
        if type(event) is Rejected:
            self.last = None
            return [self._put_aside(record, event)]
        self.last = event
        line = self.lines.get(event.line)
        if line is None:
            if len(self.lines) >= self.settings.max_lines:
                refusal = f"the partition holds {len(self.lines)} lines already"
                return [self._put_aside(record, Rejected("limit", "too_many_lines", refusal))]
            line = self.lines[event.line] = self._new_line(event.line)
        self._offset = record.offset
        try:
            return line.apply(event, self._identify)
        except Exception as error:  # one record must never stop the line
            return [self._put_aside(record, Rejected("process", type(error).__name__, str(error)))]

    def _identify(self, rule: str, subject: str) -> str:
        """The id of an alert that the record at hand raises."""
        settings = self.settings
        return alert_id(settings.group, settings.topic, self.partition, self._offset, rule, subject)

    def state(self) -> State:
        """All that a later effect could depend on, as plain values and arrays.

        Raises `models.plain_state.NoPlainState` for a model that cannot be taken apart.
        """
        return {
            "names": list(self.lines),
            "lines": [line_state(line, self._opaque) for line in self.lines.values()],
            "rejected": dict(sorted(self.rejected.items())),
        }

    def restore(self, state: State, anew: frozenset[str] = frozenset()) -> None:
        """Go on from a `state`; for a task that has seen nothing yet, of the same settings.

        ``anew`` names what is left out (`stream.fingerprint.begun_anew`). The state is the task's
        from then on: its arrays go on learning.
        """
        for name, kept in zip(state["names"], state["lines"], strict=True):
            line = self.lines[name] = Line(name, self.settings.line, self._witness)
            restore_line(line, kept, anew, self._opaque)
        self.rejected = Counter(state["rejected"])

    def fingerprint(self) -> dict[str, Any]:
        """The settings and versions that a `state` depends on."""
        return fingerprint(self.settings)

    def _new_line(self, name: str) -> Line:
        line = Line(name, self.settings.line, self._witness)
        if name in self._trained:
            line.start_from(self._trained[name])
        return line

    def _put_aside(self, record: Record, why: Rejected) -> PutAside:
        self.rejected[why.error] += 1
        limit = self.settings.dead_letter_bytes
        value = record.value
        cut = value is not None and len(value) > limit
        letter = DeadLetter(
            topic=self.settings.topic,
            partition=self.partition,
            offset=record.offset,
            stage=why.stage,
            error=why.error,
            message=why.message[:512],
            length=len(value) if cut and value is not None else None,
            sha256=hashlib.sha256(value).hexdigest() if cut and value is not None else None,
            timestamp=record.timestamp if record.timestamp > 0 else None,
        )
        kept = value[:limit] if value is not None else None
        return PutAside(letter, short_key(record.key), kept, short_headers(record.headers))
