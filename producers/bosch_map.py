"""The map of a history in the form of the Bosch Production Line Performance data.

Columns say of themselves what they are: ``L3_S33_F3855`` is feature 3855 of line segment 3,
station 33; ``L3_S33_D3856`` is when feature 3855 was taken. So the map is short::

    format = "bosch"
    line = "bosch"                        # all segments are one line: S33 of L3 is "L3_S33"

    [time]
    unit = "10h"                          # what the number 1 means: here 0.01 is six minutes
    epoch = "2014-01-01T00:00:00Z"        # what the number 0 means

    [result]
    column = "Response"                   # these are the defaults of column, fail and pass
    fail = [1]
    pass = [0]
    delay = "1d"                          # after the part's last date
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, Field, StrictStr, model_validator

from producers.map import Columns, CountedTime, Duration, MapTable, OutcomeMap, OutcomeValues
from stream.events import Name


class BoschPart(MapTable):
    """The column that joins the files."""

    column: StrictStr = Field("Id", description="name the column of the serial number")


class BoschTime(CountedTime):
    """What the dates count, and from when."""

    @model_validator(mode="after")
    def _dates_are_numbers(self) -> Self:
        if self.unit is None:
            raise ValueError(
                'neither unit nor epoch is given: dates are numbers here: set unit, such as "10h", '
                'and epoch, such as "2014-01-01T00:00:00Z"'
            )
        return self


class BoschResult(OutcomeMap):
    """The outcome's column, and how long after the part's last date it is known."""

    column: StrictStr = Field("Response", description="name the column of the outcome")
    fails: OutcomeValues = Field((1,), alias="fail", description="list the cells that mean fail")
    passes: OutcomeValues = Field((0,), alias="pass", description="list the cells that mean pass")
    delay: Duration = Field(description='such as "1d"')


class BoschMap(MapTable):
    """A whole map of a Bosch-shaped history."""

    format: Literal["bosch"] = Field(description="wide, long or bosch")
    line: Name = Field(description="name the line")
    part: BoschPart = Field(BoschPart(column="Id"), description="a table [part] with column")
    time: BoschTime = Field(description="add a table [time] with unit and epoch")
    result: BoschResult | None = Field(None, description="a table [result]")
    categorical_files: Columns = Field(
        ("*categorical*",), description="list patterns of the files whose features are names"
    )
    ignore: Columns = Field((), description="list the columns to leave out")
    unmapped: Literal["error", "ignore"] = Field("error", description="error or ignore")


BOSCH_TABLES: dict[str, type[BaseModel]] = {
    "part": BoschPart,
    "time": BoschTime,
    "result": BoschResult,
}
