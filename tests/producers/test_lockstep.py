"""Sequences of the same parts, joined row by row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.lockstep import lockstep
from stream.errors import ConfigError

Joined = list[tuple[str, list[str | None]]]


def side(name: str, keys: Sequence[object]) -> Iterator[tuple[str, str]]:
    return ((str(key), f"{name}{key}") for key in keys)


def joined(*keys: Sequence[object], window: int = 1000) -> Joined:
    names = "abc"
    return list(lockstep([side(names[i], each) for i, each in enumerate(keys)], window))


@settings(max_examples=80, deadline=None)
@given(data=st.data(), ascending=st.booleans())
def test_whatever_a_side_lacks_every_part_comes_once_with_all_there_is_of_it(
    data: st.DataObject, ascending: bool
) -> None:
    keys = data.draw(st.lists(st.integers(0, 10**6), unique=True, max_size=25))
    keys = sorted(keys) if ascending else keys
    lacking = [data.draw(st.sets(st.sampled_from(keys))) if keys else set() for _ in range(2)]
    # The first side is whole, so that the one order is known.
    held = [keys, *([key for key in keys if key not in lack] for lack in lacking)]
    told = joined(*held)
    assert told == [
        (str(key), [f"{'abc'[i]}{key}" if key in side else None for i, side in enumerate(held)])
        for key in keys
    ]


@settings(max_examples=60, deadline=None)
@given(held=st.lists(st.sets(st.integers(0, 60)), min_size=3, max_size=3), window=st.integers(1, 5))
def test_ascending_numbers_need_no_common_parts(held: list[set[int]], window: int) -> None:
    told = joined(*(sorted(each) for each in held), window=window)
    assert [int(key) for key, _ in told] == sorted(set().union(*held))


def test_numbers_ascend_by_value_and_not_by_text() -> None:
    assert [key for key, _ in joined([9, 10], [9], [10, 11])] == ["9", "10", "11"]


def test_different_orders_are_an_error_and_never_two_halves_of_a_part() -> None:
    with pytest.raises(ConfigError, match="the parts '7' and '5' stand in the same place"):
        joined([7, 5, 9], [5, 7, 9])


def test_in_no_order_of_numbers_too_long_a_gap_is_an_error() -> None:
    keys = [f"P{number * 7919 % 1009}" for number in range(1009)]
    assert len(joined(keys, keys[50:], window=100)) == 1009
    with pytest.raises(ConfigError, match="lack more than 40 parts in a row: sort all of them"):
        joined(keys, keys[50:], window=40)
