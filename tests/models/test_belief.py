"""A part's belief follows from its cells and the model, not from how it came about."""

from __future__ import annotations

import numpy as np
import pytest
from lane_models import emptied, lane_model, part_row, unpacked

from models.belief import (
    add_station,
    conditional_mean,
    half_solved,
    standardised,
    update,
    visiting_order,
)
from models.detector import Detector, DetectorSettings
from models.expectation import posterior
from models.imputation_draws import cell_moments, draw_cells
from models.lanes import LANES
from models.part_journeys import eventful_journeys, follow
from models.part_row import DROPPED, EMPTY, MEASURED, SATURATED, PartRow
from models.triangular import factorise

SOME, MOST = 0.2, 0.8  # shares of dropped cells: below and above half of a station


@pytest.fixture(scope="module")
def detector():
    detector = Detector(DetectorSettings(min_fails=3, min_passes=10))
    follow(detector, eventful_journeys(420))
    return detector


def believed(detector, row):
    belief = detector.member.gaussian.believe(row, detector.catalogue.columns.layout())
    return belief.a.tobytes(), belief.rhs.tobytes()


def test_made_station_by_station_or_at_once_it_is_the_same_to_the_last_bit(detector):
    compared = 0
    for readings, _ in eventful_journeys(200, seed=5):
        row = detector.catalogue.grown(PartRow())
        believed(detector, row)
        for reading in readings:  # some in reverse order, some a station's second
            row, _ = detector.encode(row, *reading)
            step_by_step = believed(detector, row)
            row.belief = None
            assert believed(detector, row) == step_by_step
            compared += 1
    assert compared > 500


def test_it_is_that_of_the_normal_equations(detector):
    readings, _ = eventful_journeys(30, seed=6)[17]
    row = PartRow()
    for reading in readings:
        row, _ = detector.encode(row, *reading)
    row, gaussian = detector.catalogue.grown(row), detector.member.gaussian
    believed(detector, row)
    r, columns = gaussian.rank, len(row.x)
    cells = gaussian.cells[:columns].astype(np.float64)
    z = np.clip((row.x - gaussian.standard[:columns, 0]) * gaussian.standard[:columns, 1], -5, 5)
    for m in range(gaussian.replicates):
        w, mu, precision = cells[:, :r, m], cells[:, r, m], cells[:, r + 1, m]
        seen = ((row.state == 1) | (row.state == 3)) & (precision > 0)
        pull = w[seen] * precision[seen, None]
        a = np.eye(r) + pull.T @ w[seen]
        assert row.belief.a[:, m] == pytest.approx(a[np.tril_indices(r)], rel=1e-4, abs=1e-4)
        assert row.belief.rhs[:, m] == pytest.approx(pull.T @ (z - mu)[seen], rel=1e-4, abs=1e-4)


def test_visits_are_ordered_by_time_and_then_by_number():
    at = np.array([5.0, np.nan, 1.0, 5.0, np.nan, 3.0])
    assert visiting_order(at).tolist() == [2, 5, 0, 3]
    assert visiting_order(np.array([np.nan])).tolist() == []


def dense_belief(model, row):
    a, rhs = model.empty_belief()
    update(-1, row.x, row.state, row.visited_at, *model.arrays, a, rhs)
    return a, rhs


