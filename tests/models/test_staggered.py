from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import dummy

from models.staggered import StaggeredWindow


def window_of(parts=60, fails=1, copies=3) -> StaggeredWindow:
    return StaggeredWindow(lambda number: dummy.PriorClassifier(), parts, fails, copies)


def held(window: StaggeredWindow, outcomes) -> list[int]:
    """How many labels the answering copy has learnt after each of these."""
    answer = []
    for fail in outcomes:
        window.learn_one({}, bool(fail))
        answer.append(window.held)
    return answer


@pytest.mark.parametrize("copies", [1, 2, 3, 5, 10])
@pytest.mark.parametrize("parts", [60, 61, 200])
def test_the_answering_copy_holds_between_all_but_a_copys_share_and_one_window(parts, copies):
    counts = held(window_of(parts, 1, copies), [True] * 12 * parts)
    steady = counts[parts:]
    uneven = 0 if parts % copies == 0 else copies
    least = math.ceil(parts * (copies - 1) / copies)
    assert least <= min(steady) <= least + uneven
    # The label that fills a window ends it.
    assert parts - 1 <= max(steady) <= parts - 1 + uneven


def test_a_window_is_extended_until_it_holds_enough_fails():
    window = window_of(parts=60, fails=10)
    outcomes = [i % 20 == 19 for i in range(4000)]
    counts = held(window, outcomes)
    # Ten fails take 200 parts; a copy that answers has seen at least two thirds of them.
    assert min(counts[300:]) >= 133
    assert 200 <= max(counts) <= 220
    assert window.held_fails >= 7


def test_a_line_without_fails_extends_its_window_tenfold_at_most():
    counts = held(window_of(parts=30, fails=10), [False] * 2000)
    assert max(counts) == 299
    assert min(counts[300:]) == 200


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 150)), min_size=1, max_size=12),
    st.integers(2, 5),
)
def test_a_burst_of_fails_never_leaves_the_window_nearly_empty(stretches, copies):
    window = window_of(parts=30, fails=6, copies=copies)
    outcomes = [fail for fail, parts in stretches for _ in range(parts)]
    counts = held(window, outcomes)
    least = 30 * (copies - 1) // copies
    assert all(count >= min(i + 1, least) for i, count in enumerate(counts))
    assert max(counts) <= 20 * 30


@settings(max_examples=30, deadline=None)
@given(st.lists(st.booleans(), max_size=400), st.integers(1, 4))
def test_there_are_never_more_copies_than_asked_for(outcomes, copies):
    made, gone = [], []

    class Counted(dummy.PriorClassifier):
        def __del__(self):
            gone.append(self)

    def make(number):
        made.append(number)
        return Counted()

    window = StaggeredWindow(make, parts=20, fails=2, copies=copies)
    for fail in outcomes:
        window.learn_one({}, fail)
        assert len(made) - len(gone) <= copies
    assert made == list(range(len(made)))


def test_a_sole_copy_begins_anew_when_its_window_is_full():
    window = window_of(parts=50, copies=1)
    counts = held(window, [True] * 120)
    assert counts[48:52] == [49, 0, 1, 2]


def test_what_left_the_window_is_forgotten():
    window = window_of(parts=100, fails=5)
    held(window, [True] * 500 + [i % 10 == 0 for i in range(200)])
    assert window.predict_proba_one({})[True] == pytest.approx(0.1, abs=0.03)


def test_the_first_copy_answers_from_the_first_label_on():
    window = window_of()
    assert window.held == 0
    window.learn_one({}, True)
    assert window.predict_proba_one({})[True] == 1.0
    assert (window.held, window.held_fails) == (1, 1)


def test_every_copy_is_made_with_its_number():
    numbers = []
    window = StaggeredWindow(
        lambda number: numbers.append(number) or dummy.PriorClassifier(), parts=30, fails=1
    )
    held(window, [True] * 100)
    assert numbers == list(range(len(numbers)))
    assert len(numbers) > 5
