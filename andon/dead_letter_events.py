"""What dead letters become when they are read once more: events, or a reason why still not. Pure.

A letter of a topic that the map describes is translated by the map; a letter of the events topic
is decoded as the worker does. Each item of a letter becomes an event at most once: the places of
its record, in the headers of the events there are, say which did already.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from andon.dead_letters import Letter
from producers.gathering import Gathering, Ready
from producers.ingest_map import IngestMap
from producers.source_place import (
    GROUP_HEADER,
    LETTER_HEADER,
    PLACES_HEADER,
    REJECTED_HEADER,
    Place,
    places_in,
    to_headers,
    written,
)
from producers.translate_json import Item, JsonTranslator, Told
from stream.codec import DEFAULT_LIMITS, InputLimits, Rejected, decode, encode
from stream.log import Headers
from stream.partitioner import partition_for

_OURS = frozenset({LETTER_HEADER, REJECTED_HEADER})
# A group of plant records, "" for records of the events topic; and the place of the item.
Origin = tuple[str, Place]


class Made(NamedTuple):
    """An event to append, and the places of the letters and of the records that it is made of."""

    key: bytes
    value: bytes
    headers: Headers
    letters: tuple[Place, ...]
    origins: tuple[Place, ...]


class Left(NamedTuple):
    """An item that is still no event, and why; ``first`` of its letter or not."""

    letter: Place
    origin: Place
    why: Rejected
    first: bool = True


@dataclass
class Present:
    """What the events topic holds: the items told already, the letters that events were made of,
    ``mine`` among them that count as replayed now, and since when it knows.

    ``since`` has for each partition the time in milliseconds before which retention may have taken
    events, minus infinity where it took none.
    """

    told: set[Origin] = field(default_factory=set)
    letters: set[Place] = field(default_factory=set)
    mine: set[Place] = field(default_factory=set)
    since: list[float] = field(default_factory=list)


class Retelling:
    """Reads letters once more.

    Parameters
    ----------
    events
        The name of the events topic.
    present
        What it holds.
    ingest_map
        For records of the topics that it describes; None: only records of the events topic.

    Attributes
    ----------
    counts
        Letters so far: ``replayed`` (an event was made), ``already`` (all their events are there),
        ``passed_over`` (the map passes them over), ``remaining``.

    >>> from stream.events import DeadLetter
    >>> from stream.log import Record
    >>> said = DeadLetter(topic="andon.events", partition=0, offset=7, stage="limit",
    ...                   error="too_long", message="no")
    >>> tick = b'{"type":"tick","v":1,"line":"A","at":"2026-01-05T08:00:00Z"}'
    >>> record = Record("andon.dead-letters", 0, 3, b"A", tick, said.to_headers())
    >>> retelling = Retelling("andon.events", Present(since=[float("-inf")]))
    >>> [made] = retelling.read([Letter(said, record)])
    >>> made.value == tick, made.headers[1]
    (True, ('andon.dead-letter', b'andon.dead-letters/0:3'))
    >>> list(retelling.read([Letter(said, record)])), retelling.counts["already"]
    ([], 1)
    """

    def __init__(
        self,
        events: str,
        present: Present,
        ingest_map: IngestMap | None = None,
        limits: InputLimits = DEFAULT_LIMITS,
    ) -> None:
        self._events = events
        self._present = present
        self._map = ingest_map
        self._limits = limits
        self._topics = {} if ingest_map is None else {t.name: t for t in ingest_map.topics}
        self._translator = None if ingest_map is None else JsonTranslator(ingest_map, limits)
        self._gathering = Gathering(None if ingest_map is None else ingest_map.gap, limits)
        self._waiting: dict[Place, Place] = {}
        self.counts: Counter[str] = Counter()

    def waiting(self) -> set[Place]:
        """The letters of which readings are still being gathered."""
        return {place._replace(item=0) for place in self._gathering.places()}

    def read(self, letters: Iterable[Letter]) -> Iterator[Made | Left]:
        """What becomes of the letters, in their order; gatherings end with the last one."""
        for letter in letters:
            came_to: Counter[str] = Counter()
            yield from self._letter(letter, came_to)
            outcomes = (one for one in ("remaining", "replayed", "already") if came_to[one])
            outcome = next(outcomes, "passed_over")
            if outcome == "already" and letter.place in self._present.mine:
                outcome = "replayed"
            self.counts[outcome] += 1
        for ready in self._gathering.close_all():
            yield self._made(ready)

    def _letter(self, letter: Letter, came_to: Counter[str]) -> Iterator[Made | Left]:
        refusal = self._refusal(letter)
        if refusal is not None:
            already = letter.place in self._present.letters
            came_to["already" if already else "remaining"] += 1
            if not already:
                yield Left(letter.place, letter.origin, refusal)
            return
        for number, item in enumerate(self._items(letter)):
            if item is None:
                continue
            place = letter.place._replace(item=number)
            origin = letter.origin._replace(item=number)
            known = (self._group_of(letter), origin)
            if known in self._present.told:
                came_to["already"] += 1
                continue
            why = item if isinstance(item, Rejected) else self._unknowable(letter, item)
            if why is not None:
                came_to["remaining"] += 1
                yield Left(place, origin, why, came_to["remaining"] == 1)
                continue
            self._present.told.add(known)
            came_to["replayed"] += 1
            if isinstance(item, Made):
                yield item
            elif isinstance(item, Told):
                self._waiting[place] = origin
                yield from map(self._made, self._gathering.add(item, place, letter.arrived))

    def _refusal(self, letter: Letter) -> Rejected | None:
        """Why a letter cannot be read at all."""
        said = letter.said
        topic = self._topics.get(said.topic)
        if topic is None and said.topic != self._events:
            reason = f"it came from {said.topic}: give a map of that topic by --map"
            if self._map is not None:
                reason = f"it came from {said.topic}, which the map does not have: add it"
            return Rejected("validate", "no_map", reason)
        if letter.is_cut:
            kept = len(letter.record.value or b"")
            return Rejected(
                "limit", "truncated", f"only {kept} of its {said.length} bytes are kept"
            )
        group = dict(letter.record.headers).get(GROUP_HEADER, self._group.encode())
        if said.topic != self._events and group != self._group.encode():
            name = ascii(group.decode("utf-8", "replace"))
            reason = f"group {name} put it aside, the map is of {self._group!r}: set group = {name}"
            return Rejected("validate", "other_group", reason)
        if topic is not None and said.timestamp is None and topic.at.path.root == "timestamp":
            reason = "at is @timestamp, and the letter does not tell when its record was appended"
            return Rejected("validate", "no_timestamp", reason)
        return None

    def _items(self, letter: Letter) -> Sequence[Item | Made]:
        if self._translator is not None and letter.said.topic in self._topics:
            return self._translator.translate(letter.original())
        key, value = letter.record.key, letter.record.value
        event = decode(key, value, self._limits)
        if isinstance(event, Rejected):
            return [event]
        headers = [each for each in letter.own_headers if each[0] not in _OURS]
        headers += _marks([letter.place], [letter.origin])
        return [Made(key or b"", value or b"", headers, (letter.place,), (letter.origin,))]

    @property
    def _group(self) -> str:
        return "" if self._map is None else self._map.group

    def _group_of(self, letter: Letter) -> str:
        return "" if letter.said.topic == self._events else self._group

    def _made(self, ready: Ready) -> Made:
        origins = [self._waiting.pop(place) for place in ready.places]
        plants = [place for place in origins if place.topic != self._events]
        events = [place for place in origins if place.topic == self._events]
        headers = (
            *(to_headers(self._group, plants) if plants else ()),
            *_marks(ready.places, events),
        )
        event = ready.event
        return Made(event.line.encode(), encode(event), headers, ready.places, tuple(origins))

    def _unknowable(self, letter: Letter, item: Told | Made) -> Rejected | None:
        """A refusal if an event of the letter may have been there, and gone since."""
        since = self._present.since
        line = item.key if isinstance(item, Made) else item.event.line.encode()
        if letter.record.timestamp >= since[partition_for(line, len(since))]:
            return None
        reason = (
            "the events topic no longer holds what was appended since it was put aside, and so "
            "cannot tell whether it was replayed"
        )
        return Rejected("process", "events_gone", reason)


def _marks(letters: Iterable[Place], events: list[Place]) -> list[tuple[str, bytes]]:
    marks = [(REJECTED_HEADER, written(events))] if events else []
    return [*marks, (LETTER_HEADER, written(letters))]


def origins_in(headers: Headers, group: str) -> list[Origin]:
    """The items that an event was made of, by its headers; unreadable ones tell nothing.

    >>> origins_in([("andon.ingest", b"g"), ("andon.source", b"shots/0:7.1")], "g")
    [('g', Place(topic='shots', partition=0, offset=7, item=1))]
    """
    found: Mapping[str, bytes] = dict(headers)
    origins = [("", place) for place in places_in(found.get(REJECTED_HEADER))]
    if found.get(GROUP_HEADER) == group.encode():
        origins += [(group, place) for place in places_in(found.get(PLACES_HEADER))]
    return origins
