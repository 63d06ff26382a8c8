"""What a history holds that could not be used, one by one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_LONGEST_VALUE = 80


@dataclass(frozen=True)
class BadRow:
    """What could not be used: one cell, or the whole row if ``column`` is None.

    ``row`` counts the data rows of ``path`` from 1. ``value`` is what stood there, cut to 80
    characters.
    """

    path: Path
    row: int
    column: str | None
    value: str
    reason: str


OnBad = Callable[[BadRow], None]


def printable(text: str) -> str:
    """``text`` as a list of bad rows shows it: short, and UTF-8 whatever it holds.

    >>> printable("mou\\udce9"), len(printable("x" * 100))
    ('mou\\\\udce9', 80)
    """
    return text[:_LONGEST_VALUE].encode("utf-8", "backslashreplace").decode()
