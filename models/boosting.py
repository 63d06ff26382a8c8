"""Rolling boosting: gradient-boosted trees over the last W labelled parts, always being renewed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
from river import base

from models import boosting_kernels, boosting_numpy
from models.boosting_bins import SAMPLE, edges
from models.boosting_grow import no_bench
from models.boosting_names import NamedColumns
from models.boosting_sample import UNIT, no_sample
from models.boosting_shap import quadrature
from models.boosting_trees import Bools, Floats, Singles, Trees, no_trees
from models.boosting_window import Window, no_window

FORMAT = 1
BACKENDS: dict[str, ModuleType] = {"numba": boosting_kernels, "numpy": boosting_numpy}
FIRST_EDGES = 16  # values that a column's first edges are made of
ROTATION = 500  # every max(4, ROTATION / d) labels, the next column's edges are renewed
NEVER = 1 << 62
# Columns of the window's arrays for one in use: they take no memory until they are written, and a
# column that comes when the window is full need not wait for a copy of it.
SPARE = 4
_RANGES = {
    "window": (20, 1 << 17), "trees": (1, 10_000), "leaves": (2, 128), "every": (1, 1 << 20),
    "sample": (20, 16_000), "bins": (4, 128),
}  # fmt: skip


class RollingBoosting(base.Classifier):
    """A queue of T small trees over a sliding window of W labelled rows.

    Every ``every`` labels the oldest tree is dropped and a new one grown on what the others leave
    unexplained: one step of gradient boosting with a sample of rows that holds all fails. So it
    learns without a pause, in fixed memory, and no tree that was fitted to a departed row lives
    longer than ``trees * every`` labels. Missing values go where the data send them.

    Two settings proved themselves: the default, for lines that drift, and `long_memory`, for steady
    lines with many fails.

    Parameters
    ----------
    window : labelled rows that are learnt from (W)
    decay : a row's weight falls by e in so many labels; infinity for none
    trees : in the queue (T)
    leaves : of a tree, at most
    every : labels from one tree to the next
    l2 : ridge on leaf values
    rate : shrinkage of leaf values
    sample : rows that a tree is grown on: so many passes at most, and all fails up to as many
    bins : codes per column, a power of two up to 128
    seed : of the generator that draws columns
    backend : "numba", or "numpy" for its slow specification; they give the same trees

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    References
    ----------
    Friedman, "Stochastic gradient boosting" (2002). Ke et al., "LightGBM", NeurIPS 2017.

    >>> model = RollingBoosting(window=500, trees=20, seed=1)
    >>> for i in range(400):
    ...     model.learn_one({"torque": float(i % 10), "mold": "a" if i % 3 else "b"}, i % 10 > 7)
    >>> bool(model.predict_proba_one({"torque": 9.0, "mold": "a"})[True] > 0.5)
    True
    >>> bool(model.predict_proba_one({"torque": 2.0})[True] < 0.2)
    True
    """

    def __init__(
        self,
        window: int = 12_000,
        decay: float = 3_000.0,
        trees: int = 150,
        leaves: int = 8,
        every: int = 4,
        l2: float = 10.0,
        rate: float = 0.1,
        sample: int = 2_500,
        bins: int = 64,
        seed: int = 0,
        backend: str = "numba",
    ) -> None:
        self.window, self.decay, self.trees, self.leaves = window, decay, trees, leaves
        self.every, self.l2, self.rate, self.sample = every, l2, rate, sample
        self.bins, self.seed, self.backend = bins, seed, backend
        self._check()
        self._names = NamedColumns()
        self._begin(0)

    @classmethod
    def short_memory(cls, seed: int = 0, backend: str = "numba") -> RollingBoosting:
        """For drift and rare fails."""
        return cls(seed=seed, backend=backend)

    @classmethod
    def long_memory(cls, seed: int = 0, backend: str = "numba") -> RollingBoosting:
        """For steady lines with many fails."""
        return cls(window=15_000, decay=math.inf, leaves=15, l2=5.0, seed=seed, backend=backend)

    def _check(self) -> None:
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name}={value} must be from {low} to {high}")
        if self.bins & (self.bins - 1):
            raise ValueError(f"bins={self.bins} must be a power of two, such as 64")
        for name in ("decay", "l2", "rate"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name}={getattr(self, name)} must be above 0")
        if self.backend not in BACKENDS:
            raise ValueError(f"backend={self.backend!r} must be one of {', '.join(BACKENDS)}")

    def _begin(self, columns: int) -> None:
        self.columns, self._room = 0, 0
        self.seen, self.fails, self.steps, self._cursor = 0, 0, 0, 0
        self.bias = 0.0
        # Any odd multiplier far from 1 keeps neighbouring seeds apart and the state from 0.
        mixed = (2 * self.seed + 1) * 0x9E3779B97F4A7C15
        self._random = np.array([mixed % (1 << 64)], np.uint64)
        self._trees = no_trees(self.trees, self.leaves)
        self._edges: Singles = np.empty((0, self.bins - 1), np.float32)
        self._present: npt.NDArray[np.int64] = np.empty(0, np.int64)
        self._seen: npt.NDArray[np.int64] = np.empty(0, np.int64)
        self._due: npt.NDArray[np.int64] = np.empty(0, np.int64)
        # A row's weight by its age, oldest first, twice: any ring is a slice of it.
        self._weights = np.tile(np.exp(-np.arange(self.window)[::-1] / self.decay), 2)
        self._nodes = quadrature(self.leaves)
        self._g = np.zeros(self.window, np.int64)
        self._h = np.zeros(self.window, np.int64)
        self._sample = no_sample(self.sample)
        self._allocate(8)
        self.grow(columns)

    def _allocate(self, room: int) -> None:
        """Room for so many columns; what was there is kept."""
        old, kept = getattr(self, "_window", None), self.columns
        before: list[npt.NDArray[Any]] = []
        if kept:
            before = [self._edges, self._present, self._seen, self._due]
        self._room = room
        if old is None or not kept or room > len(old.x):
            self._window = no_window(SPARE * room, self.window, self.trees)
        self._edges = np.full((room, self.bins - 1), np.inf, np.float32)
        self._present = np.zeros(room, np.int64)
        self._seen = np.zeros(room, np.int64)
        self._due = np.full(room, FIRST_EDGES, np.int64)
        if kept and old is not None:
            if old is not self._window:
                self._window = Window(self._window.x, self._window.codes, *old[2:])
                self._window.x[:kept], self._window.codes[:kept] = old.x[:kept], old.codes[:kept]
            after: list[npt.NDArray[Any]] = [
                self._edges, self._present, self._seen, self._due
            ]  # fmt: skip
            for new, values in zip(after, before, strict=True):
                new[:kept] = values[:kept]
        drawn = min(math.ceil(0.6 * room), int(24 + 0.07 * room))
        self._drawn = np.zeros(room, np.int64)
        self._bench = no_bench(self.leaves, drawn, self.bins, 2 * self.sample + 2)

    def grow(self, columns: int) -> None:
        """Widen to so many columns; the new ones are missing in all rows so far."""
        if columns > self._room:
            room = self._room
            while room < columns:
                room *= 2
            self._allocate(room)
        if columns > self.columns:
            self._window.x[self.columns : columns, : self._rows] = np.nan
            self._window.codes[self.columns : columns, : self._rows] = self.bins
            self.columns = columns

    # Arrays in, arrays out.

    def learn(self, x: npt.ArrayLike, fail: bool) -> None:
        """Learn the result of a row of cells, NaN = missing; a longer row widens the model."""
        self.grow(np.size(x))
        slot, d = self.seen % self.window, self.columns
        self.fails += bool(fail) - (self.seen >= self.window and bool(self._window.fail[slot]))
        self._kernels.put(
            self._window, slot, self._row(x), bool(fail), self.seen >= self.window, self._edges,
            self._trees, self._present[:d], self._seen[:d],
        )  # fmt: skip
        self.seen += 1
        self._renew_edges()
        if self.seen % self.every == 0:
            self._step()

    def margin(self, x: npt.ArrayLike) -> float:
        """The log-odds of a fail."""
        return self.bias + float(self._kernels.margin(self._trees, self._row(x)))

    def margins(self, rows: npt.ArrayLike) -> Floats:
        """The log-odds of a fail of each of n rows, (n,)."""
        cells = np.array([self._row(x) for x in np.asarray(rows)]).reshape(-1, self.columns)
        out: Floats = self.bias + self._kernels.margins(self._trees, cells)
        return out

    def partial_margin(self, x: npt.ArrayLike, ahead: Bools, visit: Floats) -> float:
        """The log-odds expected of a part under way.

        Parameters
        ----------
        x : (d,) cells, NaN = missing
        ahead : (d,) whether the column's station is still to come
        visit : (d,) the probability that a column that is ahead will get a value

        A split on a missing cell that is ahead sends the part down both ways, as the rows of the
        window went; another missing cell goes where missing values go.
        """
        return self.margin_under_way(self._row(x), *self._ahead(ahead, visit))

    def margin_under_way(self, row: Singles, ahead: Bools, visit: Floats) -> float:
        """`partial_margin` of arrays that have just the model's columns, finite or NaN."""
        return self.bias + float(self._kernels.partial_margin(self._trees, row, ahead, visit))

    def contributions(
        self, x: npt.ArrayLike, ahead: Bools | None = None, visit: Floats | None = None
    ) -> tuple[Floats, float]:
        """What each column adds to the log-odds, (d,), and the log-odds of an unknown part.

        Together they sum to `margin`, or to `partial_margin` if ``ahead`` is given.
        """
        out = np.zeros(self.columns)
        ahead, visit = self._ahead(ahead, visit)
        kernel = self._kernels.contributions
        rest = kernel(self._trees, self._row(x), ahead, visit, *self._nodes, out)
        return out, self.bias + float(rest)

    # Dictionaries in, probabilities out.

    def learn_one(self, x: dict[base.typing.FeatureName, Any], y: base.typing.ClfTarget) -> None:
        """Learn the result of named values."""
        self._names.meet(x)
        self.learn(self._names.row(x), bool(y))

    def predict_proba_one(
        self, x: dict[base.typing.FeatureName, Any], **kwargs: Any
    ) -> dict[base.typing.ClfTarget, float]:
        """The probability of a pass and of a fail; even before the first result."""
        if not self.seen:
            return {False: 0.5, True: 0.5}
        margin = min(max(self.margin(self._names.row(x)), -500.0), 500.0)
        fail = 1.0 / (1.0 + math.exp(-margin))
        return {False: 1.0 - fail, True: fail}

    # The state.

    def state(self) -> dict[str, Any]:
        """What was learnt, as plain values and arrays: with the parameters, all that is needed."""
        d, rows = self.columns, min(self.seen, self.window)
        window = self._window
        return {
            "format": FORMAT,
            "settings": dict(self._get_params().items()),
            "names": self._names.state(),
            "columns": d,
            "counts": [self.seen, self.fails, self.steps, self._cursor],
            "bias": self.bias,
            "random": int(self._random[0]),
            "trees": {name: array.copy() for name, array in self._trees._asdict().items()},
            "x": window.x[:d, :rows].copy(),
            "fail": window.fail[:rows].copy(),
            "margin": window.margin[:rows].copy(),
            "leaf": window.leaf[:, :rows].copy(),
            "edges": self._edges[:d].copy(),
            "present": self._present[:d].copy(),
            "seen": self._seen[:d].copy(),
            "due": self._due[:d].copy(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over a `state`; raises ValueError if it was made with other parameters."""
        ours = self._get_params()
        for name, value in state["settings"].items():
            if name != "backend" and ours.get(name) != value:
                raise ValueError(
                    f"the state was learnt with {name}={value}, this model has {name}="
                    f"{ours.get(name)}: make the model with the same parameters"
                )
        if state["format"] != FORMAT:
            raise ValueError(f"a state of format {state['format']} is not known here: learn again")
        d = state["columns"]
        self._begin(d)
        self._names.restore(state["names"])
        self.seen, self.fails, self.steps, self._cursor = state["counts"]
        self.bias, self._random[0] = state["bias"], state["random"]
        self._trees = Trees(**{name: value.copy() for name, value in state["trees"].items()})
        rows = min(self.seen, self.window)
        window = self._window
        window.x[:d, :rows], window.fail[:rows] = state["x"], state["fail"]
        window.margin[:rows], window.leaf[:, :rows] = state["margin"], state["leaf"]
        self._edges[:d], self._present[:d] = state["edges"], state["present"]
        self._seen[:d], self._due[:d] = state["seen"], state["due"]
        for column in range(d):
            self._code(column)

    # One label's work.

    @property
    def _kernels(self) -> ModuleType:
        return BACKENDS[self.backend]

    @property
    def _rows(self) -> int:
        return min(self.seen, self.window)

    def _row(self, x: npt.ArrayLike) -> Singles:
        """The cells of all columns as finite float32 or NaN."""
        given = np.asarray(x)[: self.columns]
        if given.dtype != np.float32:
            given = given.astype(np.float64)
        row = np.full(self.columns, np.nan, np.float32)
        self._kernels.clipped(given, row[: given.size])
        return row

    def _ahead(self, ahead: Bools | None, visit: Floats | None) -> tuple[Bools, Floats]:
        whole, chance = np.zeros(self.columns, np.bool_), np.zeros(self.columns)
        if ahead is not None and visit is not None:
            whole[: len(ahead)] = ahead
            chance[: len(visit)] = np.clip(np.nan_to_num(visit), 0.0, 1.0)
        return whole, chance

    def _renew_edges(self) -> None:
        """New edges where a column has seen half as much again; else one column after the other.

        A few columns a label, so that no label pauses the line.
        """
        d = self.columns
        if not d:
            return
        for _ in range(1 + d // 64):
            column = self._kernels.next_due(self._seen[:d], self._due[:d], self._cursor % d)
            if column < 0:
                break
            self._cursor = column + 1
            self._renew(column)
            values = int(self._seen[column])
            self._due[column] = values + values // 2 if values < SAMPLE else NEVER
        if self._rows >= SAMPLE // 2 and self.seen % max(4, ROTATION // d) == 0:
            self._renew(self._cursor % d)
            self._cursor = self._cursor % d + 1

    def _renew(self, column: int) -> None:
        rows = self._rows
        values = self._window.x[column, :rows]
        stride = -(-rows // SAMPLE)
        fails = values[np.flatnonzero(self._window.fail[:rows])]
        self._edges[column] = edges(values[self.seen % stride :: stride], fails, self.bins)
        self._code(column)

    def _code(self, column: int) -> None:
        rows = self._rows
        window = self._window
        self._kernels.code_column(
            window.x[column, :rows], self._edges[column], window.codes[column, :rows]
        )

    def _step(self) -> None:
        """One tree goes, one comes."""
        kernels, window, trees, rows = self._kernels, self._window, self._trees, self._rows
        tree, d = self.steps % self.trees, self.columns
        kernels.drop(window, rows, trees, tree)
        margin, fail = window.margin[:rows], window.fail[:rows]
        g, h = self._g[:rows], self._h[:rows]
        oldest = -self.seen % self.window
        weight = self._weights[oldest : oldest + rows]
        slope, curve, passes = kernels.gradients(margin, fail, weight, self.bias, g, h)
        self.bias -= 0.5 * min(max((slope / UNIT) / (curve / UNIT + 1.0), -1.0), 1.0)
        start = kernels.random_below(self._random, UNIT)
        taken = kernels.take_sample(
            g, h, fail, self.fails, passes, self.sample, start, self._sample
        )
        present = self._present[:d]
        live = (self._edges[:d, 1] < np.inf) | ((present > 0) & (present < rows))
        count = kernels.draw_columns(live, self._random, self._drawn)
        kernels.grow(
            window.codes, self._edges, self._drawn, count, self._sample, taken, self.l2, self.rate,
            trees, tree, self._bench,
        )  # fmt: skip
        kernels.route(window, rows, self.bins, trees, tree, self._bench.bins)
        self.steps += 1

    @classmethod
    def _unit_test_params(cls) -> Iterator[dict[str, Any]]:
        yield {"window": 300, "trees": 10, "sample": 100, "bins": 16}
