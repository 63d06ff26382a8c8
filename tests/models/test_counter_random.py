from __future__ import annotations

import math

import numpy as np
import pytest

from models.counter_random import normal, poisson_one, uniform

MANY = 20_000


def drawn(draw, seed=1, counter=0):
    return np.array([draw(seed, counter, place) for place in range(MANY)])


def test_uniform_numbers_fill_the_open_unit_interval_evenly():
    u = drawn(uniform)
    assert u.min() > 0.0
    assert u.max() < 1.0
    counts = np.histogram(u, bins=20, range=(0.0, 1.0))[0]
    chi_squared = ((counts - MANY / 20) ** 2 / (MANY / 20)).sum()
    assert chi_squared < 43.8  # 99.9 % point of 19 degrees of freedom


def test_normal_numbers_have_a_normals_moments():
    x = drawn(normal)
    assert np.isfinite(x).all()
    assert (x**4).mean() == pytest.approx(3.0, abs=0.25)
    moments = [x.mean(), x.var(), (x**3).mean()]
    assert moments == pytest.approx([0.0, 1.0, 0.0], abs=0.09)


def test_poisson_counts_are_those_of_mean_one():
    k = drawn(poisson_one)
    shares = [(k == count).mean() for count in range(5)]
    wanted = [math.exp(-1.0) / math.factorial(count) for count in range(5)]
    assert shares == pytest.approx(wanted, abs=0.012)


@pytest.mark.parametrize("draw", [uniform, normal])
def test_neighbouring_seeds_counters_and_places_have_nothing_in_common(draw):
    base = drawn(draw)
    for other in (drawn(draw, seed=2), drawn(draw, counter=1), np.roll(base, 1)):
        assert abs(np.corrcoef(base, other)[0, 1]) < 0.03


def test_a_number_depends_on_nothing_but_seed_counter_and_place():
    assert [uniform(3, 5, place) for place in (9, 2)] == [
        uniform(3, 5, place) for place in reversed((2, 9))
    ]
    assert normal(3, 5, 9) == normal(3, 5, 9)
