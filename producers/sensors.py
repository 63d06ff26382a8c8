"""What the stations report of the parts: values in their units, and the gaps between them.

A reading is lost by chance, by its own value (a sensor that fails at high torque), or for a while
(a dead sensor); a saturated one stays at its limit; one that did not exist yet is not reported at
all.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from producers.causes import BoolArray
from producers.draws import Draws, FloatArray, IntArray
from producers.line_spec import Feature
from producers.parts import Block, LinePlan, PartBatch, within
from stream.events import Value

TAIL = 0.5
"""The log-spread of skewed features."""

Values = dict[str, Value]


class Readings(NamedTuple):
    """What the sensors make of n parts."""

    values: FloatArray
    """[n, columns], in units; meaningless for categorical features and where ``lost``."""
    lost: BoolArray
    """[n, columns], where the station reports no reading."""


class Sensors:
    """The sensors of a line.

    >>> from producers.families import family
    >>> plan = LinePlan(family("demo"))
    >>> readings = Sensors(plan).read(Draws("a"), plan.draw(Draws("b"), np.arange(500)))
    >>> bool(0.001 < readings.lost.mean() < 0.1)
    True
    """

    def __init__(self, plan: LinePlan) -> None:
        self._plan = plan
        features = plan.features
        self._mean = np.array([f.mean for f in features])
        self._spread = np.array([f.spread for f in features])
        self._fine = 10.0 ** np.array([float(f.decimals) for f in features])
        self._limit = np.array([np.inf if f.pinned_at is None else f.pinned_at for f in features])
        self._skewed = [i for i, f in enumerate(features) if f.skewed]
        self._boolean = [i for i, f in enumerate(features) if f.kind == "boolean"]
        self._trips = np.array([features[i].trips_at for i in self._boolean])
        self._dropped = np.array([f.dropped for f in features])
        self._failing = [i for i, f in enumerate(features) if f.dropped or f.value_drop]
        self._dead = [(i, f.dead) for i, f in enumerate(features) if f.dead is not None]

    def read(self, draws: Draws, batch: PartBatch) -> Readings:
        """The readings of a batch of parts."""
        lost = self._lost(draws, batch)
        z = batch.z.copy()
        for drift in self._plan.spec.sensor_drifts:
            way = np.clip((batch.index - drift.since + 1) / drift.ramp, 0.0, 1.0)
            for column in self._plan.columns[drift.cell]:
                z[:, column] += drift.shift * way
        np.minimum(z, self._limit, out=z)
        tripped = z[:, self._boolean] > self._trips
        z[:, self._skewed] = _long_tailed(z[:, self._skewed])
        # Adding zero turns -0.0 into 0.0.
        values = np.round((self._mean + self._spread * z) * self._fine) / self._fine + 0.0
        values[:, self._boolean] = tripped
        return Readings(values, lost)

    def _lost(self, draws: Draws, batch: PartBatch) -> BoolArray:
        lost = np.zeros(batch.z.shape, dtype=bool)
        failing = self._failing
        chance = np.broadcast_to(self._dropped[failing], (len(batch.index), len(failing))).copy()
        for place, column in enumerate(failing):
            if (by_value := self._plan.features[column].value_drop) is not None:
                side = 1.0 if by_value.limit >= 0 else -1.0
                beyond = side * batch.z[:, column] > abs(by_value.limit)
                chance[beyond, place] += (1.0 - chance[beyond, place]) * by_value.rate
        lost[:, failing] = draws.uniform(*chance.shape) < chance
        for column, span in self._dead:
            lost[:, column] |= within(span, batch.index)
        return lost


class Reporter:
    """Turns the readings of one block into the ``values`` of its messages."""

    def __init__(self, plan: LinePlan, block: Block) -> None:
        self._plan = plan
        self._block = block
        self._features = block.station.features
        self._names = [feature.name for feature in self._features]
        self._changing = any(f.present != Feature("").present for f in self._features)

    def report(self, batch: PartBatch, readings: Readings, rows: IntArray) -> list[Values]:
        """The values of the parts ``rows`` of a batch, one dictionary each."""
        cells: list[list[Value]] = readings.values[rows, self._block.columns].tolist()
        for place, feature in enumerate(self._features):
            if feature.labels is not None:
                levels = self._plan.levels(feature, batch.index[rows])
                for row, level in zip(cells, levels.tolist(), strict=True):
                    row[place] = f"{feature.labels.prefix}{level:04d}"
            elif feature.kind == "boolean":
                for row in cells:
                    row[place] = bool(row[place])
        for at, place in np.argwhere(readings.lost[rows, self._block.columns]).tolist():
            cells[at][place] = None
        if self._changing:
            return self._only_present(batch, rows, cells)
        return [dict(zip(self._names, row, strict=True)) for row in cells]

    def _only_present(
        self, batch: PartBatch, rows: IntArray, cells: list[list[Value]]
    ) -> list[Values]:
        launches = batch.index[rows]
        there = np.column_stack([within(f.present, launches) for f in self._features]).tolist()
        return [
            {
                name: value
                for name, value, is_there in zip(self._names, row, on, strict=True)
                if is_there
            }
            for row, on in zip(cells, there, strict=True)
        ]


def _long_tailed(z: FloatArray) -> FloatArray:
    """Log-normal numbers of mean 0 and spread 1, in the order of ``z``."""
    square = TAIL * TAIL
    spread = np.sqrt((np.exp(square) - 1.0) * np.exp(square))
    tailed: FloatArray = (np.exp(TAIL * z) - np.exp(square / 2.0)) / spread
    return tailed
