"""When silence is a stall, and when it is only quiet."""

from __future__ import annotations

import pytest

from stream.errors import LogUnavailable
from stream.kafka_stall import StallWatch
from stream.log import TopicPartition

AT = TopicPartition("andon.events", 0)
OTHER = TopicPartition("andon.events", 1)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def look_for(watch: StallWatch, clock: Clock, *positions: dict[TopicPartition, int]) -> None:
    for given in positions:
        clock.now += 11
        watch.look(given)


def test_a_position_that_stands_before_records_is_a_stall(clock: Clock) -> None:
    watch = StallWatch(10, lambda at: 5, clock)
    with pytest.raises(LogUnavailable, match=r"andon.events\[0\] has had records from 3 to 5"):
        look_for(watch, clock, {AT: 3}, {AT: 3})


@pytest.mark.parametrize(
    "positions",
    [
        pytest.param([{AT: 5}, {AT: 5}, {AT: 5}], id="at the end"),
        pytest.param([{AT: 1}, {AT: 2}, {AT: 3}], id="slow"),
        pytest.param([{AT: 3}, {}, {AT: 3}], id="paused meanwhile"),
        pytest.param([{AT: 3}, {OTHER: 3}], id="another partition"),
    ],
)
def test_what_moves_rests_or_has_nothing_before_it_is_none(
    positions: list[dict[TopicPartition, int]], clock: Clock
) -> None:
    look_for(StallWatch(10, lambda at: 5, clock), clock, *positions)


def test_the_watch_begins_anew_when_told(clock: Clock) -> None:
    watch = StallWatch(10, lambda at: 5, clock)
    look_for(watch, clock, {AT: 3})
    watch.restart()
    look_for(watch, clock, {AT: 3})


def test_the_end_is_asked_for_once_in_a_while_only(clock: Clock) -> None:
    asked: list[TopicPartition] = []
    watch = StallWatch(10, lambda at: asked.append(at) or 0, clock)
    for _ in range(50):
        clock.now += 1
        watch.look({AT: 0})
    assert len(asked) == 5
