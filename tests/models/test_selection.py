from __future__ import annotations

import numpy as np
import pytest
from lane_models import lane_model, part_row

from models.belief import update
from models.imputation import OnlineImputer
from models.part_row import DROPPED, EMPTY, MEASURED
from models.selection import DROPPED_N, MEASURED_N, Selection, left_out_mean
from stream.checkpoint import dumps, loads

SIZE = 30
LOADINGS = np.random.default_rng(3).normal(size=(SIZE, 3))
SPREAD = np.sqrt((LOADINGS**2).sum(axis=1) + 1.0)
NAMES = [f"x{j:02d}" for j in range(SIZE)]


def test_the_leave_one_out_mean_is_the_conditional_mean_without_the_cell():
    model = lane_model(scale=1.2)
    row = part_row(model, 1)
    for j in np.flatnonzero(row.state == MEASURED)[:4].tolist():
        precision, pull = model.precision(row, 0)
        w, mu = model.loadings(0)[j], model.mu(0)[j]
        mean = w @ np.linalg.solve(precision, pull) + mu
        spread = w @ np.linalg.solve(precision, w)
        found = left_out_mean(model.z(row)[j], mean, spread, model.psi(0)[j])
        row.state[j] = DROPPED
        wanted, _ = model.conditional(row, 0)
        row.state[j] = MEASURED
        assert found == pytest.approx(wanted[j], abs=1e-6)


def learn(selection, model, row, columns=None):
    a, rhs = model.empty_belief()
    update(-1, row.x, row.state, row.visited_at, *model.arrays, a, rhs)
    every = np.arange(len(model.cells)) if columns is None else columns
    selection.learn(every, row.x, row.state, model.standard, model.cells, a, rhs, 5)


def test_the_sums_hold_the_leave_one_out_means_over_the_replicates():
    model, selection = lane_model(), Selection()
    row = part_row(model, 1)
    selection.grow(len(model.cells))
    learn(selection, model, row)
    for j in range(len(model.cells)):
        state = row.state[j]
        row.state[j] = DROPPED
        wanted = np.mean([model.conditional(row, lane)[0][j] for lane in range(5)])
        row.state[j] = state
        at = DROPPED_N if state == DROPPED else MEASURED_N
        assert selection.sums[j, at] == 1.0
        assert selection.sums[j, at + 1] == pytest.approx(wanted, abs=1e-3)


def test_128_cells_are_looked_at_with_each_part_in_turn():
    model, selection = lane_model(sizes=(50, 50, 50)), Selection()
    selection.grow(150)
    counts = []
    for number in range(7):
        learn(selection, model, part_row(model, number))
        counts.append(round(float(selection.sums[:, [MEASURED_N, DROPPED_N]].sum())))
    assert counts[0] == 128
    assert counts[1] == 256
    seen = selection.sums[:, [MEASURED_N, DROPPED_N]].sum(axis=1)
    assert seen.min() > 4.9  # 896 looks at 150 cells
    row = part_row(model, stations=(0,))
    learn(selection, model, row, np.flatnonzero(row.state != EMPTY))
    assert selection.sums[row.state == EMPTY, :].sum() > 0.0


def test_a_slope_that_could_be_chance_is_no_slope():
    rng = np.random.default_rng(0)
    selection = Selection()
    selection.grow(200)
    for j in range(200):
        m, dropped = rng.normal(size=400), rng.random(400) < 0.1
        selection.sums[j] = (
            (~dropped).sum(), m[~dropped].sum(), dropped.sum(), m[dropped].sum(), (m**2).sum()
        )  # fmt: skip
    slopes = selection.slopes(np.arange(200))
    assert (slopes == 0.0).mean() > 0.7
    assert np.abs(slopes).max() < 0.7


