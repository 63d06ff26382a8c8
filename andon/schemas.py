"""JSON Schemas of everything that travels: the wire contract for those who do not read Python.

Of what ``andon explain --json`` prints there is one too.

Written from the classes by ``andon schema`` and kept in ``docs/schemas``; draft 2020-12. A schema
is named by kind and major version, as in ``andon/measurement/1``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, TypeAdapter

from alerts.alert import ALERT_MAJOR, Alert
from alerts.explanation import EXPLANATION_MAJOR, Explanation
from stream.events import (
    SCHEMA_MAJOR,
    Control,
    DeadLetter,
    Event,
    Feedback,
    Measurement,
    Result,
    Tick,
)

DIALECT = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]

_EVENTS: tuple[type[BaseModel], ...] = (Measurement, Result, Feedback, Control, Tick)


def wire_schemas() -> dict[str, Schema]:
    """Each schema by its file name.

    >>> wire_schemas()["tick.json"]["required"]
    ['type', 'line', 'at']
    """
    kinds = {model.__name__.lower(): _of_kind(model.model_json_schema()) for model in _EVENTS}
    union = TypeAdapter[Event](Annotated[Event, Field(discriminator="type")]).json_schema()
    union["$defs"] = {name: _of_kind(kind) for name, kind in union["$defs"].items()}
    union["description"] = "Any event, as it lies on the events topic."
    schemas = {
        **{name: _titled(name, SCHEMA_MAJOR, schema) for name, schema in kinds.items()},
        "event": _titled("event", SCHEMA_MAJOR, union),
        "alert": _titled("alert", ALERT_MAJOR, Alert.model_json_schema()),
        "explanation": _titled(
            "explanation", EXPLANATION_MAJOR, Explanation.model_json_schema(mode="serialization")
        ),
        "dead-letter": _titled("dead-letter", SCHEMA_MAJOR, _dead_letter_headers()),
    }
    return {f"{name}.json": schema for name, schema in schemas.items()}


def write_schemas(folder: Path) -> list[Path]:
    """Write every schema into ``folder``, made if missing; answers the files written.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     [path.name for path in write_schemas(Path(folder))][:2]
    ['measurement.json', 'result.json']
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, schema in wire_schemas().items():
        path = folder / name
        path.write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n", "utf-8")
        written.append(path)
    return written


def _titled(name: str, major: int, schema: Schema) -> Schema:
    for part in (schema, *schema.get("$defs", {}).values()):
        if "description" in part:  # a docstring, of which the example is for Python alone
            part["description"] = part["description"].partition("\n\n>>>")[0].replace("``", "`")
    return {"$schema": DIALECT, "$id": f"andon/{name}/{major}", **schema}


def _of_kind(schema: Schema) -> Schema:
    """A kind of event; on the topic its ``type`` is what tells it from the others."""
    required = [name for name in schema["required"] if name != "type"]
    kind = {
        name: value for name, value in schema["properties"]["type"].items() if name != "default"
    }
    properties = {**schema["properties"], "type": kind}
    return {**schema, "properties": properties, "required": ["type", *required]}


def _dead_letter_headers() -> Schema:
    """The headers of a dead letter: text in UTF-8, whatever type the field has."""
    fields = DeadLetter.model_json_schema()
    sample = DeadLetter(
        topic="t",
        partition=0,
        offset=0,
        stage="limit",
        error="e",
        message="m",
        length=0,
        sha256="0",
        timestamp=0,
    )
    names = [name for name, _ in sample.to_headers()]
    properties = dict(zip(names, map(_as_text, fields["properties"].values()), strict=True))
    required = [
        name
        for name, field in zip(names, fields["properties"], strict=True)
        if field in fields["required"]
    ]
    return {
        "title": "DeadLetter",
        "description": "The headers of a record on the dead-letter topic, each UTF-8 text; "
        "the record keeps the key and value that could not be read.",
        "type": "object",
        "properties": properties,
        "required": required,
    }


def _as_text(field: Schema) -> Schema:
    kinds = [field, *field.get("anyOf", ())]
    if any(kind.get("type") == "integer" for kind in kinds):
        return {"type": "string", "pattern": "^(0|[1-9][0-9]*)$"}
    return {"type": "string", **({"enum": field["enum"]} if "enum" in field else {})}
