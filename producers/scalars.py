"""What one value of a JSON message says: a name, a number, a truth, whichever way it is written.

Plants write one thing in several ways: ``1``, ``1.0`` and ``"1"``; ``true`` and ``"TRUE"``. Every
reader raises `producers.cells.BadCell`, whose text is the reason, when the value says something
else.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from producers.cells import BadCell, read_boolean, read_category, read_name, read_number

Scalar = str | int | float | bool | None

# Beyond it a double no longer tells neighbouring whole numbers apart.
_EXACT = 2**53
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def as_text(value: Any) -> str:
    """The text that a value is known by: without spaces around it, whole numbers without point.

    >>> as_text(" OK "), as_text(1.0), as_text(True), as_text(0.5)
    ('OK', '1', 'true', '0.5')
    """
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value == int(value) and abs(value) < _EXACT else repr(value)
    raise BadCell(f"{kind_of(value)} where one value is wanted")


def kind_of(value: object) -> str:
    """What kind of JSON this is, for a message.

    >>> kind_of([1]), kind_of(None)
    ('a list', 'null')
    """
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    return "null" if value is None else "a value"


def to_name(value: Any) -> str:
    """A part, a line, a station; a whole number is a name too, a fraction is none."""
    if isinstance(value, float) and not (value == int(value) and abs(value) < _EXACT):
        raise BadCell(f"the number {value!r} is no name: send it as a text")
    return read_name(as_text(value))


def to_value(value: Any, cast: str) -> Scalar:
    """A reading as the wire takes it; None stays None.

    >>> to_value("12.5", "number"), to_value(8722, "text"), to_value("1", "boolean")
    (12.5, '8722', True)
    """
    if value is None:
        return None
    if cast == "number":
        if isinstance(value, bool):
            raise BadCell("true or false where a number is wanted")
        return float(value) if isinstance(value, int | float) else read_number(as_text(value))
    if cast == "boolean":
        return value if isinstance(value, bool) else read_boolean(as_text(value))
    if cast == "text":
        return read_category(as_text(value))
    if isinstance(value, str):
        return read_category(value)
    if isinstance(value, bool | int | float):
        return value
    raise BadCell(f"{kind_of(value)} where one value is wanted")


def from_epoch(value: Any, unit: str) -> datetime:
    """The moment that is ``value`` of ``unit`` after the beginning of 1970, UTC.

    A text of a number counts too. Exact to the microsecond for whole numbers.

    >>> from_epoch("1767600000123", "ms").isoformat()
    '2026-01-05T08:00:00.123000+00:00'
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise BadCell(f"{kind_of(value)} where a number of {unit} is wanted")
    try:
        number: int | float
        if isinstance(value, str):
            text = value.strip()
            number = int(text) if text.isascii() and text.isdigit() else read_number(text)
        else:
            number = value
        if isinstance(number, int):
            microseconds = number * 10**6 // _PER_SECOND[unit]
        else:
            microseconds = round(number * 10**6 / _PER_SECOND[unit])
        return _EPOCH + timedelta(microseconds=microseconds)
    except (OverflowError, ValueError) as error:
        if isinstance(error, BadCell):
            raise
        raise BadCell(f"not a time as a number of {unit} since 1970") from None
