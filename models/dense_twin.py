"""The linear member's specification: what `models.linear_member` computes, written densely.

The same mathematics in NumPy and float64, without lanes, packing, beliefs or compiled kernels, from
the same catalogue, flags and counter-based random numbers. It is what the compiled member is tested
against, and what runs where numba does not (`DetectorSettings.backend`): some ten times slower.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from models.dense_gaussian import Z_REACH, DenseGaussian, Posterior
from models.dense_logistic import DenseLogistic
from models.early_results import EarlyResults
from models.features import FeatureCatalogue
from models.flags import NONE, Flags
from models.linear_member import Margin
from models.part_row import DROPPED, EMPTY, MEASURED, SATURATED, PartRow
from models.reading import Reading
from models.window import WindowRule

Floats = npt.NDArray[np.float64]
_SURELY_NOT = 1e-4  # a station less likely than this adds nothing
_DOUBT = 0.01  # nor does a visit's uncertainty below this


class _Weights(NamedTuple):
    """w by column (M, columns) and by flag (M, flags)."""

    number: Floats
    flag: Floats


class _Terms(NamedTuple):
    """The margin's terms, replicate by replicate: the intercept (M,), a part's cells (M, columns)
    and its stations not visited (M, stations)."""

    intercept: Floats
    cells: Floats
    stations: Floats


class _Ahead(NamedTuple):
    """Stations not visited: probability of the visit (stations,), what a visit adds to the margin
    and what being passed by adds (M, stations)."""

    chance: Floats
    visited: Floats
    skipped: Floats


class DenseTwin:
    """`models.linear_member.LinearMember`, dense; the parameters are the same.

    Examples
    --------
    >>> from models.detector import Detector, DetectorSettings
    >>> from models.part_journeys import follow, sample_journeys
    >>> compiled = follow(Detector(DetectorSettings()), sample_journeys(300))
    >>> dense = follow(Detector(DetectorSettings(backend="numpy")), sample_journeys(300))
    >>> abs(compiled[-1] - dense[-1]) < 1e-4
    True
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
        self.gaussian = DenseGaussian(replicates, rank, seed)
        self.classifier = DenseLogistic(window or WindowRule(), replicates)
        self.flags = Flags()
        self._early = EarlyResults()

    @property
    def window(self) -> int:
        """How many labelled parts the window holds."""
        return len(self.classifier.rows)

    @property
    def window_fails(self) -> int:
        """How many of them are fails."""
        return self.classifier.fails

    def advance(self, row: PartRow, station: int) -> None:
        """Nothing follows a reading here: a part's posterior is made anew for every score."""

    def read(self, reading: Reading) -> Margin | None:
        """Write a reading into its row and score the part."""
        self.catalogue.write(reading)
        return self.score(reading.row)

    def grow(self) -> None:
        """Make room for all that the catalogue knows by now."""
        layout = self.catalogue.columns.layout()
        self.gaussian.grow(layout)
        self.flags.grow(len(layout.numeric), len(layout.first) - 1)
        self.classifier.grow(len(layout.numeric), len(self.flags))

    # -- a part's margin -----------------------------------------------------------------------

    def score(self, row: PartRow) -> Margin | None:
        """The part's margin so far, None before the first label. ``row`` must be grown.

        With u_j = w_j for dropped cells and P(visit) w_j for cells ahead, the variance given the
        model is u'(W C W' + psi) u, plus P (1 - P) E[(if visited - if passed by)^2] a station.
        """
        if not self.classifier.labels or not self.gaussian.published:
            return None
        posterior, weights = self.gaussian.posterior(row), self._weights()
        ahead = self._ahead(row, posterior, weights)
        terms = self._terms(row, posterior, weights, ahead)
        margin = terms.intercept + terms.cells.sum(axis=1) + terms.stations.sum(axis=1)

        def variance(u: Floats) -> Floats:
            return self.gaussian.conditional_variance(posterior, u)

        layout, number = self.catalogue.columns.layout(), self.gaussian.model.number
        dropped = (row.state == DROPPED) & (self.gaussian.standard[:, 1] > 0.0)
        chance = ahead.chance[layout.station_of] * number
        coming = np.where(chance > _SURELY_NOT, chance, 0.0)
        within_dropped = variance(weights.number * dropped)
        within = variance(weights.number * (dropped + coming))
        doubt = ahead.chance * (1.0 - ahead.chance)
        doubt = np.where(doubt > _DOUBT, doubt, 0.0)
        for s in np.flatnonzero(doubt).tolist():
            said = variance(weights.number * (layout.station_of == s) * number)
            within += doubt[s] * (said + (ahead.visited - ahead.skipped)[:, s] ** 2)
        between = float(margin.var(ddof=1)) if len(margin) > 1 else 0.0
        shift = np.abs(weights.number.mean(axis=0))[dropped].sum()
        return Margin(
            float(margin.mean()),
            float(within.mean()),
            between,
            max(float((within - within_dropped).mean()), 0.0),
            float(shift),
        )

    def contributions(self, row: PartRow) -> dict[tuple[str, int], float]:
        """What each cell and station adds to the margin (`LinearMember.contributions`)."""
        posterior, weights = self.gaussian.posterior(row), self._weights()
        ahead = self._ahead(row, posterior, weights)
        terms = self._terms(row, posterior, weights, ahead)
        cells, stations = terms.cells.mean(axis=0), terms.stations.mean(axis=0)
        found = {("", -1): float(terms.intercept.mean())}
        for j in np.flatnonzero(row.state != EMPTY).tolist():
            found["cell", j] = float(cells[j])
        for s in np.flatnonzero(np.isnan(row.visited_at)).tolist():
            found["station", s] = float(stations[s])
        return found

    def fills(self, row: PartRow) -> dict[int, tuple[float, float]]:
        """What each dropped number counts as (`LinearMember.fills`)."""
        z = self.gaussian.conditional_mean(self.gaussian.posterior(row)).mean(axis=0)
        slope = np.abs(self._weights().number.mean(axis=0))
        middle, inverse = self.gaussian.standard.T
        value = middle + np.where(inverse > 0.0, z / np.where(inverse > 0.0, inverse, 1.0), 0.0)
        return {j: (float(value[j]), float(slope[j])) for j in self._filled(row).tolist()}

    def imputed(self, row: PartRow) -> int:
        """How many cells `fills` speaks of."""
        return len(self._filled(row))

    def _filled(self, row: PartRow) -> Any:
        return np.flatnonzero((row.state == DROPPED) & self.gaussian.model.number)

    def _weights(self) -> _Weights:
        return _Weights(self.classifier.weights_numbers, self.classifier.weights_flags)

    def _terms(
        self, row: PartRow, posterior: Posterior, weights: _Weights, ahead: _Ahead
    ) -> _Terms:
        """A measured number adds w z, a dropped one w E[z] and its flag's weight, a name and a
        limit their flags' weights; a station not visited P visited + (1 - P) skipped."""
        gaussian, state = self.gaussian, row.state
        known = gaussian.standard[:, 1] > 0.0
        measured, dropped = (state == MEASURED) | (state == SATURATED), state == DROPPED
        z = np.where(measured & known, gaussian.z(row, Z_REACH), 0.0)
        expected = np.where(dropped & known, gaussian.conditional_mean(posterior), 0.0)
        cells = weights.number * (z + expected)
        cells += np.where(dropped, _flag_weight(weights, self.flags.dropped), 0.0)
        cells += np.where(state == SATURATED, _flag_weight(weights, self.flags.saturated), 0.0)
        cells += _flag_weight(weights, self._category_flags(row, measured & ~known))
        likely = np.where(ahead.chance > _SURELY_NOT, ahead.chance, 0.0)
        absent = np.isnan(row.visited_at)
        stations = likely * ahead.visited + absent * (1.0 - ahead.chance) * ahead.skipped
        return _Terms(weights.flag[:, 0], cells, stations)

    def _category_flags(self, row: PartRow, named: npt.NDArray[np.bool_]) -> Any:
        found = np.full(len(row.state), NONE)
        for j in np.flatnonzero(named & (self.flags.category_row != NONE)).tolist():
            code = int(row.x[j])
            if code >= 0:
                found[j] = self.flags.category[self.flags.category_row[j], code]
        return found

    def _ahead(self, row: PartRow, posterior: Posterior, weights: _Weights) -> _Ahead:
        """What a visit says: sum over the station's cells of w_j E[z_j], and its flags' weights
        times how often a visiting part has them."""
        layout, routes = self.catalogue.columns.layout(), self.catalogue.routes
        stations = len(row.visited_at)
        expected = weights.number * self.gaussian.conditional_mean(posterior)
        expected = expected * self.gaussian.model.number
        visited = np.zeros((len(expected), stations))
        for s in range(stations):
            visited[:, s] = expected[:, layout.station_of == s].sum(axis=1)
        rates = self.classifier.flag_rates
        for f in range(1, len(self.flags)):
            s = self.flags.station[f]
            if f != self.flags.skipped[s]:
                visited[:, s] += weights.flag[:, f] * rates[f] / max(routes.visit_rate[s], 0.01)
        skipped = _flag_weight(weights, self.flags.skipped)
        return _Ahead(routes.odds_ahead(row.visited_at), visited, skipped)

    # -- learning ------------------------------------------------------------------------------

    def learn(self, row: PartRow, fail: bool, at: float) -> None:
        """Learn a result: dropped numbers are completed by a draw a replicate."""
        if self.gaussian.published:
            self._learn(row, fail, at)
        else:
            self._early.add(row, fail, at)

    def _learn(self, row: PartRow, fail: bool, at: float) -> None:
        gaussian = self.gaussian
        layout = self.catalogue.columns.layout()
        flags = self.flags.of(row, layout)
        self.grow()
        numbers = np.tile(
            np.where(gaussian.seen(row), gaussian.z(row, Z_REACH), 0.0), (gaussian.replicates, 1)
        )
        dropped = np.flatnonzero((row.state == DROPPED) & layout.numeric)
        if len(dropped):
            numbers[:, dropped] = gaussian.draw(row, dropped, self.classifier.labels)
        self.classifier.learn_row(numbers, flags, fail, at)

    def close(self, row: PartRow) -> None:
        """A journey has ended: the imputation learns from it. ``row`` must be grown."""
        self.gaussian.close(row, self.catalogue.columns.layout(), self.catalogue.scale)
        if self.gaussian.published:
            for waited in self._early.taken():
                self._learn(self.catalogue.grown(waited.row), waited.fail, waited.at)

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


def _flag_weight(weights: _Weights, numbers: Any) -> Floats:
    """The weights of flags (M, ...), 0 where there is none."""
    found: Floats = np.where(numbers != NONE, weights.flag[:, numbers], 0.0)
    return found
