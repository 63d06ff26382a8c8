"""The codec answers hostile bytes with a reason, and good bytes with the event they hold."""

from __future__ import annotations

import gzip
import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.codec import InputLimits, Rejected, decode, encode, read_closely
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
    "a text of 2,000 characters": (with_value(json.dumps("x" * 2000)), "limit", "text_too_long"),
    "a text of 1,026 bytes": (with_value(json.dumps("\u00e9" * 513)), "limit", "text_too_long"),
    "a name of 258 bytes": (changed(part="\u00e9" * 129), "limit", "name_too_long"),
    "a feature's name of 300 characters": (
        changed(values={"x" * 300: 1.0}),
        "limit",
        "name_too_long",
    ),
    "1e13": (with_value("1e13"), "limit", "number_too_large"),
    "-1e13": (with_value("-1e13"), "limit", "number_too_large"),
    "an integer of 20 digits": (with_value("9" * 20), "limit", "number_too_large"),
    "10,000 values": (
        changed(values={f"f{i}": 1 for i in range(10_000)}),
        "limit",
        "too_many_values",
    ),
    "10,000 values in a field nobody knows": (
        changed(more=[1] * 10_000),
        "limit",
        "too_many_values",
    ),
    "a key ten thousand times": (with_value("1" + ',"x":1' * 10_000), "limit", "too_many_values"),
    "a depth of 17": (changed(more=json.loads("[" * 16 + "]" * 16)), "limit", "too_deep"),
    "a depth of 900": (b"[" * 900 + b"]" * 900, "limit", "too_deep"),
    "a depth of 17 behind a backslash": (
        changed(shift="x\\", more=json.loads("[" * 16 + "]" * 16)),
        "limit",
        "too_deep",
    ),
    "gzip": (gzip.compress(changed()), "decode", "not_json"),
    "a byte-order mark": (b"\xef\xbb\xbf" + changed(), "decode", "not_json"),
    "text after the object": (changed() + b"x", "decode", "not_json"),
    "nothing": (b"", "decode", "not_json"),
    "an array": (b"[]", "validate", "bad_field"),
    "a depth of 100,000": (b"[" * 100_000, "limit", "too_many_values"),
    "a depth of 100,000 inside": (with_value("[" * 100_000), "limit", "too_many_values"),
    "100,000 brackets that close": (b"]" * 100_000, "decode", "not_json"),
    "10 MB": (with_value(json.dumps("x" * 10_000_000)), "limit", "too_long"),
    "an unknown type": (changed(type="telegram"), "validate", "unknown_type"),
    "no type": (b'{"line":"A"}', "validate", "unknown_type"),
    "an unknown major version": (changed(v=2), "validate", "unknown_major"),
    "a missing field": (b'{"type":"tick","v":1,"line":"A"}', "validate", "missing_field"),
    "a time without a zone": (changed(at="2026-01-05T08:00:03"), "validate", "bad_field"),
    "a number as a time": (changed(at=0), "validate", "bad_field"),
    **{
        f"the time {at}": (changed(at=at), "validate", "bad_field")
        for at in (
            "0000-01-01T00:00:00Z",
            "0999-12-31T00:00:00Z",
            "9999-12-31T23:59:59Z",
            "9999-12-31T23:59:59-14:00",
            "10000-01-01T00:00:00Z",
            "-0001-01-01T00:00:00Z",
            "2016-12-31T23:59:60Z",
            "2026-01-05T24:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-01-05T08:00:00+24:00",
            "2026-01-05",
            "2026-W02-1T08:00:00Z",
            "1767600000",
            "1767600000123.5",
            "\uff12026-01-05T08:00:00Z",
        )
    },
    "-Infinity": (with_value("-Infinity"), "validate", "bad_value"),
    "1e308": (with_value("1e308"), "limit", "number_too_large"),
    "an integer of 10,000 digits": (with_value("9" * 10_000), "decode", "not_json"),
    "a number that begins with 0": (with_value("01"), "decode", "not_json"),
    "Python's True": (with_value("True"), "decode", "not_json"),
    "true as a version": (changed(v=True), "validate", "bad_field"),
    "1.0 as a version": (changed(v=1.0), "validate", "bad_field"),
    "a number as a part": (changed(part=7), "validate", "bad_field"),
    "true as a part": (changed(part=True), "validate", "bad_field"),
    "null as a line": (changed(line=None), "validate", "bad_field"),
    "a list of values": (changed(values=[]), "validate", "bad_field"),
    "true as a revision": (
        b'{"type":"result","v":1,"line":"A","part":"P","at":"2026-01-05T08:00:00Z",'
        b'"outcome":"pass","revision":true}',
        "validate",
        "bad_field",
    ),
    "a feature without a name": (changed(values={"": 1.0}), "validate", "bad_value"),
    "a lone surrogate in a feature's name": (with_value('1,"\\udfff":2'), "decode", "not_json"),
    "a NUL behind the object": (changed() + b"\0", "decode", "not_json"),
    "a NUL in a text as it is": (with_value('"a\0b"'), "decode", "not_json"),
    "a second object": (changed() + changed(), "decode", "not_json"),
    "UTF-16": (changed().decode().encode("utf-16"), "decode", "not_json"),
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


