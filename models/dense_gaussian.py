"""The imputation's specification: `models.low_rank` written densely, in float64.

Everything is an array over all columns and stations; a part's posterior is made anew from its raw
row each time. Nothing is packed, cached or compiled. Leading axis M: replicates.

    z_j = w_j'f + mu_j + e_j,  f ~ N(0, I_r),  e_j ~ N(0, psi_j)
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from models import counter_random
from models.columns import Layout
from models.part_row import MEASURED, SATURATED, PartRow
from models.scale import Scale

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

NARROW, WIDE, WIDE_FROM = 10, 20, 100
BEGIN, SWEEPS, SLICE, PUBLISH, EXPAND = 150, 8, 25, 25, 100
LEAST_HEARD = 50.0
DECAY = 1.0 - 1.0 / 1500.0
RIDGE, PRIOR, LEAST_PSI = 2.0, 5.0, 0.02
Z_LIMIT, Z_REACH = 5.0, 10.0
# Of the counter-based random numbers.
_LANES = 8
_LOADING, _RESAMPLING, _BEGINNING, _FACTORS, _CELLS = 1, 101, 102, 11, 12


class Posterior(NamedTuple):
    """f ~ N(mean, covariance) given a part's measured cells: (M, r) and (M, r, r)."""

    mean: Floats
    covariance: Floats


class Model(NamedTuple):
    """W (M, columns, r), mu (M, columns), psi (M, columns); ``number`` (columns,) says which
    columns take part."""

    loadings: Floats
    mu: Floats
    psi: Floats
    number: Bools

    def copy(self) -> Model:
        """The same numbers in arrays of their own."""
        return Model(self.loadings.copy(), self.mu.copy(), self.psi.copy(), self.number.copy())


