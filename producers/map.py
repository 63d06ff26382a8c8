"""The map of a table: which column of a history file means what on the line.

A map is a TOML file. It says which columns hold the part, the time and the result, which station
measured which features and how long after the row's time it reported, and which columns are left
out. Nothing is guessed: a column that the map does not name is a mistake, unless the map says
``unmapped = "ignore"``::

    line = "press-4"                      # or line_column = "machine"
    ignore = ["operator_note"]

    [part]
    column = "serial"                     # or row_number = true

    [time]
    column = "stamped_at"
    zone = "Europe/Berlin"                # needed when the times carry no zone of their own

    [result]                              # leave the table out if the file has no results
    column = "verdict"
    fail = ["NOK", 1]
    pass = ["OK", 0]
    delay = "2h"                          # or delay_column = "lab_time"

    [[station]]
    name = "press"
    features = ["force", "die", "t_*"]    # * and ? stand for any characters, any character
    categorical = ["die"]                 # a number that is a name
    offset = "30s"                        # reported this long after the row's time

An exact column name goes before a pattern: ``features = ["f*"]`` with ``ignore = ["f7"]`` gives
the station every other ``f``.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    StrictStr,
    field_validator,
    model_validator,
)

from producers.duration import parse_duration
from producers.map_toml import read_toml, validated
from producers.mistakes import did_you_mean
from stream.events import FeatureName, Name


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise ValueError('a duration is a text with a unit, such as "30s"')
    return parse_duration(value)


def _outcome_value(value: object) -> str | int | float:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("a text or a number is wanted; write a cell that says true as a text")
    if isinstance(value, str):
        return value.strip()
    if not abs(value) <= sys.float_info.max:
        raise ValueError("a number here must be finite")
    return value


Duration = Annotated[timedelta, BeforeValidator(_duration)]
OutcomeValue = Annotated[str | int | float, PlainValidator(_outcome_value)]
OutcomeValues = Annotated[tuple[OutcomeValue, ...], Field(strict=False, min_length=1)]
Columns = Annotated[tuple[StrictStr, ...], Field(strict=False)]
Features = Annotated[tuple[Annotated[FeatureName, Field(strict=True)], ...], Field(strict=False)]


def _same_cell(one: str | int | float, other: str | int | float) -> bool:
    if isinstance(one, str) == isinstance(other, str):
        return one == other
    try:
        return float(one) == float(other)
    except ValueError:
        return False


def is_pattern(name: str) -> bool:
    """Whether ``name`` may stand for several columns."""
    return "*" in name or "?" in name


def matches(pattern: str, column: str) -> bool:
    """Whether ``pattern`` covers ``column``: ``*`` any characters, ``?`` one, nothing else special.

    >>> matches("t_*", "t_oil [C]"), matches("t [C]", "t C")
    (True, False)
    """
    wanted = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(wanted, column, re.DOTALL) is not None


class MapTable(BaseModel):
    """What every table of a map is: frozen, strict, without unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class PartMap(MapTable):
    """Where a part's serial number comes from: a column, or the row's number in the history."""

    column: StrictStr | None = Field(None, description="name the column of the serial number")
    row_number: bool = Field(False, description="true numbers the parts by their rows")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.column is None and not self.row_number:
            raise ValueError("neither column nor row_number is given: set column")
        if self.column is not None and self.row_number:
            raise ValueError("column and row_number are both given: keep one")
        return self