@pytest.mark.parametrize("text", ["-0.0", "5e-324", "1e12", "-1e12", "true", "null", '"\\u0000"'])
def test_odd_but_lawful_values_are_values(text: str) -> None:
    assert isinstance(decode(b"A", with_value(text)), Measurement)


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("1000-01-02T00:00:00Z", "1000-01-02T00:00:00+00:00"),
        ("9999-12-30T00:00:00Z", "9999-12-30T00:00:00+00:00"),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00+00:00"),
        ("2026-01-05T08:00:00+23:59", "2026-01-04T08:01:00+00:00"),
        ("2026-01-05T08:00:00.123456789Z", "2026-01-05T08:00:00.123456+00:00"),
        ("2026-01-05 08:00Z", "2026-01-05T08:00:00+00:00"),
    ],
)
def test_odd_but_lawful_times_are_times(written: str, means: str) -> None:
    event = decode(b"A", changed(at=written))
    assert isinstance(event, Measurement)
    assert event.at.astimezone(UTC).isoformat() == means


@pytest.mark.parametrize(
    ("text", "means"),
    [("-0", 0.0), ("1e-400", 0.0), ("0." + "9" * 10_000, 1.0), ("1E2", 100.0)],
)
def test_a_number_is_the_nearest_double(text: str, means: float) -> None:
    event = decode(b"A", with_value(text))
    assert isinstance(event, Measurement)
    assert event.values == {"x": means}


def test_white_space_behind_the_object_is_passed_over() -> None:
    assert isinstance(decode(b"A", changed() + b" \r\n\t"), Measurement)


def test_what_has_as_much_as_is_allowed_is_read() -> None:
    most = {f"f{i}": 1.0 for i in range(4096 - 9)} | {"x" * 256: "y" * 1024}
    assert isinstance(decode(b"A", changed(values=most)), Measurement)
    deep = json.loads("[" * 15 + "]" * 15)
    assert isinstance(decode(b"A", changed(more=deep)), Measurement)
    assert isinstance(decode(b"A", changed(part="\u00e9" * 128)), Measurement)


