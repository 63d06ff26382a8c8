"""A part's readings as columns, as the script of a careful newcomer would have them.

Numbers and booleans are taken as they are; text becomes a column per label, 1 for the label read
and 0 for the others met so far. A reading that was dropped is no column, and a station that
measures a part again replaces what it said before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LABELS = 30
"""Labels of a feature that get a column, in the order in which they are met; the rest get none."""


class Columns:
    """Turns readings into columns; knows the labels met so far.

    >>> columns = Columns()
    >>> columns.of("press", {"torque": 1.5, "mold": "A", "temp": None})
    {'press.torque': 1.5, 'press.mold=A': 1.0}
    >>> columns.of("press", {"mold": "B", "clamped": True})
    {'press.mold=A': 0.0, 'press.mold=B': 1.0, 'press.clamped': 1.0}
    """

    def __init__(self) -> None:
        self._labels: dict[tuple[str, str], dict[str, str]] = {}
        self.labels: set[str] = set()
        """The columns of labels."""

    def of(self, station: str, values: Mapping[str, Any]) -> dict[str, float]:
        """The columns of one station's readings."""
        columns = {}
        for name, value in values.items():
            if value is None:
                continue
            if not isinstance(value, str):
                columns[f"{station}.{name}"] = float(value)
                continue
            known = self._labels.setdefault((station, name), {})
            if value not in known and len(known) < LABELS:
                known[value] = f"{station}.{name}={value}"
                self.labels.add(known[value])
            columns.update((column, float(label == value)) for label, column in known.items())
        return columns
