"""Readings that arrive one by one, gathered into one measurement per visit of a part to a station.

A measurement of the same part and station replaces the one before (rework), so readings must not
become measurements of their own. A gathering is whole, and told, when

1. a message says so (``closes``);
2. anything comes of the part from elsewhere: another station, or its result;
3. a reading of the station, of whichever part, is timed more than ``gap`` after its last one;
4. ``gap`` has passed, in arrival time, since its last reading arrived.

It is *cut*, told before it is whole, where bounds want it: one visit of more than `MOST_READINGS`
readings or of more than an event may hold, and, of all visits together, those that have had no
reading for the longest time once what waits weighs more than ``most_bytes`` in memory. The readings
that come after make another measurement of the visit, which replaces the first.

The station's own readings tell the time, because no two stations' clocks agree; arrival time is for
a station that has fallen silent. Of two readings of one feature the later one counts. The
measurement's time is that of its latest reading. Pure: the same items in the same order give the
same events.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import orjson

from producers.source_place import Place
from producers.translate_json import Told
from stream.codec import DEFAULT_LIMITS, InputLimits, encode
from stream.events import Event, Measurement, Value

# A visit of more readings than this is told in several measurements: its header must stay small. So
# is one whose measurement would go beyond the bounds on an event, with room for its other fields.
MOST_READINGS = 1_000
_OTHER_VALUES = 10
_OTHER_BYTES = 64
# Of all that waits, if nobody says otherwise: about 45,000 visits of ten readings each.
GATHERED_BYTES = 256 * 1024 * 1024
# What a visit, a reading and a value take beyond the bytes that they are written in, measured.
_VISIT_BYTES, _READING_BYTES, _VALUE_BYTES = 2_560, 160, 128

_Part = tuple[str, str]
_Station = tuple[str, str]


class Ready(NamedTuple):
    """An event to be told, and the places that it was made of; ``cut``: before it was whole."""

    event: Event
    places: tuple[Place, ...]
    cut: bool = False


@dataclass
class _Open:
    """A gathering under way; ``arrived`` is in milliseconds, ``weight`` in bytes of memory."""

    first: Measurement
    values: dict[str, Value]
    at: datetime
    arrived: int
    places: list[Place]
    size: int
    weight: int

    def told(self, cut: bool) -> Ready:
        event = self.first.model_copy(update={"values": self.values, "at": self.at})
        return Ready(event, tuple(self.places), cut)


class Gathering:
    """All gatherings under way; ``gap`` None for a map in which nothing is gathered.

    ``limits`` bound the measurements that are made of them, ``most_bytes`` the memory that all of
    them take together.

    >>> from datetime import UTC
    >>> def reading(name, second, station="press"):
    ...     at = datetime(2026, 1, 5, 8, 0, second, tzinfo=UTC)
    ...     return Told(Measurement(line="A", part="7", station=station, at=at,
    ...                             values={name: 1.0}), gather=True)
    >>> gathering = Gathering(timedelta(seconds=30))
    >>> gathering.add(reading("torque", 1), Place("t", 0, 0), 1000)
    []
    >>> gathering.add(reading("angle", 2), Place("t", 0, 1), 2000)
    []
    >>> [whole] = gathering.add(reading("temp", 9, "oven"), Place("t", 0, 2), 9000)
    >>> whole.event.values, [place.offset for place in whole.places]
    ({'torque': 1.0, 'angle': 1.0}, [0, 1])
    """

    def __init__(
        self,
        gap: timedelta | None,
        limits: InputLimits = DEFAULT_LIMITS,
        most_bytes: int = GATHERED_BYTES,
    ) -> None:
        self._most_waiting = most_bytes
        self._weight = 0
        self._most_values = max(limits.values - _OTHER_VALUES, 1)
        self._most_bytes = max(limits.message_bytes - _OTHER_BYTES, 1)
        self._gap = gap or timedelta(0)
        self._gap_ms = self._gap // timedelta(milliseconds=1)
        # In the order of their latest readings; a part is at one station at a time.
        self._open: OrderedDict[_Part, _Open] = OrderedDict()
        self._at_station: dict[_Station, OrderedDict[_Part, None]] = {}

    @property
    def open_visits(self) -> int:
        """How many gatherings are under way."""
        return len(self._open)

    def places(self) -> Iterator[Place]:
        """The places of all readings that wait."""
        for gathering in self._open.values():
            yield from gathering.places

    def add(self, told: Told, place: Place, arrived: int) -> list[Ready]:
        """One item more, ``arrived`` ms since 1970; answers what is whole now, in order."""
        event = told.event
        ready = self.pass_time(arrived)
        part = (event.line, event.part)
        if not told.gather or not isinstance(event, Measurement):
            ready += self._close(part)
            ready.append(Ready(event, (place,)))
            return ready
        ready += self._move_station((event.line, event.station), event.at)
        here = self._open.get(part)
        size = len(orjson.dumps([event.id, event.values]))
        if here is not None:
            over = here.first.station != event.station or event.at - here.at > self._gap
            if over or self._full(here, event, size):
                ready += self._close(part, cut=not over)
                here = None
        weight = _READING_BYTES + _VALUE_BYTES * len(event.values)
        if here is not None:
            here.values.update(event.values)
            here.size += size
            here.weight += weight + size
            self._weight += weight + size
            here.at, here.arrived = max(here.at, event.at), arrived
            here.places.append(place)
            if here.first.id is None and event.id is not None:
                here.first = event
            self._open.move_to_end(part)
            self._at_station[event.line, event.station].move_to_end(part)
        elif event.values:
            size = len(encode(event))
            weight += _VISIT_BYTES + size
            self._open[part] = _Open(
                event, dict(event.values), event.at, arrived, [place], size, weight
            )
            self._weight += weight
            self._at_station.setdefault((event.line, event.station), OrderedDict())[part] = None
        if told.closes:
            ready += self._close(part)
        while self._weight > self._most_waiting:
            ready += self._close(next(iter(self._open)), cut=True)
        return ready

    def pass_time(self, now: int) -> list[Ready]:
        """What is whole because it is ``now``, in milliseconds since 1970."""
        ready: list[Ready] = []
        while self._open:
            part, oldest = next(iter(self._open.items()))
            if now - oldest.arrived <= self._gap_ms:
                break
            ready += self._close(part)
        return ready

    def close_all(self) -> list[Ready]:
        """Everything that waits, as it is."""
        return [whole for part in list(self._open) for whole in self._close(part)]

    def _full(self, here: _Open, event: Measurement, size: int) -> bool:
        return (
            len(here.places) >= MOST_READINGS
            or here.size + size > self._most_bytes
            or len(here.values) + len(event.values) > self._most_values
        )

    def _move_station(self, station: _Station, now: datetime) -> list[Ready]:
        # The latest reading's time, not the greatest: one wild clock spoils one moment only.
        ready: list[Ready] = []
        waiting = self._at_station.get(station)
        while waiting:
            part = next(iter(waiting))
            if now - self._open[part].at <= self._gap:
                break
            ready += self._close(part)
        return ready

    def _close(self, part: _Part, cut: bool = False) -> list[Ready]:
        found = self._open.pop(part, None)
        if found is None:
            return []
        self._weight -= found.weight
        station = (found.first.line, found.first.station)
        del self._at_station[station][part]
        if not self._at_station[station]:
            del self._at_station[station]
        return [found.told(cut)]
