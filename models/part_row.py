"""What is known of one part: a cell per feature, a time per station.

Missing is kept apart in four facts. *Dropped* and *saturated* are written in the cell; that an
empty cell's station was *skipped* or is *not reached* follows from the visits and the routes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from models.low_rank import Belief

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.uint8]

EMPTY, MEASURED, DROPPED, SATURATED = 0, 1, 2, 3


@dataclass(slots=True)
class PartRow:
    """The cells and visits of one part; the columns are those of `models.columns.Columns`.

    Attributes
    ----------
    x
        Array (features,): raw value, 0 or 1 for a boolean, a category's number for a name.
    state
        Array (features,): EMPTY, MEASURED, DROPPED or SATURATED.
    visited_at
        Array (stations,): time of the visit in seconds since 1970, NaN if there was none.
    belief
        What its cells say of the hidden factors, while somebody wants to know.

    Examples
    --------
    >>> row = PartRow().grown(features=2, stations=1)
    >>> row.state.tolist(), row.visited_at.tolist()
    ([0, 0], [nan])
    """

    x: Floats = field(default_factory=lambda: np.empty(0))
    state: Codes = field(default_factory=lambda: np.empty(0, np.uint8))
    visited_at: Floats = field(default_factory=lambda: np.empty(0))
    belief: Belief | None = None

    def grown(self, features: int, stations: int) -> PartRow:
        """The row with room for features and stations that have appeared since."""
        if len(self.x) >= features and len(self.visited_at) >= stations:
            return self
        if not len(self.x) and not len(self.visited_at):
            return PartRow(
                np.zeros(features), np.zeros(features, np.uint8), np.full(stations, np.nan)
            )
        more, further = features - len(self.x), stations - len(self.visited_at)
        return PartRow(
            np.concatenate([self.x, np.zeros(max(more, 0))]),
            np.concatenate([self.state, np.zeros(max(more, 0), np.uint8)]),
            np.concatenate([self.visited_at, np.full(max(further, 0), np.nan)]),
            self.belief,
        )


class CellCounts(NamedTuple):
    """How many cells of a part are measured, and how many are missing for which reason.

    A saturated cell is measured as well. A cell that its station left out of a reading counts as
    skipped: it will not be measured any more.
    """

    measured: int
    dropped: int
    saturated: int
    not_reached: int
    skipped: int
