from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from models.columns import Columns
from models.kinds import Kind

NAMES = st.text(alphabet=".=?!\\ab", min_size=1, max_size=4)


def inputs(columns: Columns, categories: list[str]) -> list[str]:
    """All input names that a vector over these columns can hold."""
    keys = columns.keys.tolist()
    return [
        *keys,
        *columns.gap_keys.tolist(),
        *columns.station_keys,
        *(f"{key}!" for key in keys),
        *(f"{key}={name}" for key, name in itertools.product(keys, categories)),
    ]


@settings(max_examples=200)
@given(
    st.dictionaries(NAMES, st.sets(NAMES, max_size=3), max_size=4),
    st.lists(NAMES, max_size=3, unique=True),
)
def test_no_two_inputs_share_a_name_whatever_marks_the_names_hold(stations, categories):
    columns = Columns()
    for station, features in stations.items():
        columns.learn(station, dict.fromkeys(features, 1.0))
    found = inputs(columns, categories)
    assert len(found) == len(set(found))


def test_a_feature_of_two_stations_is_two_columns():
    columns = Columns()
    columns.learn("press", {"torque": 1.0})
    columns.learn("weld", {"torque": 1.0})
    assert [origin[:2] for origin in columns.origin] == [("press", "torque"), ("weld", "torque")]


@given(st.permutations(["a", "b", "c", "d"]))
def test_columns_do_not_depend_on_the_order_of_keys(order):
    columns = Columns()
    for _ in range(20):
        columns.learn("press", dict.fromkeys(order, "name"))
    assert columns.keys.tolist() == ["press.a", "press.b", "press.c", "press.d"]
    assert list(columns.categories) == [0, 1, 2, 3]


def test_null_values_settle_no_kind():
    columns = Columns()
    for _ in range(50):
        assert columns.learn("press", {"torque": None}).tolist() == []
    for _ in range(20):
        columns.learn("press", {"torque": 1.0})
    assert columns.settled == {0: Kind.NUMERIC}


def test_a_settled_kind_is_for_good():
    columns = Columns()
    for _ in range(20):
        columns.learn("press", {"torque": 1.0})
    for _ in range(200):
        assert columns.learn("press", {"torque": "high"}).tolist() == [0]
    assert columns.settled == {0: Kind.NUMERIC}
    assert columns.categories == {}


def test_features_beyond_the_limit_are_left_out_and_counted():
    columns = Columns(max_features=3)
    columns.learn("press", {f"f{i}": 1.0 for i in range(5)})
    assert columns.keys.tolist() == ["press.f0", "press.f1", "press.f2"]
    assert columns.refused == 2
    columns.learn("press", {"f0": 1.0, "late": 1.0})
    assert (len(columns), columns.refused) == (3, 3)


def test_stations_beyond_the_limit_are_left_out_and_counted():
    columns = Columns(max_stations=2)
    for station in ("press", "weld", "oven", "oven"):
        assert columns.learn(station, {"torque": 1.0, "heat": 2.0}).tolist() == []
    assert list(columns.stations) == ["press", "weld"]
    assert (len(columns), columns.refused) == (4, 4)


READINGS = st.lists(
    st.tuples(
        st.sampled_from(["press", "weld"]),
        st.dictionaries(
            st.sampled_from(["a", "b", "c"]),
            st.one_of(st.none(), st.booleans(), st.floats(-9, 9), st.sampled_from(["x", "y"])),
        ),
    ),
    max_size=60,
)


@settings(max_examples=50, deadline=None)
@given(READINGS, READINGS)
def test_a_table_made_again_from_its_state_goes_on_as_if_nothing_had_happened(before, after):
    columns, again = Columns(), Columns()
    for station, values in before:
        columns.learn(station, values)
    again.restore(columns.state())
    for station, values in after:
        assert again.learn(station, values).tolist() == columns.learn(station, values).tolist()
    assert inputs(again, ["x"]) == inputs(columns, ["x"])
    assert again.settled == columns.settled
    assert list(again.categories) == list(columns.categories)
    assert again.station_of.tolist() == columns.station_of.tolist()


def test_a_station_that_leaves_out_what_it_has_not_measured_is_read_by_plans_that_are_kept():
    columns = Columns()
    whole, short = {"torque": 1.0, "angle": 2.0}, {"angle": 3.0}
    for _ in range(20):
        columns.learn("press", whole)
    station = columns.stations["press"]
    plans = [columns.plan(station, values) for values in (whole, short, whole, short)]
    assert plans[0] is plans[2]
    assert plans[1] is plans[3]
    assert plans[1].numbers(short).tolist() == [3.0]
    assert [columns.keys[c] for c in plans[0].columns] == ["press.angle", "press.torque"]


def test_plans_are_no_more_than_a_few_however_many_shapes_messages_have():
    columns = Columns()
    for number in range(200):
        values = {f"f{number}": 1.0, f"f{number // 7}": 2.0}
        columns.learn("press", values)
        columns.plan(columns.stations["press"], values)
    assert len(columns.stations["press"].plans) <= 16


def test_a_kind_that_settles_makes_plans_of_before_void():
    columns = Columns()
    for _ in range(19):
        columns.learn("press", {"torque": 1.0})
    before = columns.plan(columns.stations["press"], {"torque": 1.0})
    columns.learn("press", {"torque": 1.0})
    after = columns.plan(columns.stations["press"], {"torque": 1.0})
    assert (before.only_numbers, after.only_numbers) == (False, True)
