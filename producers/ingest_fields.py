"""The smaller tables of an ingest map: one value, one time, one outcome, readings, a feature.

`producers.ingest_map` puts them together.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    StrictStr,
    model_validator,
)

from producers.json_path import JsonPath, parse_path
from producers.map import WrittenTime
from producers.scalars import as_text
from stream.events import FeatureName

_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,200}")


def _path(value: object) -> JsonPath:
    if not isinstance(value, str | list):
        raise ValueError('a path is a text such as "payload.serial", or a list of its keys')
    return parse_path(value)


def _scalar(value: object) -> str | int | float | bool:
    if not isinstance(value, str | int | float | bool):
        raise ValueError("a text, a number, true or false is wanted")
    return value


def _text_of(value: object) -> str:
    return as_text(_scalar(value))


def _topic_name(value: str) -> str:
    if not _TOPIC.fullmatch(value):
        raise ValueError("1 to 200 letters, digits, '.', '_' or '-' are wanted")
    return value


def _short(value: object) -> object:
    """A lone path, where a table may stand."""
    return {"path": value} if isinstance(value, str | list) else value


JsonPlace = Annotated[JsonPath, PlainValidator(_path)]
Constant = Annotated[str | int | float | bool, PlainValidator(_scalar)]
TopicName = Annotated[StrictStr, AfterValidator(_topic_name)]
Codes = dict[str, Constant]
Texts = Annotated[tuple[Annotated[str, PlainValidator(_text_of)], ...], Field(strict=False)]


class Table(BaseModel):
    """What all tables have in common: frozen, strict about types, no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class FieldMap(Table):
    """One value: what stands at ``path``, translated by ``codes``, or a ``constant``."""

    path: JsonPlace | None = Field(None, description='such as "payload.serial"')
    constant: Constant | None = Field(None, description="a value that is always the same")
    codes: Codes | None = Field(None, description='such as { "10" = "press" }')
    default: Constant | None = Field(None, description="the value where path leads to nothing")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.path is None and self.constant is None:
            raise ValueError("neither path nor constant is given: set one")
        if self.path is not None and self.constant is not None:
            raise ValueError("path and constant are both given: keep one")
        if self.codes is not None and not self.codes:
            raise ValueError("codes is empty: list the codes, or leave it out")
        return self


class InstantMap(WrittenTime):
    """A time: a number of ``unit`` since 1970 UTC, else ISO 8601 or as ``format`` says.

    ``zone`` is that of times which carry none.
    """

    path: JsonPlace = Field(description='such as "header.ts", or "@timestamp" with unit = "ms"')
    unit: Literal["s", "ms", "us", "ns"] | None = Field(None, description="s, ms, us or ns")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.unit is not None and (self.zone or self.format):
            raise ValueError("unit is for numbers, zone and format are for texts: keep one")
        if self.unit is None and self.path.root == "timestamp":
            raise ValueError('@timestamp is a number of milliseconds: add unit = "ms"')
        return self


class OutcomeMap(Table):
    """The outcome of the conformity test, by the values that stand for it."""

    path: JsonPlace = Field(description='such as "verdict.code"')
    fails: Texts = Field(alias="fail", min_length=1, description="list the values that mean fail")
    passes: Texts = Field(alias="pass", min_length=1, description="list the values that mean pass")
    untested: Texts = Field((), description="list the values that mean untested")
    other: Literal["reject", "untested"] = Field("reject", description="reject or untested")

    @model_validator(mode="after")
    def _unambiguous(self) -> Self:
        counted = Counter((*set(self.fails), *set(self.passes), *set(self.untested)))
        twice = [value for value, count in sorted(counted.items()) if count > 1]
        if twice:
            raise ValueError(f"{twice[0]!r} stands for two outcomes: keep one")
        return self


class Condition(Table):
    """Holds when what stands at ``path`` is one of ``equals``."""

    path: JsonPlace = Field(description='such as "header.type"')
    equals: Texts = Field(min_length=1, description="list the values for which it holds")


class ReadingsMap(Table):
    """Where a message carries features that are not listed one by one.

    ``object``: an object whose keys are the features. ``list``: a list of objects with ``name``
    and ``value``. Neither: the message holds one reading, at ``name`` and ``value``.
    """

    object: JsonPlace | None = Field(None, description="the path of an object of readings")
    list: JsonPlace | None = Field(None, description="the path of a list of readings")
    name: JsonPlace | None = Field(None, description="the path of a reading's name")
    value: JsonPlace | None = Field(None, description="the path of a reading's value")
    cast: Literal["as_is", "number", "text", "boolean"] = Field(
        "as_is", description="as_is, number, text or boolean"
    )
    unlisted: Literal["take", "ignore", "reject"] = Field(
        "take", description="what to do with readings that no feature lists"
    )

    @model_validator(mode="after")
    def _one_shape(self) -> Self:
        if self.object is not None and self.list is not None:
            raise ValueError("object and list are both given: keep one")
        pair = self.name is not None and self.value is not None
        if self.object is not None and (self.name is not None or self.value is not None):
            raise ValueError("object needs no name and no value: remove them")
        if self.object is None and not pair:
            raise ValueError("name and value are both needed, unless object is given: set them")
        return self


class ChangeMap(Table):
    """From a date on, readings come in another unit: ``value * scale + offset`` is the old one."""

    since: datetime = Field(alias="from", description="such as 2026-03-01T00:00:00+01:00")
    scale: float = Field(1.0, description="the factor")
    offset: float = Field(0.0, description="what is added after scaling")

    @model_validator(mode="after")
    def _has_a_zone(self) -> Self:
        if self.since.tzinfo is None:
            raise ValueError("from carries no zone: write it as 2026-03-01T00:00:00+01:00")
        return self


class FeatureMap(Table):
    """One feature: where its reading stands, or what its reading is called among ``readings``."""

    name: Annotated[FeatureName, Field(strict=True)] = Field(description="name the feature")
    path: JsonPlace | None = Field(None, description='such as "payload.torque.value"')
    reading: StrictStr | None = Field(None, description="its name in the message's readings")
    station: StrictStr | None = Field(None, description="only at the station of this name")
    optional: bool = Field(False, description="true: a message may lack it")
    cast: Literal["as_is", "number", "text", "boolean"] | None = Field(
        None, description="as_is, number, text or boolean"
    )
    codes: Codes | None = Field(None, description='such as { "0" = "ok" }')
    scale: float = Field(1.0, description="the factor")
    offset: float = Field(0.0, description="what is added after scaling")
    changes: Annotated[tuple[ChangeMap, ...], Field(strict=False)] = Field(
        (), alias="change", description="a table [[topic.feature.change]] with from and scale"
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.path is not None and self.reading is not None:
            raise ValueError("path and reading are both given: keep one")
        moments = [change.since for change in self.changes]
        if moments != sorted(set(moments)):
            raise ValueError("change: each from must be later than the one before: put in order")
        if self.codes is not None and not self.codes:
            raise ValueError("codes is empty: list the codes, or leave it out")
        if self.is_scaled and self.cast in ("text", "boolean"):
            raise ValueError(f"cast = {self.cast!r} cannot be scaled: use number")
        return self

    @property
    def is_scaled(self) -> bool:
        """Whether its readings change their unit."""
        return (self.scale, self.offset) != (1.0, 0.0) or bool(self.changes)


Value = Annotated[FieldMap, BeforeValidator(_short)]
Instant = Annotated[InstantMap, BeforeValidator(_short)]
