"""Rounds of EM over a small batch, and the likelihood that they must raise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from lane_models import LaneModel, lane_model, part_row

from models.belief import update
from models.expectation import maximise, posterior, take_in
from models.lanes import LANES
from models.part_row import MEASURED, PartRow


def empty_sums(model: LaneModel) -> tuple[np.ndarray, np.ndarray]:
    r = model.rank
    return (
        np.zeros((len(model.cells), r + 2, LANES), np.float32),
        np.zeros((len(model.blocks), (r + 1) * (r + 2) // 2 + 1, LANES), np.float32),
    )


def learn(model: LaneModel, row: PartRow, sums, counts=None, decay: float = 1.0) -> None:
    a, rhs = model.empty_belief()
    update(-1, row.x, row.state, row.visited_at, *model.arrays, a, rhs)
    mean, covariance = np.empty_like(rhs), np.empty_like(a)
    posterior(a, rhs, mean, covariance)
    drawn = np.ones((1, LANES), np.float32) if counts is None else counts
    take_in(
        row.x, row.state, row.visited_at, model.standard, model.cells, model.first, model.member,
        mean, covariance, drawn, decay, *sums,
    )  # fmt: skip


def sweep(model: LaneModel, rows: list[PartRow]) -> None:
    """One round of EM over all rows."""
    sums = empty_sums(model)
    for row in rows:
        learn(model, row, sums)
    for station in range(len(model.blocks)):
        maximise(station, model.first, model.member, *sums, model.cells, model.blocks)


def log_likelihood(model: LaneModel, rows: list[PartRow], lane: int) -> float:
    """Of the measured cells, from their full covariance."""
    total = 0.0
    w, mu, psi = model.loadings(lane), model.mu(lane), model.psi(lane)
    for row in rows:
        seen = row.state == MEASURED
        off = model.z(row)[seen] - mu[seen]
        covariance = w[seen] @ w[seen].T + np.diag(psi[seen])
        total -= 0.5 * (np.linalg.slogdet(covariance)[1] + off @ np.linalg.solve(covariance, off))
    return total


def fresh_model() -> LaneModel:
    """A model with small random loadings, on the scale of `correlated_rows`."""
    return replace(lane_model(1, scale=0.3), standard=lane_model(50).standard)


def correlated_rows(count: int, seed: int = 0, dropped: float = 0.2) -> list[PartRow]:
    """Parts of a line whose loadings are those of `lane_model(seed=50)`'s first lane."""
    truth = lane_model(50)
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        row = part_row(truth, number, dropped)
        f = rng.normal(size=truth.rank)
        z = truth.loadings(0) @ f + np.sqrt(truth.psi(0)) * rng.normal(size=len(truth.cells))
        row.x[:] = truth.standard[:, 0] + z / truth.standard[:, 1]
        rows.append(row)
    return rows
