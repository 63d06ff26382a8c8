from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.routes import Routes

NEVER = float("nan")


def travel(routes: Routes, order: list[int], stations: int, arrivals: list[int] | None = None):
    """One part goes through stations in ``order``; the events come in the order of ``arrivals``."""
    when = {station: float(minute) for minute, station in enumerate(order)}
    visited_at = np.full(stations, NEVER)
    for station in arrivals or order:
        visited_at[station] = when[station]
        routes.observe(visited_at, station)
    routes.close(visited_at)


def skipped(routes: Routes, stations: int, *visited: int) -> list[int]:
    at = np.full(stations, NEVER)
    at[list(visited)] = np.arange(len(visited))
    return np.flatnonzero(routes.skipped(at)).tolist()


def test_a_station_is_skipped_once_a_later_one_has_reported():
    routes = Routes()
    for _ in range(10):
        travel(routes, [0, 1, 2], 3)
    assert skipped(routes, 3) == []
    assert skipped(routes, 3, 0) == []
    assert skipped(routes, 3, 1) == [0]
    assert skipped(routes, 3, 2) == [0, 1]
    assert skipped(routes, 3, 0, 2) == [1]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_precedence_is_that_of_the_times_whatever_order_the_events_arrive_in(seed):
    rng, routes = random.Random(seed), Routes()
    for _ in range(30):
        travel(routes, [2, 0, 3, 1], 4, rng.sample(range(4), 4))
    assert skipped(routes, 4, 3) == [0, 2]
    assert skipped(routes, 4, 1) == [0, 2, 3]


def test_of_two_ways_round_neither_is_skipped_until_they_meet_again():
    routes = Routes()
    for part in range(40):
        travel(routes, [0, 1 + part % 2, 3], 4)
    assert skipped(routes, 4, 0, 1) == []
    assert skipped(routes, 4, 0, 2) == []
    assert skipped(routes, 4, 0, 1, 3) == [2]


def test_of_two_stations_in_no_fixed_order_neither_is_taken_for_skipped():
    rng, routes = random.Random(0), Routes()
    for part in range(4000):
        travel(routes, [0, *rng.sample([1, 2], 2)], 3)
        if part >= 100:
            assert skipped(routes, 3, 0, 1) == []
            assert skipped(routes, 3, 0, 2) == []


def test_a_few_parts_that_go_back_change_no_precedence():
    rng, routes = random.Random(1), Routes()
    for _ in range(1000):
        travel(routes, [1, 0] if rng.random() < 0.1 else [0, 1], 2)
    assert skipped(routes, 2, 1) == [0]
    assert skipped(routes, 2, 0) == []


def test_a_changed_route_is_learnt_in_three_thousand_parts():
    routes = Routes()
    for _ in range(5000):
        travel(routes, [0, 1], 2)
    for _ in range(1000):
        travel(routes, [1, 0], 2)
    assert skipped(routes, 2, 0) == skipped(routes, 2, 1) == []
    for _ in range(2000):
        travel(routes, [1, 0], 2)
    assert skipped(routes, 2, 0) == [1]
    assert skipped(routes, 2, 1) == []


def test_the_visit_rate_is_the_share_of_closed_parts():
    rng, routes = random.Random(2), Routes()
    for _ in range(2000):
        travel(routes, [0, 1] if rng.random() < 0.6 else [0], 2)
    assert routes.visit_rate[0] == 1.0
    assert routes.visit_rate[1] == pytest.approx(0.6, abs=0.04)


def test_a_station_that_opens_late_counts_from_its_first_visit():
    routes = Routes()
    for _ in range(500):
        travel(routes, [0], 2)
    for part in range(50):
        travel(routes, [0, 1] if part % 5 == 0 else [0], 2)
    assert routes.visit_rate.tolist() == pytest.approx([1.0, 0.2])


def test_a_station_that_closed_is_forgotten():
    routes = Routes()
    for _ in range(1000):
        travel(routes, [0, 1], 2)
    for _ in range(10_000):
        travel(routes, [0], 2)
    assert routes.visit_rate[1] < 0.01
