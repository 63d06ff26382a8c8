from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.kinds import VOTES, Kind, KindVote, kind_of

VALUES = st.one_of(st.booleans(), st.floats(allow_nan=False), st.text(max_size=5))


def settled(values):
    vote = KindVote()
    return [vote.cast(value) for value in values][-1]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (0, Kind.NUMERIC),
        (-0.0, Kind.NUMERIC),
        (True, Kind.BOOLEAN),
        ("", Kind.CATEGORICAL),
        ("1.5", Kind.CATEGORICAL),
    ],
)
def test_a_value_has_the_kind_of_its_type(value, kind):
    assert kind_of(value) is kind


@given(st.lists(VALUES, min_size=VOTES, max_size=VOTES))
def test_the_most_frequent_kind_of_the_first_twenty_wins(values):
    kinds = [kind_of(value) for value in values]
    assert kinds.count(settled(values)) == max(kinds.count(kind) for kind in Kind)


@given(st.lists(VALUES, max_size=VOTES - 1))
def test_fewer_than_twenty_values_settle_nothing(values):
    vote = KindVote()
    assert all(vote.cast(value) is Kind.UNSETTLED for value in values)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1.0] * 10 + [True] * 10, Kind.NUMERIC),
        ([True] * 10 + ["x"] * 10, Kind.CATEGORICAL),
        (["x"] * 10 + [1.0] * 10, Kind.CATEGORICAL),
    ],
)
def test_a_tie_goes_to_the_wider_kind(values, kind):
    assert settled(values) is kind
