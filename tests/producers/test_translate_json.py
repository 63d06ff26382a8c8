"""A record is told by its map, or rejected with a reason; nothing raises."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.ingest_map import IngestMap
from producers.translate_json import Item, JsonTranslator, Told
from stream.codec import Rejected
from stream.events import Measurement, Result
from stream.log import Record

SHOTS: dict[str, Any] = {
    "name": "shots",
    "kind": "measurement",
    "part": "sn",
    "station": {"path": "st", "codes": {"10": "press", "20": "oven"}, "default": "unknown"},
    "at": {"path": "ts", "unit": "ms"},
    "readings": {"object": "values"},
}
TESTS: dict[str, Any] = {
    "name": "tests",
    "kind": "result",
    "part": "sn",
    "at": {"path": "ts", "unit": "ms"},
    "outcome": {"path": "code", "pass": ["OK", 1], "fail": ["NOK", 2], "untested": [9]},
}
SHOT: dict[str, Any] = {"sn": "P-1", "st": 10, "ts": 1767600000000, "values": {"torque": 1.5}}
TEST: dict[str, Any] = {"sn": "P-1", "ts": 1767600000000, "code": "OK"}


def translator(topic: dict[str, Any], **changes: Any) -> JsonTranslator:
    line = {"constant": "A"}
    return JsonTranslator(
        IngestMap.model_validate({"group": "g", "line": line, "topic": [topic]} | changes)
    )


def items(topic: dict[str, Any], value: Any, key: bytes = b"k", **changes: Any) -> list[Item]:
    raw = value if isinstance(value, bytes) or value is None else json.dumps(value).encode()
    record = Record(topic["name"], 0, 0, key, raw, timestamp=1767600000123)
    return translator(topic, **changes).translate(record)


def measured(topic: dict[str, Any], value: Any, **changes: Any) -> Measurement:
    [told] = items(topic, value, **changes)
    assert isinstance(told, Told), told
    assert isinstance(told.event, Measurement)
    return told.event


def told_result(topic: dict[str, Any], value: Any) -> Result:
    [told] = items(topic, value)
    assert isinstance(told, Told), told
    assert isinstance(told.event, Result)
    return told.event


def refusal(topic: dict[str, Any], value: Any, **changes: Any) -> Rejected:
    [rejected] = items(topic, value, **changes)
    assert isinstance(rejected, Rejected), rejected
    return rejected


def test_codes_stand_for_stations_whatever_type_they_have() -> None:
    for code in (10, "10", 10.0, " 10 "):
        assert measured(SHOTS, SHOT | {"st": code}).station == "press"
    without = {name: value for name, value in SHOT.items() if name != "st"}
    assert measured(SHOTS, without).station == "unknown"


def test_each_element_of_a_list_is_an_item_of_its_own_and_a_bad_one_harms_no_other() -> None:
    topic = SHOTS | {"each": "shots", "ts": None, "at": {"path": "$.ts", "unit": "ms"}}
    del topic["ts"]
    found = items(topic, {"ts": 1767600000000, "shots": [SHOT, {}, SHOT | {"sn": "P-2"}]})
    assert [type(item) for item in found] == [Told, Rejected, Told]
    assert items(topic, {"ts": 1, "shots": []}) == []
    assert refusal(topic, {"ts": 1}).message == (
        "each: nothing stands at shots where a list is wanted"
    )


def test_readings_come_as_an_object_a_list_or_one_a_message() -> None:
    values = {"torque": 1.5, "mold": "M1", "ok": True, "temp": None}
    data = [{"n": name, "v": value} for name, value in values.items()]
    assert measured(SHOTS, SHOT | {"values": values}).values == values
    as_list = SHOTS | {"readings": {"list": "data", "name": "n", "value": "v"}}
    assert measured(as_list, SHOT | {"data": data}).values == values
    single = SHOTS | {"readings": {"name": "n", "value": "v"}}
    assert measured(single, SHOT | data[1]).values == {"mold": "M1"}


def test_a_message_that_ends_a_gathering_needs_no_reading() -> None:
    single = SHOTS | {
        "readings": {"name": "n", "value": "v"},
        "gather": True,
        "closes": {"path": "end", "equals": [1]},
    }
    [told] = items(single, SHOT | {"end": 1}, gap="30s")
    assert isinstance(told, Told)
    assert (told.gather, told.closes) == (True, True)
    assert refusal(single, SHOT, gap="30s").error == "missing_path"


def test_features_are_renamed_cast_decoded_and_limited_to_their_station() -> None:
    topic = SHOTS | {
        "readings": {"object": "values", "cast": "number", "unlisted": "ignore"},
        "feature": [
            {"name": "torque_Nm", "reading": "T1", "station": "press"},
            {"name": "angle_deg", "reading": "T1", "station": "oven"},
            {"name": "state", "reading": "S", "cast": "text", "codes": {"0": "idle", "1": "run"}},
            {"name": "shift", "path": "$.shift", "optional": True},
        ],
    }
    said = SHOT | {"values": {"T1": "12.5", "S": 1, "X": "not a number"}, "shift": "late"}
    assert measured(topic, said).values == {"torque_Nm": 12.5, "state": "run", "shift": "late"}
    at_oven = SHOT | {"st": 20, "values": {"T1": 3}}
    assert measured(topic, at_oven).values == {"angle_deg": 3.0}


def test_a_unit_changes_at_its_date_and_not_before() -> None:
    change = {"from": "2026-03-01T00:00:00+01:00", "scale": 0.1, "offset": 2.0}
    topic = SHOTS | {"feature": [{"name": "torque", "scale": 10.0, "change": [change]}]}
    ingest_map = {"group": "g", "line": {"constant": "A"}, "topic": [topic]}
    tell = JsonTranslator(IngestMap.model_validate(ingest_map, strict=False))
    midnight = 1772319600000  # 2026-03-01T00:00:00+01:00
    values = []
    for ts in (midnight - 1, midnight):
        value = json.dumps(SHOT | {"ts": ts, "values": {"torque": 5}}).encode()
        [told] = tell.translate(Record("shots", 0, 0, None, value))
        assert isinstance(told, Told)
        assert isinstance(told.event, Measurement)
        values.append(told.event.values["torque"])
    assert values == [50.0, 2.5]


def test_what_the_map_calls_missing_is_a_reading_that_was_dropped() -> None:
    said = SHOT | {"values": {"a": "n/a", "b": -9999, "c": None, "d": "0"}}
    assert measured(SHOTS, said, missing=["n/a", -9999]).values == {
        "a": None,
        "b": None,
        "c": None,
        "d": "0",
    }


def test_a_condition_that_does_not_hold_passes_the_item_over() -> None:
    topic = SHOTS | {"where": [{"path": "type", "equals": ["M", 1]}]}
    assert [type(items(topic, SHOT | {"type": kind})[0]) for kind in ("M", "1", 1)] == [Told] * 3
    assert [items(topic, SHOT | extra) for extra in ({}, {"type": "X"}, {"type": []})] == [
        [None]
    ] * 3


def test_the_key_and_the_time_of_arrival_can_be_used() -> None:
    topic = SHOTS | {"part": "@key", "at": {"path": "@timestamp", "unit": "ms"}}
    event = measured(topic, SHOT, key=b"P-9")
    assert (event.part, event.at.isoformat()) == ("P-9", "2026-01-05T08:00:00.123000+00:00")


def test_an_outcome_is_what_its_value_stands_for() -> None:
    said = [
        told_result(TESTS, TEST | {"code": code}).outcome for code in ("OK", 1, "1", 2.0, "NOK", 9)
    ]
    assert said == ["pass", "pass", "pass", "fail", "fail", "untested"]
    assert refusal(TESTS, TEST | {"code": "?"}).error == "unknown_code"
    other = TESTS | {"outcome": TESTS["outcome"] | {"other": "untested"}}
    assert told_result(other, TEST | {"code": "?"}).outcome == "untested"


def test_a_result_has_test_reason_and_revision_where_the_message_has_them() -> None:
    topic = TESTS | {"test": "bench", "reason": "why", "revision": "rev"}
    result = told_result(topic, TEST | {"bench": "EOL", "why": 17, "rev": "3"})
    assert (result.test, result.reason, result.revision) == ("EOL", "17", 3)
    result = told_result(topic, TEST | {"bench": None})
    assert (result.test, result.reason, result.revision) == (None, None, None)
    assert refusal(topic, TEST | {"rev": "x"}).message == "revision: 'x': not a whole number"
    assert refusal(topic, TEST | {"rev": "\u00b2"}).error == "bad_cast"


@pytest.mark.parametrize("revision", [1_790_000_000_000_000_123, 2**63 - 1, "000000000000000004"])
def test_a_revision_is_taken_whole(revision: int | str) -> None:
    topic = TESTS | {"revision": "rev"}
    assert told_result(topic, TEST | {"rev": revision}).revision == int(revision)


@pytest.mark.parametrize("revision", [2**63, "9" * 5000])
def test_a_revision_that_no_log_could_hold_is_refused(revision: int | str) -> None:
    found = refusal(TESTS | {"revision": "rev"}, TEST | {"rev": revision})
    assert found.error == "bad_cast"
    assert found.message.endswith(": beyond 9223372036854775807")


@pytest.mark.parametrize(
    ("said", "error", "message"),
    [
        ({"sn": None}, "bad_cast", "part: None: null where one value is wanted"),
        ({"sn": ""}, "bad_cast", "part: '': no name: it needs 1 to 256 characters"),
        ({"sn": 1.5}, "bad_cast", "part: 1.5: the number 1.5 is no name: send it as a text"),
        ({"st": 99}, "unknown_code", "station: 99 is none of the map's codes"),
        ({"st": {}}, "bad_cast", "station: {}: an object where one value is wanted"),
        ({"ts": "soon"}, "bad_time", "at: 'soon': not a number"),
        ({"ts": 10**17}, "bad_time", "at: 100000000000000000: not a time as a number of ms"),
        ({"values": 7}, "missing_path", "readings: a value stands at values where an object"),
        ({"values": {"a": []}}, "bad_cast", "a: []: a list where one value is wanted"),
        ({"values": {"": 1}}, "bad_value", "values"),
        ({"values": {"a": "x" * 1025}}, "bad_cast", "a: "),
    ],
)
def test_a_mistake_in_a_message_is_named(said: dict[str, Any], error: str, message: str) -> None:
    rejected = refusal(SHOTS, SHOT | said)
    assert (rejected.stage, rejected.error) == ("validate", error)
    assert rejected.message.startswith(message)


@pytest.mark.parametrize("key", ["sn", "ts", "values"])
def test_a_path_that_leads_nowhere_is_named(key: str) -> None:
    rejected = refusal(SHOTS, {name: value for name, value in SHOT.items() if name != key})
    assert rejected.error == "missing_path"
    assert key in rejected.message


@pytest.mark.parametrize(
    ("value", "stage", "error"),
    [
        (None, "decode", "tombstone"),
        (b"", "decode", "not_json"),
        (b"\xff", "decode", "not_json"),
        (b'{"a": NaN}', "decode", "not_json"),
        (b'{"a": 1e400}', "decode", "not_json"),
        (b'"\\ud800"', "decode", "not_json"),
        (b"\xef\xbb\xbf{}", "decode", "not_json"),
        (b"{} x", "decode", "not_json"),
        (b"[" * 100_000, "limit", "too_deep"),
        (b"1" * 5000, "decode", "not_json"),
        (b"[]", "validate", "missing_path"),
        (b"null", "validate", "missing_path"),
        (b'"' + b"x" * 600_000 + b'"', "limit", "too_long"),
    ],
)
def test_hostile_bytes_are_rejected(value: bytes | None, stage: str, error: str) -> None:
    rejected = refusal(SHOTS, value)
    assert (rejected.stage, rejected.error) == (stage, error)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["sn", "st", "ts", "values", "n", "v", "x"]), inner)
    ),
    max_leaves=12,
)


@settings(max_examples=150)
@given(value=JSON, extra=JSON)
def test_no_json_whatever_raises(value: Any, extra: Any) -> None:
    for topic in (
        SHOTS,
        SHOTS | {"each": "x"},
        SHOTS | {"readings": {"list": "values", "name": "n", "value": "v", "cast": "number"}},
        TESTS | {"outcome": TESTS["outcome"] | {"path": "v"}},
    ):
        for said in (value, SHOT | {"values": extra, "v": value, "x": [extra]}):
            assert all(
                isinstance(item, Told | Rejected)
                for item in items(topic, json.dumps(said).encode())
            )
