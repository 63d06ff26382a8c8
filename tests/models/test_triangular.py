from __future__ import annotations

import numpy as np
import pytest
from lane_models import packed, unpacked

from models.lanes import LANES
from models.triangular import (
    backward,
    factorise,
    forward,
    forward_each,
    invert_factor,
    packed_size,
    row_product,
    set_identity,
    solution,
    squared,
)

RANKS = (1, 2, 7, 20)


def positive_definite(r: int, seed: int = 0) -> np.ndarray:
    """(8, r, r), with a ridge of 1 as all systems here have."""
    b = np.random.default_rng(seed).normal(size=(LANES, r, r + 3))
    return np.eye(r) + b @ b.transpose(0, 2, 1)


@pytest.mark.parametrize("r", RANKS)
def test_forward_and_backward_solve_every_lane_as_numpy_does(r):
    a = positive_definite(r)
    y = np.random.default_rng(1).normal(size=(r, LANES)).astype(np.float32)
    wanted = np.linalg.solve(a, y.T[:, :, None].astype(np.float64))[:, :, 0].T
    factor = packed(a)
    factorise(factor, r)
    forward(factor, y)
    backward(factor, y)
    np.testing.assert_allclose(y, wanted, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("r", RANKS)
def test_the_factor_has_the_inverses_of_its_diagonal_on_the_diagonal(r):
    a = positive_definite(r)
    factor = packed(a)
    factorise(factor, r)
    low = np.tril(unpacked(factor))
    at = np.arange(r)
    low[:, at, at] = 1.0 / low[:, at, at]
    np.testing.assert_allclose(low, np.linalg.cholesky(a), rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("count", [0, 1, 3, 4, 6, 8])
@pytest.mark.parametrize("r", RANKS)
def test_right_sides_solved_together_are_solved_as_each_alone_bit_for_bit(r, count):
    factor = packed(positive_definite(r))
    factorise(factor, r)
    together = np.random.default_rng(3).normal(size=(10 * r, LANES)).astype(np.float32)
    alone = together.copy()
    forward_each(factor, together, r, count)
    for at in range(0, count * r, r):
        forward(factor, alone[at : at + r])
    np.testing.assert_array_equal(together, alone)  # and those behind are left as they were


def test_a_solution_leaves_the_system_as_it_is():
    a, y = positive_definite(7), np.random.default_rng(4).normal(size=(7, LANES)).astype(np.float32)
    system, right = packed(a), y.copy()
    found = solution(system, right)
    wanted = np.linalg.solve(a, y.T[:, :, None].astype(np.float64))[:, :, 0].T
    np.testing.assert_allclose(found, wanted, rtol=2e-4, atol=2e-5)
    np.testing.assert_array_equal(system, packed(a))
    np.testing.assert_array_equal(right, y)


@pytest.mark.parametrize("r", RANKS)
def test_the_squared_inverse_factor_is_the_inverse(r):
    a = positive_definite(r)
    factor = packed(a)
    factorise(factor, r)
    low, inverse = np.empty_like(factor), np.empty_like(factor)
    invert_factor(factor, r, low)
    squared(low, r, inverse)
    np.testing.assert_allclose(unpacked(inverse), np.linalg.inv(a), rtol=1e-3, atol=1e-5)


def test_a_row_of_a_packed_matrix_is_multiplied_from_both_triangles():
    a, y = positive_definite(5), np.random.default_rng(2).normal(size=(5, LANES))
    wanted = np.einsum("mij,jm->im", a, y)
    for i in range(5):
        found = row_product(packed(a), i, y.astype(np.float32))
        np.testing.assert_allclose(found, wanted[i], rtol=1e-4, atol=1e-5)


def test_the_identity_is_packed():
    a = np.full((packed_size(4), LANES), 9.0, np.float32)
    set_identity(a, 4)
    assert (unpacked(a) == np.eye(4)).all()


def test_a_matrix_that_rounding_has_spoilt_still_gives_finite_numbers():
    factor = packed(np.broadcast_to(np.ones((3, 3)), (LANES, 3, 3)))  # singular
    factorise(factor, 3)
    y = np.ones((3, LANES), np.float32)
    forward(factor, y)
    backward(factor, y)
    assert np.isfinite(y).all()
