"""Three plants that say the same in ways of their own; docs/maps has the map of each."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from producers.families import family
from producers.ingest_map import IngestMap
from producers.simulator import SimulatedLine
from stream.codec import encode
from stream.events import Event, Measurement, Result
from stream.log import Log, Record, TopicPartition, TopicSpec

MAPS = Path(__file__).parents[2] / "docs" / "maps"
LINE = "press-shop"
PARTITIONS = 2
_BERLIN = ZoneInfo("Europe/Berlin")


class Message(NamedTuple):
    """One record of a plant's topic."""

    topic: str
    key: bytes
    value: dict[str, Any]


def plant_events(parts: int, seed: int = 3) -> list[Measurement | Result]:
    """What happened: the measurements and results of a simulated line, without ticks."""
    told = SimulatedLine(family("demo", line=LINE), seed=seed, remember=0).events(parts)
    return [event for event in told if isinstance(event, Measurement | Result)]


def nested(event: Measurement | Result) -> Iterator[Message]:
    """An object of values in nested messages, epoch milliseconds, stations as numbers."""
    header = {"line": event.line, "ts": round(event.at.timestamp() * 1000)}
    key = event.part.encode()
    if isinstance(event, Measurement):
        unit = {"serial": event.part}
        said = {"unit": unit, "op": int(event.station[2:4]), "values": event.values}
        yield Message("plant.nested.measurements", key, {"header": header, "payload": said})
    else:
        verdict = "OK" if event.outcome == "pass" else "NOK"
        said = {"serial": event.part, "test": event.test, "verdict": verdict}
        yield Message("plant.nested.results", key, {"header": header, "payload": said})


def readings(event: Measurement | Result) -> Iterator[Message]:
    """One reading a message, ISO times; results in lists."""
    key, at = event.part.encode(), event.at.isoformat()
    if isinstance(event, Measurement):
        last = list(event.values)[-1]
        for name, value in event.values.items():
            said = {"t": at, "st": event.station, "sensor": name, "val": value}
            yield Message("plant.readings", key, said | ({"last": True} if name == last else {}))
    else:
        test = {"sn": event.part, "t": at, "ok": event.outcome == "pass", "on": event.test}
        yield Message("plant.tests", key, {"tests": [test]})


def codes(event: Measurement | Result) -> Iterator[Message]:
    """Texts for everything, local times, results as codes among messages of other types."""
    stamp = event.at.astimezone(_BERLIN).strftime("%d.%m.%Y %H:%M:%S.%f")
    key = event.part.encode()
    if isinstance(event, Measurement):
        data = [_written(name, value) for name, value in event.values.items()]
        said = {"Serial": event.part, "Station": event.station, "Stamp": stamp, "Data": data}
        yield Message("plant.codes.data", key, said)
    else:
        yield Message("plant.codes.eol", key, {"Type": "SHIFT", "Note": "not a result"})
        code = "1" if event.outcome == "pass" else "2"
        said = {"Type": "EOL", "Serial": event.part, "Stamp": stamp, "Code": code}
        yield Message("plant.codes.eol", key, said)


def _written(name: str, value: object) -> dict[str, str]:
    if name == "seated":
        return {"n": "SEATED_FLAG", "v": "---" if value is None else str(int(bool(value)))}
    return {"n": name, "v": "---" if value is None else str(value)}


SHAPES: dict[str, Callable[[Measurement | Result], Iterator[Message]]] = {
    "nested": nested,
    "readings": readings,
    "codes": codes,
}


def shape_map(shape: str, prefix: str = "plant", **changes: object) -> dict[str, Any]:
    """The map of a shape as data; ``prefix`` replaces the topics' and makes a group of its own."""
    text = (MAPS / f"ingest-{shape}.toml").read_text("utf-8")
    data = tomllib.loads(text)
    for topic in data["topic"]:
        topic["name"] = topic["name"].replace("plant", prefix, 1)
    if prefix != "plant":
        data["group"] = f"{prefix}.ingest"
    return data | changes


def loaded(data: dict[str, Any]) -> IngestMap:
    """A map from data."""
    return IngestMap.model_validate(data)


def as_toml(data: dict[str, Any]) -> str:
    """Enough of TOML for the maps of this file: one inline table for everything."""
    return "".join(f"{key} = {_toml(value)}\n" for key, value in data.items())


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {_toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, datetime):
        return value.isoformat()
    return json.dumps(str(value) if isinstance(value, Path) else value)


def create_plant(log: Log, data: dict[str, Any], partitions: int = PARTITIONS) -> None:
    """The topics of a map."""
    log.create_topics([TopicSpec(topic["name"], partitions) for topic in data["topic"]])


def put_plant(
    log: Log, shape: str, events: Iterable[Event], prefix: str = "plant", start: int = 10**12
) -> int:
    """The events in a plant's own words; each message arrives a millisecond after the other."""
    count = 0
    for event in events:
        assert isinstance(event, Measurement | Result)
        for message in SHAPES[shape](event):
            topic = message.topic.replace("plant", prefix, 1)
            value = json.dumps(message.value).encode()
            log.append(topic, message.key, value, timestamp=start + count)
            count += 1
    log.flush()
    return count


def on_topic(log: Log, topic: str) -> list[Record]:
    """All records of a topic, partition by partition."""
    return [
        record
        for number in range(log.partitions(topic))
        for record in log.read(TopicPartition(topic, number))
    ]


def values_on(log: Log, topic: str) -> list[bytes | None]:
    """What the records of a topic say."""
    return [record.value for record in on_topic(log, topic)]


def encoded(events: Iterable[Event]) -> list[bytes]:
    """Events as they lie on the log."""
    return [encode(event) for event in events]
