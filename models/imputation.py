"""Imputation of a stream's missing numbers, with River's verbs and with honest uncertainty.

`OnlineImputer` learns how numbers hang together (`models.low_rank`: online bootstrap EM of a
low-rank Gaussian), from complete and incomplete rows alike, and completes a row by what its other
numbers say: by the conditional mean, by draws, or by intervals.

References: D. Rubin, Multiple imputation for nonresponse in surveys, 1987 (the draws, and total =
within + between variance); see `models.low_rank` and `models.selection` for the rest.
"""

from __future__ import annotations

from statistics import NormalDist
from typing import Any

import numpy as np
from river import base
from river.base.typing import FeatureName

from models.belief import PRECISION
from models.imputation_draws import cell_moments, draw_cells
from models.kinds import Kind
from models.lanes import LANES
from models.low_rank import LowRankGaussian
from models.part_row import Floats, PartRow
from models.selection import Selection
from models.value_table import Ints, Row, ValueTable, plain_value


class OnlineImputer(base.Transformer):
    """Fills missing numbers from the row's other numbers; a transformer for any River pipeline.

    Missing is a value of None, NaN or infinity, and a number that is absent although its feature
    is known. Texts and features of other kinds pass as they are. A feature's kind is fixed by its
    first 20 values; until then its gaps are filled with the mean so far. Before 150 rows were
    learnt the filling is the mean; a gap in a feature that was never seen is left out of the
    output, which River's models take for "nothing known".

    Parameters
    ----------
    separator
        What parts a station's name from its feature's in the names of the features: with "." the
        numbers ``press.force`` and ``press.stroke`` form a station, and they are only filled if
        one of them is in the row: a station that a part does not visit is not imputed. By default
        all features belong together, and a known feature that is absent is filled.
    rank
        Hidden factors; 0 takes 10 below 100 numeric columns and 20 from there on.
    replicates
        Bootstrap replicates, 1 to 8: how many completions `sample` gives.
    selection
        Whether missing values may depend on themselves (`models.selection`): they are then moved
        towards where values get lost. It helps if they do, and costs a little if they do not.
    seed
        Of the bootstrap and of the draws.
    max_features
        Features beyond this many pass as they are.

    Attributes
    ----------
    table, gaussian
        What is known of the features, and of how they hang together.

    Examples
    --------
    >>> imputer = OnlineImputer(seed=1)
    >>> for i in range(400):
    ...     force = float(i % 20)
    ...     imputer.learn_one({"force": force, "torque": 3.0 * force, "mold": "8722"})
    >>> gap = {"force": 10.0, "torque": None, "mold": "8722"}
    >>> round(imputer.transform_one(gap)["torque"])
    30
    >>> low, high = imputer.interval(gap, level=0.9)["torque"]
    >>> low < 30.0 < high, len(imputer.sample(gap))
    (True, 5)
    """

    def __init__(
        self,
        separator: str = "",
        rank: int = 0,
        replicates: int = 5,
        selection: bool = False,
        seed: int = 0,
        max_features: int = 20_000,
    ) -> None:
        self.separator = separator
        self.rank = rank
        self.replicates = replicates
        self.selection = selection
        self.seed = seed
        self.max_features = max_features
        self.table = ValueTable(separator, max_features)
        self.gaussian = LowRankGaussian(replicates, rank, seed)
        self._slopes = Selection()

    def learn_one(self, x: Row) -> None:
        """Learn from one row, complete or not."""
        table, gaussian = self.table, self.gaussian
        row = table.learn(x)
        layout = table.layout
        gaussian.grow(layout)
        if self.selection and gaussian.version:
            self._slopes.grow(gaussian.columns)
            belief = gaussian.believe(row, layout)
            self._slopes.learn(
                self._modelled(table.present(row)), row.x, row.state, gaussian.standard,
                gaussian.cells, belief.a, belief.rhs, gaussian.replicates,
            )  # fmt: skip
        gaussian.close(row, layout, table.scale)

    def transform_one(self, x: Row) -> dict[FeatureName, Any]:
        """The row with its gaps filled by the conditional mean."""
        row = self.table.row(x)
        gaps = self.table.missing(row)
        mean, _, _ = self._moments(row, gaps)
        return self._completed(x, gaps, self._in_units(gaps, mean))

    def sample(self, x: Row, number: int = 0) -> list[dict[FeatureName, Any]]:
        """Completions of the row, one from each replicate (multiple imputation).

        The cells of one completion belong together. ``number`` counts draws: the same number
        gives the same completions.
        """
        row = self.table.row(x)
        gaps = self.table.missing(row)
        _, _, shift = self._moments(row, gaps)
        draws = np.zeros((len(gaps), self.replicates), np.float32)
        known = self._is_modelled(gaps)
        if known.any():
            belief = self.gaussian.believe(row, self.table.layout)
            found = np.zeros((int(known.sum()), self.replicates), np.float32)
            draw_cells(
                gaps[known].astype(np.int32), belief.a, belief.rhs, self.gaussian.cells,
                self.seed, number, self.replicates, found,
            )  # fmt: skip
            draws[known] = found
        return [
            self._completed(x, gaps, self._in_units(gaps, draws[:, m] + shift))
            for m in range(self.replicates)
        ]

    def interval(self, x: Row, level: float = 0.90) -> dict[FeatureName, tuple[float, float]]:
        """Where each missing number lies with probability ``level``, in the feature's own units.

        The variance is Rubin's total: within the replicates, and between them. Features that are
        true or false have no interval. Raises ValueError for a level outside (0, 1).
        """
        if not 0.0 < level < 1.0:
            raise ValueError(f"level is {level}: it must lie between 0 and 1, such as 0.90")
        row = self.table.row(x)
        gaps = self.table.missing(row)
        gaps = gaps[self.table.columns.kind[gaps] == Kind.NUMERIC]
        mean, variance, _ = self._moments(row, gaps)
        reach = NormalDist().inv_cdf(0.5 + level / 2.0) * np.sqrt(variance)
        low = self._in_units(gaps, mean - reach).tolist()
        high = self._in_units(gaps, mean + reach).tolist()
        names = [self.table.names[column] for column in gaps.tolist()]
        return dict(zip(names, zip(low, high, strict=True), strict=True))

    def state(self) -> dict[str, Any]:
        """Everything learnt, as plain values and arrays."""
        return {
            "table": self.table.state(),
            "gaussian": self.gaussian.state(),
            "selection": self._slopes.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`; for a fresh imputer of the same parameters."""
        self.table.restore(state["table"])
        self.gaussian.restore(state["gaussian"])
        self._slopes.restore(state["selection"])

    def _is_modelled(self, columns: Ints) -> Any:
        gaussian = self.gaussian
        return gaussian.cells[columns, gaussian.rank + PRECISION, 0] > 0.0

    def _modelled(self, columns: Ints) -> Ints:
        modelled: Ints = columns[self._is_modelled(columns)]
        return modelled

    def _moments(self, row: PartRow, gaps: Ints) -> tuple[Floats, Floats, Floats]:
        """Mean and variance of each gap in spreads, and how far selection has moved the mean."""
        mean, variance, shift = np.zeros(len(gaps)), np.ones(len(gaps)), np.zeros(len(gaps))
        known = self._is_modelled(gaps)
        columns = gaps[known]
        if len(columns):
            gaussian = self.gaussian
            belief = gaussian.believe(row, self.table.layout)
            means = np.zeros((len(columns), LANES), np.float32)
            variances = np.zeros((len(columns), LANES), np.float32)
            cell_moments(
                columns.astype(np.int32), belief.a, belief.rhs, gaussian.cells, means, variances
            )
            count = gaussian.replicates
            each = means[:, :count].astype(np.float64)
            between = each.var(axis=1, ddof=1) * (1.0 + 1.0 / count) if count > 1 else 0.0
            variance[known] = variances[:, :count].mean(axis=1) + between
            mean[known] = each.mean(axis=1)
            if self.selection:
                self._slopes.grow(gaussian.columns)
                shift[known] = self._slopes.tilt(columns, variance[known])
        return mean + shift, variance, shift

    def _in_units(self, columns: Ints, z: Floats) -> Floats:
        standard = self.gaussian.standard[columns]
        known = standard[:, 1] > 0.0
        spread = np.where(known, 1.0 / np.where(known, standard[:, 1], 1.0), 0.0)
        centre = np.where(known, standard[:, 0], self.table.scale.mean[columns])
        x: Floats = centre + np.clip(z, -5.0, 5.0) * spread
        return x

    def _completed(self, x: Row, gaps: Ints, values: Floats) -> dict[FeatureName, Any]:
        table = self.table
        out = dict(x)
        truths = table.columns.kind[gaps] == Kind.BOOLEAN
        for column, value, truth in zip(
            gaps.tolist(), values.tolist(), truths.tolist(), strict=True
        ):
            out[table.names[column]] = value > 0.5 if truth else value
        for name in table.unsettled(x):
            if plain_value(x[name]) is None:
                mean = table.begun_mean(name)
                if mean is None:
                    del out[name]
                else:
                    out[name] = mean
        return out
