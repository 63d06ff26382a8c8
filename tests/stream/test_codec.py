"""The codec answers hostile bytes with a reason, and good bytes with the event they hold."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.codec import Rejected, decode, encode
from stream.events import Measurement, Result

GOOD = {
    "type": "measurement",
    "v": 1,
    "line": "A",
    "part": "P-1",
    "station": "press",
    "at": "2026-01-05T08:00:03.120Z",
    "values": {"torque": 12.3, "temp": None, "mold": "8722", "clamped": True},
}


def with_value(text: str) -> bytes:
    return json.dumps({**GOOD, "values": {"x": "HERE"}}).replace('"HERE"', text).encode()


def changed(**fields: Any) -> bytes:
    return json.dumps({**GOOD, **fields}).encode()


HOSTILE = {
    "NaN": (with_value("NaN"), "validate", "bad_value"),
    "Infinity": (with_value("Infinity"), "validate", "bad_value"),
    "1e400": (with_value("1e400"), "validate", "bad_value"),
    "an integer of 5,000 digits": (with_value("9" * 5000), "decode", "not_json"),
    "an integer of 400 digits": (with_value("9" * 400), "validate", "bad_value"),
    "a list as a value": (with_value("[1]"), "validate", "bad_value"),
    "an object as a value": (with_value('{"a":1}'), "validate", "bad_value"),
    "a lone surrogate": (with_value('"\\ud800"'), "decode", "not_json"),
    "broken UTF-8": (with_value('"?"').replace(b"?", b"\xff"), "decode", "not_json"),
    "a text of 2,000 characters": (with_value(json.dumps("x" * 2000)), "validate", "bad_value"),
    "a byte-order mark": (b"\xef\xbb\xbf" + changed(), "decode", "not_json"),
    "text after the object": (changed() + b"x", "decode", "not_json"),
    "nothing": (b"", "decode", "not_json"),
    "an array": (b"[]", "validate", "bad_field"),
    "a depth of 100,000": (b"[" * 100_000, "decode", "not_json"),
    "a depth of 100,000 inside": (with_value("[" * 100_000), "decode", "not_json"),
    "10 MB": (with_value(json.dumps("x" * 10_000_000)), "limit", "too_long"),
    "an unknown type": (changed(type="telegram"), "validate", "unknown_type"),
    "no type": (b'{"line":"A"}', "validate", "unknown_type"),
    "an unknown major version": (changed(v=2), "validate", "unknown_major"),
    "a missing field": (b'{"type":"tick","v":1,"line":"A"}', "validate", "missing_field"),
    "a time without a zone": (changed(at="2026-01-05T08:00:03"), "validate", "bad_field"),
    "a number as a time": (changed(at=0), "validate", "bad_field"),
    "an empty part": (changed(part=""), "validate", "bad_field"),
    "an escape in a part": (changed(part="P\x1b[31m"), "validate", "bad_field"),
    "a tombstone": (None, "decode", "tombstone"),
}


@pytest.mark.parametrize("case", HOSTILE, ids=list(HOSTILE))
def test_hostile_bytes_are_answered_with_a_reason(case: str) -> None:
    value, stage, error = HOSTILE[case]
    answer = decode(b"A", value)
    assert isinstance(answer, Rejected)
    assert (answer.stage, answer.error) == (stage, error)
    assert 0 < len(answer.message) <= 512
    assert answer.message.isprintable()


@pytest.mark.parametrize("text", ["-0.0", "5e-324", "1e308", "true", "null", '"\\u0000"'])
def test_odd_but_lawful_values_are_values(text: str) -> None:
    assert isinstance(decode(b"A", with_value(text)), Measurement)


@pytest.mark.parametrize("key", [None, b"", b"B", b"\xff"])
def test_a_key_that_is_not_the_line_is_refused(key: bytes | None) -> None:
    answer = decode(key, changed())
    assert isinstance(answer, Rejected)
    assert answer.error == "wrong_key"


def test_of_duplicate_keys_the_last_one_counts() -> None:
    twice = changed().replace(b'"part": "P-1"', b'"part": "P-1", "part": "P-2"')
    event = decode(b"A", twice)
    assert isinstance(event, Measurement)
    assert event.part == "P-2"


def test_unknown_fields_are_passed_over() -> None:
    assert isinstance(decode(b"A", changed(shift="night")), Measurement)


def test_a_rejection_never_repeats_the_value() -> None:
    answer = decode(b"A", with_value('["canary-4711"]'))
    assert isinstance(answer, Rejected)
    assert "canary" not in answer.message


def test_a_true_stays_true_and_a_one_stays_a_number() -> None:
    event = decode(b"A", changed(values={"t": True, "n": 1}))
    assert isinstance(event, Measurement)
    assert event.values["t"] is True
    assert isinstance(event.values["n"], float)


names = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=20).filter(
    str.isprintable
)
values = st.one_of(
    st.none(),
    st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=("Cs",)), max_size=30),
)


@given(
    line=names,
    part=names,
    at=st.datetimes(
        datetime(1970, 1, 1),  # noqa: DTZ001 - the strategy adds the zone
        datetime(2200, 1, 1),  # noqa: DTZ001 - the strategy adds the zone
        timezones=st.just(UTC),
    ),
    cells=st.dictionaries(names, values, max_size=8),
)
def test_what_is_encoded_is_decoded(
    line: str, part: str, at: datetime, cells: dict[str, Any]
) -> None:
    event = Measurement(line=line, part=part, station="press", at=at, values=cells)
    assert decode(line.encode(), encode(event)) == event


@given(st.binary(max_size=300))
def test_no_bytes_make_it_raise(value: bytes) -> None:
    decode(b"A", value)


@given(st.data())
def test_no_mutation_of_a_good_message_makes_it_raise(data: st.DataObject) -> None:
    good = bytearray(changed())
    for _ in range(data.draw(st.integers(1, 4))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    decode(b"A", bytes(good))


def test_a_result_travels_whole() -> None:
    result = Result(
        line="A",
        part="P-1",
        at=datetime(2026, 1, 5, tzinfo=UTC),
        outcome="fail",
        test="EOL-2",
        reason="leak",
        revision=1,
    )
    assert decode(b"A", encode(result)) == result
