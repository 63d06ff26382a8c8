from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.draws import Draws


def test_the_numbers_of_a_name_never_change():
    assert Draws("pinned", 1).uniform(3).tolist() == [
        0.3067247838384921,
        0.9046170279115757,
        0.810611490248121,
    ]


def test_the_uniform_numbers_are_those_of_numpy_itself():
    ours = np.random.Generator(Draws("same")._bits).random(100)
    assert np.array_equal(Draws("same").uniform(100), ours)


def test_another_process_with_another_hash_seed_draws_the_same():
    code = "from producers.draws import Draws; print(Draws('a', 7).normal(3).tolist())"
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
        ).stdout
        for seed in ("1", "2")
    }
    assert said == {f"{Draws('a', 7).normal(3).tolist()}\n".encode()}


@pytest.mark.parametrize("other", [("a", 2), ("a", "1"), ("a1",), ("a", 1, 0)], ids=repr)
def test_names_that_differ_at_all_give_other_numbers(other: tuple[str | int, ...]):
    assert not np.array_equal(Draws("a", 1).uniform(4), Draws(*other).uniform(4))


def test_normals_are_standard_normal_in_the_middle_and_in_the_tails():
    z = Draws("normal").normal(400_000)
    assert abs(z.mean()) < 0.006
    assert abs(z.std() - 1.0) < 0.006
    assert abs((np.abs(z) > 1.96).mean() - 0.05) < 0.0015
    assert abs((z > 3.0).mean() - 0.00135) < 0.0003
    assert abs(np.corrcoef(z[:200_000], z[200_000:])[0, 1]) < 0.01


@given(st.integers(0, 7), st.integers(1, 9))
@settings(max_examples=25, deadline=None)
def test_any_shape_is_filled_with_finite_numbers(rows: int, columns: int):
    z = Draws("shape", rows, columns).normal(rows, columns)
    assert z.shape == (rows, columns)
    assert np.isfinite(z).all()


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_picked_integers_are_different_and_in_range(salt: int):
    picked = Draws("pick", salt).pick(7, 12)
    assert len(set(picked)) == 7
    assert set(picked) <= set(range(12))
