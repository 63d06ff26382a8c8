"""Named values as columns."""

from __future__ import annotations

import numpy as np

from models.boosting_names import CATEGORIES, COLUMNS, NamedColumns


def test_the_order_of_keys_gives_the_same_columns():
    one, other = NamedColumns(), NamedColumns()
    one.meet({"b": 1.0, "a": "x", "c": True})
    other.meet({"c": True, "a": "x", "b": 1.0})
    assert list(one.places) == list(other.places)


def test_a_text_that_is_absent_is_missing_and_another_text_is_not():
    names = NamedColumns()
    names.meet({"mold": "8722"})
    names.meet({"mold": "8412"})
    assert names.row({"mold": "8722"}).tolist() == [1.0, 0.0]
    assert names.row({"mold": "never met"}).tolist() == [0.0, 0.0]
    assert np.isnan(names.row({})).all()


def test_a_name_joined_with_a_text_is_not_another_name():
    names = NamedColumns()
    names.meet({"a": "b", "a=b": 1.0, "ab": 2.0})
    assert len(names) == 3


def test_texts_and_names_without_end_take_no_room_without_end():
    names = NamedColumns()
    for i in range(COLUMNS + 100):
        names.meet({"serial": f"P-{i}", f"new{i}": 1.0})
    assert len(names) == COLUMNS
    assert len(names.texts["serial"]) == CATEGORIES


def test_what_is_no_number_is_missing_and_a_huge_one_is_infinite():
    names = NamedColumns()
    names.meet({"a": 1.0, "b": 1.0, "c": 1.0})
    row = names.row({"a": [1], "b": 10**400, "c": -(10**400)})
    assert np.isnan(row[0])
    assert row[1:].tolist() == [np.inf, -np.inf]


def test_names_read_back_are_the_same():
    names, again = NamedColumns(), NamedColumns()
    names.meet({"mold": "8722", "torque": 1.0})
    again.restore(names.state())
    assert again.row({"mold": "8722"}).tobytes() == names.row({"mold": "8722"}).tobytes()
