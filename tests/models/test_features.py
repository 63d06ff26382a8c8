from __future__ import annotations

import random
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.features import Z_LIMIT, FeatureCatalogue
from models.part_row import DROPPED, EMPTY, MEASURED, SATURATED, PartRow


def measure(catalogue, row, station, values, at=0.0):
    """A reading takes the line's way: encoded, then observed."""
    row, wrong = catalogue.encode(row, station, at, values)
    catalogue.observe(row, station, values)
    return row, wrong


def line(parts=200, seed=0) -> FeatureCatalogue:
    """Press, weld and oven in this order; one part in two passes the weld by.

    A tenth of the torques are dropped, the force is clipped at 110.
    """
    rng, catalogue = random.Random(seed), FeatureCatalogue()
    for part in range(parts):
        torque = None if rng.random() < 0.1 else rng.gauss(20.0, 2.0)
        force = min(rng.gauss(100.0, 10.0), 110.0)
        row, _ = measure(catalogue, PartRow(), "press", {"torque": torque, "force": force}, part)
        if rng.random() < 0.5:
            row, _ = measure(catalogue, row, "weld", {"clamped": rng.random() < 0.5}, part + 0.2)
        row, _ = measure(catalogue, row, "oven", {"zone": rng.choice("AB")}, part + 0.4)
        catalogue.close(row)
    return catalogue


@pytest.fixture(scope="module")
def catalogue():
    return line()


def encoded(catalogue, *readings):
    """A part's row; nothing is learnt from it."""
    row = PartRow()
    for at, (station, values) in enumerate(readings):
        row, _ = catalogue.encode(row, station, float(at), values)
    return row


GOOD = ("press", {"torque": 22.0, "force": 100.0})


# -- the four kinds of missing -----------------------------------------------------------------


def test_a_reading_of_null_is_dropped(catalogue):
    row = encoded(catalogue, ("press", {"torque": None, "force": 100.0}))
    vector = catalogue.vector(row)
    assert catalogue.counts(row)[:3] == (1, 1, 0)
    assert vector["press.torque?"] == pytest.approx(0.9, abs=0.1)
    assert "press.torque" not in vector


def test_a_measured_value_says_that_it_was_not_dropped(catalogue):
    vector = catalogue.vector(encoded(catalogue, GOOD))
    assert vector["press.torque"] == pytest.approx(1.0, abs=0.3)
    assert -0.2 < vector["press.torque?"] < 0.0
    assert "press.force?" not in vector  # never dropped so far: it would say nothing


def test_what_lies_ahead_is_not_reached_and_absent_from_the_input(catalogue):
    row = encoded(catalogue, GOOD)
    assert catalogue.counts(row) == (2, 0, 0, 2, 0)
    assert not [key for key in catalogue.vector(row) if key.startswith(("weld", "oven"))]


def test_a_station_passed_by_is_skipped(catalogue):
    row = encoded(catalogue, GOOD, ("oven", {"zone": "A"}))
    assert catalogue.counts(row) == (3, 0, 0, 0, 1)
    assert catalogue.vector(row)["weld?"] == pytest.approx(0.5, abs=0.1)
    assert "weld.clamped" not in catalogue.vector(row)


def test_a_station_that_was_visited_says_so(catalogue):
    row = encoded(catalogue, GOOD, ("weld", {"clamped": True}))
    assert catalogue.vector(row)["weld?"] == pytest.approx(-0.5, abs=0.1)


def test_a_value_at_the_sensors_limit_is_saturated_and_measured(catalogue):
    row = encoded(catalogue, ("press", {"torque": 20.0, "force": 110.0}))
    assert catalogue.counts(row)[:3] == (2, 0, 1)
    vector = catalogue.vector(row)
    assert vector["press.force!"] == 1.0
    assert vector["press.force"] > 0.5
    assert "press.force!" not in catalogue.vector(encoded(catalogue, GOOD))


def test_a_cell_that_its_station_left_out_is_no_input_and_will_not_come(catalogue):
    row = encoded(catalogue, ("press", {"torque": 20.0}))
    assert catalogue.counts(row) == (1, 0, 0, 2, 1)
    assert not [key for key in catalogue.vector(row) if "force" in key]


def test_every_cell_with_a_kind_is_counted_once(catalogue):
    for readings in ([], [GOOD], [GOOD, ("oven", {"zone": None})], [("weld", {"clamped": 1.0})]):
        counts = catalogue.counts(encoded(catalogue, *readings))
        assert (
            counts.measured + counts.dropped + counts.not_reached + counts.skipped
            == len(catalogue)
            == 4
        )


# -- kinds -------------------------------------------------------------------------------------


def test_a_feature_is_no_input_until_twenty_values_have_told_its_kind():
    catalogue = FeatureCatalogue()
    for part in range(21):
        row, _ = measure(catalogue, PartRow(), "press", {"torque": float(part)}, part)
        assert catalogue.counts(row).measured == (part == 20)


