"""What a plant of its own would say of a line's events: nested JSON on two topics.

The events of a simulated line in the words of a plant that knows nothing of andon, for trying
``andon ingest`` where no plant is at hand. `deploy/compose/plant.toml` is the map that reads them.

====================  ==========================================================================
topic                 message
====================  ==========================================================================
PREFIX.measurements   ``{"header": {"line", "ts"}, "payload": {"serial", "station", "values"}}``
PREFIX.results        ``{"header": {"line", "ts"}, "payload": {"serial", "test", "verdict"}}``
====================  ==========================================================================

``ts`` is in milliseconds since 1970, ``verdict`` is OK, NOK or NONE.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import orjson

from stream.events import Event, Measurement, Result

_VERDICTS = {"pass": "OK", "fail": "NOK", "untested": "NONE"}


def plant_topics(prefix: str) -> tuple[str, str]:
    """The topics that `plant_topic` chooses from.

    >>> plant_topics("plant")
    ('plant.measurements', 'plant.results')
    """
    return f"{prefix}.measurements", f"{prefix}.results"


def plant_topic(prefix: str, event: Event) -> str:
    """The topic that the event is told on."""
    measurements, results = plant_topics(prefix)
    return measurements if isinstance(event, Measurement) else results


def told_by_a_plant(events: Iterable[Event]) -> Iterator[Measurement | Result]:
    """Those events that a plant has words for: it knows no ticks, and hears no feedback."""
    return (event for event in events if isinstance(event, Measurement | Result))


def encode_message(event: Event) -> bytes:
    """The plant's message for a measurement or a result; ValueError for any other event.

    >>> from datetime import UTC, datetime
    >>> at = datetime(2026, 1, 5, 8, tzinfo=UTC)
    >>> encode_message(Result(line="body-A", part="P-1", at=at, outcome="fail", test="leak"))
    b'{"header":{"line":"body-A","ts":1767600000000},\
"payload":{"serial":"P-1","test":"leak","verdict":"NOK"}}'
    """
    said: dict[str, object]
    match event:
        case Measurement():
            said = {"serial": event.part, "station": event.station, "values": event.values}
        case Result():
            verdict = _VERDICTS[event.outcome]
            said = {"serial": event.part, "test": event.test, "verdict": verdict}
        case _:
            raise ValueError(f"a plant has no message for a {event.type}: leave it out")
    header = {"line": event.line, "ts": round(event.at.timestamp() * 1000)}
    return orjson.dumps({"header": header, "payload": said})
