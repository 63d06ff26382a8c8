from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.pace import Pace
from stream.errors import ConfigError
from stream.events import Event, Tick

START = datetime(2026, 1, 5, tzinfo=UTC)


class FakeTime:
    """A clock that only sleeping, and being told so, moves forward."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def ticks(*seconds: float) -> Iterator[Event]:
    return (Tick(line="L", at=START + timedelta(seconds=s)) for s in seconds)


def test_events_are_released_in_event_time_at_the_speed_asked_for():
    time = FakeTime()
    released = [time.now for _ in Pace(10.0, time.clock, time.sleep)(ticks(0, 5, 5, 20))]
    assert released == pytest.approx([1000.0, 1000.5, 1000.5, 1002.0])


def test_without_a_speed_nothing_waits():
    time = FakeTime()
    assert len(list(Pace(None, time.clock, time.sleep)(ticks(0, 3600, 7200)))) == 3
    assert time.slept == []


def test_who_falls_behind_catches_up_without_waiting():
    time = FakeTime()
    released = []
    for event in Pace(1.0, time.clock, time.sleep)(ticks(0, 1, 2, 3, 10)):
        released.append(time.now - 1000.0)
        if event.at == START + timedelta(seconds=1):
            time.now += 1.5
    assert released == pytest.approx([0.0, 1.0, 2.5, 3.0, 10.0])


def test_an_event_of_a_skewed_clock_is_not_waited_for():
    time = FakeTime()
    released = [time.now - 1000.0 for _ in Pace(1.0, time.clock, time.sleep)(ticks(5, 7, 1, 8))]
    assert released == pytest.approx([0.0, 2.0, 2.0, 3.0])


@pytest.mark.parametrize("speed", [0.0, -1.0, float("inf"), float("nan")])
def test_a_speed_that_cannot_be_is_refused(speed: float):
    with pytest.raises(ConfigError, match=r"speed is .*: give a positive number"):
        Pace(speed)


@given(
    st.lists(st.floats(0, 1e5), min_size=1, max_size=30),
    st.floats(0.01, 1e4),
)
@settings(max_examples=60, deadline=None)
def test_no_event_is_early_and_the_run_takes_its_event_time_over_speed(
    seconds: list[float], speed: float
):
    time = FakeTime()
    order = sorted(seconds)
    released = [
        (event, time.now - 1000.0) for event in Pace(speed, time.clock, time.sleep)(ticks(*order))
    ]
    for event, at in released:
        due = (event.at - released[0][0].at).total_seconds() / speed
        assert at == pytest.approx(due, rel=1e-6, abs=1e-6)
