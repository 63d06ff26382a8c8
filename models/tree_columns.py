"""What trees see of a part: raw numbers, categories as 0 or 1, NaN for whatever is missing.

A column is given when a number or a category is first met in a labelled part, and never taken back.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from models.columns import Layout
from models.compiled import kernel
from models.flags import CATEGORY, Flags
from models.part_row import DROPPED, EMPTY, Codes, Floats, PartRow

Ints = npt.NDArray[np.int32]
Singles = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

# The largest number that is finite as a float32, nearly.
_LARGEST = 3e38


class TreeColumns:
    """Columns of a line's numbers and categories.

    Attributes
    ----------
    source
        By column: a cell's number, or -1 - f for the category of flag f.

    Examples
    --------
    >>> columns = TreeColumns()
    >>> columns.meet(np.array([True, False, True]), Flags())
    >>> columns.source
    [0, 2]
    """

    def __init__(self) -> None:
        self.source: list[int] = []
        self._of_cell: Ints = np.empty(0, np.int32)
        self._of_flag: Ints = np.empty(0, np.int32)

    def __len__(self) -> int:
        return len(self.source)

    def meet(self, numeric: Bools, flags: Flags) -> None:
        """Give columns to numbers and categories that have none."""
        if len(numeric) > len(self._of_cell):
            self._of_cell = _longer(self._of_cell, len(numeric))
        for cell in np.flatnonzero(numeric & (self._of_cell < 0)).tolist():
            self._of_cell[cell] = len(self.source)
            self.source.append(cell)
        for flag in range(len(self._of_flag), len(flags)):
            self._of_flag = _longer(self._of_flag, flag + 1)
            if flags.known[flag].kind == CATEGORY:
                self._of_flag[flag] = len(self.source)
                self.source.append(-1 - flag)

    def row(
        self, row: PartRow, layout: Layout, flags: Flags, odds: Floats
    ) -> tuple[Singles, Bools, Floats]:
        """The part's values, and by column whether its station lies ahead and how likely that is.

        ``odds`` (stations,): the probability that the part will yet visit each.
        """
        count = len(self.source)
        values = np.full(count, np.nan, np.float32)
        ahead, visit = np.zeros(count, np.bool_), np.zeros(count)
        _fill(
            row.x, row.state, row.visited_at, odds, layout.station_of, self._of_cell,
            self._of_flag, flags.category_row, flags.category, values, ahead, visit,
        )  # fmt: skip
        return values, ahead, visit

    def state(self) -> list[int]:
        """The columns' sources, in order."""
        return list(self.source)

    def restore(self, state: list[int], numeric: int, flags: int) -> None:
        """Go on from a `state`, for so many cells and flags."""
        self.source = list(state)
        self._of_cell = _longer(np.empty(0, np.int32), numeric)
        self._of_flag = _longer(np.empty(0, np.int32), flags)
        for column, source in enumerate(self.source):
            if source >= 0:
                self._of_cell[source] = column
            else:
                self._of_flag[-1 - source] = column


def _longer(a: Ints, length: int) -> Ints:
    return np.concatenate([a, np.full(length - len(a), -1, np.int32)])


@kernel
def _fill(
    x: Floats,
    state: Codes,
    visited_at: Floats,
    odds: Floats,
    station_of: Any,
    of_cell: Ints,
    of_flag: Ints,
    category_row: Ints,
    category: Ints,
    values: Singles,
    ahead: Bools,
    visit: Floats,
) -> None:
    for j in range(len(of_cell)):
        s = station_of[j]
        coming = np.isnan(visited_at[s])
        measured = state[j] != EMPTY and state[j] != DROPPED
        column = of_cell[j]
        if column >= 0:
            if measured:
                values[column] = min(max(x[j], -_LARGEST), _LARGEST)
            elif coming:
                ahead[column] = True
                visit[column] = odds[s]
        if j < len(category_row) and category_row[j] >= 0:
            codes = category[category_row[j]]
            for code in range(len(codes)):
                flag = codes[code]
                if flag < 0 or flag >= len(of_flag) or of_flag[flag] < 0:
                    continue
                column = of_flag[flag]
                if measured:
                    values[column] = 1.0 if code == int(x[j]) else 0.0
                elif coming:
                    ahead[column] = True
                    visit[column] = odds[s]
