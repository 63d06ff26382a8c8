"""Simulated lines for tests: a small description, and what to read from a list of events."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from producers.causes import Cell, Linear
from producers.line_spec import Feature, LineSpec, Route, Station
from stream.events import Event, Measurement, Result

TORQUE, GAP = Cell("A", "torque"), Cell("B", "gap")


def small_spec(*features: Feature, **changes: Any) -> LineSpec:
    """Three stations; ``features`` are added to the second one."""
    stations = (
        Station("A", (Feature("torque", mean=20.0, spread=2.0),), travel=20.0),
        Station("B", (Feature("gap", mean=1.0, spread=0.1, decimals=3), *features), travel=30.0),
        Station("C", (Feature("mass", mean=500.0, spread=9.0, decimals=1),), travel=25.0),
    )
    fields: dict[str, Any] = {
        "name": "small",
        "stations": stations,
        "routes": (Route(1.0, ("A", "B", "C")),),
        "causes": (Linear(name="tight", cell=TORQUE, weight=1.0),),
        "fail_rate": 0.05,
        "horizon": 2_000,
    }
    return LineSpec(**(fields | changes))


def digest(events: Iterable[Event]) -> str:
    """SHA-256 of what the events say, apart from any encoding."""
    hashed = hashlib.sha256()
    for event in events:
        said = [event.type, event.line, event.at.isoformat()]
        if isinstance(event, Measurement):
            said += [event.part, event.station, repr(event.values)]
        elif isinstance(event, Result):
            said += [event.part, event.outcome]
        hashed.update("|".join(said).encode() + b"\n")
    return hashed.hexdigest()


def measurements(events: Iterable[Event], station: str | None = None) -> list[Measurement]:
    """The measurements, of one station or of all."""
    return [
        event
        for event in events
        if isinstance(event, Measurement) and station in (None, event.station)
    ]


def results(events: Iterable[Event]) -> dict[str, Result]:
    """The result of each part."""
    return {event.part: event for event in events if isinstance(event, Result)}


def by_part(events: Iterable[Event]) -> dict[str, list[Measurement]]:
    """The measurements of each part, in order of arrival."""
    journeys: dict[str, list[Measurement]] = defaultdict(list)
    for event in measurements(events):
        journeys[event.part].append(event)
    return journeys
