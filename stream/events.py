"""The wire contract of ``andon.events``: what can happen on a line.

Five kinds of event, JSON, keyed by line, in one topic, so that one order makes the detector
reproducible. ``v`` is the major version: readers refuse one they do not know and ignore fields
they do not know. Times are ISO 8601 with a zone. The JSON Schemas in ``docs/schemas`` are written
from these classes by ``andon schema``.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictStr,
)

SCHEMA_MAJOR = 1
HIGHEST_REVISION = 2**63 - 1  # what every reader of JSON in use here can write again

Name = Annotated[
    str, Field(strict=True, min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]+$")
]
FeatureName = Annotated[str, Field(min_length=1, max_length=256)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Text = Annotated[StrictStr, Field(max_length=1024)]
Value = StrictBool | Number | Text | None
# Within these the year has four digits in every zone.
_FIRST, _LAST = datetime(1000, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)


def _written_out(at: object) -> object:
    # A text of digits alone would be taken as seconds or, if many, as milliseconds since 1970.
    if isinstance(at, datetime) or (isinstance(at, str) and at[4:5] == "-"):
        return at
    raise ValueError("a date, a time and a zone are wanted, such as 2026-01-05T08:00:00Z")


Time = Annotated[AwareDatetime, Field(ge=_FIRST, le=_LAST), BeforeValidator(_written_out)]


class _Event(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    v: Annotated[int, Field(strict=True, ge=1, le=SCHEMA_MAJOR)] = SCHEMA_MAJOR
    line: Name
    at: Time


class Measurement(_Event):
    """What one station measured of one part.

    A value of null says that the station reports no reading (dropped); an absent feature was not
    measured here.
    """

    type: Literal["measurement"] = "measurement"
    part: Name
    station: Name
    values: dict[FeatureName, Value]
    id: Annotated[str, Field(strict=True, min_length=1, max_length=256)] | None = None


class Result(_Event):
    """The outcome of a part's conformity test; a later revision corrects an earlier one."""

    type: Literal["result"] = "result"
    part: Name
    outcome: Literal["pass", "fail", "untested"]
    test: Name | None = None
    reason: Annotated[str, Field(strict=True, max_length=1024)] | None = None
    revision: Annotated[int, Field(strict=True, ge=0, le=HIGHEST_REVISION)] | None = None


class Feedback(_Event):
    """What a person did about an alert or alarm."""

    type: Literal["feedback"] = "feedback"
    target: Annotated[str, Field(strict=True, min_length=1, max_length=256)]
    act: Literal["acknowledge", "confirm", "dismiss", "shelve", "unshelve", "pulled"]
    by: Annotated[str, Field(strict=True, max_length=256)] | None = None
    until: Time | None = None


class Control(_Event):
    """What the plant did to the line or to its detector."""

    type: Literal["control"] = "control"
    act: Literal["maintenance", "product_change", "out_of_service", "promote", "roll_back"]
    until: Time | None = None
    value: Annotated[str, Field(strict=True, max_length=1024)] | None = None


class Tick(_Event):
    """Time has passed on a quiet line."""

    type: Literal["tick"] = "tick"


Event = Measurement | Result | Feedback | Control | Tick


class DeadLetter(BaseModel):
    """Why a record was put aside, and where it came from.

    Travels as the headers ``andon.errors.*`` of a record that keeps the original key and value
    (above the size limit: the first 64 KiB, the length and the SHA-256 of the whole).
    ``timestamp`` is when the record itself was appended, in milliseconds since 1970.
    """

    model_config = ConfigDict(frozen=True)

    topic: str
    partition: int
    offset: int
    stage: Literal["limit", "decode", "validate", "process"]
    error: str
    message: str
    major: int = SCHEMA_MAJOR
    length: int | None = None
    sha256: str | None = None
    timestamp: int | None = None

    def to_headers(self) -> tuple[tuple[str, bytes], ...]:
        """The record headers that say all this.

        >>> letter = DeadLetter(topic="t", partition=0, offset=7, stage="decode",
        ...                     error="json_invalid", message="not JSON")
        >>> dict(letter.to_headers())["andon.errors.offset"]
        b'7'
        """
        names = {"error": "class", "major": "schema"}
        return tuple(
            (f"andon.errors.{names.get(name, name)}", str(value).encode("utf-8", "replace"))
            for name, value in self.model_dump().items()
            if value is not None
        )

    @classmethod
    def from_headers(cls, headers: tuple[tuple[str, bytes], ...]) -> DeadLetter:
        """The inverse of `to_headers`; raises ValueError for other headers.

        Of a record that was a dead letter before, the later headers count, from its topic on.
        """
        fields = {"class": "error", "schema": "major"}
        found: dict[str, str] = {}
        for name, value in headers:
            if name == "andon.errors.topic":
                found.clear()
            if name.startswith("andon.errors."):
                found[name.removeprefix("andon.errors.")] = value.decode("utf-8", "replace")
        return cls.model_validate({fields.get(k, k): v for k, v in found.items()})
