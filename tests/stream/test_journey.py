"""What a measurement is to its part's journey."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.journey import RISKS_KEPT, Arrival, Journey
from stream.testing import measurement


def journey() -> Journey:
    return Journey("P-1", 0, 0, 0.0, 0.0)


def test_stations_come_in_any_order() -> None:
    part = journey()
    assert part.add(measurement("P-1", "seal", 9, {"x": 1.0})) is Arrival.FIRST
    assert part.add(measurement("P-1", "press", 3, {"x": 1.0})) is Arrival.FIRST


def test_the_same_reading_again_is_a_duplicate_in_any_order_of_its_keys() -> None:
    part = journey()
    part.add(measurement("P-1", "press", 3, {"x": 1.0, "y": "a"}))
    again = measurement("P-1", "press", 3, {"y": "a", "x": 1.0})
    assert part.add(again) is Arrival.DUPLICATE


@pytest.mark.parametrize("features", [0, 1, 64, 65, 200])
def test_a_reading_of_any_width_is_known_again(features: int) -> None:
    part, values = journey(), {f"f{number}": number / 7 for number in range(features)}
    part.add(measurement("P-1", "press", 3, values))
    backwards = dict(reversed(values.items()))
    assert part.add(measurement("P-1", "press", 3, backwards)) is Arrival.DUPLICATE
    assert part.add(measurement("P-1", "press", 3, {**values, "f0": 99.0})) is Arrival.REWORK


def test_the_same_id_is_a_duplicate_whatever_it_says() -> None:
    part = journey()
    first = measurement("P-1", "press", 3, {"x": 1.0}).model_copy(update={"id": "m1"})
    other = measurement("P-1", "seal", 5, {"x": 2.0}).model_copy(update={"id": "m1"})
    assert part.add(first) is Arrival.FIRST
    assert part.add(other) is Arrival.DUPLICATE


def test_a_newer_reading_of_a_station_is_rework_and_an_older_one_is_stale() -> None:
    part = journey()
    part.add(measurement("P-1", "press", 3, {"x": 1.0}))
    assert part.add(measurement("P-1", "press", 8, {"x": 2.0})) is Arrival.REWORK
    assert part.add(measurement("P-1", "press", 5, {"x": 3.0})) is Arrival.STALE


def test_other_values_at_the_same_time_replace() -> None:
    part = journey()
    part.add(measurement("P-1", "press", 3, {"x": 1.0}))
    assert part.add(measurement("P-1", "press", 3, {"x": None})) is Arrival.REWORK


@given(st.permutations([0, 1, 2, 3]), st.integers(0, 3))
def test_whatever_comes_the_newest_reading_stands(order: list[int], again: int) -> None:
    part = journey()
    newest = -1
    for minutes in order:
        arrival = part.add(measurement("P-1", "press", minutes, {"x": float(minutes)}))
        assert (arrival is Arrival.STALE) == (minutes < newest)
        newest = max(newest, minutes)
    repeated = part.add(measurement("P-1", "press", again, {"x": float(again)}))
    assert repeated is (Arrival.DUPLICATE if again == newest else Arrival.STALE)


def test_a_part_that_is_reworked_for_ever_keeps_its_first_risks_and_the_newest_known() -> None:
    part = journey()
    for number in range(RISKS_KEPT + 1_000):
        assert part.scored(number / 10_000) == (number < RISKS_KEPT)
    assert not part.scored(float("nan"))
    assert len(part.risks) == RISKS_KEPT
    assert list(part.risks[:-1]) == [number / 10_000 for number in range(RISKS_KEPT - 1)]
    assert part.risks[-1] == (RISKS_KEPT + 999) / 10_000
