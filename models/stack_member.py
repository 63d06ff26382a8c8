"""The stack's members side by side: the linear one, and boosted trees of short and long memory.

Any of them may be left out. Each gives a margin of its own for every part; `models.stacking` makes
one probability of them. The trees know no imputation: a station that lies ahead sends a part down
both ways of a split.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from models.boosting import RollingBoosting
from models.dense_twin import DenseTwin
from models.features import FeatureCatalogue
from models.flags import Flags
from models.linear_member import LinearMember, Margin
from models.part_row import PartRow
from models.reading import Reading
from models.tree_columns import TreeColumns
from models.window import WindowRule

Contributions = dict[tuple[str, int], float]


LINEAR = "linear"
_TREES = {"short": RollingBoosting.short_memory, "long": RollingBoosting.long_memory}
MEMBERS = (LINEAR, *_TREES)
"""The members there are, in the order of their margins."""


def known_members(names: tuple[str, ...]) -> tuple[str, ...]:
    """The members of these names in their order; raises ValueError for what is none, or for none.

    >>> known_members(("long", "linear"))
    ('linear', 'long')
    """
    wrong = [name for name in names if name not in MEMBERS]
    if wrong or not names or len(set(names)) < len(names):
        told = f"{wrong[0]!r} is none" if wrong else "none or one twice is named"
        raise ValueError(f"members: {told}: name one or more of {', '.join(MEMBERS)}, each once")
    return tuple(name for name in MEMBERS if name in names)


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
    members
        Who takes part: some of `MEMBERS`. Without the linear one nothing is imputed, and a risk
        has no interval.

    Raises
    ------
    ValueError
        If ``members`` are not some of those there are.
    """

    def __init__(
        self,
        catalogue: FeatureCatalogue,
        window: WindowRule | None = None,
        replicates: int = 5,
        rank: int = 0,
        seed: int = 0,
        backend: str = "numba",
        members: tuple[str, ...] = MEMBERS,
    ) -> None:
        self.catalogue = catalogue
        self.names = known_members(members)
        self.linear: LinearMember | DenseTwin | None = None
        if LINEAR in self.names:
            linear = LinearMember if backend == "numba" else DenseTwin
            self.linear = linear(catalogue, window, replicates, rank, seed)
        # A member's seed does not depend on who else takes part.
        self.trees = tuple(
            make(seed=seed + number, backend=backend)
            for number, (name, make) in enumerate(_TREES.items(), start=1)
            if name in self.names
        )
        self._own_flags = Flags()
        self.tree_columns = TreeColumns()

    @property
    def window(self) -> int:
        """How many labelled parts the first member's window holds."""
        if self.linear is not None:
            return self.linear.window
        return min(self.trees[0].seen, self.trees[0].window)

    @property
    def window_fails(self) -> int:
        """How many of them are fails."""
        return self.trees[0].fails if self.linear is None else self.linear.window_fails

    @property
    def flags(self) -> Flags:
        """What the categories' columns are numbered by."""
        return self._own_flags if self.linear is None else self.linear.flags

    def advance(self, row: PartRow, station: int) -> None:
        """As the linear member's."""
        if self.linear is not None:
            self.linear.advance(row, station)

    def grow(self) -> None:
        """As the linear member's."""
        if self.linear is not None:
            self.linear.grow()
            return
        layout = self.catalogue.columns.layout()
        self._own_flags.grow(len(layout.numeric), len(layout.first) - 1)

    def read(self, reading: Reading) -> StackMargin | None:
        """Write a reading into its row and score the part."""
        if self.linear is None:
            self.catalogue.write(reading)
            return self.score(reading.row)
        return self._with_trees(reading.row, self.linear.read(reading))

    def score(self, row: PartRow) -> StackMargin | None:
        """The part's margins so far, None before the first label."""
        if self.linear is not None:
            return self._with_trees(row, self.linear.score(row))
        return self._with_trees(row, Margin(0.0) if self.trees[0].seen else None)

    def _with_trees(self, row: PartRow, found: Margin | None) -> StackMargin | None:
        if found is None:
            return None
        means = () if self.linear is None else (found.mean,)
        if not self.trees:
            return StackMargin(means, found)
        x, ahead, visit = self._tree_row(row)
        said = (trees.margin_under_way(x, ahead, visit) for trees in self.trees)
        return StackMargin((*means, *said), found)

    def learn(self, row: PartRow, fail: bool, at: float) -> None:
        """Learn a result."""
        layout = self.catalogue.columns.layout()
        if self.linear is None:
            self.grow()
            self._own_flags.of(row, layout)  # numbers those that the part is the first to have
        else:
            self.linear.learn(row, fail, at)
        if not self.trees:
            return
        self.tree_columns.meet(layout.numeric, self.flags)
        x, _, _ = self._tree_row(row)
        for trees in self.trees:
            trees.learn(x, fail)

    def close(self, row: PartRow) -> None:
        """A journey has ended."""
        if self.linear is not None:
            self.linear.close(row)

    def contributions(self, row: PartRow, slopes: tuple[float, ...]) -> Contributions:
        """What each cell and station adds to the stack's log-odds, its intercept apart."""
        found: Contributions = {}
        if self.linear is not None:
            shares = self.linear.contributions(row)
            found = {subject: slopes[0] * amount for subject, amount in shares.items()}
            slopes = slopes[1:]
        x, ahead, visit = self._tree_row(row)
        flags = self.flags
        station_of = self.catalogue.columns.station_of
        for slope, trees in zip(slopes, self.trees, strict=True):
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
        return {} if self.linear is None else self.linear.fills(row)

    def imputed(self, row: PartRow) -> int:
        """How many cells `fills` speaks of."""
        return 0 if self.linear is None else self.linear.imputed(row)

    def _tree_row(self, row: PartRow) -> tuple[Any, Any, Any]:
        layout = self.catalogue.columns.layout()
        odds = self.catalogue.routes.odds_ahead(row.visited_at)
        return self.tree_columns.row(row, layout, self.flags, odds)

    def state(self) -> dict[str, Any]:
        """Everything, as plain values and arrays, and whose it is."""
        return {
            "members": list(self.names),
            "linear": None if self.linear is None else self.linear.state(),
            "flags": self._own_flags.state(),
            "trees": [trees.state() for trees in self.trees],
            "tree_columns": self.tree_columns.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`; the catalogue must have been restored before.

        Raises ValueError if it was learnt by other members.
        """
        if tuple(state["members"]) != self.names:
            raise ValueError(
                f"the state is of the members {', '.join(state['members'])}, this stack's are "
                f"{', '.join(self.names)}: name the same, or train again"
            )
        layout = self.catalogue.columns.layout()
        if self.linear is None:
            self._own_flags.restore(state["flags"], layout)
        else:
            self.linear.restore(state["linear"])
        self.tree_columns.restore(state["tree_columns"], len(layout.numeric), len(self.flags))
        for trees, kept in zip(self.trees, state["trees"], strict=True):
            trees.restore(kept)
