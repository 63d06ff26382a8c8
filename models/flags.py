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
from models.compiled import kernel
from models.part_row import DROPPED as CELL_DROPPED
from models.part_row import MEASURED as CELL_MEASURED
from models.part_row import SATURATED as CELL_SATURATED
from models.part_row import Codes, Floats, PartRow

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

    def of(self, row: PartRow, layout: Layout) -> Ints:
        """The numbers of all flags that a part whose journey has ended has, the intercept first."""
        out = np.empty(2 * len(row.state) + len(row.visited_at) + 1, np.int32)
        arrays = (self.dropped, self.saturated, self.skipped, self.category_row, self.category)
        count = find_flags(row.x, row.state, row.visited_at, layout.categorical, *arrays, out)
        while count < 0:  # one of them has no number yet
            self._give(row, layout)
            arrays = (self.dropped, self.saturated, self.skipped, self.category_row, self.category)
            count = find_flags(row.x, row.state, row.visited_at, layout.categorical, *arrays, out)
        return out[:count]

    def _give(self, row: PartRow, layout: Layout) -> None:
        station_of = layout.station_of
        for j in np.flatnonzero(row.state == CELL_DROPPED).tolist():
            self.number(Flag(DROPPED, j), station_of[j])
        for j in np.flatnonzero(row.state == CELL_SATURATED).tolist():
            self.number(Flag(SATURATED, j), station_of[j])
        for j in np.flatnonzero((row.state == CELL_MEASURED) & layout.categorical).tolist():
            if row.x[j] >= 0:
                self.number(Flag(CATEGORY, j, int(row.x[j])), station_of[j])
        for s in np.flatnonzero(np.isnan(row.visited_at)).tolist():
            self.number(Flag(SKIPPED, s), s)

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


@kernel
def find_flags(
    x: Floats,
    state: Codes,
    visited_at: Floats,
    categorical: npt.NDArray[np.bool_],
    dropped: Ints,
    saturated: Ints,
    skipped: Ints,
    category_row: Ints,
    category: Ints,
    out: Ints,
) -> int:
    """Write a part's flags into ``out``; answers how many, or -1 if one has no number yet."""
    out[0] = 0
    count = 1
    for j in range(len(state)):
        flag = -2  # nothing to tell of this cell
        if state[j] == CELL_DROPPED:
            flag = dropped[j]
        elif state[j] == CELL_SATURATED:
            flag = saturated[j]
        elif state[j] == CELL_MEASURED and categorical[j] and x[j] >= 0.0:
            flag = category[category_row[j], int(x[j])] if category_row[j] >= 0 else NONE
        if flag == NONE:
            return -1
        if flag >= 0:
            out[count] = flag
            count += 1
    for s in range(len(visited_at)):
        if np.isnan(visited_at[s]):
            if skipped[s] == NONE:
                return -1
            out[count] = skipped[s]
            count += 1
    return count
