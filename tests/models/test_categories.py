from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from models.categories import OTHER, Categories

SEEN = st.lists(st.sampled_from("abcdefgh"), max_size=80)


@given(SEEN, st.integers(1, 5))
def test_a_number_never_stands_for_two_names(seen, capacity):
    categories = Categories(capacity)
    meant: dict[int, str] = {}
    for name in seen:
        categories.learn(name)
        code = categories.code(name)
        assert meant.setdefault(code, name) == name
        for old, known in meant.items():
            assert categories.name(old) in (known, None)


@given(SEEN, st.integers(1, 5))
def test_the_names_kept_are_those_seen_last(seen, capacity):
    categories = Categories(capacity)
    for name in seen:
        categories.learn(name)
    recent = list(dict.fromkeys(reversed(seen)))
    assert len(categories) == len(recent[:capacity])
    assert all(categories.name(categories.code(name)) == name for name in recent[:capacity])
    assert all(categories.code(name) == OTHER for name in recent[capacity:])


def test_a_name_that_comes_back_gets_a_new_number():
    categories = Categories(capacity=1)
    for name in ("8722", "8412", "8722"):
        categories.learn(name)
    assert categories.code("8722") == 2
    assert categories.name(0) is None


def test_other_has_no_name():
    assert Categories().code("8722") == OTHER
    assert Categories().name(OTHER) is None
