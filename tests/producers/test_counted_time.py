"""Times that are numbers."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from producers.cells import BadCell
from producers.counted_time import CountingClock, clock_of
from producers.map import CountedTime


def test_milliseconds_since_1970_are_exact() -> None:
    clock = clock_of(CountedTime(unit="1ms", epoch="1970-01-01T00:00:00Z"))
    assert clock.read("1767600003123").at == datetime(2026, 1, 5, 8, 0, 3, 123000, tzinfo=UTC)


def test_an_epoch_without_a_zone_is_local_and_counts_real_time_from_there() -> None:
    clock = CountingClock(CountedTime(unit="1d", epoch="2026-03-28T00:00", zone="Europe/Berlin"))
    assert clock.read("2").at == datetime(2026, 3, 29, 23, tzinfo=UTC)


def test_every_hundredth_of_ten_hours_is_six_minutes() -> None:
    clock = CountingClock(CountedTime(unit="10h", epoch="2014-01-01T00:00:00Z"))
    for number in range(171_850):
        at = clock.read(f"{number / 100:.2f}").at
        assert (at - datetime(2014, 1, 1, tzinfo=UTC)).total_seconds() == 360 * number


@pytest.mark.parametrize("text", ["soon", "1e300", "nan", ""])
def test_what_is_no_number_of_units_is_refused(text: str) -> None:
    with pytest.raises(BadCell):
        CountingClock(CountedTime(unit="1s", epoch="1970-01-01T00:00:00Z")).read(text)


def test_a_bad_time_is_not_remembered_as_the_one_before() -> None:
    clock = clock_of(CountedTime(zone="UTC"))
    first = clock.read("2026-01-05T08:00")
    for _ in range(2):
        with pytest.raises(BadCell):
            clock.read("noon")
    assert clock.read("2026-01-05T08:00") == first
