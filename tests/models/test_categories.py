from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from models.categories import OTHER, Categories

SEEN = st.lists(st.sampled_from("abcdefgh"), max_size=80)
CAPACITY = st.integers(1, 5)
REST = st.integers(0, 12)


@given(SEEN, CAPACITY, REST)
def test_at_any_time_a_number_stands_for_one_name(seen, capacity, rest):
    categories = Categories(capacity, rest)
    for name in seen:
        categories.learn(name)
        codes = {each: categories.code(each) for each in "abcdefgh"}
        known = {each: code for each, code in codes.items() if code != OTHER}
        assert len(set(known.values())) == len(known) == len(categories) <= capacity
        assert all(0 <= code < capacity for code in known.values())
        assert all(categories.name(code) == each for each, code in known.items())


@given(SEEN, CAPACITY, REST)
def test_a_number_is_given_again_only_after_it_has_rested(seen, capacity, rest):
    categories = Categories(capacity, rest)
    last_borne: dict[int, tuple[str, int]] = {}
    for at, name in enumerate(seen):
        categories.learn(name)
        code = categories.code(name)
        if code == OTHER:
            continue
        before, when = last_borne.get(code, (name, at))
        if before != name:
            assert at - when > rest
        last_borne[code] = (name, at)


@given(SEEN, CAPACITY, REST)
def test_a_name_that_keeps_coming_keeps_its_number(seen, capacity, rest):
    categories = Categories(capacity, rest)
    categories.learn("steady")
    for name in seen:
        categories.learn(name)
        categories.learn("steady")
        # One name at least has not been seen for longer, or there is nobody to make room for.
        if capacity > 1:
            assert categories.code("steady") == 0


def test_while_no_number_has_rested_a_new_name_reads_as_other():
    categories = Categories(capacity=1, rest=3)
    categories.learn("8722")
    codes = []
    for _ in range(4):
        categories.learn("8412")
        codes.append(categories.code("8412"))
    assert codes == [OTHER, OTHER, OTHER, 0]
    assert categories.code("8722") == OTHER
    assert categories.name(0) == "8412"


def test_names_that_never_repeat_take_no_number_from_those_that_do():
    categories = Categories(capacity=2, rest=100)
    for serial in range(90):
        categories.learn("8722" if serial % 2 else f"P-{serial}")
    assert categories.code("8722") == 1
    assert len(categories) == 2


@given(SEEN, SEEN, CAPACITY, REST)
def test_categories_made_again_from_their_state_go_on_alike(seen, later, capacity, rest):
    categories, again = Categories(capacity, rest), Categories(capacity, rest)
    for name in seen:
        categories.learn(name)
    again.restore(categories.state())
    for name in later:
        categories.learn(name)
        again.learn(name)
        assert [again.code(each) for each in "abcdefgh"] == [
            categories.code(each) for each in "abcdefgh"
        ]


def test_other_has_no_name():
    assert Categories().code("8722") == OTHER
    assert Categories().name(OTHER) is None
