from __future__ import annotations

import numpy as np
import pytest
from em_rounds import correlated_rows, empty_sums, fresh_model, learn, log_likelihood, sweep
from lane_models import lane_model, part_row, unpacked

from models.belief import MU, PRECISION, PSI, update
from models.expectation import (
    LEAST_PSI,
    PRIOR,
    RIDGE,
    maximise,
    moments,
    posterior,
)
from models.lanes import LANES
from models.part_row import DROPPED, MEASURED


def test_the_posterior_is_numpys():
    model = lane_model()
    row = part_row(model)
    a, rhs = model.empty_belief()
    update(-1, row.x, row.state, row.visited_at, *model.arrays, a, rhs)
    mean, covariance = np.empty_like(rhs), np.empty_like(a)
    posterior(a, rhs, mean, covariance)
    for lane in range(LANES):
        precision, pull = model.precision(row, lane)
        np.testing.assert_allclose(mean[:, lane], np.linalg.solve(precision, pull), atol=1e-4)
        np.testing.assert_allclose(unpacked(covariance)[lane], np.linalg.inv(precision), atol=1e-4)


def test_a_journey_adds_its_conditional_moments():
    model = lane_model()
    row = part_row(model, 2, dropped=0.4, stations=(0, 2))
    sums = empty_sums(model)
    learn(model, row, sums)
    assert not sums[1][1].any()  # nothing of the station that it did not visit
    for lane in (0, 7):
        precision, pull = model.precision(row, lane)
        f = np.append(np.linalg.solve(precision, pull), 1.0)
        second = np.outer(f, f)
        second[:-1, :-1] += np.linalg.inv(precision)
        packed = second[np.tril_indices(len(f))]
        np.testing.assert_allclose(sums[1][0, :-1, lane], packed, atol=1e-4)
        for j in np.flatnonzero(row.state):
            w = np.append(model.loadings(lane)[j], model.mu(lane)[j])
            z, b = model.z(row)[j], second @ w
            if row.state[j] == MEASURED:
                b, square = z * f, z * z
            else:
                square = w @ second @ w + model.psi(lane)[j]
            np.testing.assert_allclose(sums[0][j, :-1, lane], b, atol=1e-4)
            assert sums[0][j, -1, lane] == pytest.approx(square, abs=1e-4)


def test_a_replicate_counts_a_part_as_often_as_it_drew_it_and_all_forget_alike():
    model = lane_model()
    first, second = part_row(model, 1), part_row(model, 2)
    counts = np.arange(LANES, dtype=np.float32)[None]
    sums, once = empty_sums(model), empty_sums(model)
    learn(model, first, sums, counts)
    learn(model, second, sums, counts, decay=0.5)
    learn(model, second, once)
    other = empty_sums(model)
    learn(model, first, other)
    for at in (0, 1):
        wanted = counts[0] * (0.5 * other[at] + once[at])
        np.testing.assert_allclose(sums[at], wanted, rtol=1e-4, atol=1e-4)


def test_the_m_step_is_a_ridge_regression_on_the_sums():
    model = lane_model()
    rows = correlated_rows(40)
    sums = empty_sums(model)
    for row in rows:
        learn(model, row, sums)
    maximise(1, model.first, model.member, *sums, model.cells, model.blocks)
    r = model.rank
    for lane in (0, 7):
        s = np.zeros((r + 1, r + 1))
        s[np.tril_indices(r + 1)] = sums[1][1, :-1, lane]
        s = s + np.tril(s, -1).T
        heard = sums[1][1, -1, lane]
        for j in model.member[model.first[1] : model.first[2]]:
            b, c = sums[0][j, :-1, lane].astype(float), float(sums[0][j, -1, lane])
            w = np.linalg.solve(s + RIDGE * np.eye(r + 1), b)
            rest = c - 2 * w @ b + w @ s @ w
            psi = max((rest + PRIOR) / (heard + PRIOR), LEAST_PSI)
            found = model.cells[j, :, lane]
            np.testing.assert_allclose(found[:r], w[:r], rtol=2e-3, atol=2e-3)
            assert found[r + MU] == pytest.approx(w[r], abs=2e-3)
            assert found[r + PSI] == pytest.approx(psi, rel=2e-3)
            assert found[r + PRECISION] == pytest.approx(1.0 / psi, rel=2e-3)


def test_a_station_block_is_the_sum_over_its_cells():
    model = lane_model()
    for station in range(len(model.blocks)):
        own = model.member[model.first[station] : model.first[station + 1]]
        for lane in (0, 7):
            w = model.loadings(lane)[own]
            wanted = (w.T / model.psi(lane)[own]) @ w
            np.testing.assert_allclose(
                unpacked(model.blocks[station])[lane], wanted, rtol=1e-4, atol=1e-4
            )


@pytest.mark.parametrize("dropped", [0.1, 0.6])
def test_every_sweep_of_em_makes_the_measured_cells_more_likely(dropped):
    rows = correlated_rows(300, dropped=dropped)
    model = fresh_model()
    likelihoods = []
    for _ in range(10):
        likelihoods.append([log_likelihood(model, rows, lane) for lane in (0, 3)])
        sweep(model, rows)
    gains = np.diff(likelihoods, axis=0)
    assert (gains[:3] > 10.0).all()
    # Ridge and prior move the maximum a little away from the likelihood's.
    assert (gains > -0.5).all()


def test_em_finds_the_covariance_that_the_parts_have():
    truth, model = lane_model(50), fresh_model()
    rows = correlated_rows(1500)
    for _ in range(25):
        sweep(model, rows)
    wanted = truth.loadings(0) @ truth.loadings(0).T
    found = model.loadings(0) @ model.loadings(0).T
    apart = ~np.eye(len(wanted), dtype=bool)
    assert np.abs(found - wanted)[apart].mean() < 0.05 < np.abs(wanted)[apart].mean()
    np.testing.assert_allclose(model.psi(0), truth.psi(0), atol=0.15)


def test_a_cell_that_was_never_measured_keeps_a_variance_of_one():
    model = fresh_model()
    rows = correlated_rows(200)
    for row in rows:
        row.state[0] = DROPPED
    model.cells[0, : model.rank] = 0.0
    model.cells[0, model.rank + MU] = 0.0
    model.cells[0, model.rank + PSI : model.rank + PSI + 1] = 1.0
    model.cells[0, model.rank + PRECISION] = 1.0
    for _ in range(5):
        sweep(model, rows)
    assert model.psi(0)[0] == pytest.approx(1.0, abs=1e-3)
    assert not model.loadings(0)[0].any()


def test_moments_end_in_the_means_and_a_one():
    r = 3
    mean = np.random.default_rng(0).normal(size=(r, LANES)).astype(np.float32)
    out = np.empty(((r + 1) * (r + 2) // 2, LANES), np.float32)
    moments(mean, np.zeros((r * (r + 1) // 2, LANES), np.float32), out)
    assert (out[-(r + 1) : -1] == mean).all()
    assert (out[-1] == 1.0).all()
