"""Bytes to events and back; what cannot be an event is answered, not raised.

`decode` answers an event, or a `Rejected` that says why: bad input is a second stream. Decisions
on hostile input:

- What exceeds a bound (`stream.input_limits`) is rejected with the stage *limit*: length, depth and
  number of values before anything is parsed.
- NaN, Infinity, a number beyond the range of a double, an integer of thousands of digits, a type
  that JSON has not: rejected. -0.0 and 5e-324 are numbers like any other.
- Broken UTF-8, a lone surrogate, a byte-order mark, text after the object: rejected as not JSON.
  Of duplicate keys the last one counts.
- A tombstone, a key that is not the line's name, an unknown type or major version, a missing
  field, a time without a zone: rejected. Unknown fields are passed over.

There are two ways of reading, a quick one for what is plainly good (`stream.quick_decode`) and
`read_closely`; which of them is taken never changes the answer.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated

import orjson
from pydantic import Field, TypeAdapter, ValidationError

from stream.events import Event
from stream.input_limits import (
    DEFAULT_LIMITS,
    NAME_CHARACTERS,
    InputLimits,
    Rejected,
    after_decoding,
    before_decoding,
    name_too_long,
    one_line,
    text_too_long,
)
from stream.quick_decode import QuickReader

__all__ = [
    "DEFAULT_LIMITS",
    "Decoder",
    "InputLimits",
    "Rejected",
    "decode",
    "decoder",
    "encode",
    "read_closely",
]

_EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="type")])


class Decoder:
    """`decode` within limits that stay the same.

    >>> tick = b'{"type":"tick","v":1,"line":"body-A","at":"2026-01-05T08:00:00Z"}'
    >>> Decoder(DEFAULT_LIMITS).decode(b"body-A", tick).line
    'body-A'
    """

    __slots__ = ("_quick", "_short", "limits")

    def __init__(self, limits: InputLimits) -> None:
        self.limits = limits
        self._quick = QuickReader(limits).read
        # Each value takes two bytes or more, and what is read quickly is two deep at most.
        self._short = min(2 * limits.values, limits.message_bytes)

    def decode(self, key: bytes | None, value: bytes | None) -> Event | Rejected:
        """The event in a record."""
        if value is None:
            return _TOMBSTONE
        if len(value) > self._short and (refused := before_decoding(value, self.limits)):
            return refused
        event = self._quick(value)
        if event is None:
            return read_closely(key, value, self.limits)
        return event if key == event.line.encode() else _WRONG_KEY


@lru_cache(maxsize=8)
def decoder(limits: InputLimits) -> Decoder:
    """The decoder of these limits."""
    return Decoder(limits)


def decode(
    key: bytes | None, value: bytes | None, limits: InputLimits = DEFAULT_LIMITS
) -> Event | Rejected:
    """The event in a record.

    >>> tick = b'{"type":"tick","v":1,"line":"body-A","at":"2026-01-05T08:00:00Z"}'
    >>> decode(b"body-A", tick).line
    'body-A'
    >>> decode(b"body-B", tick).error
    'wrong_key'
    >>> decode(b"body-A", tick.replace(b'"v":1', b'"v":2')).error
    'unknown_major'
    """
    return decoder(limits).decode(key, value)


def read_closely(
    key: bytes | None, value: bytes, limits: InputLimits = DEFAULT_LIMITS
) -> Event | Rejected:
    """The event in a record's value by the wire contract's classes; `decode` without the hurry."""
    if refused := before_decoding(value, limits):
        return refused
    try:
        event = _EVENT.validate_json(value)
    except ValidationError as refusal:
        return _rejection(refusal, limits)
    if refused := after_decoding(event, limits):
        return refused
    return event if key == event.line.encode() else _WRONG_KEY


_TOMBSTONE = Rejected("decode", "tombstone", "the record has no value; events are never deleted")
_WRONG_KEY = Rejected(
    "validate", "wrong_key", "the record's key must be the event's line, in UTF-8"
)


def encode(event: Event) -> bytes:
    """The event as it lies on the log.

    >>> from stream.events import Tick
    >>> encode(Tick(line="body-A", at=datetime(2026, 1, 5, 8, tzinfo=UTC)))
    b'{"type":"tick","v":1,"line":"body-A","at":"2026-01-05T08:00:00Z"}'
    """
    fields = {"type": event.type, **{k: v for k, v in event.__dict__.items() if v is not None}}
    return orjson.dumps(fields, default=_plain, option=_OPTIONS)


_OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    raise TypeError(f"an event holds no {type(value).__name__}")


def _rejection(refusal: ValidationError, limits: InputLimits) -> Rejected:
    """One sentence from the validator's report, without the rejected values themselves."""
    details = refusal.errors(include_url=False, include_context=True, include_input=False)
    first = details[0]
    kind = first["type"]
    if kind == "json_invalid":
        return Rejected("decode", "not_json", one_line(first["msg"]))
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return Rejected("validate", "unknown_type", one_line(first["msg"]))
    if long := next((each for each in details if each["type"] == "string_too_long"), None):
        is_name = long["ctx"]["max_length"] <= NAME_CHARACTERS
        return name_too_long(limits) if is_name else text_too_long(limits)
    where = [str(step) for step in first["loc"]]
    # The first step names the kind of event, which the message need not repeat.
    path = ".".join(where[1:]) if len(where) > 1 else ".".join(where)
    if where[1:2] == ["v"] and kind in ("less_than_equal", "greater_than_equal"):
        return Rejected("validate", "unknown_major", "v: this reader knows major version 1")
    if where[1:2] == ["values"] and len(where) > 2:
        feature = where[2]
        return Rejected(
            "validate",
            "bad_value",
            one_line(
                f"values.{feature}: must be a finite number, true, false, null or a text of at "
                f"most 1024 characters"
            ),
        )
    error = "missing_field" if kind == "missing" else "bad_field"
    return Rejected(
        "validate", error, one_line(f"{path}: {first['msg']}" if path else first["msg"])
    )