class WrittenTime(MapTable):
    """How times are written; see `producers.cells.Clock` for how they are read."""

    zone: StrictStr | None = Field(None, description='an IANA name such as "Europe/Berlin"')
    format: StrictStr | None = Field(None, description='such as "%d.%m.%Y %H:%M:%S"')

    @field_validator("zone")
    @classmethod
    def _zone_exists(cls, zone: str | None) -> str | None:
        if zone is not None:
            try:
                ZoneInfo(zone)
            except (OSError, ValueError, KeyError):
                hint = did_you_mean(zone, available_timezones())
                raise ValueError(
                    f"not an IANA zone{hint or ', such as Europe/Berlin or UTC'}"
                ) from None
        return zone

    @field_validator("format")
    @classmethod
    def _format_works(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            probe = datetime(2026, 11, 25, 18, 59, 3, tzinfo=UTC)
            try:
                again = datetime.strptime(probe.strftime(pattern), pattern)  # noqa: DTZ007 a probe
            except ValueError as error:
                raise ValueError(f'{error}; write it as "%d.%m.%Y %H:%M:%S"') from None
            if again.date() != probe.date():
                raise ValueError("names no full date: it needs a year, a month and a day")
        return pattern


class CountedTime(WrittenTime):
    """A time that may be a number: so many units since an epoch."""

    unit: Duration | None = Field(None, description='what the number 1 means, such as "1ms"')
    epoch: StrictStr | None = Field(
        None, description='what the number 0 means, such as "1970-01-01T00:00:00Z"'
    )

    @model_validator(mode="after")
    def _numbers_have_a_unit_and_an_epoch(self) -> Self:
        if self.unit is None and self.epoch is None:
            return self
        if self.unit is None:
            raise ValueError('epoch is given without unit: set unit, such as "1ms"')
        if self.epoch is None:
            raise ValueError(
                'unit is given without epoch: set epoch, such as "1970-01-01T00:00:00Z"'
            )
        if not self.unit:
            raise ValueError('unit is zero: set what the number 1 means, such as "1ms"')
        if self.format is not None:
            raise ValueError("format and unit are both given: keep unit if the times are numbers")
        self.start()
        return self

    def start(self) -> datetime:
        """The moment, in UTC, that the number 0 means; ValueError if ``epoch`` does not say it."""
        try:
            start = datetime.fromisoformat(self.epoch or "")
        except ValueError:
            raise ValueError(
                f'epoch = {self.epoch!r}: not ISO 8601: write it as "1970-01-01T00:00:00Z"'
            ) from None
        if start.tzinfo is None:
            if self.zone is None:
                raise ValueError(
                    f"epoch = {self.epoch!r}: carries no zone: end it with Z, or set zone"
                )
            start = start.replace(tzinfo=ZoneInfo(self.zone))
        return start.astimezone(UTC)


class TimeMap(CountedTime):
    """The row's time."""

    column: StrictStr = Field(description="name the column of the row's time")


class OutcomeMap(MapTable):
    """Which cells mean fail and which mean pass.

    A cell counts as a listed text if it is that text, as a listed number if it is a number of that
    value (``1`` covers ``1.0``). An empty cell gives no result. Any other cell is answered by
    ``other``: "reject" counts a bad cell and gives no result, "untested" gives that outcome.
    """

    fails: OutcomeValues = Field(alias="fail", description="list the cells that mean fail")
    passes: OutcomeValues = Field(alias="pass", description="list the cells that mean pass")
    other: Literal["reject", "untested"] = Field("reject", description="reject or untested")
    test: Name | None = Field(None, description="the name of the test")

    @model_validator(mode="after")
    def _unambiguous(self) -> Self:
        for fail in self.fails:
            if any(_same_cell(fail, value) for value in self.passes):
                raise ValueError(f"{fail!r} stands in fail and in pass: keep one")
        return self


class ResultMap(OutcomeMap):
    """The conformity test's outcome in a row, and when it is known.

    ``delay_column`` holds durations as in `producers.duration`, or numbers of seconds.
    """

    column: StrictStr = Field(description="name the column of the outcome")
    delay: Duration | None = Field(None, description='such as "2h"')
    delay_column: StrictStr | None = Field(None, description="name the column of the delay")

    @model_validator(mode="after")
    def _one_delay(self) -> Self:
        if self.delay is None and self.delay_column is None:
            raise ValueError(
                "neither delay nor delay_column is given: set delay, the time from the row's time "
                'until its result is known, such as "2h"'
            )
        if self.delay is not None and self.delay_column is not None:
            raise ValueError("delay and delay_column are both given: keep one")
        return self


class StationMap(MapTable):
    """What one station measures, and how long after the row's time it reports."""

    name: Name = Field(description="name the station")
    features: Features = Field(min_length=1, description="list the columns that it measures")
    offset: Duration = Field(timedelta(0), description='such as "30s"')
    categorical: Features = Field((), description="list features whose numbers are names")
    boolean: Features = Field((), description="list features that are true or false")

    @model_validator(mode="after")
    def _kinds_are_of_features(self) -> Self:
        for kind, names in (("categorical", self.categorical), ("boolean", self.boolean)):
            for name in names:
                if is_pattern(name) or any(covers(f, name) for f in self.features):
                    continue
                hint = did_you_mean(name, self.features)
                raise ValueError(f"{kind} names {name!r}, which is no feature of it{hint}")
        twice = [name for name in self.categorical if name in self.boolean]
        if twice:
            raise ValueError(f"{twice[0]!r} is categorical and boolean: keep one")
        return self


class TableMap(MapTable):
    """The map of a wide table, one row a part; `load_map` reads one."""

    format: Literal["wide"] = Field("wide", description="wide, long or bosch")
    line: Name | None = Field(None, description="name the line")
    line_column: StrictStr | None = Field(None, description="name the column of the line")
    part: PartMap = Field(description="add a table [part] with column, or row_number = true")
    time: TimeMap = Field(description="add a table [time] with column")
    result: ResultMap | None = Field(None, description="a table [result]")
    stations: tuple[StationMap, ...] = Field(
        alias="station",
        strict=False,
        min_length=1,
        description="add a table [[station]] with name and features",
    )
    ignore: Columns = Field((), description="list the columns to leave out")
    missing: Columns = Field((), description='list texts that mean an empty cell, such as "NaN"')
    unmapped: Literal["error", "ignore"] = Field("error", description="error or ignore")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.line is None and self.line_column is None:
            raise ValueError("neither line nor line_column is given: set one")
        if self.line is not None and self.line_column is not None:
            raise ValueError("line and line_column are both given: keep one")
        names = Counter(station.name for station in self.stations)
        for name, count in names.items():
            if count > 1:
                raise ValueError(
                    f"station {name!r} stands {count} times: put its features together"
                )
        first: dict[str, str] = {}
        for use, column in self.uses():
            if column in first:
                raise ValueError(
                    f"column {column!r} is named twice, in {first[column]} and in {use}: keep one"
                )
            first[column] = use
        self._results_come_last()
        return self

    def _results_come_last(self) -> None:
        last = max(self.stations, key=lambda station: station.offset)
        delay = self.result.delay if self.result else None
        if delay is not None and delay < last.offset:
            raise ValueError(
                f"result.delay = {delay} is shorter than the offset {last.offset} of station "
                f"{last.name!r}, so results would come before their parts are measured: "
                f"lengthen delay"
            )

    def uses(self) -> Iterator[tuple[str, str]]:
        """(key, column or pattern) for everything that the map says of a column."""
        single = {
            "line_column": self.line_column,
            "part.column": self.part.column,
            "time.column": self.time.column,
            "result.column": self.result.column if self.result else None,
            "result.delay_column": self.result.delay_column if self.result else None,
        }
        yield from ((use, column) for use, column in single.items() if column is not None)
        for station in self.stations:
            yield from ((f"station[{station.name}].features", name) for name in station.features)
        yield from (("ignore", name) for name in self.ignore)


def covers(name: str, column: str) -> bool:
    """Whether ``name``, exact or a pattern, covers ``column``."""
    return name == column or (is_pattern(name) and matches(name, column))


TABLES: dict[str, type[BaseModel]] = {
    "part": PartMap,
    "time": TimeMap,
    "result": ResultMap,
    "station": StationMap,
}


def load_map(path: Path) -> TableMap:
    """The map of a wide table in the TOML file ``path``.

    Raises `ConfigError` for the first mistake, naming the file, the key, the value and the remedy.
    """
    return validated(path, read_toml(path), TableMap, TABLES)