class DenseGaussian:
    """Loadings, means and variances of a line's numeric columns, in replicates.

    The parameters are `models.low_rank.LowRankGaussian`'s.
    """

    def __init__(self, replicates: int = 5, rank: int = 0, seed: int = 0) -> None:
        self.replicates = replicates
        self.wanted_rank = rank
        self.seed = seed
        self.closed = 0
        self.published = False
        self._begun = False
        self._sweep, self._swept = 0, 0  # sweeps of the first fit, and parts of the next one
        self._turn = 0
        self._kept: list[PartRow] = []
        self._allocate(rank or NARROW, 0, 0)

    @property
    def rank(self) -> int:
        """Hidden factors in use."""
        return int(self.model.loadings.shape[2])

    def _allocate(self, rank: int, columns: int, stations: int) -> None:
        m = self.replicates
        self.model = Model(
            np.zeros((m, columns, rank)),
            np.zeros((m, columns)),
            np.zeros((m, columns)),
            np.zeros(columns, np.bool_),
        )
        self._next = self.model.copy()
        self.standard = np.zeros((columns, 2))  # mean and 1 / spread, published with the model
        self._b = np.zeros((m, columns, rank + 1))  # sum of k z_j f~
        self._c = np.zeros((m, columns))  # sum of k z_j^2
        self._s = np.zeros((m, stations, rank + 1, rank + 1))  # sum of k (f~f~' + C~)
        self._n = np.zeros((m, stations))  # sum of k

    def grow(self, layout: Layout) -> None:
        """Make room for the columns and stations of ``layout``."""
        columns = len(layout.numeric) - len(self.standard)
        stations = len(layout.first) - 1 - self._n.shape[1]
        self.model = Model(*(_padded(a, min(1, a.ndim - 1), columns) for a in self.model))
        self._next = Model(*(_padded(a, min(1, a.ndim - 1), columns) for a in self._next))
        self.standard = _padded(self.standard, 0, columns)
        self._b, self._c = _padded(self._b, 1, columns), _padded(self._c, 1, columns)
        self._s, self._n = _padded(self._s, 1, stations), _padded(self._n, 1, stations)

    # -- a part --------------------------------------------------------------------------------

    def z(self, row: PartRow, limit: float = Z_LIMIT) -> Floats:
        """Array (columns,): standardised values within +-``limit``, 0 where no spread is known."""
        with np.errstate(over="ignore"):
            z = (row.x - self.standard[:, 0]) * self.standard[:, 1]
        clipped: Floats = np.clip(z, -limit, limit)
        return clipped

    def seen(self, row: PartRow) -> Bools:
        """Array (columns,): the numbers that were measured."""
        seen: Bools = ((row.state == MEASURED) | (row.state == SATURATED)) & self.model.number
        return seen

    def posterior(self, row: PartRow) -> Posterior:
        """A = I + sum w_j w_j'/psi_j, C = inverse(A), mean = C sum w_j (z_j - mu_j)/psi_j."""
        seen, z = self.seen(row), self.z(row)
        mean, covariance = [], []
        for w, mu, psi in zip(*self.model[:3], strict=True):
            scaled = w[seen] / psi[seen, None]
            c = np.linalg.inv(np.eye(self.rank) + scaled.T @ w[seen])
            covariance.append(c)
            mean.append(c @ (scaled.T @ (z - mu)[seen]))
        return Posterior(np.array(mean), np.array(covariance))

    def conditional_mean(self, posterior: Posterior) -> Floats:
        """Array (M, columns): w_j'f + mu_j, what each cell is expected to be."""
        mean = np.einsum("mjr,mr->mj", self.model.loadings, posterior.mean)
        found: Floats = mean + self.model.mu
        return found

    def conditional_variance(self, posterior: Posterior, u: Floats) -> Floats:
        """Array (M,): of sum u_j z_j over cells not measured, u'(W C W' + diag(psi)) u."""
        g = np.einsum("mj,mjr->mr", u, self.model.loadings)
        factors = np.einsum("mr,mrs,ms->m", g, posterior.covariance, g)
        found: Floats = factors + (u * u * self.model.psi).sum(axis=1)
        return found

    def draw(self, row: PartRow, columns: npt.NDArray[np.int64], number: int) -> Floats:
        """Array (M, columns): f ~ N(mean, C) once a replicate, then x_j ~ N(w_j'f + mu_j, psi_j).

        With C = inverse(L L'), f = mean + inverse(L') e.
        """
        posterior = self.posterior(row)
        found = np.zeros((self.replicates, len(columns)))
        for m in range(self.replicates):
            e = _normals(self.seed + _FACTORS, number, range(self.rank), m)
            low = np.linalg.cholesky(np.linalg.inv(posterior.covariance[m]))
            f = posterior.mean[m] + np.linalg.solve(low.T, e)
            mean = self.model.loadings[m, columns] @ f + self.model.mu[m, columns]
            noise = _normals(self.seed + _CELLS, number, columns.tolist(), m)
            found[m] = mean + np.sqrt(self.model.psi[m, columns]) * noise
        clipped: Floats = np.clip(found, -Z_LIMIT, Z_LIMIT)
        return clipped

    # -- learning ------------------------------------------------------------------------------

    def close(self, row: PartRow, layout: Layout, scale: Scale) -> None:
        """Learn from a journey that has ended, once; ``scale`` is published with the model."""
        self.closed += 1
        if self._begun:
            self._take_in(row, layout, self.seed + _RESAMPLING, self.closed, DECAY)
            stations = self._n.shape[1]
            if stations and self.closed % max(PUBLISH // stations, 2) == 0:
                self._turn = (self._turn + 1) % stations
                self._maximise(self._turn, layout)
        else:
            self._kept.append(PartRow(row.x.copy(), row.state.copy(), row.visited_at.copy()))
            if len(self._kept) >= BEGIN:
                self._fit(layout, scale)
        if self.closed % PUBLISH == 0:
            if self._begun and self.closed % EXPAND == 0:
                self._expand()
            self._publish(layout, scale)

    def _take_in(self, row: PartRow, layout: Layout, seed: int, number: int, decay: float) -> None:
        """The E-step's sums; replicate m counts the part k ~ Poisson(1) times, f~ = [f, 1].

        A cell that its station did not measure enters by its conditional moments: E[z_j f~] =
        (f~f~' + C~) w~_j and E[z_j^2] = psi_j + w~_j' (f~f~' + C~) w~_j, with w~_j = [w_j, mu_j].
        """
        row = row.grown(len(self.standard), self._n.shape[1])
        visited = ~np.isnan(row.visited_at)
        here = visited[layout.station_of] & self.model.number
        seen, z = self.seen(row), self.z(row)
        posterior = self.posterior(row)
        for m in range(self.replicates):
            k = counter_random.poisson_one(seed, number, m)
            f = np.append(posterior.mean[m], 1.0)
            moment = np.outer(f, f)
            moment[:-1, :-1] += posterior.covariance[m]
            w = np.column_stack([self.model.loadings[m], self.model.mu[m]])
            expected = w @ moment
            squares = self.model.psi[m] + (expected * w).sum(axis=1)
            b = np.where(seen[:, None], np.outer(z, f), expected)
            c = np.where(seen, z * z, squares)
            self._s[m, visited] = decay * self._s[m, visited] + k * moment
            self._n[m, visited] = decay * self._n[m, visited] + k
            self._b[m, here] = decay * self._b[m, here] + k * b[here]
            self._c[m, here] = decay * self._c[m, here] + k * c[here]

    def _maximise(self, station: int, layout: Layout) -> None:
        """[w_j, mu_j] = inverse(S + 2I) b_j; psi_j = max((c_j - 2 w'b_j + w'S w + 5)/(n + 5),
        0.02), of one station's cells, into the next model."""
        cells = (layout.station_of == station) & self._next.number
        for m in range(self.replicates):
            s, b = self._s[m, station], self._b[m, cells]
            w = np.linalg.solve(s + RIDGE * np.eye(len(s)), b.T).T
            rest = self._c[m, cells] - 2.0 * (w * b).sum(axis=1) + ((w @ s) * w).sum(axis=1)
            psi = (np.maximum(rest, 0.0) + PRIOR) / (self._n[m, station] + PRIOR)
            self._next.loadings[m, cells], self._next.mu[m, cells] = w[:, :-1], w[:, -1]
            self._next.psi[m, cells] = np.maximum(psi, LEAST_PSI)

    def _expand(self) -> None:
        """The next model and the sums with factors inverse(L) (f - m), if f ~ (m, L L').

        m and L L' are those over all visits; W becomes W L, mu becomes mu + W m, and f~ becomes
        T f~ in the sums. A replicate that has heard fewer than 50 visits stays as it is.
        """
        for m in range(self.replicates):
            heard = self._n[m].sum()
            if heard < LEAST_HEARD:
                continue
            second = self._s[m].sum(axis=0) / heard
            mean = second[-1, :-1]
            low = np.linalg.cholesky(second[:-1, :-1] - np.outer(mean, mean))
            t = np.eye(self.rank + 1)
            t[:-1, :-1] = np.linalg.inv(low)
            t[:-1, -1] = -t[:-1, :-1] @ mean
            loadings, number = self._next.loadings[m], self._next.number
            self._next.mu[m, number] += (loadings @ mean)[number]
            loadings[number] = (loadings @ low)[number]
            self._b[m, number] = (self._b[m] @ t.T)[number]
            self._s[m] = t @ self._s[m] @ t.T

    def _publish(self, layout: Layout, scale: Scale) -> None:
        """The next model, and the scale as it is now, become the model."""
        self.published = True
        self.standard = scale.standard(layout.numeric)
        fresh = layout.numeric & ~self._next.number
        self._next.number[fresh] = True
        self._next.psi[:, fresh] = 1.0
        self._c[:, fresh] = self._n[:, layout.station_of[fresh]]  # as if variance 1 had been seen
        self.model = self._next.copy()

    def _fit(self, layout: Layout, scale: Scale) -> None:
        """The first fit: eight sweeps of EM over the first parts, from small random loadings; the
        first at once, of the others 25 parts whenever one closes."""
        rows = SLICE
        if len(self._kept) == BEGIN:
            self._first_guess(layout, scale)
            rows = BEGIN
        numbers = range(self._swept, min(self._swept + rows, BEGIN))
        for number in numbers:
            self._take_in(self._kept[number], layout, self.seed + _BEGINNING, number, 1.0)
        self._swept = numbers.stop
        if self._swept < BEGIN:
            return
        for station in range(self._n.shape[1]):
            self._maximise(station, layout)
        self._expand()
        self._publish(layout, scale)
        self._swept, self._sweep = 0, self._sweep + 1
        if self._sweep < SWEEPS:
            for sums in (self._b, self._c, self._s, self._n):
                sums[:] = 0.0
            return
        self._begun = True
        waited, self._kept = self._kept[BEGIN:], []
        for number, row in enumerate(waited, self.closed - len(waited) + 1):
            self._take_in(row, layout, self.seed + _RESAMPLING, number, DECAY)

    def _first_guess(self, layout: Layout, scale: Scale) -> None:
        wide = int(layout.numeric.sum()) >= WIDE_FROM
        rank = self.wanted_rank or (WIDE if wide else NARROW)
        self._allocate(rank, len(layout.numeric), len(layout.first) - 1)
        self._publish(layout, scale)
        for m in range(self.replicates):
            for j in np.flatnonzero(self.model.number).tolist():
                places = range(j * rank, (j + 1) * rank)
                self._next.loadings[m, j] = 0.3 * _normals(self.seed, _LOADING, places, m)
        self.model = self._next.copy()

    # -- state ---------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Everything, as plain values and arrays."""
        return {
            "closed": self.closed,
            "published": self.published,
            "begun": self._begun,
            "fit": [self._sweep, self._swept],
            "turn": self._turn,
            "kept": [[row.x, row.state, row.visited_at] for row in self._kept],
            "model": list(self.model),
            "next": list(self._next),
            "standard": self.standard,
            "sums": [self._b, self._c, self._s, self._n],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        self.closed, self.published = state["closed"], state["published"]
        self._begun, self._turn = state["begun"], state["turn"]
        self._sweep, self._swept = state["fit"]
        self._kept = [PartRow(*each) for each in state["kept"]]
        self.model, self._next = Model(*state["model"]), Model(*state["next"])
        self.standard = state["standard"]
        self._b, self._c, self._s, self._n = state["sums"]


def _normals(seed: int, counter: int, places: Any, replicate: int) -> Floats:
    return np.array([counter_random.normal(seed, counter, p * _LANES + replicate) for p in places])


def _padded(a: Any, axis: int, more: int) -> Any:
    widths = [(0, more if at == axis else 0) for at in range(a.ndim)]
    return np.pad(a, widths)