def test_limits_are_those_that_are_given() -> None:
    wide = InputLimits(values=20_000, depth=60, magnitude=1e15, text_bytes=4096, name_bytes=1024)
    many = {f"f{i}": 1 for i in range(10_000)}
    assert isinstance(decode(b"A", changed(values=many), wide), Measurement)
    assert isinstance(decode(b"A", with_value("1e13"), wide), Measurement)
    assert isinstance(decode(b"A", changed(part="\u00e9" * 256), wide), Measurement)
    narrow = InputLimits(values=12, text_bytes=16, name_bytes=16, magnitude=10.0)
    too_much: dict[str, dict[str, Any]] = {
        "number_too_large": {"values": {"a": 11}},
        "text_too_long": {"values": {"a": "x" * 17}},
        "name_too_long": {"part": "P" * 17},
        "too_many_values": {"values": dict.fromkeys("abcdefgh", 1)},
    }
    for error, fields in too_much.items():
        answer = decode(b"A", changed(**fields), narrow)
        assert isinstance(answer, Rejected)
        assert (answer.stage, answer.error) == ("limit", error)


# Half a megabyte each, of what is worst for one of the ways of reading.
COSTLY = {
    "brackets that close at once": b"[]" * 262_000,
    "quotes": b'"' * 524_000,
    "escaped quotes": b'"' + b'\\"' * 262_000,
    "backslashes": b'"' + b"\\" * 524_000,
    "brackets that only close": b"]" * 524_000,
    "escapes of characters": with_value('"' + "\\u00e9" * 87_000 + '"'),
    "one number": with_value("1" * 524_000),
    "one text": with_value('"' + "x" * 524_000 + '"'),
    "one key": changed(values={"k" * 524_000: 1}),
    "spaces": changed() + b" " * 523_000,
    "2,000 lists as values": changed(values={f"{i:0110d}": [1] for i in range(2_000)}),
    "4,000 long names": changed(values={f"{i:0110d}": 1 for i in range(4_000)}),
    "4,000 numbers of 100 digits": changed(values={f"f{i}": int("9" * 100) for i in range(4_000)}),
}


@pytest.mark.parametrize("case", COSTLY, ids=list(COSTLY))
def test_no_message_takes_more_than_50_ms_of_cpu(case: str) -> None:
    spent = []
    for _ in range(3):
        began = time.process_time()
        decode(b"A", COSTLY[case])
        spent.append(time.process_time() - began)
    assert min(spent) < 0.050


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
    st.floats(-1e12, 1e12),
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


TOKENS = [
    *("NaN", "1e400", "1e13", "-0.0", "5e-324", "9" * 20, "null", "true", "[]", "{}", '"x"'),
    *('"' + "\u00e9" * 600 + '"', '"\\ud800"', '"\\u00e9"', '"' + "y" * 1025 + '"', "[" * 20),
]
LIMITS = [InputLimits(), InputLimits(values=12, name_bytes=16, text_bytes=20, magnitude=100.0)]


@settings(max_examples=300)
@given(st.data())
def test_both_ways_of_reading_agree_on_mutated_messages(data: st.DataObject) -> None:
    good = bytearray(with_value(data.draw(st.sampled_from(TOKENS))))
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, len(good) - 1))
        match data.draw(st.integers(0, 2)):
            case 0:
                good[at] = data.draw(st.integers(0, 255))
            case 1:
                del good[at : at + data.draw(st.integers(1, 9))]
            case _:
                good[at:at] = data.draw(st.sampled_from(TOKENS)).encode()
    limits = data.draw(st.sampled_from(LIMITS))
    assert_read_alike(bytes(good), limits)


def assert_read_alike(value: bytes, limits: InputLimits = LIMITS[0]) -> None:
    found, wanted = decode(b"A", value, limits), read_closely(b"A", value, limits)
    assert found == wanted
    if not isinstance(found, Rejected) and not isinstance(wanted, Rejected):
        # The types too, and the order in which `encode` writes them.
        fields, those = (
            {**event.__dict__, "at": event.at.isoformat()} for event in (found, wanted)
        )
        assert repr(fields) == repr(those)


