"""The digest of a reading: one number however it is read, by name or by a station's plan."""

from __future__ import annotations

import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from models.columns import Columns
from models.reading_digest import names_digest, reading_digest

VALUES = (
    st.none() | st.booleans() | st.floats(-1e300, 1e300) | st.integers(-(2**53), 2**53) | st.text()
)
READINGS = st.dictionaries(st.text(min_size=1), VALUES, max_size=6)
USUAL = {"torque": 1.5, "clamped": True, "mold": "8722", "new": None}


def planned(values, settled=20):
    """The digest by the plan of a station that has read such a message so many times before."""
    columns = Columns()
    for _ in range(settled):
        columns.learn("press", values)
    plan = columns.plan(columns.stations["press"], values)
    return plan.digest(values, plan.numbers(values))


@given(READINGS, st.sampled_from([1, 20]))
@example({"torque": None, "angle": 1.0}, 20)
@example({}, 20)
def test_a_plan_finds_the_digest_that_the_names_alone_find(values, settled):
    assert planned(values, settled) == reading_digest(values)


@given(READINGS, st.randoms())
def test_the_order_of_the_names_is_of_no_account(values, rng: random.Random):
    names = list(values)
    rng.shuffle(names)
    assert reading_digest({name: values[name] for name in names}) == reading_digest(values)


@pytest.mark.parametrize("name", USUAL)
@pytest.mark.parametrize("value", [2.5, None, "8723", False, -0.0])
def test_another_value_has_another_digest(name, value):
    if value is not USUAL[name]:
        assert reading_digest({**USUAL, name: value}) != reading_digest(USUAL)


def test_a_value_under_another_name_has_another_digest():
    assert reading_digest({"ab": 1.0, "c": None}) != reading_digest({"a": 1.0, "bc": None})
    assert names_digest(["a1:b"]) != names_digest(["a", "b"])


def test_values_of_a_dropped_a_wrong_and_the_right_kind_are_told_apart_by_one_plan():
    columns = Columns()
    for _ in range(20):
        columns.learn("press", {"torque": 1.5, "angle": 3.0})
    readings = [{"torque": torque, "angle": 3.0} for torque in (1.5, None, "1.5", 2.5)]
    plan = columns.plan(columns.stations["press"], readings[0])
    digests = [plan.digest(values, plan.numbers(values)) for values in readings]
    assert digests == [reading_digest(values) for values in readings]
    assert len(set(digests)) == len(readings)
