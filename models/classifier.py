"""A River classifier whose training set *is* its sliding window.

A logistic regression that, after every label, has learnt the last parts and nothing else: a part
that leaves the window is unlearnt exactly (`models.dual_ascent`). Both outcomes weigh the same,
however rare one is, so the margin ranks and the detector's calibration makes a probability of it.

The regulariser is a metric G over the inputs: an input whose recent values differ between the
outcomes by more than chance may move further, up to where chance is out of the question. G is
scaled so that sum_j G_j E[phi_j^2] is the same for 20 inputs and for 1,000, which keeps one setting
right for narrow and wide lines.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from river import base

from models.dual_ascent import Floats, Ints, Singles, ascend_all, count_row, remove_row
from models.label_ring import LabelRing
from models.lanes import LANES
from models.window import WindowRule

INTERCEPT = 0  # the flag that every part has
_FAIL, _PASS = 1, 0
_PLENTY = 100.0
_LEAST = 0.1
# An input five standard errors apart is past doubt. More fails would set it further apart, which is
# no reason to let it move further at the cost of the others.
_PAST_DOUBT = 4.0


class WindowLogistic:
    """The array face: rows of numbers, fills and flags in, weights per replicate out.

    Parameters
    ----------
    window
        Which parts are held.
    replicates
        Models that differ by their fills alone.
    spread
        sum_j G_j E[phi_j^2]: how far margins may spread.
    steps_fail, steps_turn
        Steps a label on fails in turn, and on all parts in turn, besides the new part's own.
    metric_every
        Labels between two metrics.
    """

    def __init__(
        self,
        window: WindowRule | None = None,
        replicates: int = 1,
        spread: float = 400.0,
        steps_fail: int = 8,
        steps_turn: int = 16,
        metric_every: int = 50,
    ) -> None:
        self.window = window or WindowRule()
        self.replicates = replicates
        self.spread = spread
        self.steps_fail = steps_fail
        self.steps_turn = steps_turn
        self.metric_every = metric_every
        self.ring = LabelRing(replicates, self.window.max_parts + 1)
        self.labels = 0
        self.v_dense: Floats = np.zeros((replicates, 0))
        self.v_flags: Floats = np.zeros((replicates, 0))
        self.metric_dense: Floats = np.zeros(0)
        self.metric_flags: Floats = np.zeros(0)
        self.least = 0.0  # the metric of an input that tells nothing
        # Over the window, by outcome: sums of each number, of its square, of each flag.
        self.sum_dense: Floats = np.zeros((2, 0))
        self.square_dense: Floats = np.zeros((2, 0))
        self.sum_flags: Floats = np.zeros((2, 0))
        self._turn = self._fail_turn = 0
        self._columns = 0  # behind so many, the rows' numbers are all zeros

    @property
    def weights_dense(self) -> Floats:
        """Array (replicates, numbers)."""
        return self.metric_dense * self.v_dense

    @property
    def weights_flags(self) -> Floats:
        """Array (replicates, flags)."""
        return self.metric_flags * self.v_flags

    def grow(self, numbers: int, flags: int) -> None:
        """Make room for so many numbers and flags; a new one may move as far as one that tells
        nothing."""
        if numbers > self.v_dense.shape[1]:
            width = max(numbers, 2 * self.v_dense.shape[1])
            for name in ("v_dense", "sum_dense", "square_dense"):
                setattr(self, name, _padded(getattr(self, name), width))
            self.metric_dense = _lengthened(self.metric_dense, width, self.least)
        if flags > self.v_flags.shape[1]:
            width = max(flags, 2 * self.v_flags.shape[1])
            for name in ("v_flags", "sum_flags"):
                setattr(self, name, _padded(getattr(self, name), width))
            self.metric_flags = _lengthened(self.metric_flags, width, self.least)

    def learn_row(
        self, dense: Singles, fill_at: Ints, fills: Singles, flags: Ints, fail: bool, at: float
    ) -> None:
        """Learn one label; ``flags`` holds INTERCEPT, and all places lie within `grow`'s."""
        width = self.v_dense.shape[1]
        self._columns = max(self._columns, self._whole_vectors(len(dense)))
        i = self.ring.push(dense, fill_at, fills, flags, fail, at, width)
        self._count(i, 1.0)
        while self._oldest_leaves(at):
            oldest = self.ring.oldest
            sign = float(self.ring.sign[oldest])
            remove_row(oldest, sign, self._columns, *self._rows(), *self._v())
            self._count(oldest, -1.0)
            self.ring.drop()
        self.labels += 1
        if self.labels % self.metric_every == 0 or self.labels < self.metric_every:
            self._remeasure()
        self.ascend(self._schedule(i))

    def ascend(self, rows: Ints) -> None:
        """Dual steps on ``rows``, in their order."""
        fails = self.ring.fails
        passes = len(self.ring) - fails
        ascend_all(
            rows, self._columns, 0.5 / max(fails, 1), 0.5 / max(passes, 1), self.ring.sign,
            *self._rows(), self.metric_dense, self.metric_flags, *self._v(),
        )  # fmt: skip

    def _rows(self) -> tuple[Singles, Ints, Singles, Ints, Floats]:
        ring = self.ring
        return ring.dense, ring.fill_at, ring.fills, ring.flag_at, ring.alpha

    def _v(self) -> tuple[Floats, Floats]:
        return self.v_dense, self.v_flags

    def _whole_vectors(self, columns: int) -> int:
        """As many columns as the kernels go through for these: whole vectors, where they fit."""
        return min(-(-columns // LANES) * LANES, int(self.v_dense.shape[1]))

    def _oldest_leaves(self, now: float) -> bool:
        ring = self.ring
        if len(ring) <= 1:
            return False
        oldest = ring.oldest
        age = (now - float(ring.at[oldest])) / 3600.0
        return self.window.leaves(len(ring), ring.fails, bool(ring.sign[oldest] > 0), age)

    def _schedule(self, newest: int) -> Ints:
        ring = self.ring
        held, fails, fail_rows = len(ring), ring.fails, ring.fail_rows
        rows = [newest]
        again = min(self.steps_fail, fails)
        rows += [fail_rows[(self._fail_turn + step) % fails] for step in range(1, again + 1)]
        if fails:
            self._fail_turn = (self._fail_turn + again) % fails
        turns = min(self.steps_turn, held)
        rows += ring.rows(self._turn + 1, turns)
        self._turn = (self._turn + turns) % held
        return np.array(rows, np.int32)

    def _count(self, i: int, amount: float) -> None:
        ring = self.ring
        side = _FAIL if ring.sign[i] > 0 else _PASS
        count_row(
            i, amount, self._columns, ring.dense, ring.fill_at, ring.fills, ring.flag_at,
            self.sum_dense[side], self.square_dense[side], self.sum_flags[side],
        )  # fmt: skip

    def _remeasure(self) -> None:
        """The metric: how far each input may move."""
        fails = max(self.ring.fails, 1)
        passes = max(len(self.ring) - self.ring.fails, 1)
        held = np.array([[passes], [fails]])
        square_dense, mean_flags = self.square_dense / held, self.sum_flags / held
        dense = _distinction(self.sum_dense / held, square_dense, fails, passes)
        flags = _distinction(mean_flags, mean_flags, fails, passes)
        if len(flags):
            flags[INTERCEPT] = 1.0
        share = fails / (fails + passes)
        # Summed exactly: a matrix library's sums depend on where in memory its arrays lie.
        dense_power = dense * (share * square_dense[_FAIL] + (1 - share) * square_dense[_PASS])
        flags_power = flags * (share * mean_flags[_FAIL] + (1 - share) * mean_flags[_PASS])
        power = math.fsum(dense_power.tolist()) + math.fsum(flags_power.tolist())
        # Few fails cannot tell chance from cause: until there are enough, margins spread less.
        spread = self.spread * min(1.0, fails / _PLENTY)
        scale = spread / power if power > 0.0 else 1.0
        self.least = float(_LEAST * scale)
        self.metric_dense, self.metric_flags = scale * dense, scale * flags

    def state(self) -> dict[str, Any]:
        """Everything, as plain values and arrays."""
        return {
            "labels": self.labels,
            "least": self.least,
            "turns": [self._turn, self._fail_turn],
            "ring": self.ring.state(),
            **{name: getattr(self, name) for name in _ARRAYS},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        self.labels, self.least = state["labels"], state["least"]
        self._turn, self._fail_turn = state["turns"]
        self.ring.restore(state["ring"])
        for name in _ARRAYS:
            setattr(self, name, state[name])
        filled = np.flatnonzero(self.ring.dense[: len(self.ring)].any(axis=0))
        self._columns = self._whole_vectors(int(filled[-1]) + 1 if len(filled) else 0)


_ARRAYS = (
    "v_dense",
    "v_flags",
    "metric_dense",
    "metric_flags",
    "sum_dense",
    "square_dense",
    "sum_flags",
)


def _padded(a: Floats, width: int) -> Floats:
    return np.concatenate([a, np.zeros((len(a), width - a.shape[1]))], axis=1)


def _lengthened(a: Floats, length: int, fill: float) -> Floats:
    return np.concatenate([a, np.full(length - len(a), fill)])


def _distinction(mean: Floats, square: Floats, fails: int, passes: int) -> Floats:
    """|t| - 1, within 0 and 4, + 0.1 of each input's difference between the outcomes."""
    variance = np.maximum(square - mean * mean, 0.0)
    error = variance[_FAIL] / fails + variance[_PASS] / passes
    t = (mean[_FAIL] - mean[_PASS]) / np.sqrt(error + 1e-12)
    strength: Floats = np.clip(np.abs(t) - 1.0, 0.0, _PAST_DOUBT) + _LEAST
    return strength


class SlidingWindowLogistic(base.Classifier):
    """`WindowLogistic` with River's face: dictionaries in, probabilities out.

    Numbers are standardised by whoever stands before it in a pipeline; texts become flags. A
    feature may appear or disappear at any time. The probability is that of a line on which both
    outcomes are as frequent: put a calibration behind it.

    Parameters
    ----------
    window
        Which labels are held.
    spread
        How far margins may spread; less is a stronger regularisation.

    Examples
    --------
    >>> from river import preprocessing
    >>> window = WindowRule(parts=200, min_fails=20)
    >>> model = preprocessing.StandardScaler() | SlidingWindowLogistic(window)
    >>> for i in range(600):
    ...     x = {"torque": float(i % 10), "temp": float(i % 7)}
    ...     model.learn_one(x, i % 10 > 7 if i < 300 else i % 10 < 2)   # the cause turns round
    >>> model.predict_proba_one({"torque": 0.0, "temp": 3.0})[True] > 0.9
    True
    """

    def __init__(self, window: WindowRule | None = None, spread: float = 400.0) -> None:
        self.window = window
        self.spread = spread
        self.core = WindowLogistic(window, spread=spread)
        self._numbers: dict[base.typing.FeatureName, int] = {}
        self._flags: dict[tuple[base.typing.FeatureName, str], int] = {}

    @property
    def _multiclass(self) -> bool:
        return False

    def learn_one(self, x: dict[base.typing.FeatureName, Any], y: base.typing.ClfTarget) -> None:
        """Learn one label; True is the fail."""
        for name in sorted(x, key=str):
            if isinstance(x[name], str):
                self._flags.setdefault((name, x[name]), len(self._flags) + 1)
            else:
                self._numbers.setdefault(name, len(self._numbers))
        self.core.grow(len(self._numbers), len(self._flags) + 1)
        dense, flags = self._row(x)
        nothing = np.empty((0, 1), np.float32)
        at = np.empty(0, np.int32)
        self.core.learn_row(dense, at, nothing, flags, bool(y), float(self.core.labels))

    def predict_proba_one(
        self, x: dict[base.typing.FeatureName, Any], **kwargs: Any
    ) -> dict[base.typing.ClfTarget, float]:
        """The probabilities of False and True."""
        if not self.core.labels:
            return {False: 0.5, True: 0.5}
        dense, flags = self._row(x)
        margin = float(self.core.weights_dense[0, : len(dense)] @ dense)
        margin += float(self.core.weights_flags[0, flags].sum())
        p = 1.0 / (1.0 + math.exp(min(max(-margin, -500.0), 500.0)))
        return {False: 1.0 - p, True: p}

    def _row(self, x: dict[base.typing.FeatureName, Any]) -> tuple[Singles, Ints]:
        dense = np.zeros(len(self._numbers), np.float32)
        flags = [INTERCEPT]
        for name, value in x.items():
            if isinstance(value, str):
                flag = self._flags.get((name, value))
                if flag is not None:
                    flags.append(flag)
            elif name in self._numbers and math.isfinite(value):
                dense[self._numbers[name]] = min(max(value, -1e6), 1e6)
        return dense, np.array(sorted(flags), np.int32)
