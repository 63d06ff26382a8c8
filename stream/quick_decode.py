"""The common message, read quickly: a measurement that is plainly good.

Nearly all that lies on the events log is well-formed measurements, and decoding is the largest
single cost of an event outside the detector. `measurement` reads such a message with a compiled
decoder that knows its shape; whatever is unusual in any way (another type of event, an unknown
field, a value that is refused or beyond a limit) gives None, and `stream.codec` then looks at it
again with the wire contract itself, which alone decides and alone finds the words for a refusal.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, Literal

import msgspec
from pydantic import BaseModel

from stream.events import SCHEMA_MAJOR, Measurement
from stream.input_limits import (
    DEFAULT_LIMITS,
    NAME_CHARACTERS,
    TEXT_CHARACTERS,
    InputLimits,
    after_decoding,
)

_Time = Annotated[datetime, msgspec.Meta(tz=True)]
_BACKSLASH = ord("\\")
_TIME = b'"at":"'
_TIME_BYTES = len("2026-01-05T08:00:00.000000Z") + 1  # with the quotation mark behind it


@lru_cache(maxsize=8)
def _decoder(limits: InputLimits) -> msgspec.json.Decoder[Any]:
    """A decoder that checks the limits as it goes, in characters: none has less than a byte."""
    most = min(limits.name_bytes, NAME_CHARACTERS)
    name = Annotated[str, msgspec.Meta(min_length=1, max_length=most)]
    text = Annotated[str, msgspec.Meta(max_length=min(limits.text_bytes, TEXT_CHARACTERS))]
    number = Annotated[float, msgspec.Meta(ge=-limits.magnitude, le=limits.magnitude)]
    shape = msgspec.defstruct(
        "Shape",
        [
            ("type", Literal["measurement"]),
            ("line", name),
            ("part", name),
            ("station", name),
            ("at", _Time),
            ("values", dict[name, bool | number | text | None]),
            ("v", Literal[1], 1),
            ("id", name | None, None),
        ],
        forbid_unknown_fields=True,
    )
    return msgspec.json.Decoder(shape)


class _Latest:
    """The decoder of the limits asked for last: looking it up costs as much as reading."""

    limits = DEFAULT_LIMITS
    decode = _decoder(DEFAULT_LIMITS).decode


def measurement(value: bytes, limits: InputLimits = DEFAULT_LIMITS) -> Measurement | None:
    """The measurement in a message, or None if it must be looked at closely.

    The message's length and its number of values are for the caller to check.

    >>> body = b'{"type":"measurement","v":1,"line":"A","part":"P-1","station":"press",'
    >>> measurement(body + b'"at":"2026-01-05T08:00:00Z","values":{"torque":1.5}}').values
    {'torque': 1.5}
    >>> measurement(body + b'"at":"2026-01-05T08:00:00","values":{}}') is None    # no zone
    True
    """
    try:
        if limits is not _Latest.limits:
            _Latest.limits, _Latest.decode = limits, _decoder(limits).decode
        found = _Latest.decode(value)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    at, line, part, station = found.at, found.line, found.part, found.station
    if not (line + part + station).isprintable() or not 1000 < at.year < 9999:
        return None
    if at.microsecond and _may_be_rounded(value):
        return None
    event = _new(Measurement)
    # What `model_construct` does, for a class whose fields are all given: nothing is left to check.
    _set_dict(
        event,
        {
            "v": SCHEMA_MAJOR,
            "line": line,
            "at": at,
            "type": "measurement",
            "part": part,
            "station": station,
            "values": found.values,
            "id": found.id,
        },
    )
    _set_fields(event, _ALL_FIELDS)
    _set_extra(event, None)
    _set_private(event, None)
    # What is more than ASCII, or may be behind an escape, has more bytes than characters.
    if not value.isascii() or _BACKSLASH in value:
        return None if after_decoding(event, limits) else event
    return event


def _may_be_rounded(value: bytes) -> bool:
    """Whether the time may have more than six decimals, which the wire contract cuts off."""
    begin = value.find(_TIME)
    # Spelt otherwise, or twice: a feature of that name, say.
    if begin < 0 or value.find(b'"at"', begin + 4) >= 0:
        return True
    begin += len(_TIME)
    return value.find(b'"', begin, begin + _TIME_BYTES) < 0


_new = object.__new__
_set_dict = vars(BaseModel)["__dict__"].__set__
_set_fields = vars(BaseModel)["__pydantic_fields_set__"].__set__
_set_extra = vars(BaseModel)["__pydantic_extra__"].__set__
_set_private = vars(BaseModel)["__pydantic_private__"].__set__
_ALL_FIELDS = set(Measurement.model_fields)  # shared: events are frozen
