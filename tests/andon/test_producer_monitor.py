"""A producer's monitor: counts what went out, and beats while the line is quiet."""

from __future__ import annotations

import itertools

from scraped import value
from small_line import small_line

from andon.producer_monitor import ProducerMonitor


def test_an_event_counts_once_it_was_handed_over() -> None:
    monitor = ProducerMonitor("produce")
    assert monitor.unready
    events = monitor.events(small_line(3))
    assert monitor.unready
    for _ in itertools.islice(events, 4):
        pass
    assert monitor.unready == ()
    # The fourth was only taken; nobody has asked for the next one yet.
    told = value(monitor.registry, "andon_produced_events_total", kind="measurement")
    assert told == 3


def test_a_long_rest_is_no_standstill() -> None:
    monitor = ProducerMonitor("produce", heartbeat_s=8.0)
    ages: list[float] = []

    def rest(seconds: float) -> None:
        ages.append(seconds)
        assert monitor.heartbeat_age < 1

    monitor.resting(rest)(9.0)
    assert ages == [2.0, 2.0, 2.0, 2.0, 1.0]


def test_a_rest_that_is_ended_early_is_over() -> None:
    rests: list[float] = []

    def stopped(seconds: float) -> bool:
        rests.append(seconds)
        return True

    ProducerMonitor("produce", heartbeat_s=8.0).resting(stopped)(3600.0)
    assert rests == [2.0]
