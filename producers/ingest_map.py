"""The map of a plant's topics: which place in which message means what on the line.

A TOML file. Paths lead into the JSON (`producers.json_path`); wherever one value is wanted, a text
is its path, and a table says more::

    group = "andon-ingest.press-shop"        # the consumer group: what has been read, by its name
    line = { constant = "body-A" }

    [[topic]]
    name = "plant.measurements"
    kind = "measurement"
    part = "payload.serial"
    station = { path = "payload.station", codes = { "10" = "press", "20" = "oven" } }
    at = { path = "header.ts", unit = "ms" }
    readings = { object = "payload.values" }

    [[topic]]
    name = "plant.results"
    kind = "result"
    part = "serial"
    at = { path = "tested_at", zone = "Europe/Berlin" }
    outcome = { path = "verdict", pass = ["OK"], fail = ["NOK"] }

`docs/ingest.md` tells the rest. Nothing is guessed; every mistake has a message of its own.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, StrictStr, model_validator

from producers.ingest_fields import (
    ChangeMap,
    Condition,
    FeatureMap,
    FieldMap,
    Instant,
    InstantMap,
    JsonPlace,
    OutcomeMap,
    ReadingsMap,
    Table,
    Texts,
    TopicName,
    Value,
)
from producers.map import Duration
from producers.map_toml import read_toml, validated


class TopicMap(Table):
    """One topic: what its messages are, and where they say it."""

    name: TopicName = Field(description="name the topic")
    kind: Literal["measurement", "result"] = Field(description='"measurement" or "result"')
    each: JsonPlace | None = Field(None, description="the path of a list, each element one item")
    where: Annotated[tuple[Condition, ...], Field(strict=False)] = Field(
        (), description="a list of tables with path and equals"
    )
    line: Value | None = Field(None, description="where the line's name stands")
    part: Value = Field(description='where the serial number stands, such as "payload.serial"')
    at: Instant = Field(description='where the time stands, such as { path = "ts", unit = "ms" }')
    station: Value | None = Field(None, description="where the station's name stands")
    readings: ReadingsMap | None = Field(None, description="a table with object, list, or name")
    features: Annotated[tuple[FeatureMap, ...], Field(strict=False)] = Field(
        (), alias="feature", description="a table [[topic.feature]] with name and path"
    )
    gather: bool = Field(False, description="true: several messages make one measurement")
    closes: Condition | None = Field(None, description="which message ends a gathering")
    id: Value | None = Field(None, description="where the message's own id stands")
    outcome: OutcomeMap | None = Field(None, description="a table with path, pass and fail")
    test: Value | None = Field(None, description="where the test's name stands")
    reason: Value | None = Field(None, description="where the reason of a fail stands")
    revision: Value | None = Field(None, description="where a result's revision stands")

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        needed: tuple[str, ...] = ("station",)
        foreign: tuple[str, ...] = ("outcome", "test", "reason", "revision")
        if self.kind == "result":
            needed = ("outcome",)
            foreign = ("station", "readings", "features", "gather", "closes", "id")
        for key in needed:
            if getattr(self, key) is None:
                remedy = type(self).model_fields[key].description
                raise ValueError(f"{key} is missing, which a {self.kind} needs: {remedy}")
        for key in foreign:
            if getattr(self, key) not in (None, (), False):
                key = {"features": "feature"}.get(key, key)
                raise ValueError(f"{key} belongs to no {self.kind}: remove it")
        if self.kind == "measurement":
            self._features_are_found()
        return self

    def _features_are_found(self) -> None:
        if self.readings is None and not self.features:
            raise ValueError("neither readings nor feature is given: say where the values stand")
        seen: set[tuple[str, str | None]] = set()
        for feature in self.features:
            if feature.path is None and self.readings is None:
                raise ValueError(
                    f"feature[{feature.name}] has no path, and there are no readings: set path"
                )
            if (feature.name, feature.station) in seen:
                raise ValueError(f"feature {feature.name!r} stands twice: keep one")
            seen.add((feature.name, feature.station))
        if self.closes is not None and not self.gather:
            raise ValueError("closes is for a topic with gather = true: add it, or remove closes")


class SourceMap(Table):
    """Where the plant's topics lie, if not on the log of the settings."""

    bootstrap_servers: Annotated[tuple[StrictStr, ...], Field(strict=False)] = Field(
        (), description='such as ["broker-1:9092"]'
    )
    start: Literal["begin", "end"] = Field(
        "begin", description='"begin" or "end": where a group that is new begins to read'
    )


class IngestMap(Table):
    """A whole map; `load_ingest_map` reads one."""

    group: TopicName = Field(
        description='name the consumer group, such as "andon-ingest.press-shop"'
    )
    source: SourceMap = Field(SourceMap(), description="a table [source]")
    line: Value | None = Field(None, description="where the line's name stands")
    missing: Texts = Field((), description='list values that mean no reading, such as "n/a"')
    gap: Duration | None = Field(None, description='such as "30s"')
    tick: Duration = Field(timedelta(minutes=1), description='such as "1min", "0s" for none')
    topics: Annotated[tuple[TopicMap, ...], Field(strict=False)] = Field(
        alias="topic", min_length=1, description="add a table [[topic]] with name and kind"
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        names = Counter(topic.name for topic in self.topics)
        for name, count in names.items():
            if count > 1:
                raise ValueError(f"topic {name!r} stands {count} times: one table says it all")
        for topic in self.topics:
            if topic.line is None and self.line is None:
                raise ValueError(
                    f"topic[{topic.name}] has no line, nor has the map: set line, such as "
                    f'line = {{ constant = "body-A" }}'
                )
        gathers = [topic.name for topic in self.topics if topic.gather]
        if gathers and not self.gap:
            raise ValueError(
                f"gap is missing, which topic[{gathers[0]}] needs to gather: set the silence after "
                f'which a measurement is whole, such as gap = "30s"'
            )
        if self.gap is not None and not gathers:
            raise ValueError("gap is given and no topic gathers: add gather = true, or remove gap")
        return self


_TABLES: dict[str, type[BaseModel]] = {
    "source": SourceMap,
    "line": FieldMap,
    "topic": TopicMap,
    "topic.where": Condition,
    "topic.closes": Condition,
    "topic.at": InstantMap,
    "topic.outcome": OutcomeMap,
    "topic.readings": ReadingsMap,
    "topic.feature": FeatureMap,
    "topic.feature.change": ChangeMap,
    **{f"topic.{k}": FieldMap for k in ("line", "part", "station", "id", "test", "reason")},
    "topic.revision": FieldMap,
}


def load_ingest_map(path: Path) -> IngestMap:
    """The map in the TOML file ``path``.

    Raises `ConfigError` for the first mistake, naming the file, the key, the value and the remedy.
    """
    return validated(path, read_toml(path), IngestMap, _TABLES)
