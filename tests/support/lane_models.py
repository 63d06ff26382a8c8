"""Random models in lanes, and the dense float64 arithmetic that their kernels are held against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.belief import EXTRA, MU, PRECISION, PSI
from models.expectation import set_block
from models.lanes import LANES
from models.part_row import DROPPED, EMPTY, MEASURED, PartRow


def packed(matrices: np.ndarray) -> np.ndarray:
    """(8, r, r) symmetric matrices as one packed (r (r + 1) / 2, 8)."""
    low = np.tril_indices(matrices.shape[1])
    return np.ascontiguousarray(matrices[:, low[0], low[1]].T.astype(np.float32))


def unpacked(a: np.ndarray) -> np.ndarray:
    """A packed matrix as (8, r, r)."""
    r = int((np.sqrt(8 * len(a) + 1) - 1) / 2)
    low = np.tril_indices(r)
    full = np.zeros((LANES, r, r))
    full[:, low[0], low[1]] = a.T
    full[:, low[1], low[0]] = a.T
    return full


@dataclass
class LaneModel:
    """A low-rank Gaussian with another set of numbers in each lane."""

    standard: np.ndarray
    cells: np.ndarray
    blocks: np.ndarray
    first: np.ndarray
    member: np.ndarray

    @property
    def rank(self) -> int:
        return self.cells.shape[1] - EXTRA

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """As the kernels take them."""
        return self.standard, self.cells, self.blocks, self.first, self.member

    def empty_belief(self) -> tuple[np.ndarray, np.ndarray]:
        r = self.rank
        return (
            np.zeros((r * (r + 1) // 2, LANES), np.float32),
            np.zeros((r, LANES), np.float32),
        )

    def loadings(self, lane: int) -> np.ndarray:
        return self.cells[:, : self.rank, lane].astype(np.float64)

    def mu(self, lane: int) -> np.ndarray:
        return self.cells[:, self.rank + MU, lane].astype(np.float64)

    def psi(self, lane: int) -> np.ndarray:
        return self.cells[:, self.rank + PSI, lane].astype(np.float64)

    def z(self, row: PartRow) -> np.ndarray:
        return np.clip((row.x - self.standard[:, 0]) * self.standard[:, 1], -5.0, 5.0)

    def precision(self, row: PartRow, lane: int) -> tuple[np.ndarray, np.ndarray]:
        """The part's precision and right side, written down as in the books."""
        seen = row.state == MEASURED
        w = self.loadings(lane)[seen]
        pull = (self.z(row)[seen] - self.mu(lane)[seen]) / self.psi(lane)[seen]
        return np.eye(self.rank) + (w.T / self.psi(lane)[seen]) @ w, w.T @ pull

    def conditional(self, row: PartRow, lane: int) -> tuple[np.ndarray, np.ndarray]:
        """Mean and covariance of all cells given the measured ones, from the full covariance."""
        w, psi, mu = self.loadings(lane), self.psi(lane), self.mu(lane)
        seen = row.state == MEASURED
        full = w @ w.T + np.diag(psi)
        gain = np.linalg.solve(full[np.ix_(seen, seen)], full[seen]).T
        mean = mu + gain @ (self.z(row)[seen] - mu[seen])
        return mean, full - gain @ full[seen]


def lane_model(
    seed: int = 0, rank: int = 3, sizes: tuple[int, ...] = (4, 6, 5), scale: float = 0.6
) -> LaneModel:
    """Stations of ``sizes`` features each; the columns lie in another order than the stations."""
    rng = np.random.default_rng(seed)
    features = sum(sizes)
    cells = np.zeros((features, rank + EXTRA, LANES), np.float32)
    cells[:, :rank] = scale * rng.normal(size=(features, rank, LANES))
    cells[:, rank + MU] = 0.1 * rng.normal(size=(features, LANES))
    cells[:, rank + PSI] = rng.uniform(0.3, 0.9, size=(features, LANES))
    cells[:, rank + PRECISION] = 1.0 / cells[:, rank + PSI]
    first = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    member = rng.permutation(features).astype(np.int32)
    blocks = np.zeros((len(sizes), rank * (rank + 1) // 2, LANES), np.float32)
    for station in range(len(sizes)):
        set_block(station, first, member, cells, blocks)
    standard = np.stack([rng.normal(size=features), rng.uniform(0.5, 2.0, size=features)], axis=1)
    return LaneModel(standard, cells, blocks, first, member)


def part_row(
    model: LaneModel, seed: int = 0, dropped: float = 0.2, stations: tuple[int, ...] | None = None
) -> PartRow:
    """A part that has visited ``stations``, by default all, some of its cells dropped."""
    rng = np.random.default_rng(seed)
    row = PartRow().grown(len(model.cells), len(model.blocks))
    for station in range(len(model.blocks)) if stations is None else stations:
        row.visited_at[station] = float(station)
        for j in model.member[model.first[station] : model.first[station + 1]]:
            row.x[j] = model.standard[j, 0] + rng.normal() / model.standard[j, 1]
            row.state[j] = DROPPED if rng.random() < dropped else MEASURED
    return row


def emptied(row: PartRow, model: LaneModel, station: int) -> None:
    """Take a visit out of a row."""
    row.visited_at[station] = np.nan
    row.state[model.member[model.first[station] : model.first[station + 1]]] = EMPTY
