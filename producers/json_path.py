"""Paths into a JSON document: ``payload.stations[0].serial``.

A path begins at the item it is used on: an element of the list that a map splits a record into,
else the whole record. ``$`` stands for the whole record, ``@key`` for the record's key as text and
``@timestamp`` for the milliseconds since 1970 at which it was appended. A key that holds a dot or
a bracket is written in the form of a list: ``["payload", "torque.max", 0]``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple

Root = Literal["item", "record", "key", "timestamp"]

_PIECE = re.compile(r"(?:^|\.)([^.\[\]]+)|\[(-?[0-9]{1,6})\]")
_ROOTS: dict[str, Root] = {"$": "record", "@key": "key", "@timestamp": "timestamp"}
_HOW = 'write it as "payload.stations[0].serial"'


class _Missing:
    """Nothing is there: something else than a null."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()


class Document(NamedTuple):
    """A record as paths see it; ``item`` is the element that they begin at."""

    item: Any
    record: Any
    key: str | None = None
    timestamp: int = 0


class JsonPath(NamedTuple):
    """Where something stands: the beginning, the steps from there, and the path as written."""

    root: Root
    steps: tuple[str | int, ...]
    text: str

    def find(self, document: Document) -> Any:
        """What stands there; `MISSING` if nothing does.

        >>> path = parse_path("stations[-1].name")
        >>> record = {"stations": [{"name": "press"}, {"name": "oven"}]}
        >>> path.find(Document(record, record))
        'oven'
        >>> parse_path("stations.name").find(Document(record, record))
        MISSING
        """
        here: Any = getattr(document, self.root)
        if self.root == "key" and here is None:
            return MISSING
        for step in self.steps:
            if isinstance(step, str):
                if not isinstance(here, dict) or step not in here:
                    return MISSING
                here = here[step]
            elif isinstance(here, list) and -len(here) <= step < len(here):
                here = here[step]
            else:
                return MISSING
        return here


def parse_path(written: str | Sequence[str | int]) -> JsonPath:
    """The path that ``written`` says; raises ValueError, saying how paths are written.

    >>> parse_path("$.header.line").root, parse_path("a[2].b").steps
    ('record', ('a', 2, 'b'))
    >>> parse_path("a..b")
    Traceback (most recent call last):
    ...
    ValueError: no path: write it as "payload.stations[0].serial"
    """
    if not isinstance(written, str):
        return _from_list(written)
    head, dot, rest = written.partition(".")
    name, bracket, index = head.partition("[")
    root = _ROOTS.get(name)
    text = written
    if root is not None:
        text = bracket + index + dot + rest if bracket else rest
        if root != "record" and (bracket or dot):
            raise ValueError(f"{name} is a single value: nothing can follow it")
        if not text and not dot and not bracket:
            return JsonPath(root, (), written)
    elif written.startswith("@"):
        raise ValueError(f"{head!r} is unknown: @key and @timestamp are what a record has")
    steps: list[str | int] = []
    place = 0
    while place < len(text) and not text.startswith("."):
        piece = _PIECE.match(text, place)
        if piece is None:
            break
        key, number = piece.groups()
        steps.append(key if key is not None else int(number))
        place = piece.end()
    if place < len(text) or not steps:
        raise ValueError(f"no path: {_HOW}")
    return JsonPath(root or "item", tuple(steps), written)


def _from_list(written: Sequence[str | int]) -> JsonPath:
    steps = list(written)
    if not steps or any(type(step) not in (str, int) for step in steps):
        raise ValueError("a path in the form of a list holds keys and places, and at least one")
    root: Root = "item"
    if steps[0] == "$":
        root = "record"
        del steps[0]
    text = ".".join(str(step) for step in written)
    return JsonPath(root, tuple(steps), text)
