"""A part's journey: what has been measured of it so far, whatever order it came in."""

from __future__ import annotations

import sys
from array import array
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from models.detector import Scores
from models.part_row import PartRow
from models.reading_digest import reading_digest
from stream.events import Measurement

# What is remembered of one part, whatever is sent of it: as many stations as the detector keeps of
# a line, the ids of so many measurements, and as many risks. Beyond, a measurement that comes again
# is not known again, and the last risk takes the place of the one before.
STATIONS_KEPT = 1_000
IDS_KEPT = 4_096
RISKS_KEPT = 4_096


class Arrival(StrEnum):
    """What a measurement is to its part's journey."""

    FIRST = "first"  # the first reading of its station
    REWORK = "rework"  # a newer reading of a station: it replaces
    STALE = "stale"  # an older reading of a station that has a newer one: passed over
    DUPLICATE = "duplicate"  # the same reading again: passed over


class Alarm(NamedTuple):
    """The alarm that a part raised first: its id, when, and after how many scored events."""

    id: str
    at: float
    events: int


@dataclass(slots=True)
class Journey:
    """One part on its way, with the risks as they were scored.

    Attributes
    ----------
    part, generation
        The serial number, and how often it has come onto the line before (0: never).
    number
        The journey's running number on its line.
    opened_at
        Time of the first event, in seconds since 1970.
    touched_at
        The line's watermark when the last event came.
    last_at
        The time that the last event itself bears.
    row
        The encoded cells; the detector's.
    risks
        The risk after each scored event, NaN while untrained; of a part with more than `RISKS_KEPT`
        the first ones, and as the last of them the newest that is known.
    margin
        The raw log-odds of the last score.
    standing
        The alarm that stands for the part now, None if none does.
    first_alarm
        The first alarm ever raised for it.
    """

    part: str
    generation: int
    number: int
    opened_at: float
    touched_at: float
    row: PartRow = field(default_factory=PartRow)
    risks: array[float] = field(default_factory=lambda: array("d"))
    last_at: float = float("-inf")
    margin: Scores | None = None
    standing: Alarm | None = None
    first_alarm: Alarm | None = None
    tests: dict[str, tuple[tuple[int, float], str]] = field(default_factory=dict)
    # Of each station's reading, in arrays (a part is one of many): when, and its digest.
    _place: dict[str, int] = field(default_factory=dict)
    visited_at: array[float] = field(default_factory=lambda: array("d"))
    digests: array[int] = field(default_factory=lambda: array("I"))
    ids: set[str] = field(default_factory=set)

    @property
    def stations(self) -> list[str]:
        """The stations that it was read at, in the order of the first readings; ``visited_at`` and
        ``digests`` are of the latest ones."""
        return list(self._place)

    def scored(self, risk: float) -> bool:
        """Keep the newest risk; False if another had to make way for it.

        >>> journey = Journey("P-1", 0, 0, 0.0, 0.0)
        >>> all(journey.scored(0.1) for _ in range(RISKS_KEPT)), journey.scored(0.3)
        (True, False)
        >>> len(journey.risks) == RISKS_KEPT, journey.risks[-1]
        (True, 0.3)
        """
        if len(self.risks) < RISKS_KEPT:
            self.risks.append(risk)
            return True
        if risk == risk:
            self.risks[-1] = risk
        return False

    def recall(self, stations: list[str], visited_at: list[float], digests: list[int]) -> None:
        """What was read before, for a fresh journey (`stream.journey_state`)."""
        self._place = {sys.intern(name): place for place, name in enumerate(stations)}
        self.visited_at, self.digests = array("d", visited_at), array("I", digests)

    def add(
        self, event: Measurement, at: float | None = None, digest: int | None = None
    ) -> Arrival:
        """Take a measurement in, and say what it is to the journey.

        ``at`` is its time, ``digest`` that of its values (`models.reading_digest`), if known.

        >>> from datetime import UTC, datetime
        >>> press = Measurement(line="A", part="P-1", station="press", values={"torque": 1.5},
        ...                     at=datetime(2026, 1, 5, 8, tzinfo=UTC))
        >>> journey = Journey("P-1", 0, 0, 0.0, 0.0)
        >>> journey.add(press).value, journey.add(press).value
        ('first', 'duplicate')
        >>> journey.add(press.model_copy(update={"at": datetime(2026, 1, 5, 9, tzinfo=UTC)})).value
        'rework'
        """
        name, station = event.id, event.station
        if name is not None:
            if name in self.ids:
                return Arrival.DUPLICATE
            if len(self.ids) < IDS_KEPT:
                self.ids.add(name)
        if at is None:
            at = event.at.timestamp()
        if digest is None:
            digest = reading_digest(event.values)
        place = self._place.get(station)
        if place is None:
            if len(self._place) >= STATIONS_KEPT:
                return Arrival.FIRST
            # The same text for all parts, not one that came with this message.
            self._place[sys.intern(station)] = len(self._place)
            self.visited_at.append(at)
            self.digests.append(digest)
            return Arrival.FIRST
        before = self.visited_at[place]
        if before == at and self.digests[place] == digest:
            return Arrival.DUPLICATE
        if at < before:
            return Arrival.STALE
        self.visited_at[place], self.digests[place] = at, digest
        return Arrival.REWORK
