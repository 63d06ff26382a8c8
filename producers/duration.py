"""Durations as people write them: ``"30s"``, ``"90min"``, ``"1d12h"``."""

from __future__ import annotations

import re
from datetime import timedelta
from fractions import Fraction

LONGEST = timedelta(days=36_525)

_MICROSECONDS = {
    "d": 86_400_000_000,
    "h": 3_600_000_000,
    "min": 60_000_000,
    "s": 1_000_000,
    "ms": 1_000,
}
_UNITS = tuple(_MICROSECONDS)
_TERM = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?) *([A-Za-zµ]+) *")
_HOW = 'write it as "30s", "90min", "2h" or "1d12h"'


def parse_duration(text: str) -> timedelta:
    """The length of time that ``text`` says, exact to the microsecond.

    Terms of a number and a unit (d, h, min, s, ms), longest unit first, each unit once, spaces
    between them allowed. ``m`` is refused because it could be minutes or months. Raises
    ValueError, saying what is wrong and how a duration is written; a duration is never negative
    and at most a hundred years.

    >>> parse_duration("1d12h"), parse_duration("1.5 h"), parse_duration("250ms")
    (datetime.timedelta(days=1, seconds=43200), datetime.timedelta(seconds=5400), \
datetime.timedelta(microseconds=250000))
    >>> parse_duration("5m")
    Traceback (most recent call last):
    ...
    ValueError: unknown unit 'm': the units are d, h, min, s, ms
    """
    rest = text.strip()
    if rest.startswith("-"):
        raise ValueError(f"a duration cannot be negative: {_HOW}")
    if not rest:
        raise ValueError(f"an empty text is no duration: {_HOW}")
    total = Fraction(0)
    allowed = list(_UNITS)
    while rest:
        term = _TERM.match(rest)
        if term is None:
            raise ValueError(f"{rest[:40]!r} is no number with a unit: {_HOW}")
        number, unit = term.groups()
        if unit not in _MICROSECONDS:
            raise ValueError(f"unknown unit {unit[:40]!r}: the units are {', '.join(_UNITS)}")
        if unit not in allowed:
            raise ValueError(f"{unit!r} must stand once and after the longer units: {_HOW}")
        del allowed[: allowed.index(unit) + 1]
        total += Fraction(number) * _MICROSECONDS[unit]
        rest = rest[term.end() :]
    if total > LONGEST // timedelta(microseconds=1):
        raise ValueError("longer than a hundred years")
    return timedelta(microseconds=round(total))
