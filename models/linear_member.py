"""The linear member: multiple imputation, and a logistic regression over the window per draw.

Each replicate of the imputation completes a labelled part's dropped cells with a draw of its own,
and a logistic regression of its own learns the completed parts; a part's margin is the mean of
theirs. Only cells of visited stations are drawn: imputing what a part never met costs skill (AUC
0.746 against 0.774 in our study). How far the replicates differ, and how far the cells could lie
otherwise, is the margin's variance (Rubin's rule: within plus between).
"""

from __future__ import annotations

from itertools import repeat
from typing import Any, NamedTuple

import numpy as np

from models.belief import MU, PRECISION
from models.classifier import WindowLogistic
from models.columns import Layout
from models.early_results import EarlyResults
from models.features import FeatureCatalogue
from models.flags import Flags
from models.imputation_draws import draw_cells
from models.lanes import LANES, lane_zeros
from models.low_rank import LowRankGaussian
from models.margin_weights import derive
from models.part_margin import CONSTANT as AHEAD_CONSTANT
from models.part_margin import (
    FIGURES,
    NUMBER,
    cell_amounts,
    label_row,
    room_for,
    score,
)
from models.part_margin import SKIPPED as AHEAD_SKIPPED
from models.part_row import DROPPED as CELL_DROPPED
from models.part_row import EMPTY, PartRow
from models.reading import ALL, Reading, read_station
from models.triangular import solution
from models.window import WindowRule

_ALL_SEEN = 0.02
Amounts = dict[tuple[str, int], float]


class Margin(NamedTuple):
    """A raw log-odds and what it is made of.

    ``within`` is its variance given the model, ``between`` that of the replicates, ``ahead`` the
    share of ``within`` that is due to stations not reached; ``shift`` is how far it moves if every
    imputed cell lies one spread further off.
    """

    mean: float
    within: float = 0.0
    between: float = 0.0
    ahead: float = 0.0
    shift: float = 0.0


