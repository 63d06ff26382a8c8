"""The stack's members side by side: the linear one, and boosted trees of short and long memory.

Each gives a margin of its own for every part; `models.stacking` makes one probability of them. The
trees know no imputation: a station that lies ahead sends a part down both ways of a split.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from models.boosting import RollingBoosting
from models.dense_twin import DenseTwin
from models.features import FeatureCatalogue
from models.linear_member import LinearMember, Margin
from models.part_row import PartRow
from models.reading import Reading
from models.tree_columns import TreeColumns
from models.window import WindowRule

Contributions = dict[tuple[str, int], float]


class StackMargin(NamedTuple):
    """The members' margins, and what the linear one says of its uncertainty."""

    means: tuple[float, ...]
    linear: Margin


class StackMember:
    """Learns with all members and scores with all members.

    Parameters
    ----------
    catalogue, window, replicates, rank, seed
        As `models.linear_member.LinearMember`'s.
    backend
        ``numba``, or ``numpy`` for the members' specifications: the same margins, slowly.
    """

    names = ("linear", "trees, short memory", "trees, long memory")

    def __init__(
        self,
        catalogue: FeatureCatalogue,
        window: WindowRule | None = None,
        replicates: int = 5,
        rank: int = 0,
        seed: int = 0,
        backend: str = "numba",
    ) -> None:
        self.catalogue = catalogue
        linear = LinearMember if backend == "numba" else DenseTwin
        self.linear = linear(catalogue, window, replicates, rank, seed)
        self.trees = (
            RollingBoosting.short_memory(seed=seed + 1, backend=backend),
            RollingBoosting.long_memory(seed=seed + 2, backend=backend),
        )
        self.tree_columns = TreeColumns()

    @property
    def window(self) -> int:
        """How many labelled parts the linear member's window holds."""
        return self.linear.window

    @property
    def window_fails(self) -> int:
        """How many of them are fails."""
        return self.linear.window_fails

    def advance(self, row: PartRow, station: int) -> None:
        """As the linear member's."""
        self.linear.advance(row, station)

    def grow(self) -> None:
        """As the linear member's."""
        self.linear.grow()

    def read(self, reading: Reading) -> StackMargin | None:
        """Write a reading into its row and score the part."""
        return self._with_trees(reading.row, self.linear.read(reading))

    def score(self, row: PartRow) -> StackMargin | None:
        """The part's margins so far, None before the first label."""
        return self._with_trees(row, self.linear.score(row))

    def _with_trees(self, row: PartRow, found: Margin | None) -> StackMargin | None:
        if found is None:
            return None
        x, ahead, visit = self._tree_row(row)
        return StackMargin(
            (found.mean, *(trees.margin_under_way(x, ahead, visit) for trees in self.trees)), found
        )

    def learn(self, row: PartRow, fail: bool, at: float) -> None:
        """Learn a result."""
        self.linear.learn(row, fail, at)
        self.tree_columns.meet(self.catalogue.columns.layout().numeric, self.linear.flags)
        x, _, _ = self._tree_row(row)
        for trees in self.trees:
            trees.learn(x, fail)

    def close(self, row: PartRow) -> None:
        """A journey has ended."""
        self.linear.close(row)

    def contributions(self, row: PartRow, slopes: tuple[float, ...]) -> Contributions:
        """What each cell and station adds to the stack's log-odds, its intercept apart."""
        found = {
            subject: slopes[0] * amount
            for subject, amount in self.linear.contributions(row).items()
        }
        x, ahead, visit = self._tree_row(row)
        flags = self.linear.flags
        station_of = self.catalogue.columns.station_of
        for slope, trees in zip(slopes[1:], self.trees, strict=True):
            amounts, rest = trees.contributions(x, ahead, visit)
            found["", -1] = found.get(("", -1), 0.0) + slope * rest
            for column, amount in enumerate((slope * amounts).tolist()):
                source = self.tree_columns.source[column]
                cell = source if source >= 0 else flags.known[-1 - source].subject
                if np.isnan(row.visited_at[station_of[cell]]):
                    subject = ("station", int(station_of[cell]))
                else:
                    subject = ("cell", cell)
                found[subject] = found.get(subject, 0.0) + amount
        return found

    def fills(self, row: PartRow) -> dict[int, tuple[float, float]]:
        """What a dropped number counts as for the linear member; the trees know no imputation."""
        return self.linear.fills(row)

    def _tree_row(self, row: PartRow) -> tuple[Any, Any, Any]:
        layout = self.catalogue.columns.layout()
        odds = self.catalogue.routes.odds_ahead(row.visited_at)
        return self.tree_columns.row(row, layout, self.linear.flags, odds)

    def state(self) -> dict[str, Any]:
        """Everything, as plain values and arrays."""
        return {
            "linear": self.linear.state(),
            "trees": [trees.state() for trees in self.trees],
            "tree_columns": self.tree_columns.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`; the catalogue must have been restored before."""
        self.linear.restore(state["linear"])
        numeric = len(self.catalogue.columns.layout().numeric)
        self.tree_columns.restore(state["tree_columns"], numeric, len(self.linear.flags))
        for trees, kept in zip(self.trees, state["trees"], strict=True):
            trees.restore(kept)
