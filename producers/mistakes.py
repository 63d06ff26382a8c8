"""What is wrong with a map, in words: the key, the value, and the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

_LONGEST_VALUE = 80
_WORDS = {
    "bool_type": "true or false is wanted",
    "datetime_type": "a date and time is wanted",
    "model_type": "a table is wanted",
    "string_pattern_mismatch": "it holds a control character",
    "string_type": "a text is wanted",
    "too_short": "it is empty",
    "tuple_type": "a list is wanted",
}


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint at the closest of ``known``, or nothing.

    >>> did_you_mean("colum", ["column", "zone"]), did_you_mean("x", ["column"])
    (": did you mean 'column'?", '')
    """
    close = difflib.get_close_matches(word, sorted(known), n=1)
    return f": did you mean {close[0]!r}?" if close else ""


def shown(value: object) -> str:
    """``value`` as an error shows it: short, and printable whatever it holds.

    >>> shown("7,3"), shown("x" * 100)[-5:]
    ("'7,3'", "x'...")
    """
    if isinstance(value, bool):
        return str(value).lower()
    text = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    if len(text) <= _LONGEST_VALUE:
        return text
    cut = text[: _LONGEST_VALUE - 1]
    return f"{cut}'..." if isinstance(value, str) else f"{cut}..."


def first_mistake(
    error: ValidationError,
    data: Mapping[str, Any],
    root: type[BaseModel],
    tables: Mapping[str, type[BaseModel]],
) -> str:
    """The first mistake that pydantic found in ``data``, a parsed TOML file.

    ``root`` is the model of the file, ``tables`` the models of its tables by key (those within
    another one by dotted key); the description of a field is the remedy when it is missing or has
    the wrong type.
    """
    detail = error.errors(include_url=False)[0]
    location, found, kind = detail["loc"], detail["input"], detail["type"]
    key = _dotted(location, data)
    inside = location
    for depth in range(1, len(location)):
        table = ".".join(piece for piece in location[:depth] if isinstance(piece, str))
        if table in tables:
            root, inside = tables[table], location[depth:]
    name = next((piece for piece in inside if isinstance(piece, str)), "")
    fields = {field.alias or name: field for name, field in root.model_fields.items()}
    remedy = fields[name].description if name in fields else None
    if kind == "missing":
        return f"{key} is missing: {remedy}"
    if kind == "extra_forbidden":
        hint = did_you_mean(name, fields) or f": the keys here are {', '.join(sorted(fields))}"
        return f"{key} = {shown(found)}: unknown key{hint}"
    if kind == "value_error":
        said = str(detail["ctx"]["error"])
        if isinstance(found, dict):
            return f"{key}: {said}" if key else said
        return f"{key} = {shown(found)}: {said}"
    if kind == "literal_error":
        return f"{key} = {shown(found)}: it must be {detail['ctx']['expected']}"
    said = _WORDS.get(kind) or detail["msg"][:1].lower() + detail["msg"][1:]
    return f"{key} = {shown(found)}: {said}" + (f" ({remedy})" if remedy else "")


def _dotted(location: tuple[int | str, ...], data: Mapping[str, Any]) -> str:
    """``("station", 1, "offset")`` as ``station[press].offset``, ``station[#2].offset`` unnamed."""
    key = ""
    here: Any = data
    for piece in location:
        try:
            here = here[piece]
        except (KeyError, IndexError, TypeError):
            here = None
        if isinstance(piece, int):
            named = here.get("name") if isinstance(here, dict) else None
            key += f"[{named}]" if isinstance(named, str) else f"[#{piece + 1}]"
        else:
            key += f".{piece}" if key else piece
    return key
