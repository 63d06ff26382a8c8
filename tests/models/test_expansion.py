from __future__ import annotations

import numpy as np
from em_rounds import correlated_rows, empty_sums, fresh_model, learn, log_likelihood, sweep
from lane_models import LaneModel, unpacked

from models.expansion import expand, factor_moments
from models.expectation import maximise, set_block
from models.lanes import LANES
from models.part_row import PartRow


def learnt_sums(model: LaneModel, rows: list[PartRow]):
    sums = empty_sums(model)
    for row in rows:
        learn(model, row, sums)
    return sums


def factors(model: LaneModel, sums) -> tuple[np.ndarray, np.ndarray]:
    r = model.rank
    mean = np.zeros((r, LANES), np.float32)
    covariance = np.zeros((r * (r + 1) // 2, LANES), np.float32)
    factor_moments(sums[1], mean, covariance)
    return mean, unpacked(covariance)


def maximise_all(model: LaneModel, sums) -> None:
    for station in range(len(model.blocks)):
        maximise(station, model.first, model.member, *sums, model.cells, model.blocks)


def expanded_sweep(model: LaneModel, rows: list[PartRow]) -> None:
    sums = learnt_sums(model, rows)
    maximise_all(model, sums)
    expand(model.cells, *sums)
    for station in range(len(model.blocks)):
        set_block(station, model.first, model.member, model.cells, model.blocks)


def test_the_factors_then_have_mean_0_and_covariance_one():
    model, rows = fresh_model(), correlated_rows(200)
    sums = learnt_sums(model, rows)
    assert np.abs(factors(model, sums)[1] - np.eye(model.rank)).max() > 0.2
    expand(model.cells, *sums)
    mean, covariance = factors(model, sums)
    np.testing.assert_allclose(mean, 0.0, atol=1e-4)
    np.testing.assert_allclose(covariance, np.broadcast_to(np.eye(3), (LANES, 3, 3)), atol=1e-4)


def test_what_each_cell_is_thought_to_be_is_only_written_otherwise():
    model, rows = fresh_model(), correlated_rows(200)
    sums = learnt_sums(model, rows)
    mean, covariance = factors(model, sums)
    before = [model.loadings(lane) for lane in range(LANES)]
    mu = [model.mu(lane) for lane in range(LANES)]
    expand(model.cells, *sums)
    for lane in range(LANES):
        w = before[lane]
        np.testing.assert_allclose(
            model.loadings(lane) @ model.loadings(lane).T, w @ covariance[lane] @ w.T, atol=1e-4
        )
        np.testing.assert_allclose(model.mu(lane), mu[lane] + w @ mean[:, lane], atol=1e-4)


def test_the_sums_are_rewritten_so_that_the_m_step_finds_the_rewritten_model():
    rows = correlated_rows(400)
    one, other = fresh_model(), fresh_model()
    sums = learnt_sums(one, rows)
    copies = tuple(each.copy() for each in sums)
    maximise_all(one, sums)
    expand(one.cells, *sums)
    expand(other.cells, *copies)
    maximise_all(other, copies)
    np.testing.assert_allclose(other.cells, one.cells, atol=0.02)  # the ridge is not rewritten


def test_a_replicate_that_has_heard_too_little_is_left_alone():
    model = fresh_model()
    sums = learnt_sums(model, correlated_rows(10))
    before = model.cells.copy()
    expand(model.cells, *sums)
    np.testing.assert_allclose(model.cells, before, atol=1e-6)


def test_the_likelihood_rises_faster_than_by_em_alone():
    rows = correlated_rows(300)
    plain, expanded = fresh_model(), fresh_model()
    rises = []
    for _ in range(6):
        sweep(plain, rows)
        expanded_sweep(expanded, rows)
        rises.append(log_likelihood(expanded, rows, 0))
        assert rises[-1] > log_likelihood(plain, rows, 0)
    assert (np.diff(rises) > -0.5).all()