@settings(max_examples=300)
@given(st.data())
def test_both_ways_of_reading_agree_on_mutated_times(data: st.DataObject) -> None:
    at = list("2026-01-05T08:00:03.120456Z")
    decode(b"A", changed(at="".join(at)))  # the hour has been met
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(at) - 1))
        new = data.draw(st.text("0123456789-+:.,TtWZz _", max_size=2))
        at[place : place + data.draw(st.integers(0, 2))] = new
    assert_read_alike(changed(at="".join(at)))


@pytest.mark.parametrize(
    "at",
    [
        "2026-01-05T08:00:03.1204567Z",
        "2026-01-05T08:00:03.9999999Z",
        "2026-01-05T08:00:03,120456Z",
        "2026-01-05T08:00:03.120456z",
        "2026-01-05T08:00:03.12+01:00",
        "2026-01-05T08:00:03.1204560",
        "2026-W01-1T08:00:03.120456Z",
        "2026-01-05T24:00:00.000000Z",
        "2026-01-05T08:00:03.Z",
        "2026-01-05T08:00.120456789Z",
        "2026-01-05T080003.12045600Z",
        "1000-12-31T08:00:03.120456Z",
        "9999-01-05T08:00:03.120456Z",
    ],
)
def test_both_ways_of_reading_take_and_refuse_the_same_times(at: str) -> None:
    decode(b"A", changed(at="2026-01-05T08:00:03.120456Z"))
    assert_read_alike(changed(at=at))


@settings(max_examples=300)
@given(st.data())
def test_both_ways_of_reading_agree_on_names(data: st.DataObject) -> None:
    characters = st.sampled_from('aB-"\\\t\x1f\x7f\x85\xa0\xe9\u2028\u20ac\U0001f600')
    name = st.text(characters, max_size=6)
    fields: dict[str, Any] = {
        one: data.draw(name)
        for one in data.draw(
            st.sets(st.sampled_from(["line", "part", "station", "id", "test", "reason"]))
        )
    }
    if data.draw(st.booleans()):
        fields |= {"values": {data.draw(name): data.draw(name)}}
    elif data.draw(st.booleans()):
        fields |= {"type": "result", "outcome": "pass"}
    written = {**GOOD, **fields}
    if written["type"] == "result":
        del written["station"], written["values"]
    value = json.dumps(written, ensure_ascii=data.draw(st.booleans())).encode()
    assert_read_alike(value, data.draw(st.sampled_from(LIMITS)))


RESULT = {
    "type": "result",
    "v": 1,
    "line": "A",
    "part": "P-1",
    "at": "2026-01-05T08:00:03.120Z",
    "outcome": "fail",
    "test": "EOL-2",
    "reason": "leak",
    "revision": 1,
}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"test": None, "reason": None, "revision": None},
        {"revision": 0},
        {"revision": -1},
        {"revision": 1.0},
        {"revision": "1"},
        {"revision": 2**63 - 1},
        {"revision": 2**63},
        {"revision": 2**70},
        {"revision": True},
        {"outcome": "maybe"},
        {"outcome": None},
        {"test": ""},
        {"test": "EOL\x7f"},
        {"test": "\u00e9" * 129},
        {"reason": ""},
        {"reason": "\x7f"},
        {"reason": "x" * 1025},
        {"reason": "\u00e9" * 513},
        {"station": "press"},
        {"v": 2},
        {"v": None},
        {"at": "2026-01-05T08:00:03.1234567Z"},
    ],
)
def test_both_ways_of_reading_agree_on_results(fields: dict[str, Any]) -> None:
    assert_read_alike(json.dumps({**RESULT, **fields}).encode())
    assert_read_alike(json.dumps({**RESULT, **fields}, ensure_ascii=False).encode())


@pytest.mark.parametrize("case", HOSTILE, ids=list(HOSTILE))
def test_both_ways_of_reading_give_hostile_bytes_the_same_answer(case: str) -> None:
    value = HOSTILE[case][0]
    if value is not None:
        assert decode(b"A", value) == read_closely(b"A", value)


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