class LinearMember:
    """Learns a line's labels over a window and gives margins anywhere on the line.

    Parameters
    ----------
    catalogue
        The line's columns, scale and routes; shared, and not changed here.
    window
        Which labels are held.
    replicates, rank, seed
        Of the imputation (`models.low_rank.LowRankGaussian`).
    """

    def __init__(
        self,
        catalogue: FeatureCatalogue,
        window: WindowRule | None = None,
        replicates: int = 5,
        rank: int = 0,
        seed: int = 0,
    ) -> None:
        self.catalogue = catalogue
        self.gaussian = LowRankGaussian(replicates, rank, seed)
        self.classifier = WindowLogistic(window, replicates)
        self.flags = Flags()
        self._early = EarlyResults()
        self._derived_of: Layout | None = None  # None: weights or visits have moved since
        self._grown_for: Layout | None = None
        self._grown_flags = 0
        self._slopes = lane_zeros(3, 0, LANES)
        self._ahead = lane_zeros(0, self.gaussian.rank + 3, LANES)
        self._flag_weights = lane_zeros(1, LANES)
        self._room, self._z = room_for(self.gaussian.rank, 0), np.zeros(0, np.float32)
        self._out = np.zeros(FIGURES)
        self._model: tuple[Any, ...] = ()  # what every part is read and scored with

    @property
    def window(self) -> int:
        """How many labelled parts the window holds."""
        return len(self.classifier.ring)

    @property
    def window_fails(self) -> int:
        """How many of them are fails."""
        return self.classifier.ring.fails

    def advance(self, row: PartRow, station: int) -> None:
        """``station`` has just been written into the row: its belief, if it has one, follows."""
        belief = row.belief
        if belief is not None and belief.version == self.gaussian.version:
            self.gaussian.believe(row, self.catalogue.columns.layout(), station)

    def read(self, reading: Reading) -> Margin | None:
        """Write a reading into its row and score the part: as `advance` and `score`, in one go."""
        gaussian = self.gaussian
        row, station = reading.row, reading.station
        if not self.classifier.labels or not gaussian.version:
            self.catalogue.write(reading)
            return None
        columns, derived_of = self.catalogue.columns, self._derived_of
        if derived_of is None or derived_of is not columns.laid_out:
            self._derive(columns.layout())
        belief = row.belief
        if belief is None or belief.version != gaussian.version:
            belief = gaussian.belief_of(row)
            belief.version, station = gaussian.version, ALL
        read_station(
            reading.columns, reading.x, station, row.x, row.state, row.visited_at,
            belief.a, belief.rhs, *self._model,
        )  # fmt: skip
        return self._scored(row)

    def score(self, row: PartRow) -> Margin | None:
        """The part's margin so far, None before the first label. ``row`` must be grown."""
        if not self.classifier.labels or not self.gaussian.version:
            return None
        layout = self.catalogue.columns.layout()
        if layout is not self._derived_of:
            self._derive(layout)
        belief = self.gaussian.believe(row, layout)
        score(row.x, row.state, row.visited_at, belief.a, belief.rhs, *self._model[5:])
        return self._scored(row)

    def _scored(self, row: PartRow) -> Margin:
        mean, within, dropped_only, between, shift, ahead = self._out.tolist()
        if ahead < _ALL_SEEN:
            row.belief = None  # it only waits for its result now: half of its memory back
        coming = within - dropped_only
        # Without the detour of a constructor written in Python.
        return tuple.__new__(Margin, (mean, within, between, max(coming, 0.0), shift))

    def learn(self, row: PartRow, fail: bool, at: float) -> None:
        """Learn a result. ``row`` must be grown; ``at`` is the result's time in seconds.

        Results that come before the first scale is known wait for it.
        """
        if self.gaussian.version:
            self._learn(row, fail, at)
        else:
            self._early.add(row, fail, at)

    def _learn(self, row: PartRow, fail: bool, at: float) -> None:
        gaussian = self.gaussian
        layout = self.catalogue.columns.layout()
        self._derived_of = None  # whatever happens: nothing may be read by flags it does not know
        flags = self.flags.of(row, layout)
        self.grow()
        columns = len(row.state)
        dense, places = np.empty(columns, np.float32), np.empty(columns, np.int32)
        count = label_row(
            row.x, row.state, layout.numeric, gaussian.standard, gaussian.cells, dense, places
        )
        fill_at = places[:count]
        fills = np.zeros((count, gaussian.replicates), np.float32)
        if count:
            belief = gaussian.believe(row, layout)
            draw_cells(
                fill_at, belief.a, belief.rhs, gaussian.cells, gaussian.seed,
                self.classifier.labels, gaussian.replicates, fills,
            )  # fmt: skip
        self.classifier.learn_row(dense, fill_at, fills, flags, fail, at)

    def close(self, row: PartRow) -> None:
        """A journey has ended: the imputation learns from it. ``row`` must be grown."""
        layout = self.catalogue.columns.layout()
        self.gaussian.close(row, layout, self.catalogue.scale)
        self.grow()
        self._derived_of = None
        row.belief = None
        if self.gaussian.version:
            for waited in self._early.taken():
                self._learn(self.catalogue.grown(waited.row), waited.fail, waited.at)

    def contributions(self, row: PartRow) -> Amounts:
        """What each cell and station adds to the margin.

        Keys are ("cell", column) and ("station", number); with the intercept, ("", -1), they add
        up to the margin.
        """
        gaussian, factors = self.gaussian, self._factors(row)
        amounts = np.empty(len(row.state))
        cell_amounts(
            row.x, row.state, gaussian.standard, gaussian.cells, self._slopes, self._flag_weights,
            self.flags.category_row, self.flags.category, gaussian.replicates, factors, amounts,
        )  # fmt: skip
        lanes, rank = slice(gaussian.replicates), gaussian.rank
        found: Amounts = {("", -1): float(self._flag_weights[0, lanes].mean(dtype=np.float64))}
        cells = np.flatnonzero(row.state != EMPTY)
        found.update(zip(_subjects("cell", cells), amounts[cells].tolist(), strict=True))
        absent = np.flatnonzero(np.isnan(row.visited_at))
        block = self._ahead[absent, :, lanes].astype(np.float64)
        odds = self.catalogue.routes.odds_ahead(row.visited_at)[absent, None]
        f = factors[:, lanes].astype(np.float64)
        visited = (block[:, :rank] * f).sum(axis=1) + block[:, rank + AHEAD_CONSTANT]
        said = (odds * visited + (1.0 - odds) * block[:, rank + AHEAD_SKIPPED]).mean(axis=1)
        found.update(zip(_subjects("station", absent), said.tolist(), strict=True))
        return found

    def fills(self, row: PartRow) -> dict[int, tuple[float, float]]:
        """What each dropped number counts as, and by how much the margin moves if it lies one
        spread further off; values are raw, keys are columns."""
        gaussian, cells = self.gaussian, self._filled(row)
        if not len(cells):
            return {}
        f = self._factors(row)[:, : gaussian.replicates].astype(np.float64)
        z = self._expected(cells, f).mean(axis=1)
        middle, inverse = gaussian.standard[cells].T
        value = middle + np.where(inverse > 0.0, z / np.where(inverse > 0.0, inverse, 1.0), 0.0)
        slope = self._slopes[NUMBER, cells, : gaussian.replicates].mean(axis=1, dtype=np.float64)
        pairs = zip(value.tolist(), np.abs(slope).tolist(), strict=True)
        return dict(zip(cells.tolist(), pairs, strict=True))

    def imputed(self, row: PartRow) -> int:
        """How many cells `fills` speaks of."""
        return len(self._filled(row))

    def _filled(self, row: PartRow) -> Any:
        """The columns of the dropped numbers."""
        dropped = np.flatnonzero(row.state == CELL_DROPPED)
        return dropped[self.gaussian.cells[dropped, self.gaussian.rank + PRECISION, 0] > 0.0]

    def _expected(self, cells: Any, f: Any) -> Any:
        """The conditional means of numbers' z (cells, replicates)."""
        rank = self.gaussian.rank
        loading = self.gaussian.cells[cells, :, : self.gaussian.replicates]
        return (loading[:, :rank] * f).sum(axis=1) + loading[:, rank + MU]

    def _factors(self, row: PartRow) -> Any:
        """The posterior means of the part's factors (rank, 8)."""
        layout = self.catalogue.columns.layout()
        if layout is not self._derived_of:
            self._derive(layout)
        belief = self.gaussian.believe(row, layout)
        return solution(belief.a, belief.rhs)

    def grow(self) -> None:
        """Make room for all that the catalogue knows by now.

        Room is made when something appears, never when somebody asks: how wide an array is
        decides in which order its sums are rounded.
        """
        layout, flags = self.catalogue.columns.layout(), len(self.flags)
        if layout is self._grown_for and flags == self._grown_flags:
            return
        self.gaussian.grow(layout)
        self.flags.grow(len(layout.numeric), len(layout.first) - 1)
        self.classifier.grow(len(self.gaussian.cells), flags)
        self._grown_for, self._grown_flags = layout, flags

    def _derive(self, layout: Layout) -> None:
        """Bring what `score` reads up to the classifier's weights and the published model."""
        gaussian, flags = self.gaussian, self.flags
        rows = gaussian.rank + 3
        if self._slopes.shape[1] != len(gaussian.cells):
            self._slopes = lane_zeros(3, len(gaussian.cells), LANES)
            self._z = np.zeros(len(gaussian.cells), np.float32)
        if self._ahead.shape[:2] != (len(gaussian.blocks), rows):
            self._ahead = lane_zeros(len(gaussian.blocks), rows, LANES)
            self._room = room_for(gaussian.rank, len(gaussian.blocks))
        if len(self._flag_weights) < len(flags):
            self._flag_weights = lane_zeros(2 * len(flags), LANES)
        learnt = self.classifier
        derive(
            learnt.v_dense, learnt.v_flags, learnt.metric_dense, learnt.metric_flags,
            learnt.sum_flags, max(len(learnt.ring), 1), flags.station, flags.dropped,
            flags.saturated, flags.skipped, gaussian.cells, layout.first, layout.member,
            self.catalogue.routes.visit_rate, self._slopes, self._ahead, self._flag_weights,
        )  # fmt: skip
        catalogue = self.catalogue
        self._model = (
            catalogue.columns.kind, catalogue.scale.figures, gaussian.blocks, layout.first,
            layout.member, gaussian.standard, gaussian.cells, self._slopes, self._ahead,
            self._flag_weights, flags.category_row, flags.category, catalogue.routes.ahead,
            catalogue.routes.visit_rate, gaussian.replicates, self._room, self._z, self._out,
        )  # fmt: skip
        self._derived_of = layout

    def state(self) -> dict[str, Any]:
        """Everything, as plain values and arrays."""
        return {
            "gaussian": self.gaussian.state(),
            "classifier": self.classifier.state(),
            "flags": self.flags.state(),
            "early": self._early.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`; the catalogue must have been restored before."""
        self.gaussian.restore(state["gaussian"])
        self.flags.restore(state["flags"], self.catalogue.columns.layout())
        self.classifier.restore(state["classifier"])
        self._early.restore(state["early"])
        self._derived_of = self._grown_for = None
        self._slopes = lane_zeros(3, 0, LANES)


def _subjects(kind: str, numbers: Any) -> list[tuple[str, int]]:
    return list(zip(repeat(kind), numbers.tolist(), strict=False))
