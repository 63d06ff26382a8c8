"""Part journeys as plain values: what the laws of `models.checks` are tried on.

A journey is one part's readings in the order of their arrival, and its result. `follow` takes a
detector through journeys in the order that a line keeps: each reading is encoded and scored, and
only then observed; each result is learnt after the part's last score.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from models.detector import Detector
from models.kinds import Value
from models.part_row import PartRow

Risks = list[float | None]


class Reading(NamedTuple):
    """What one station measured of a part; ``at`` in seconds."""

    station: str
    at: float
    values: Mapping[str, Value]


class PartJourney(NamedTuple):
    """A part's readings, and whether it failed its test; None if no result has come."""

    readings: tuple[Reading, ...]
    fail: bool | None


def follow(detector: Detector, journeys: Iterable[PartJourney]) -> Risks:
    """Score and learn every journey; answers the risk after each reading.

    >>> follow(Detector(), [PartJourney((Reading("press", 0.0, {"torque": 1.5}),), fail=False)])
    [None]
    """
    risks: Risks = []
    for readings, fail in journeys:
        row, margin = PartRow(), None
        for station, at, values in readings:
            row, _ = detector.encode(row, station, at, values)
            verdict = detector.score(row)
            risks.append(verdict.risk)
            margin = verdict.margin
            detector.observe(row, station, values)
        if fail is not None:
            detector.learn(row, fail, margin)
        detector.close(row)
    return risks


def sample_journeys(parts: int = 160, seed: int = 0) -> list[PartJourney]:
    """A small line: a press, a weld that half of the parts pass by, an oven; a tenth fails.

    Values are numeric, boolean and names, some dropped, some pinned at a sensor's limit.

    >>> first = sample_journeys(1)[0]
    >>> [reading.station for reading in first.readings], first.fail
    (['press', 'oven'], False)
    """
    rng = random.Random(seed)  # noqa: S311 - a repeatable stream, not a secret
    return [_journey(rng, part) for part in range(parts)]


def eventful_journeys(parts: int = 160, seed: int = 0) -> list[PartJourney]:
    """The small line on a busy day: `sample_journeys` with all that may happen on the way.

    Every ninth part is measured again at the press, every eleventh part's readings arrive in
    reverse, every thirteenth part's result never comes, and half way through the stream a station
    opens behind the oven, with a number, a name and a value that is often dropped.

    >>> journeys = eventful_journeys(24)
    >>> [reading.station for reading in journeys[9].readings]
    ['press', 'press', 'oven']
    >>> journeys[13].fail is None, journeys[22].readings[0].station
    (True, 'paint')
    """
    rng = random.Random(seed + 1)  # noqa: S311 - a repeatable stream, not a secret
    journeys = []
    for part, (readings, fail) in enumerate(sample_journeys(parts, seed)):
        if part % 9 == 0:
            first = readings[0]
            torque = rng.gauss(20.0, 2.0)
            again = first._replace(at=first.at + 5.0, values={**first.values, "torque": torque})
            readings = (first, again, *readings[1:])
        if part >= parts // 2:
            paint: dict[str, Value] = {
                "gap": rng.gauss(0.4, 0.05) + (0.1 if fail else 0.0),
                "gloss": None if rng.random() < 0.4 else rng.gauss(80.0, 3.0),
                "colour": rng.choice(("red", "blue")),
            }
            readings = (*readings, Reading("paint", 60.0 * part + 55.0, paint))
        if part % 11 == 0:
            readings = readings[::-1]
        journeys.append(PartJourney(readings, None if part % 13 == 0 else fail))
    return journeys


def _journey(rng: random.Random, part: int) -> PartJourney:
    torque, heat = rng.gauss(20.0, 2.0), rng.gauss(180.0, 5.0)
    fail = torque + 0.2 * heat + rng.gauss(0.0, 0.3) > 58.3
    press: dict[str, Value] = {
        "torque": None if rng.random() < 0.1 else torque,
        "force": min(rng.gauss(100.0, 10.0), 108.0),
        "supplier": rng.choice(("north", "south")),
        "mold": rng.choice(("8722", "8412", "8600")),
    }
    weld: dict[str, Value] = {"current": rng.gauss(0.0, 1e-9), "clamped": rng.random() < 0.9}
    oven: dict[str, Value] = {"heat": heat, "zone": rng.randrange(4)}
    begin = 60.0 * part
    readings = [Reading("press", begin, press)]
    if rng.random() < 0.5:
        readings.append(Reading("weld", begin + 20.0, weld))
    readings.append(Reading("oven", begin + 40.0, oven))
    return PartJourney(tuple(readings), fail)
