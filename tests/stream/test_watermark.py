"""Event time goes forward with the line and is not carried off by a wild clock."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stream.watermark import Watermark

HOUR = 3600.0
YEAR = 365 * 24 * HOUR


def begun(at: float = 0.0) -> Watermark:
    clock = Watermark()
    for i in range(20):
        clock.update(at, f"P-{i}")
    return clock


def test_it_follows_the_events_and_never_goes_back() -> None:
    clock = begun()
    for time in (0.0, 60.0, 30.0):
        clock.update(time, "P")
    assert clock.at == 60.0


def test_it_says_nothing_before_twenty_events() -> None:
    clock = Watermark()
    for i in range(19):
        clock.update(float(i), f"P-{i}")
        assert clock.at is None
    clock.update(19.0, "P-19")
    assert clock.at == 0.0


def test_a_wild_clock_heard_first_of_all_moves_nothing() -> None:
    clock = Watermark()
    clock.update(YEAR, "P-0")
    for i in range(100):
        clock.update(i * 60.0, f"P-{i}")
    assert clock.at == 99 * 60.0


def test_a_clock_at_1970_heard_first_of_all_is_overruled_within_minutes() -> None:
    clock = Watermark()
    clock.update(0.0, "P-0")
    for i in range(60):
        clock.update(YEAR + i * 60.0, f"P-{i}")
    assert clock.at == YEAR + 59 * 60.0


def test_a_station_whose_clock_is_a_year_ahead_moves_nothing() -> None:
    clock = begun()
    for i in range(200):
        clock.update(i * 60.0, f"P-{i}")
        clock.update(i * 60.0 + YEAR, f"P-{i}")
    assert clock.at == 199 * 60.0


def test_one_part_alone_cannot_move_it_far() -> None:
    clock = begun()
    for i in range(100):
        clock.update(YEAR + i, "P-1")
    assert clock.at == 0.0


def test_after_a_weekend_twenty_events_of_five_parts_are_believed() -> None:
    clock = begun()
    for i in range(20):
        assert clock.at == 0.0
        clock.update(48 * HOUR + i, f"P-{i % 5}")
    assert clock.at == 48 * HOUR


def test_ticks_carry_it_over_a_quiet_day() -> None:
    clock = Watermark()
    for minute in range(24 * 60):
        clock.update(minute * 60.0, "")
    assert clock.at == (24 * 60 - 1) * 60.0


@given(st.lists(st.tuples(st.floats(-1e9, 1e12), st.sampled_from("ABCDEF")), max_size=200))
def test_it_never_goes_back_whatever_comes(events: list[tuple[float, str]]) -> None:
    clock = Watermark()
    last = None
    for time, part in events:
        clock.update(time, part)
        assert last is None or (clock.at is not None and clock.at >= last)
        last = clock.at
