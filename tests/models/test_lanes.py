"""Lane vectors in kernels, where they are vectors, against the arrays that they are in Python."""

from __future__ import annotations

import numpy as np
import pytest
from numba.core.errors import TypingError

from models import lanes
from models.compiled import kernel
from models.lanes import LANES

SINGLES = np.random.default_rng(7).uniform(-2.0, 2.0, (3, LANES)).astype(np.float32)
ROW = np.random.default_rng(8).normal(size=20)


def steps(a, out):
    """Every step on singles, each into a row of its own."""
    x, y, z = lanes.load(a, 0), lanes.load(a, 1), lanes.load(a, 2)
    lanes.store(out, 0, lanes.added(x, y))
    lanes.store(out, 1, lanes.less(x, y))
    lanes.store(out, 2, lanes.times(x, y))
    lanes.store(out, 3, lanes.scaled(x, 0.3))
    lanes.store(out, 4, lanes.plus_product(x, y, z))
    lanes.store(out, 5, lanes.less_product(x, y, z))
    lanes.store(out, 6, lanes.inverse(x))
    lanes.store(out, 7, lanes.inverse_root(x, 0.5))
    lanes.store(out, 8, lanes.at_least(x, 0.5))
    lanes.store(out, 9, lanes.same(lanes.across(x)))
    lanes.store(out, 10, lanes.same(x[2]))


FUSED = (4, 5)  # a kernel rounds them once, Python twice


def row_steps(row, singles, out):
    """Steps along a row, of doubles and of singles."""
    doubled = lanes.times(lanes.take(row, 3), lanes.every(2.0))
    lanes.put(out, 5, lanes.added(doubled, lanes.take(singles, 1)))


def test_a_kernel_calculates_what_python_does():
    compiled, plain = np.zeros((11, LANES), np.float32), np.zeros((11, LANES), np.float32)
    kernel(steps)(SINGLES, compiled)
    steps(SINGLES, plain)
    exact = [at for at in range(11) if at not in FUSED]
    assert (compiled[exact] == plain[exact]).all()
    assert compiled[list(FUSED)] == pytest.approx(plain[list(FUSED)], abs=1e-6)


def test_a_kernel_goes_along_a_row_as_python_does():
    compiled, plain = np.zeros(20), np.zeros(20)
    singles = np.concatenate([SINGLES[0], SINGLES[1]])
    kernel(row_steps)(ROW, singles, compiled)
    row_steps(ROW, singles, plain)
    assert (compiled == plain).all()
    assert not compiled[:5].any()
    assert not compiled[13:].any()


def test_a_lane_vector_takes_no_array_that_has_gaps():
    take = kernel(lambda a: lanes.across(lanes.load(a, 0)))
    assert take(SINGLES) == pytest.approx(SINGLES[0].sum(), abs=1e-5)
    with pytest.raises(TypingError, match="load"):
        take(SINGLES[:, ::2])


def test_to_python_a_kernel_answers_eight_numbers():
    assert kernel(lambda a: lanes.load(a, 1))(SINGLES) == tuple(SINGLES[1].tolist())
