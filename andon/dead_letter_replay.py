"""Dead letters put where they belong, each at most once, whenever the process is killed.

The protocol, with the numbers that the code below uses.

1. *Turn.* One process replays at a time, the others wait (`producers.turn`).
2. *Look.* Where the letters' records lay.
3. *Reconcile.* Read the events topic: the headers tell of which letters and records events were
   made. What is there is not made again.
4. *Make* events of the rest (`andon.dead_letter_events`), and hand them over in batches: each
   batch only while the turn is ours, and flushed before the next.

Nothing else is kept: whoever is killed leaves behind the events that arrived, and the next one
finds them by 3.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

import structlog

from andon.dead_letter_events import Left, Made, Origin, Present, Retelling, origins_in
from andon.dead_letters import Letter, Letters, Wanted, short
from producers.ingest_map import IngestMap
from producers.source_place import LETTER_HEADER, Place, places_in
from producers.turn import Turn
from stream.codec import DEFAULT_LIMITS, InputLimits
from stream.log import Log, TopicPartition

log = structlog.get_logger()

T = TypeVar("T")

_BATCH_BYTES = 4_000_000
_BEAT_EVERY = 0.5


class _TurnLost(Exception):
    """Another process has the turn."""


class _Stopped(Exception):
    """The work is to end before its end."""


@dataclass(frozen=True)
class ReplaySettings:
    """The topics, the group whose first partition is the turn, the bounds on an event, and
    how many events are handed over between two flushes."""

    events: str = "andon.events"
    dead_letters: str = "andon.dead-letters"
    group: str = "andon.dead-letters"
    limits: InputLimits = DEFAULT_LIMITS
    batch_records: int = 500


@dataclass
class StillDead:
    """The letters that stay for one reason; place and message are those of the first."""

    reason: str
    place: str
    message: str
    count: int = 0


@dataclass
class Summary:
    """What became of the letters.

    ``letters`` is the sum of ``replayed``, ``already`` (replayed before), ``passed_over`` (the map
    passes them over) and ``remaining``, the latter also by reason.
    """

    letters: int = 0
    replayed: int = 0
    events: int = 0
    already: int = 0
    passed_over: int = 0
    remaining: int = 0
    reasons: dict[str, StillDead] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        reasons = sorted(self.reasons.values(), key=lambda one: (-one.count, one.reason))
        return {**self.__dict__, "reasons": [one.__dict__ for one in reasons]}


class DeadLetterReplay:
    """A replay of the ``wanted`` letters; see the module for the steps.

    ``ingest_map`` translates records of the topics that it describes.
    """

    def __init__(
        self,
        log: Log,
        settings: ReplaySettings,
        wanted: Wanted,
        ingest_map: IngestMap | None = None,
    ) -> None:
        self._log = log
        self._settings = settings
        self._wanted = wanted
        self._map = ingest_map
        self._events = 0
        self._mine: set[Place] = set()

    def run(self, stop: Callable[[], bool]) -> Summary:
        """Replay all there is, or until ``stop()``."""
        settings = self._settings
        while True:
            with Turn(self._log, settings.dead_letters, settings.group, None) as turn:
                waited = False
                while not turn.held:  # 1
                    turn.poll(0.2)
                    if stop():
                        return Summary()
                    if not turn.held and not waited:
                        log.info("andon.dead_letters_wait_for_turn", group=settings.group)
                        waited = True
                try:
                    return self._work(_Pulse(turn, stop))
                except _TurnLost:
                    log.warning("andon.dead_letters_turn_lost", group=settings.group)

    def preview(self, show: Callable[[Made | Left], None], stop: Callable[[], bool]) -> Summary:
        """The same without writing: each event and each item that stays is shown."""
        pulse = _Pulse(None, stop)
        summary = Summary()
        with suppress(_Stopped):
            retelling, letters = self._retelling(pulse)
            with suppress(_Stopped):
                for outcome in retelling.read(letters):
                    summary.events += isinstance(outcome, Made)
                    _count(summary, outcome)
                    show(outcome)
            _add_counts(summary, retelling)
        return summary

    def _work(self, pulse: _Pulse) -> Summary:
        summary = Summary()
        batch: list[Made] = []
        size = 0
        with suppress(_Stopped):
            retelling, letters = self._retelling(pulse)
            with suppress(_Stopped):
                for outcome in retelling.read(letters):
                    _count(summary, outcome)
                    if isinstance(outcome, Made):
                        batch.append(outcome)
                        size += len(outcome.value)
                    if len(batch) >= self._settings.batch_records or size >= _BATCH_BYTES:
                        self._hand_over(pulse, batch)
                        batch, size = [], 0
            self._hand_over(pulse, batch)
            _add_counts(summary, retelling)
        summary.events = self._events
        return summary

    def _retelling(self, pulse: _Pulse) -> tuple[Retelling, Iterator[Letter]]:
        settings, ranks = self._settings, [] if self._map is None else self._map.topics
        letters = Letters(
            self._log, settings.dead_letters, self._wanted, [topic.name for topic in ranks]
        )
        origins = {letter.origin for letter in pulse.through(letters)}  # 2
        group = "" if self._map is None else self._map.group
        present = read_present(self._log, settings.events, origins, group, pulse.through)  # 3
        present.mine = self._mine
        retelling = Retelling(settings.events, present, self._map, settings.limits)
        # One that came since step 2 was not looked for in step 3.
        known = (each for each in pulse.through(letters) if each.origin in origins)
        return retelling, known

    def _hand_over(self, pulse: _Pulse, batch: list[Made]) -> None:
        """Step 4 for one batch: durable when this returns."""
        if not batch:
            return
        pulse.check()
        for made in batch:
            self._log.append(self._settings.events, made.key, made.value, headers=made.headers)
        self._log.flush()
        self._events += len(batch)
        self._mine.update(place._replace(item=0) for made in batch for place in made.letters)
        log.info("andon.dead_letters_replayed", events=self._events)


class _Pulse:
    """Keeps the turn while work goes on, None for work that needs none, and hears the stop."""

    def __init__(self, turn: Turn | None, stop: Callable[[], bool]) -> None:
        self._turn = turn
        self._stop = stop
        self._beaten = time.monotonic()

    def check(self) -> None:
        """Make sure of the turn; raises `_TurnLost`."""
        self._beaten = time.monotonic()
        if self._turn is not None:
            self._turn.poll()
            if self._turn.leaving or not self._turn.held:
                raise _TurnLost

    def through(self, items: Iterable[T]) -> Iterator[T]:
        """The items, with a look at the turn now and then; raises `_Stopped` at the stop."""
        for item in items:
            if self._stop():
                raise _Stopped
            if time.monotonic() - self._beaten > _BEAT_EVERY:
                self.check()
            yield item


def read_present(
    log: Log,
    events: str,
    origins: set[Place],
    group: str,
    through: Callable[[Iterable[Any]], Iterable[Any]] = iter,
) -> Present:
    """What the events topic holds of the records at ``origins``."""
    told: set[Origin] = set()
    letters: set[Place] = set()
    since = []
    for number in range(log.partitions(events)):
        at = TopicPartition(events, number)
        since.append(float("inf") if log.begin(at) else float("-inf"))
        for record in through(log.read(at)):
            if since[-1] == float("inf"):
                since[-1] = record.timestamp
            if not record.headers:
                continue
            found = origins_in(record.headers, group)
            told.update(one for one in found if one[1]._replace(item=0) in origins)
            places = places_in(dict(record.headers).get(LETTER_HEADER))
            letters.update(place._replace(item=0) for place in places)
    return Present(told, letters, since=since)


def _count(summary: Summary, outcome: Made | Left) -> None:
    if isinstance(outcome, Left) and outcome.first:
        why = outcome.why
        reason = summary.reasons.get(why.error)
        if reason is None:
            reason = StillDead(why.error, short(outcome.letter), why.message)
            summary.reasons[why.error] = reason
        reason.count += 1


def _add_counts(summary: Summary, retelling: Retelling) -> None:
    counts = Counter(retelling.counts)
    unfinished = len(retelling.waiting())
    summary.replayed = counts["replayed"] - unfinished
    summary.already, summary.passed_over = counts["already"], counts["passed_over"]
    summary.remaining = counts["remaining"]
    summary.letters = sum(counts.values()) - unfinished
