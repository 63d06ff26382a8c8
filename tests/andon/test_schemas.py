"""The JSON Schemas: those in the documents are those of the classes, and they mean the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import Field, TypeAdapter, ValidationError

from alerts.alert import Alert
from andon.schemas import wire_schemas, write_schemas
from stream.events import Control, DeadLetter, Event, Feedback, Measurement, Result, Tick

FOLDER = Path(__file__).parents[2] / "docs" / "schemas"
AT = "2026-01-05T08:00:03.120Z"

MEASUREMENT = {
    "type": "measurement",
    "v": 1,
    "line": "body-A",
    "part": "P-000123",
    "station": "L3_S29",
    "at": AT,
    "values": {"torque": 12.3, "temp": None, "mold": "8722", "clamped": True},
    "id": "m-1",
}
RESULT = {
    "type": "result",
    "line": "body-A",
    "part": "P-000123",
    "at": AT,
    "outcome": "fail",
    "test": "EOL-2",
    "reason": "leak",
    "revision": 1,
}
FEEDBACK = {"type": "feedback", "line": "body-A", "target": "a1", "at": AT, "act": "shelve"}
CONTROL = {"type": "control", "line": "body-A", "at": AT, "act": "maintenance", "until": AT}
TICK = {"type": "tick", "line": "body-A", "at": AT}
ALERT = {
    "id": "0" * 32,
    "type": "part.at_risk",
    "alarm": "a1",
    "line": "body-A",
    "part": "P-000123",
    "station": "L3_S29",
    "at": AT,
    "risk": 0.31,
    "interval": [0.2, 0.4],
    "threshold": 0.12,
    "severity": "high",
    "reason": "risk_above_threshold",
    "reasons": [{"station": "L3_S29", "feature": "torque", "value": 9.1, "contribution": 0.7}],
    "evidence": {"measured": 12, "dropped": 1},
    "model": {"version": "logistic", "trained_on": 900, "window": 900},
}
VALID = {
    "measurement": (Measurement, MEASUREMENT),
    "result": (Result, RESULT),
    "feedback": (Feedback, FEEDBACK),
    "control": (Control, CONTROL),
    "tick": (Tick, TICK),
    "alert": (Alert, ALERT),
}
WRONG = [
    ("measurement", {**MEASUREMENT, "values": {"torque": [1]}}),
    ("measurement", {**MEASUREMENT, "values": {"": 1}}),
    ("measurement", {**MEASUREMENT, "v": 2}),
    ("measurement", {**MEASUREMENT, "part": "P\n1"}),
    ("measurement", {**MEASUREMENT, "type": "result"}),
    ("measurement", {k: v for k, v in MEASUREMENT.items() if k != "station"}),
    ("result", {**RESULT, "outcome": "failed"}),
    ("result", {**RESULT, "revision": -1}),
    ("result", {**RESULT, "revision": 2**63}),
    ("result", {**RESULT, "revision": "1"}),
    ("feedback", {**FEEDBACK, "act": "ignore"}),
    ("control", {**CONTROL, "until": 3}),
    ("tick", {**TICK, "line": ""}),
    ("alert", {**ALERT, "risk": 1.5}),
    ("alert", {**ALERT, "interval": [0.1]}),
    ("alert", {**ALERT, "type": "At Risk"}),
    ("alert", {**ALERT, "severity": "severe"}),
]
EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="type")])


def accepts(name: str, document: object) -> bool:
    return bool(Draft202012Validator(wire_schemas()[f"{name}.json"]).is_valid(document))


def test_the_documents_hold_what_is_written(tmp_path: Path) -> None:
    written = {path.name: path.read_bytes() for path in write_schemas(tmp_path)}
    kept = {path.name: path.read_bytes() for path in FOLDER.iterdir()}
    assert written == kept, "run: andon schema --out docs/schemas"
    assert all(text.endswith(b"}\n") for text in written.values())


@pytest.mark.parametrize("name", sorted(wire_schemas()))
def test_a_schema_is_one_of_its_dialect_and_says_what_it_is(name: str) -> None:
    schema = wire_schemas()[name]
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == f"andon/{name.removesuffix('.json')}/1"
    assert schema["description"]
    assert ">>>" not in json.dumps(schema)


@pytest.mark.parametrize("name", VALID)
def test_a_valid_example_passes_the_class_and_the_schema(name: str) -> None:
    model, document = VALID[name]
    model.model_validate_json(json.dumps(document))
    assert accepts(name, document)
    if name != "alert":
        assert EVENT.validate_json(json.dumps(document)).type == name
        assert accepts("event", document)


@pytest.mark.parametrize("name", VALID)
def test_a_field_that_is_not_known_yet_is_accepted(name: str) -> None:
    model, document = VALID[name]
    later = {**document, "later": {"a": 1}}
    model.model_validate_json(json.dumps(later))
    assert accepts(name, later)


@pytest.mark.parametrize(("name", "document"), WRONG)
def test_a_wrong_example_fails_the_class_and_the_schema(name: str, document: Any) -> None:
    with pytest.raises(ValidationError):
        VALID[name][0].model_validate_json(json.dumps(document))
    assert not accepts(name, document)


def test_an_event_without_its_kind_is_none() -> None:
    nameless = {key: value for key, value in TICK.items() if key != "type"}
    with pytest.raises(ValidationError):
        EVENT.validate_json(json.dumps(nameless))
    assert not accepts("event", nameless)
    assert not accepts("tick", nameless)


def test_an_alert_as_it_is_published_passes_its_schema() -> None:
    assert accepts("alert", json.loads(Alert.model_validate_json(json.dumps(ALERT)).to_json()))


LETTERS = [
    DeadLetter(topic="t", partition=0, offset=7, stage="decode", error="not_json", message="x"),
    DeadLetter(
        topic="t",
        partition=0,
        offset=7,
        stage="limit",
        error="too_long",
        message="x",
        length=10,
        sha256="0" * 64,
    ),
]


@pytest.mark.parametrize("letter", LETTERS, ids=["short", "long"])
def test_the_headers_of_a_dead_letter_pass_their_schema(letter: DeadLetter) -> None:
    headers = {name: value.decode() for name, value in letter.to_headers()}
    assert accepts("dead-letter", headers)


@pytest.mark.parametrize(
    ("header", "text"),
    [("offset", "seven"), ("stage", "later"), ("length", "-"), ("topic", None), ("class", None)],
)
def test_wrong_headers_of_a_dead_letter_fail_the_class_and_the_schema(
    header: str, text: str | None
) -> None:
    headers = {name: value.decode() for name, value in LETTERS[1].to_headers()}
    name = f"andon.errors.{header}"
    assert name in headers
    if text is None:
        del headers[name]
    else:
        headers[name] = text
    with pytest.raises(ValidationError):
        DeadLetter.from_headers(tuple((key, value.encode()) for key, value in headers.items()))
    assert not accepts("dead-letter", headers)
