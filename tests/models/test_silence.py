"""Silence is counted in parts that should have been reported."""

from __future__ import annotations

import numpy as np

from models.silence import ACCEPTED, RESULT, Silence


def travel(silence: Silence, part: int, route: tuple[int, ...], stations: int = 4) -> int:
    """One part's way and its result; how often a station fell silent or spoke again."""
    visited = np.full(stations, np.nan)
    changes = 0
    for place, station in enumerate(route):
        visited[station] = part + 0.1 * place
        changes += silence.observe(visited, station, float(part))
    return changes + silence.observe(visited, RESULT, part + 0.9)


def learnt(routes: list[tuple[int, ...]], parts: int = 1_200) -> Silence:
    silence = Silence()
    silence.grow(4)
    rng = np.random.default_rng(2)
    for part in range(parts):
        assert travel(silence, part, routes[int(rng.integers(len(routes)))]) == 0
    return silence


def test_the_last_station_is_missed_by_the_results() -> None:
    silence = learnt([(0, 1, 2, 3)])
    changes = [travel(silence, 2_000 + part, (0, 1, 2)) for part in range(25)]
    assert sum(changes) == 1
    assert silence.standing() == [3]


def test_two_ways_round_are_both_heard_of() -> None:
    silence = learnt([(0, 1, 3), (0, 2, 3)])
    assert silence.standing() == []
    for part in range(60):
        travel(silence, 2_000 + part, (0, 2, 3))
    assert silence.standing() == [1]


def test_stations_that_fall_silent_together_are_all_told() -> None:
    silence = learnt([(0, 1, 2, 3)])
    for part in range(25):
        travel(silence, 2_000 + part, (0, 3))
    assert silence.standing() == [1, 2]


def test_a_station_that_is_gone_for_good_is_told_and_then_accepted() -> None:
    silence = learnt([(0, 1, 2, 3)])
    changes = sum(travel(silence, 2_000 + part, (0, 1, 3)) for part in range(int(ACCEPTED) + 100))
    assert (changes, silence.standing(), silence.accepted(2)) == (2, [], True)
    # Should it come back, it is as good as new.
    assert sum(travel(silence, 9_000 + part, (0, 1, 2, 3)) for part in range(100)) == 0


def test_a_longer_silence_than_before_is_needed_the_second_time() -> None:
    silence = learnt([(0, 1, 2, 3)])
    for part in range(30):
        travel(silence, 2_000 + part, (0, 1, 3))
    assert silence.standing() == [2]
    travel(silence, 2_050, (0, 1, 2, 3))
    for part in range(30):
        travel(silence, 2_100 + part, (0, 1, 3))
    assert silence.standing() == []
