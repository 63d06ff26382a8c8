"""The fit is the one optimum, wherever the search begins."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from models.ridge_logistic import RIDGE, ridge_logistic


def history(columns, seed=0, rows=400):
    rng = np.random.default_rng(seed)
    d = rng.normal(0.0, 2.0, (rows, columns))
    y = (rng.random(rows) < 1 / (1 + np.exp(2.0 - d @ np.linspace(0.2, 0.9, columns)))) * 1.0
    return d, y


def loss(w, d, y, level, slope):
    odds = w[0] + d @ w[1:]
    drawn = 0.5 * (w[0] - level) ** 2 + 0.5 * RIDGE * ((w[1:] - slope) ** 2).sum()
    return np.logaddexp(0.0, odds).sum() - y @ odds + drawn


@pytest.mark.parametrize("columns", [1, 3])
def test_it_is_what_a_general_optimiser_finds(columns):
    d, y = history(columns)
    begin = np.array([-1.0, *np.ones(columns)])
    wanted = minimize(loss, begin, (d, y, -3.0, 0.5), method="BFGS", options={"gtol": 1e-9})
    found = ridge_logistic(d, y, -3.0, 0.5, begin)
    np.testing.assert_allclose(found, wanted.x, atol=1e-6)


@pytest.mark.parametrize("begin", [(0.0, 0.0), (-12.0, 9.0), (12.0, -9.0), (0.0, 300.0)])
def test_it_does_not_matter_where_the_search_begins(begin):
    d, y = history(1)
    usual = ridge_logistic(d, y, -3.0, 1.0, np.array([-3.0, 1.0]))
    found = ridge_logistic(d, y, -3.0, 1.0, np.array(begin))
    np.testing.assert_allclose(found, usual, atol=1e-6)


def test_outcomes_that_a_line_separates_have_a_finite_fit():
    d = np.array([[-5.0], [5.0]] * 100)
    found = ridge_logistic(d, (d[:, 0] > 0) * 1.0, 0.0, 1.0, np.array([0.0, 1.0]))
    assert np.isfinite(found).all()
    assert found[1] > 1.0


def test_no_results_leave_what_was_expected():
    nothing = np.empty((0, 2))
    found = ridge_logistic(nothing, np.empty(0), -3.0, 0.5, np.array([0.0, 1.0, 1.0]))
    np.testing.assert_allclose(found, [-3.0, 0.5, 0.5])
