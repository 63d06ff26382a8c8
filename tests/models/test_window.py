from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.window import WindowRule

HELD = {"parts": st.integers(1, 400), "fails": st.integers(0, 400), "oldest": st.booleans()}


@given(**HELD, age=st.floats(0, 1000))
def test_more_than_max_parts_are_never_held(parts, fails, oldest, age):
    rule = WindowRule(parts=50, hours=24.0, min_fails=1000, max_parts=100)
    assert rule.leaves(parts, fails, oldest, age) == (parts > 100)


@given(**HELD, age=st.floats(0, 1000))
def test_within_the_bound_no_fail_leaves_that_is_needed(parts, fails, oldest, age):
    rule = WindowRule(parts=10, hours=1.0, min_fails=5, max_parts=1000)
    if rule.leaves(parts, fails, oldest, age):
        assert fails - oldest >= 5


@given(**HELD, age=st.floats(0, 1000))
def test_hours_and_parts_together_hold_the_smaller_window(parts, fails, oldest, age):
    rules = (
        WindowRule(parts=50, min_fails=0),
        WindowRule(parts=0, hours=8.0, min_fails=0),
        WindowRule(parts=50, hours=8.0, min_fails=0),
    )
    by_parts, by_hours, together = (it.leaves(parts, fails, oldest, age) for it in rules)
    assert together == (by_parts or by_hours)


def test_a_part_exactly_at_the_edge_stays():
    rule = WindowRule(parts=100, hours=8.0, min_fails=0)
    assert not rule.leaves(parts=100, fails=10, oldest_fails=False, age_hours=8.0)


@pytest.mark.parametrize(
    ("arguments", "telling"),
    [
        ({"parts": 0}, "a window needs parts or hours: set one of them above 0"),
        ({"parts": -1, "hours": 0.0}, "a window needs parts or hours"),
        ({"parts": 0, "hours": float("nan")}, "a window needs parts or hours"),
        ({"parts": 500, "max_parts": 400}, "max_parts is 400: it must be at least the 500 parts"),
    ],
)
def test_a_window_that_makes_no_sense_is_refused(arguments, telling):
    with pytest.raises(ValueError, match=telling):
        WindowRule(**arguments)