def test_the_slope_is_that_of_a_logistic_regression():
    rng = np.random.default_rng(1)
    m = rng.normal(size=20_000)
    dropped = rng.random(len(m)) < 1.0 / (1.0 + np.exp(2.0 - 0.8 * m))
    selection = Selection()
    selection.grow(1)
    selection.sums[0] = (
        (~dropped).sum(), m[~dropped].sum(), dropped.sum(), m[dropped].sum(), (m**2).sum()
    )  # fmt: skip
    assert selection.slopes(np.array([0]))[0] == pytest.approx(0.8, abs=0.06)


@pytest.mark.parametrize("sums", [[0, 0, 0, 0, 0], [9, 0, 0, 0, 9], [500, 1, 500, 1, 0.0]])
def test_where_too_little_is_known_nothing_is_tilted(sums):
    selection = Selection()
    selection.grow(1)
    selection.sums[0] = sums
    assert selection.tilt(np.array([0]), np.array([1.0])).tolist() == [0.0]


def test_a_tilt_is_bounded():
    selection = Selection()
    selection.grow(1)
    selection.sums[0] = 500.0, -500.0, 500.0, 500.0, 1002.0
    assert selection.tilt(np.array([0]), np.array([1.0])).tolist() == [2.0]


def run(dropping, selection: bool, rows: int = 1600, seed: int = 0):
    """Errors in spreads, and coverage of 90 % intervals, of the last 800 rows' dropped cells."""
    rng = np.random.default_rng(seed)
    imputer = OnlineImputer(rank=3, selection=selection, seed=1)
    errors, within = [], []
    for number in range(rows):
        z = LOADINGS @ rng.normal(size=3) + rng.normal(size=SIZE)
        gone = rng.random(SIZE) < dropping(z / SPREAD)
        x = {n: None if g else v for n, v, g in zip(NAMES, z.tolist(), gone, strict=True)}
        if number >= rows - 800:
            filled, reach = imputer.transform_one(x), imputer.interval(x)
            for j in np.flatnonzero(gone).tolist():
                errors.append((filled[NAMES[j]] - z[j]) / SPREAD[j])
                low, high = reach[NAMES[j]]
                within.append(low <= z[j] <= high)
        imputer.learn_one(x)
    return float(np.mean(errors)), float(np.sqrt(np.mean(np.square(errors)))), np.mean(within)


def by_value(z):
    """The third feature of three is lost at high values, by a logistic law."""
    return np.where(np.arange(SIZE) % 3 == 0, 1.0 / (1.0 + np.exp(2.0 - 2.0 * z)), 0.0)


def test_lost_by_their_own_value_cells_are_filled_without_bias_and_covered():
    bias, error, within = run(by_value, selection=False)
    tilted_bias, tilted_error, tilted_within = run(by_value, selection=True)
    assert bias < -0.35
    assert abs(tilted_bias) < 0.5 * abs(bias)
    assert tilted_error < 0.9 * error
    assert tilted_within > within + 0.05


def test_lost_by_chance_cells_are_hardly_the_worse_for_it():
    _, error, _ = run(lambda z: np.full(SIZE, 0.1), selection=False)
    _, tilted, within = run(lambda z: np.full(SIZE, 0.1), selection=True)
    assert tilted < 1.03 * error
    assert 0.86 < within < 0.93


def test_what_is_tilted_never_goes_back_into_em():
    rng = np.random.default_rng(5)
    plain, tilted = OnlineImputer(rank=3), OnlineImputer(rank=3, selection=True)
    for _ in range(400):
        z = LOADINGS @ rng.normal(size=3) + rng.normal(size=SIZE)
        x = {n: v for n, v in zip(NAMES, z.tolist(), strict=True) if v < 1.5}
        plain.learn_one(x)
        tilted.learn_one(x)
        tilted.transform_one(x)
    assert dumps(plain.gaussian.state()) == dumps(tilted.gaussian.state())


def test_a_restored_selection_goes_on_bit_for_bit():
    model, selection, other = lane_model(sizes=(50, 50, 50)), Selection(), Selection()
    selection.grow(150)
    learn(selection, model, part_row(model, 1))
    other.restore(loads(dumps(selection.state())))
    for each in (selection, other):
        learn(each, model, part_row(model, 2))
    assert dumps(selection.state()) == dumps(other.state())
