"""Floods and surges of alarms begin late and end later."""

from __future__ import annotations

from alerts.flood import Flood

TAKT = 30.0


def run(flood: Flood, first: int, parts: int, every: int, takt: float = TAKT) -> None:
    """``parts`` parts, each ``every``-th of which is alarmed about."""
    for part in range(first, first + parts):
        flood.part(part * takt)
        if part % every == 0:
            flood.alarm(part, part * takt)


def test_a_line_that_keeps_its_budget_is_neither_surging_nor_flooded() -> None:
    flood = Flood(budget=0.05, alarms=10)
    run(flood, 0, 5000, every=20)
    assert (flood.surging, flood.flooded) == (False, False)


def test_a_part_a_second_is_no_flood_for_keeping_its_budget() -> None:
    flood = Flood(budget=0.05, alarms=10)
    run(flood, 0, 5000, every=20, takt=1.0)
    assert flood.recent_alarms >= 28
    assert not flood.flooded


def test_every_second_part_is_a_surge_and_a_flood_and_both_end() -> None:
    flood = Flood(budget=0.05, alarms=10)
    run(flood, 0, 600, every=20)
    run(flood, 600, 40, every=2)
    assert (flood.surging, flood.flooded) == (True, True)
    run(flood, 640, 25, every=20)
    assert (flood.surging, flood.flooded) == (True, False)
    run(flood, 665, 300, every=20)
    assert (flood.surging, flood.flooded) == (False, False)


def test_a_part_counts_once_however_often_it_is_alarmed_about() -> None:
    flood = Flood(budget=0.05, alarms=10)
    for _ in range(50):
        flood.alarm(1, 0.0)
    assert flood.recent_alarms == 1


def test_a_young_detector_is_not_surging() -> None:
    flood = Flood(budget=0.05, alarms=10)
    run(flood, 0, 400, every=2)
    assert not flood.surging


def test_no_alarms_are_a_flood_if_that_is_switched_off() -> None:
    flood = Flood(budget=0.05, alarms=0)
    run(flood, 0, 1000, every=1)
    assert not flood.flooded


def test_a_checkpoint_changes_nothing() -> None:
    flood, again = Flood(budget=0.05, alarms=10), Flood(budget=0.05, alarms=10)
    run(flood, 0, 610, every=3)
    again.restore(flood.state())
    for each in (flood, again):
        run(each, 610, 30, every=2)
    assert again.state() == flood.state()


def test_minutes_that_have_changed_are_counted_anew_and_the_flood_can_end() -> None:
    before = Flood(budget=0.05, alarms=10, minutes=10.0)
    run(before, 0, 600, every=20)
    run(before, 600, 40, every=2)
    after = Flood(budget=0.05, alarms=10, minutes=60.0)
    after.restore(before.state())
    assert (after.surging, after.flooded, after.recent_alarms) == (True, False, 0)
    run(after, 640, 100, every=2)
    assert after.flooded
    run(after, 740, 600, every=20)
    assert not after.flooded
    assert 110 <= after.recent_parts <= 120
