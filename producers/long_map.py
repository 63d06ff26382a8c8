"""The map of a long table: one row is one reading.

::

    format = "long"
    line = "press-4"                      # or line_column

    [part]
    column = "serial"

    [time]
    column = "stamped_at"
    zone = "Europe/Berlin"

    [reading]
    station = "station"                   # the columns that say where, what and how much
    feature = "tag"
    value = "value"                       # or ["number", "text"]: the first that is not empty

    [result]
    feature = "verdict"                   # readings of this feature are results; or
    # column = "verdict"                  # other files, without readings, have them in a column
    fail = ["NOK"]
    pass = ["OK"]

    [[station]]
    name = "press*"                       # a name or a pattern
    features = ["force", "t_*", "die"]    # default: all of them
    categorical = ["die"]
    offset = "30s"
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, Field, StrictStr, model_validator

from producers.map import (
    Columns,
    Duration,
    Features,
    MapTable,
    OutcomeMap,
    StationMap,
    TimeMap,
)
from stream.events import Name


def _list_of_one(value: object) -> object:
    return (value,) if isinstance(value, str) else value


OneOrMore = Annotated[
    tuple[StrictStr, ...], BeforeValidator(_list_of_one), Field(strict=False, min_length=1)
]


class PartColumn(MapTable):
    """Where a reading's part is named."""

    column: StrictStr = Field(description="name the column of the serial number")


class ReadingMap(MapTable):
    """The columns of a reading."""

    station: StrictStr = Field(description="name the column of the station")
    feature: StrictStr = Field(description="name the column of the feature")
    value: OneOrMore = Field(description="name the column of the value, or several of them")


class LongResultMap(OutcomeMap):
    """Where results are: among the readings, or in files of their own.

    A result has a row and a time of its own, to which ``delay`` is added.
    """

    column: StrictStr | None = Field(None, description="name the column of the outcome")
    feature: StrictStr | None = Field(None, description="name the feature that is the outcome")
    delay: Duration = Field(timedelta(0), description='such as "2h"')

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.column is None and self.feature is None:
            raise ValueError(
                "neither feature nor column is given: set feature if results are readings, column "
                "if they have files of their own"
            )
        if self.column is not None and self.feature is not None:
            raise ValueError("feature and column are both given: keep one")
        return self


class LongStationMap(StationMap):
    """Stations by name or pattern, and which of their features are taken."""

    features: Features = Field(("*",), min_length=1, description="list the features to take")


class LongMap(MapTable):
    """A whole map of a long table."""

    format: Literal["long"] = Field(description="wide, long or bosch")
    line: Name | None = Field(None, description="name the line")
    line_column: StrictStr | None = Field(None, description="name the column of the line")
    part: PartColumn = Field(description="add a table [part] with column")
    time: TimeMap = Field(description="add a table [time] with column")
    reading: ReadingMap = Field(
        description="add a table [reading] with the columns station, feature and value"
    )
    result: LongResultMap | None = Field(None, description="a table [result]")
    stations: tuple[LongStationMap, ...] = Field(
        alias="station",
        strict=False,
        min_length=1,
        description='add a table [[station]] with name = "*", or one for each station',
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
        for name, count in Counter(station.name for station in self.stations).items():
            if count > 1:
                raise ValueError(
                    f"station {name!r} stands {count} times: put its features together"
                )
        results = [("result.column", self.result.column)] if self.result else []
        columns = [*self.uses(), *((use, c) for use, c in results if c is not None)]
        for column, count in Counter(column for _, column in columns).items():
            if count > 1:
                first, second = [use for use, named in columns if named == column][:2]
                raise ValueError(
                    f"column {column!r} is named twice, in {first} and in {second}: keep one"
                )
        return self

    def uses(self) -> Iterator[tuple[str, str]]:
        """(key, column) for everything that the map says of a column of readings."""
        if self.line_column is not None:
            yield "line_column", self.line_column
        yield "part.column", self.part.column
        yield "time.column", self.time.column
        yield "reading.station", self.reading.station
        yield "reading.feature", self.reading.feature
        yield from (("reading.value", column) for column in self.reading.value)
        yield from (("ignore", name) for name in self.ignore)


LONG_TABLES: dict[str, type[BaseModel]] = {
    "part": PartColumn,
    "time": TimeMap,
    "reading": ReadingMap,
    "result": LongResultMap,
    "station": LongStationMap,
}