def assert_is_dense(model, row, a, rhs):
    for lane in range(LANES):
        precision, pull = model.precision(row, lane)
        np.testing.assert_allclose(unpacked(a)[lane], precision, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(rhs[:, lane], pull, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dropped", [0.0, SOME, MOST, 1.0])
@pytest.mark.parametrize("seed", range(5))
def test_a_belief_is_the_dense_posterior_however_much_is_missing(dropped, seed):
    model = lane_model(seed)
    row = part_row(model, seed, dropped)
    assert_is_dense(model, row, *dense_belief(model, row))


def test_a_station_that_was_not_visited_says_nothing():
    model = lane_model()
    row = part_row(model, stations=(0, 2))
    assert_is_dense(model, row, *dense_belief(model, row))
    row.state[model.member[model.first[1] : model.first[2]]] = EMPTY
    whole = part_row(model)
    emptied(whole, model, 1)
    assert np.isnan(whole.visited_at[1])
    assert (dense_belief(model, whole)[0] != dense_belief(model, part_row(model))[0]).any()


@pytest.mark.parametrize("dropped", [SOME, MOST])
def test_station_by_station_is_all_at_once(dropped):
    model = lane_model()
    row = part_row(model, 3, dropped)
    stepwise = model.empty_belief()
    row_before = part_row(model, stations=())
    update(-1, row_before.x, row_before.state, row_before.visited_at, *model.arrays, *stepwise)
    for station in range(len(model.blocks)):
        add_station(station, row.x, row.state, *model.arrays, *stepwise)
    for one, other in zip(stepwise, dense_belief(model, row), strict=True):
        assert one.tobytes() == other.tobytes()


def test_dropped_cells_taken_out_of_a_block_equal_measured_cells_added():
    model = lane_model(sizes=(9,))
    row = part_row(model, dropped=0.0)
    row.state[model.member[:4]] = DROPPED  # 5 of 9 measured: the block, less 4 cells
    taken_out = dense_belief(model, row)
    fifth = model.member[4]
    row.state[fifth] = DROPPED  # 4 of 9: the cells, one by one
    one_by_one, _ = dense_belief(model, row)
    w, psi = model.cells[fifth, : model.rank], model.psi(0)[fifth]
    difference = unpacked(taken_out[0])[0] - unpacked(one_by_one)[0]
    np.testing.assert_allclose(difference, np.outer(w[:, 0], w[:, 0]) / psi, atol=1e-5)


def test_a_saturated_cell_counts_as_measured():
    model = lane_model()
    row = part_row(model)
    plain = dense_belief(model, row)
    row.state[np.flatnonzero(row.state == MEASURED)[0]] = SATURATED
    assert dense_belief(model, row)[1].tobytes() == plain[1].tobytes()


def test_a_cell_without_a_spread_and_a_wild_one_stay_within_five_spreads():
    standard = np.array([[3.0, 0.0], [0.0, 2.0]])
    assert standardised(1e300, standard, 0) == 0.0
    assert standardised(-1e300, standard, 1) == -5.0


@pytest.mark.parametrize("dropped", [SOME, MOST])
def test_moments_of_missing_cells_are_those_of_the_full_covariance(dropped):
    model = lane_model()
    row = part_row(model, 4, dropped)
    gaps = np.flatnonzero(row.state == DROPPED)
    a, rhs = dense_belief(model, row)
    mean = np.zeros((len(gaps), LANES), np.float32)
    variance = np.zeros((len(gaps), LANES), np.float32)
    cell_moments(gaps.astype(np.int32), a, rhs, model.cells, mean, variance)
    for lane in range(LANES):
        wanted, covariance = model.conditional(row, lane)
        np.testing.assert_allclose(mean[:, lane], wanted[gaps], rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(variance[:, lane], np.diag(covariance)[gaps], rtol=1e-3)


def test_a_cells_mean_and_variance_follow_from_the_posterior_of_the_factors():
    model = lane_model()
    row = part_row(model, 5)
    a, rhs = dense_belief(model, row)
    f, covariance = np.empty_like(rhs), np.empty_like(a)
    posterior(a, rhs, f, covariance)
    factor = a.copy()
    factorise(factor, model.rank)
    half = np.empty_like(rhs)
    for j in range(len(model.cells)):
        mean = conditional_mean(model.cells[j], f)
        spread = half_solved(factor, model.cells[j], model.rank, half)
        for lane in range(LANES):
            w = model.loadings(lane)[j]
            assert mean[lane] == pytest.approx(w @ f[:, lane] + model.mu(lane)[j], abs=1e-4)
            assert spread[lane] == pytest.approx(w @ unpacked(covariance)[lane] @ w, abs=1e-4)


def test_draws_have_the_conditional_mean_and_covariance():
    model = lane_model()
    row = part_row(model, 6, 0.3)
    gaps = np.flatnonzero(row.state == DROPPED)[:4].astype(np.int32)
    a, rhs = dense_belief(model, row)
    draws = np.zeros((6000, len(gaps), 5), np.float32)
    for number in range(len(draws)):
        draw_cells(gaps, a, rhs, model.cells, 7, number, 5, draws[number])
    for lane in (0, 4):
        mean, covariance = model.conditional(row, lane)
        found = draws[:, :, lane].astype(np.float64)
        np.testing.assert_allclose(found.mean(axis=0), mean[gaps], atol=0.06)
        np.testing.assert_allclose(np.cov(found.T), covariance[np.ix_(gaps, gaps)], atol=0.07)


def test_the_same_number_gives_the_same_draw_and_another_another():
    model = lane_model()
    row = part_row(model, 6, 0.5)
    gaps = np.flatnonzero(row.state == DROPPED).astype(np.int32)
    a, rhs = dense_belief(model, row)
    draws = np.zeros((3, len(gaps), 5), np.float32)
    for out, number in zip(draws, (4, 4, 5), strict=True):
        draw_cells(gaps, a, rhs, model.cells, 7, number, 5, out)
    assert draws[0].tobytes() == draws[1].tobytes()
    assert (draws[0] != draws[2]).all()
    assert (draws[0, :, 0] != draws[0, :, 1]).all()
