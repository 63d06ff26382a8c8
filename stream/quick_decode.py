"""The common message, read quickly: a measurement that is plainly good.

Nearly all that lies on the events log is well-formed measurements, and decoding is the largest
single cost of an event outside the detector. `measurement` reads such a message with a compiled
decoder that knows its shape; whatever is unusual in any way (another type of event, an unknown
field, a value that is refused) gives None, and `stream.codec` then looks at it again with the wire
contract itself, which alone decides and alone finds the words for a refusal.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec

from stream.events import SCHEMA_MAJOR, Measurement

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
_Text = Annotated[str, msgspec.Meta(max_length=1024)]
_Time = Annotated[datetime, msgspec.Meta(tz=True)]
_PLAIN = re.compile(r"[^\x00-\x1f\x7f]+")
# Within these, as in the wire contract, the year has four digits in every zone.
_FIRST, _LAST = datetime(1000, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
_LONG_FRACTION = re.compile(rb'"at":"[^"]*\.\d{7}')


class _Shape(msgspec.Struct, forbid_unknown_fields=True):
    type: Literal["measurement"]
    line: _Name
    part: _Name
    station: _Name
    at: _Time
    values: dict[_Name, bool | float | _Text | None]
    v: Literal[1] = 1
    id: _Name | None = None


_DECODER = msgspec.json.Decoder(_Shape)


def measurement(value: bytes) -> Measurement | None:
    """The measurement in a message, or None if it must be looked at closely.

    >>> body = b'{"type":"measurement","v":1,"line":"A","part":"P-1","station":"press",'
    >>> measurement(body + b'"at":"2026-01-05T08:00:00Z","values":{"torque":1.5}}').values
    {'torque': 1.5}
    >>> measurement(body + b'"at":"2026-01-05T08:00:00","values":{}}') is None    # no zone
    True
    """
    try:
        found = _DECODER.decode(value)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    plain = _PLAIN.fullmatch
    if not (plain(found.line) and plain(found.part) and plain(found.station)):
        return None
    at = found.at
    if not _FIRST <= at <= _LAST or (at.microsecond and _LONG_FRACTION.search(value)):
        return None
    event = Measurement.__new__(Measurement)
    # What `model_construct` does, for a class whose fields are all given: nothing is left to check.
    object.__setattr__(
        event,
        "__dict__",
        {
            "v": SCHEMA_MAJOR,
            "line": found.line,
            "at": at,
            "type": "measurement",
            "part": found.part,
            "station": found.station,
            "values": found.values,
            "id": found.id,
        },
    )
    object.__setattr__(event, "__pydantic_fields_set__", _ALL_FIELDS)
    object.__setattr__(event, "__pydantic_extra__", None)
    object.__setattr__(event, "__pydantic_private__", None)
    return event


_ALL_FIELDS = frozenset(Measurement.model_fields)
