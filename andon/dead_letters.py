"""Dead letters as they lie on their topic: which ones are meant, where each came from, and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pydantic import ValidationError

from andon.log_history import Bound, LogHistory
from producers.source_place import Place
from stream.events import DeadLetter
from stream.log import Headers, Log, Record

_EXAMPLES = 3


class Letter(NamedTuple):
    """A dead letter: what its headers say, and the record that carries them."""

    said: DeadLetter
    record: Record

    @property
    def place(self) -> Place:
        """Where the letter lies."""
        return Place(self.record.topic, self.record.partition, self.record.offset)

    @property
    def origin(self) -> Place:
        """Where the record lay that was put aside."""
        return Place(self.said.topic, self.said.partition, self.said.offset)

    @property
    def is_cut(self) -> bool:
        """Whether only the beginning of the value was kept."""
        return self.said.length is not None

    @property
    def arrived(self) -> int:
        """When the record was appended, else the letter: milliseconds since 1970."""
        return self.record.timestamp if self.said.timestamp is None else self.said.timestamp

    @property
    def own_headers(self) -> Headers:
        """The headers without the reason: the record's own, and those of ingest."""
        return tuple(
            (name, value)
            for name, value in self.record.headers
            if not name.startswith("andon.errors.")
        )

    def original(self) -> Record:
        """The record as it was put aside, as far as it was kept."""
        return self.record._replace(
            topic=self.said.topic,
            partition=self.said.partition,
            offset=self.said.offset,
            headers=tuple(self.own_headers),
            timestamp=self.arrived,
        )


def as_letter(record: Record) -> Letter | None:
    """The dead letter that a record is, None if it is none.

    >>> said = DeadLetter(topic="shots", partition=1, offset=7, stage="decode",
    ...                   error="not_json", message="no")
    >>> letter = as_letter(Record("andon.dead-letters", 0, 3, None, b"{", said.to_headers()))
    >>> letter.origin, letter.place.offset, as_letter(letter.record._replace(headers=()))
    (Place(topic='shots', partition=1, offset=7, item=0), 3, None)
    """
    try:
        return Letter(DeadLetter.from_headers(record.headers), record)
    except ValidationError:
        return None


@dataclass(frozen=True)
class Wanted:
    """Which letters are meant; what is left out bounds nothing.

    ``reasons`` are classes of error, ``topics`` are where the records lay; ``since`` and ``until``
    bound the letters themselves, by offset or by the time at which they were put aside; ``limit``
    is the number of the first ones.
    """

    reasons: frozenset[str] = frozenset()
    topics: frozenset[str] = frozenset()
    since: Bound | None = None
    until: Bound | None = None
    limit: int | None = None

    def has(self, letter: Letter) -> bool:
        """Whether reason and topic fit."""
        return (not self.reasons or letter.said.error in self.reasons) and (
            not self.topics or letter.said.topic in self.topics
        )


class Letters:
    """The letters of ``topic`` that are ``wanted``, in the order in which their records arrived.

    Letters of one partition keep their order. Records that arrived at the same time come in the
    order of ``ranks``, a map's topics, as ingest has them. ``foreign`` counts, once iterated, the
    records that are no dead letters.
    """

    def __init__(self, log: Log, topic: str, wanted: Wanted, ranks: Sequence[str] = ()) -> None:
        self._wanted = wanted
        self._ranks = {name: number for number, name in enumerate(ranks)}
        self._history = LogHistory(log, topic, wanted.since, wanted.until, order=self._key)
        # Read for the order, and taken when their turn comes: one for each partition.
        self._read: dict[tuple[int, int], Letter | None] = {}
        self.foreign = 0

    def __iter__(self) -> Iterator[Letter]:
        self.foreign = count = 0
        self._read.clear()
        if self._wanted.limit == 0:
            return
        for record in self._history:
            place = (record.partition, record.offset)
            # The last partition's rest comes without being asked for its order.
            letter = self._read.pop(place) if place in self._read else as_letter(record)
            if letter is None:
                self.foreign += 1
            elif self._wanted.has(letter):
                yield letter
                count += 1
                if count == self._wanted.limit:
                    return

    def _key(self, record: Record) -> tuple[int, ...]:
        letter = self._read[record.partition, record.offset] = as_letter(record)
        if letter is None:
            return (record.timestamp, 0, 0, 0)
        said = letter.said
        rank = self._ranks.get(said.topic, len(self._ranks))
        return (letter.arrived, rank, said.partition, said.offset)


@dataclass
class Reason:
    """The letters of one class, stage and source topic.

    ``first`` and ``last`` are when they were put aside, in milliseconds since 1970; ``message``
    is the first one's; ``examples`` are places to show.
    """

    error: str
    stage: str
    topic: str
    message: str
    count: int = 0
    first: int = 0
    last: int = 0
    replayed: int | None = None
    examples: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        said: dict[str, Any] = {
            "class": self.error,
            "stage": self.stage,
            "topic": self.topic,
            "count": self.count,
            "first": iso_ms(self.first),
            "last": iso_ms(self.last),
            "examples": self.examples,
            "message": self.message,
        }
        return said if self.replayed is None else {**said, "replayed": self.replayed}


def by_reason(letters: Iterable[Letter], replayed: set[Place] | None = None) -> list[Reason]:
    """The reasons, the most frequent first; ``replayed`` are the places of letters that were."""
    found: dict[tuple[str, str, str], Reason] = {}
    for letter in letters:
        said, put_aside = letter.said, letter.record.timestamp
        key = (said.error, said.stage, said.topic)
        reason = found.get(key)
        if reason is None:
            reason = found[key] = Reason(*key, said.message, first=put_aside, last=put_aside)
            reason.replayed = None if replayed is None else 0
        reason.count += 1
        reason.first = min(reason.first, put_aside)
        reason.last = max(reason.last, put_aside)
        if len(reason.examples) < _EXAMPLES:
            reason.examples.append(short(letter.place))
        if replayed is not None and reason.replayed is not None:
            reason.replayed += letter.place in replayed
    return sorted(found.values(), key=lambda one: (-one.count, one.error, one.stage, one.topic))


def short(place: Place) -> str:
    """A letter's place as it is typed.

    >>> short(Place("andon.dead-letters", 2, 40))
    '2:40'
    """
    return f"{place.partition}:{place.offset}"


def iso_ms(milliseconds: int) -> str:
    """A time of the log in UTC; the bare number where no calendar has it.

    >>> iso_ms(1767600000120)
    '2026-01-05T08:00:00.120Z'
    """
    try:
        time = datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return str(milliseconds)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
