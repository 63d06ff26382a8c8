"""One line per mistake in the settings: where, which key, what was found, what is allowed.

The lines must be safe to print and to keep: a value is shown only where a known key holds one that
is no secret, and whatever a file or variable holds, a mistake stays one line of printable text.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from alerts import words

Schema = Mapping[str, Any]
Step = int | str

# A webhook's URL often carries a token; where a name belongs, somebody has pasted the secret.
NEVER_SHOWN = frozenset(
    {
        "url",
        "secrets_env",
        "secrets_files",
        "key_env",
        "key_password_env",
        "key_password_file",
        "sasl_password_env",
        "sasl_password_file",
    }
)
_SECRET_KEY = re.compile("password|passphrase|secret|token|credential", re.IGNORECASE)
_POINTER = re.compile("(password|secrets?)_(env|files?)$")
_LONGEST_VALUE = 80
_MOST_LISTED = 15
_GIVEN_IN = {
    "file": "write {allowed}, or remove the key{default}",
    "variable": "set it to {allowed}, or unset it",
    "command line": "give {allowed}",
}
SourceKind = Literal["file", "variable", "command line"]


def plain(text: str, longest: int = 300) -> str:
    """``text`` on one printable line.

    >>> plain("P-1\\n\\x1b[31mforged")
    'P-1\\\\n\\\\x1b[31mforged'
    """
    shown = text if len(text) <= longest else text[: longest - 3] + "..."
    return words.plain(shown)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant, None if none is near.

    >>> nearest("budgte", ["budget", "min_lift"])
    'budget'
    """
    found = difflib.get_close_matches(word[:100], list(known), n=1, cutoff=0.6)
    return found[0] if found else None


def dotted(place: Iterable[Step]) -> str:
    """A place in the settings as people write it.

    >>> dotted(("endpoints", 0, "types", 1))
    'endpoints[0].types[1]'
    """
    text = ""
    for step in place:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return plain(text)


def shown(value: object) -> str:
    """A value as TOML would have it, or what kind of value it is if it had better not be seen.

    >>> shown("locl"), shown(0), shown({"a": 1}), shown("whsec_QUJD")
    ('"locl"', '0', 'a table', 'text (not shown)')
    """
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list | tuple):
        inner = ", ".join(map(shown, value[:5])) + (", ..." if len(value) > 5 else "")
        return f"[{inner}]" if len(inner) < _LONGEST_VALUE else "a list"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | Path):
        value = str(value)
        if "whsec_" in value or "@" in value or "://" in value:
            return "text (not shown)"
        return plain(json.dumps(value[:_LONGEST_VALUE], ensure_ascii=False))
    if value is None:
        return "null"
    try:
        return plain(str(value), _LONGEST_VALUE)
    except ValueError:  # an integer of thousands of digits
        return "a number"


def allowed(schema: Schema) -> str:
    """What a field's JSON Schema allows, in words.

    >>> allowed({"type": "integer", "minimum": 1, "maximum": 1000})
    'a whole number from 1 to 1000'
    >>> allowed({"type": "number", "exclusiveMinimum": 0, "maximum": 0.5})
    'a number above 0 and at most 0.5'
    """
    if "allowed" in schema:
        return str(schema["allowed"])
    if "enum" in schema:
        *others, last = map(json.dumps, schema["enum"])
        return f"{', '.join(others)} or {last}" if others else last
    if "anyOf" in schema:
        return allowed(next(one for one in schema["anyOf"] if one.get("type") != "null"))
    match schema.get("type"):
        case "boolean":
            return "true or false"
        case "array":
            return f"a list, each item {allowed(schema['items'])}"
        case "integer":
            return f"a whole number{_bounds(schema)}"
        case "number":
            return f"a number{_bounds(schema)}"
    return "text"


def field_schema(model: type[BaseModel], name: str) -> Schema:
    """The JSON Schema of one field of a section."""
    properties: Mapping[str, Schema] = model.model_json_schema()["properties"]
    return properties[name]


def wrong_value(
    source: SourceKind, where: str, key: str, value: str, schema: Schema, reason: str = ""
) -> str:
    """The line about a value that cannot be; ``reason`` replaces what the schema says."""
    default = schema.get("default")
    remedy = _GIVEN_IN[source].format(
        allowed=allowed(schema),
        default="" if default is None else f" for the default {shown(default)}",
    )
    if "default" not in schema:  # it must be given
        remedy = remedy.partition(", or ")[0] if source != "file" else f"write {allowed(schema)}"
    return f"{where}: {key} is {value}: {plain(reason) or remedy}"


def unknown_key(where: str, key: str, what: str, known: Iterable[str], prefix: str = "") -> str:
    """The line about a key, section or variable that does not exist; its value is never shown."""
    known = sorted(known)
    pointers = [each for each in known if _POINTER.search(each)]
    if _SECRET_KEY.search(key) and pointers and what == "key":
        return (
            f"{where}: {plain(key)}: a secret is no setting: write it into a file of its own "
            f"(chmod 600), or into an environment variable, and name that with one of "
            f"{', '.join(prefix + each for each in pointers)}"
        )
    meant = nearest(key.removeprefix(prefix), known)
    remedy = f"did you mean {prefix}{meant}?" if meant else "remove it; docs/settings.md lists all"
    if not meant and len(known) <= _MOST_LISTED:
        remedy = f"remove it, or use one of {', '.join(prefix + each for each in known)}"
    return f"{where}: {plain(key)}: there is no such {what}: {remedy}"


def _bounds(schema: Schema) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f" from {_figure(low)} to {_figure(high)}"
    parts = [
        f"{word} {_figure(schema[name])}"
        for name, word in (
            ("minimum", "at least"),
            ("exclusiveMinimum", "above"),
            ("maximum", "at most"),
            ("exclusiveMaximum", "below"),
        )
        if name in schema
    ]
    return " " + " and ".join(parts) if parts else ""


def _figure(number: float) -> str:
    return str(int(number)) if number == int(number) else str(number)