def test_values_of_null_do_not_tell_a_kind():
    catalogue = FeatureCatalogue()
    for part in range(57):
        value = float(part) if part % 3 == 0 else None
        row, _ = measure(catalogue, PartRow(), "press", {"torque": value}, part)
    assert catalogue.counts(row) == (0, 0, 0, 0, 0)
    measure(catalogue, PartRow(), "press", {"torque": 57.0}, 57)
    row, _ = measure(catalogue, PartRow(), "press", {"torque": None}, 58)
    assert catalogue.counts(row).dropped == 1


@pytest.mark.parametrize(
    ("station", "feature", "value"),
    [
        ("press", "torque", "high"),
        ("press", "torque", True),
        ("weld", "clamped", 1.0),
        ("weld", "clamped", "yes"),
        ("oven", "zone", 3.0),
        ("oven", "zone", False),
    ],
)
def test_a_value_of_another_kind_is_dropped_and_named(catalogue, station, feature, value):
    row, wrong = catalogue.encode(PartRow(), station, 0.0, {feature: value})
    assert wrong == (feature,)
    assert catalogue.counts(row).dropped == 1


def test_features_of_a_wrong_kind_are_named_in_order(catalogue):
    _, wrong = catalogue.encode(PartRow(), "press", 0.0, {"torque": "x", "force": "y"})
    assert wrong == ("force", "torque")


def test_a_value_that_is_no_number_is_dropped(catalogue):
    row = encoded(catalogue, ("press", {"torque": float("nan"), "force": 100.0}))
    assert catalogue.counts(row)[:3] == (1, 1, 0)
    assert np.isfinite(list(catalogue.vector(row).values())).all()


# -- a part's row ------------------------------------------------------------------------------


def test_rework_replaces_all_that_the_station_said_before(catalogue):
    row = encoded(catalogue, ("press", {"torque": None, "force": 110.0}), ("oven", {"zone": "B"}))
    row, _ = catalogue.encode(row, "press", 9.0, {"torque": 21.0})
    again = encoded(catalogue, ("press", {"torque": 21.0}))
    assert row.state[:2].tolist() == again.state[:2].tolist()
    assert row.visited_at[0] == 9.0
    vector = catalogue.vector(row)
    assert "oven.zone=B" in vector
    assert "press.force" not in vector


def test_scoring_reads_the_catalogue_and_changes_nothing_in_it():
    catalogue = line(60)
    before = catalogue.vector(encoded(catalogue, GOOD))
    for _ in range(50):
        row = encoded(catalogue, ("press", {"torque": 90.0, "force": -5.0}), ("new", {"gap": 1.0}))
        catalogue.vector(row)
        catalogue.counts(row)
        catalogue.origins(row)
    assert catalogue.vector(encoded(catalogue, GOOD)) == before
    assert len(catalogue) == 4


def test_a_row_begun_before_a_station_opened_is_read_as_well():
    catalogue = line(60)
    row = encoded(catalogue, GOOD)
    for part in range(30):
        measure(catalogue, PartRow(), "new", {"gap": float(part), "mold": "8722"}, part)
    assert catalogue.counts(row).measured == 2
    assert set(catalogue.vector(row)) >= {"press.torque", "press.force"}
    row, _ = catalogue.encode(row, "new", 9.0, {"gap": 3.0, "mold": "8722"})
    assert catalogue.counts(row).measured == 4


def test_the_first_part_of_a_new_station_leaves_no_trace_in_its_row():
    catalogue = FeatureCatalogue()
    row, wrong = measure(catalogue, PartRow(), "press", {"torque": 1.0})
    assert (len(row.x), wrong) == (0, ())
    assert catalogue.vector(row) == {}


# -- the input ---------------------------------------------------------------------------------


def test_a_category_is_an_input_while_it_is_known(catalogue):
    assert catalogue.vector(encoded(catalogue, ("oven", {"zone": "A"})))["oven.zone=A"] == 1.0
    unknown = encoded(catalogue, ("oven", {"zone": "Z"}))
    assert not [key for key in catalogue.vector(unknown) if key.startswith("oven.zone=")]
    assert catalogue.counts(unknown).measured == 1


def test_a_waiting_part_is_not_misread_when_categories_come_and_go():
    catalogue = line(60)
    waiting = encoded(catalogue, ("oven", {"zone": "A"}))
    for part in range(200):
        measure(catalogue, PartRow(), "oven", {"zone": f"new{part}"}, part)
    zones = [key for key in catalogue.vector(waiting) if key.startswith("oven.zone=")]
    assert zones == ["oven.zone=A"]
    zone = next(o.column for o in catalogue.columns.origin if o.feature == "zone")
    assert catalogue.reading(waiting, zone)[0] == "A"
    # The numbers are all given by now: a name that comes too late reads as other.
    late = encoded(catalogue, ("oven", {"zone": "new199"}))
    assert not [key for key in catalogue.vector(late) if key.startswith("oven.zone=")]
    assert catalogue.counts(late).measured == 1


