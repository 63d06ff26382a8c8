"""Records that are no events: each with the reason that its dead letter must give."""

from __future__ import annotations

from typing import NamedTuple

MEGABYTES_10 = 10_000_000


class Poison(NamedTuple):
    """A record's value (and its key, when not line A's), and the refusal that it meets."""

    value: bytes | None
    error: str
    stage: str = "validate"
    key: bytes | None = b"A"


def measured(values: bytes = b'{"torque":1.5}', **fields: bytes) -> bytes:
    """A measurement of line A as bytes, with fields replaced or, if empty, left out."""
    parts = {
        "type": b'"measurement"',
        "v": b"1",
        "line": b'"A"',
        "part": b'"P-1"',
        "station": b'"press"',
        "at": b'"2026-01-05T00:01:00Z"',
        "values": values,
    } | fields
    return b"{" + b",".join(b'"%s":%s' % (k.encode(), v) for k, v in parts.items() if v) + b"}"


POISON: dict[str, Poison] = {
    "NaN": Poison(measured(b'{"torque":NaN}'), "bad_value"),
    "1e400": Poison(measured(b'{"torque":1e400}'), "bad_value"),
    "an integer of 5,000 digits": Poison(
        measured(b'{"torque":' + b"7" * 5000 + b"}"), "not_json", "decode"
    ),
    "a type that JSON has not": Poison(measured(b'{"torque":0x1F}'), "not_json", "decode"),
    "an undefined value": Poison(measured(b'{"torque":undefined}'), "not_json", "decode"),
    "a list as a value": Poison(measured(b'{"torque":[1.5]}'), "bad_value"),
    "a missing part": Poison(measured(part=b""), "missing_field"),
    "a missing type": Poison(measured(type=b""), "unknown_type"),
    "broken UTF-8": Poison(measured(b'{"torque":"\xc3\x28"}'), "not_json", "decode"),
    "an unknown major": Poison(measured(v=b"2"), "unknown_major"),
    "an unknown type": Poison(measured(type=b'"measurment"'), "unknown_type"),
    "a time without a zone": Poison(measured(at=b'"2026-01-05T00:01:00"'), "bad_field"),
    "a time that UTC has not": Poison(measured(at=b'"0001-01-01T00:00:00+14:00"'), "bad_field"),
    "an array": Poison(b"[1,2,3]", "bad_field"),
    "nothing": Poison(b"", "not_json", "decode"),
    "a tombstone": Poison(None, "tombstone", "decode"),
    "another line's key": Poison(measured(), "wrong_key", key=b"B"),
    "no key": Poison(measured(), "wrong_key", key=None),
    "a depth of 100,000": Poison(b"[" * 100_000, "too_many_values", "limit"),
    "a depth of 900": Poison(b"[" * 900 + b"]" * 900, "too_deep", "limit"),
    "10,000 values": Poison(
        measured(b"{" + b",".join(b'"f%d":1' % i for i in range(10_000)) + b"}"),
        "too_many_values",
        "limit",
    ),
    "a name of 300 characters": Poison(
        measured(part=b'"' + b"P" * 300 + b'"'), "name_too_long", "limit"
    ),
    "a text of 2,000 characters": Poison(
        measured(b'{"torque":"' + b"x" * 2000 + b'"}'), "text_too_long", "limit"
    ),
    "a number of 20 digits": Poison(
        measured(b'{"torque":' + b"9" * 20 + b"}"), "number_too_large", "limit"
    ),
    "a name with a NUL": Poison(measured(part=b'"P\\u0000"'), "bad_field"),
    "a record of a megabyte, nearly": Poison(
        measured(b'{"torque":"' + b"x" * 1_000_000 + b'"}'), "too_long", "limit"
    ),
}

TEN_MEGABYTES = Poison(measured(b'{"torque":"' + b"x" * MEGABYTES_10 + b'"}'), "too_long", "limit")
