"""The flags of a line: inputs that a part either has or has not.

A *dropped* cell, a *saturated* cell, a *category* and a *skipped* station are each a flag with a
number of its own, given when it is first needed and never taken back. A category's number belongs
to a place among the 64 of its feature, so that names that come and go do not add up.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from models.categories import CAPACITY
from models.columns import Layout

Ints = npt.NDArray[np.int32]
NONE = -1
DROPPED, SATURATED, SKIPPED, CATEGORY = "dropped", "saturated", "skipped", "category"


class Flag(NamedTuple):
    """What a flag says: its kind, its column (of a station: its number), its category's code."""

    kind: str
    subject: int
    code: int = 0


class Flags:
    """Numbers of flags, from 1; 0 is the intercept, which every part has.

    Attributes
    ----------
    dropped, saturated
        Arrays (columns,): the flag's number, -1 while there is none.
    skipped
        Array (stations,).
    category
        Array (columns, 64) of the flags of a column's categories; columns that are no category
        share the last row, which stays -1.
    station
        Array (flags,): the station that each flag speaks of; -1 for the intercept.

    Examples
    --------
    >>> flags = Flags()
    >>> flags.grow(columns=2, stations=1)
    >>> flags.number(Flag(DROPPED, 1), station=0), flags.number(Flag(SKIPPED, 0), station=0)
    (1, 2)
    >>> flags.number(Flag(DROPPED, 1), station=0), flags.dropped.tolist()
    (1, [-1, 1])
    """

    def __init__(self) -> None:
        self.dropped: Ints = np.empty(0, np.int32)
        self.saturated: Ints = np.empty(0, np.int32)
        self.skipped: Ints = np.empty(0, np.int32)
        self.category_row: Ints = np.empty(0, np.int32)
        self.category: Ints = np.empty((0, CAPACITY), np.int32)
        self.station: Ints = np.array([NONE], np.int32)
        self.known: list[Flag] = [Flag("", NONE)]

    def __len__(self) -> int:
        return len(self.known)

    def grow(self, columns: int, stations: int) -> None:
        """Make room for so many columns and stations."""
        if columns > len(self.dropped):
            self.dropped = _longer(self.dropped, columns)
            self.saturated = _longer(self.saturated, columns)
            self.category_row = _longer(self.category_row, columns)
        if stations > len(self.skipped):
            self.skipped = _longer(self.skipped, stations)

    def number(self, flag: Flag, station: int) -> int:
        """The flag's number, given now if it has none."""
        place, index = self._place(flag)
        number = int(place[index])
        if number == NONE:
            number = len(self.known)
            place[index] = number
            self.known.append(flag)
            self.station = np.append(self.station, np.int32(station))
        return number

    def _place(self, flag: Flag) -> tuple[Ints, int]:
        if flag.kind == CATEGORY:
            row = int(self.category_row[flag.subject])
            if row == NONE:
                row = self.category_row[flag.subject] = len(self.category)
                fresh = np.full((1, CAPACITY), NONE, np.int32)
                self.category = np.concatenate([self.category, fresh])
            return self.category[row], flag.code
        if flag.kind == SKIPPED:
            return self.skipped, flag.subject
        return (self.dropped if flag.kind == DROPPED else self.saturated), flag.subject

    def state(self) -> dict[str, Any]:
        """The flags in the order of their numbers."""
        return {
            "known": [list(flag) for flag in self.known[1:]],
            "station": self.station[1:].astype(np.int64),
        }

    def restore(self, state: dict[str, Any], layout: Layout) -> None:
        """Go on from a `state`."""
        self.grow(len(layout.numeric), len(layout.first) - 1)
        for flag, station in zip(state["known"], state["station"].tolist(), strict=True):
            self.number(Flag(*flag), station)


def _longer(a: Ints, length: int) -> Ints:
    return np.concatenate([a, np.full(length - len(a), NONE, np.int32)])