def test_a_boolean_is_centred_like_a_number(catalogue):
    yes = catalogue.vector(encoded(catalogue, ("weld", {"clamped": True})))["weld.clamped"]
    no = catalogue.vector(encoded(catalogue, ("weld", {"clamped": False})))["weld.clamped"]
    assert (yes, no) == pytest.approx((1.0, -1.0), abs=0.3)


def test_a_part_is_measured_on_the_scale_of_the_parts_before_it():
    catalogue = FeatureCatalogue()
    for part in range(60):
        measure(catalogue, PartRow(), "press", {"torque": float(part % 2)}, part)
    row, _ = catalogue.encode(PartRow(), "press", 61.0, {"torque": 2.0})
    assert catalogue.vector(row)["press.torque"] == pytest.approx(3.0)


VALUE = st.one_of(
    st.none(),
    st.booleans(),
    st.text(max_size=3),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([1e308, -1e308, 5e-324, -0.0]),
)
READING = st.tuples(
    st.sampled_from(["press", "weld", "oven", "new"]),
    st.dictionaries(st.sampled_from(["torque", "force", "clamped", "zone"]), VALUE, max_size=4),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(READING, max_size=4), max_size=30))
def test_every_input_is_finite_and_known_whatever_a_line_reports(parts):
    catalogue = line(25)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for number, readings in enumerate(parts):
            row = PartRow()
            for station, values in readings:
                row, _ = measure(catalogue, row, station, values, float(number))
                vector, origins = catalogue.vector(row), catalogue.origins(row)
                assert all(abs(value) <= Z_LIMIT for value in vector.values())
                assert vector.keys() <= origins.keys()
                assert set(row.state.tolist()) <= {EMPTY, MEASURED, DROPPED, SATURATED}
            catalogue.close(row)


@pytest.mark.parametrize("seed", range(10))
def test_the_order_of_keys_in_a_message_changes_nothing(seed):
    rng = random.Random(seed)
    values = {"mold": "8722", "torque": 1.5, "lot": "b", "site": "n", "clamped": True, "force": 2.5}
    tidy, mixed = FeatureCatalogue(), FeatureCatalogue()
    for part in range(25):
        values["torque"] = part * 0.1
        measure(tidy, PartRow(), "press", values, part)
        keys = rng.sample(sorted(values), len(values))
        measure(mixed, PartRow(), "press", {key: values[key] for key in keys}, part)
    vectors = [list(c.vector(encoded(c, ("press", values))).items()) for c in (tidy, mixed)]
    assert vectors[0] == vectors[1]


# -- what a cell says --------------------------------------------------------------------------


def test_a_cell_tells_its_value_what_was_expected_and_how_far_off_it_is(catalogue):
    row = encoded(
        catalogue,
        ("press", {"torque": 26.0, "force": None}),
        ("weld", {"clamped": True}),
        ("oven", {"zone": "B"}),
    )
    columns = {origin.feature: origin.column for origin in catalogue.columns.origin}
    value, expected, sigma = catalogue.reading(row, columns["torque"])
    assert (value, expected, sigma) == (26.0, pytest.approx(20, abs=0.5), pytest.approx(3, abs=0.5))
    assert catalogue.reading(row, columns["force"]) == (None, None, None)
    assert catalogue.reading(row, columns["clamped"])[0] is True
    assert catalogue.reading(row, columns["zone"]) == ("B", None, None)


def test_every_input_is_traced_to_its_cell_or_station(catalogue):
    row = encoded(catalogue, ("press", {"torque": None, "force": 110.0}), ("oven", {"zone": "A"}))
    origins = catalogue.origins(row)
    assert origins["press.torque?"][:2] == ("press", "torque")
    assert origins["press.force!"][:2] == ("press", "force")
    assert origins["oven.zone=A"][:2] == ("oven", "zone")
    assert origins["weld?"] == ("weld", "", None)


# -- growth ------------------------------------------------------------------------------------


def test_a_flood_of_features_and_stations_is_bounded():
    catalogue = FeatureCatalogue(max_features=50, max_stations=5)
    for part in range(40):
        values = {f"f{part}-{i}": 1.0 for i in range(20)}
        row, _ = measure(catalogue, PartRow(), f"S{part}", values, part)
        catalogue.close(row)
        assert catalogue.vector(row) == {}
    assert len(catalogue) == 50
    assert len(catalogue.columns.stations) == 5
    assert len(catalogue.routes.visit_rate) == 5


def test_a_catalogue_made_again_from_its_state_gives_the_same_inputs():
    catalogue, again = line(60), FeatureCatalogue()
    again.restore(catalogue.state())
    rows = [encoded(c, GOOD, ("oven", {"zone": "B"})) for c in (catalogue, again)]
    assert list(catalogue.vector(rows[0]).items()) == list(again.vector(rows[1]).items())
    assert catalogue.counts(rows[0]) == again.counts(rows[1])
