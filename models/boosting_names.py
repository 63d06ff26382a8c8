"""From a dictionary of named values to a row of numbers, and its columns by name."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping

import numpy as np

from models.boosting_trees import Floats

CATEGORIES = 32
"""Distinct texts of one feature that get a column each."""

COLUMNS = 4_096
"""Columns in all; what comes later is not looked at."""


class NamedColumns:
    """Columns in order of first appearance, and in sorted order within one row.

    A number or a boolean is a column; a text is a column for itself, 1 where the feature has it and
    0 where it has another.

    >>> names = NamedColumns()
    >>> names.meet({"torque": 2.0, "mold": "8722"})
    >>> names.meet({"torque": None, "mold": "8412"})
    >>> names.row({"torque": 12.5, "mold": "8412"}).tolist()
    [0.0, 12.5, 1.0]
    """

    def __init__(self) -> None:
        self.places: dict[str, int] = {}
        self.texts: dict[str, list[str]] = {}

    def __len__(self) -> int:
        return len(self.places)

    def meet(self, x: Mapping[Hashable, object]) -> None:
        """Give new names a column, while there is room."""
        for name, value in sorted((str(name), value) for name, value in x.items()):
            if len(self.places) >= COLUMNS or value is None:
                continue
            if not isinstance(value, str):
                self.places.setdefault(name, len(self.places))
                continue
            texts = self.texts.setdefault(name, [])
            if value not in texts and len(texts) < CATEGORIES:
                texts.append(value)
                self.places[_column(name, value)] = len(self.places)

    def row(self, x: Mapping[Hashable, object]) -> Floats:
        """The cells of all columns, (d,); NaN where the row says nothing that a column is for."""
        cells = np.full(len(self.places), np.nan)
        for key, value in x.items():
            name = str(key)
            if isinstance(value, str):
                for text in self.texts.get(name, ()):
                    cells[self.places[_column(name, text)]] = text == value
            elif name in self.places:
                cells[self.places[name]] = _number(value)
        return cells

    def state(self) -> dict[str, object]:
        """The names, in order."""
        return {"places": list(self.places), "texts": {k: list(v) for k, v in self.texts.items()}}

    def restore(self, state: Mapping[str, object]) -> None:
        """Take over the names of a `state`."""
        self.places = {name: at for at, name in enumerate(state["places"])}  # type: ignore[arg-type, var-annotated]
        self.texts = {k: list(v) for k, v in state["texts"].items()}  # type: ignore[attr-defined]


def _column(name: str, text: str) -> str:
    # A name that no number has: JSON and CSV headers hold no NUL.
    return f"{name}\0{text}"


def _number(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except OverflowError:
        return math.inf if value > 0 else -math.inf  # type: ignore[operator]
    except (TypeError, ValueError):
        return math.nan
