"""The broker stands still for longer than a delivery may take, or is killed and started again.

It happens in mid-work, at records drawn from a seed. At no time is an offset stored ahead of an
alert that the broker does not have; in the end the topics hold what an undisturbed run writes. The
delivery time-out is 1.5 s here instead of 30.
"""

from __future__ import annotations

import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest
from fault_runs import (
    STORES,
    WorkerThread,
    assert_all_is_kept,
    assert_no_offset_is_ahead,
    configured,
    create_all,
    history,
    impatient_log,
    is_finished,
    line_names,
    undisturbed,
)
from kafka_broker import KafkaBroker
from workers import outputs, own_topics, put

from andon.settings import load_settings
from stream.effects import Effect
from stream.log import Record

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(1800)]

PARTITIONS = 4
EVENTS = 4_000
AWAY_S = 4.0


class Strikes:
    """Calls ``strike`` when so many records, new ones only, have been worked on."""

    def __init__(self, strike: Callable[[], None], goals: list[int]) -> None:
        self._strike = strike
        self._left = sorted(goals)
        self._furthest: dict[int, int] = defaultdict(lambda: -1)
        self._new = 0
        self.done = 0

    def __call__(self, record: Record, effects: list[Effect]) -> None:
        if record.offset <= self._furthest[record.partition]:
            return
        self._furthest[record.partition] = record.offset
        self._new += 1
        if self._left and self._new >= self._left[0]:
            self._left.pop(0)
            self.done += 1
            self._strike()


def work_through(
    folder: Path,
    broker: KafkaBroker,
    times: int,
    seed: int,
    strike: Callable[[], None],
    store: str,
    mend: Callable[[], None] = lambda: None,
) -> None:
    topics = own_topics()
    settings = load_settings(configured(folder, topics, PARTITIONS, broker.bootstrap, store), {})
    events = history(EVENTS, line_names(PARTITIONS))
    expected = undisturbed(settings, topics, PARTITIONS, events)
    goals = random.Random(seed).sample(range(EVENTS // 10, EVENTS * 9 // 10), times)
    strikes = Strikes(strike, goals)
    with impatient_log(broker.bootstrap) as log, impatient_log(broker.bootstrap) as onlooker:
        create_all(log, settings, topics)
        put(log, events, topics)
        running = WorkerThread(settings, log, strikes)
        deadline = time.monotonic() + 60 + 30 * times
        while not (strikes.done == times and is_finished(onlooker, topics)):
            mend()
            assert_no_offset_is_ahead(onlooker, topics, expected)
            running.check()
            assert time.monotonic() < deadline, (strikes.done, running.worker.progress)
            time.sleep(0.2)
        running.stop()
        assert running.worker.discards > 0, "the worker did not notice"
        assert outputs(onlooker, topics) == expected.outputs
        assert_all_is_kept(settings, onlooker, expected)


@pytest.mark.parametrize("store", STORES)
def test_a_broker_that_stands_still_for_too_long_loses_and_doubles_nothing(
    tmp_path: Path, fragile_broker: KafkaBroker, full: bool, store: str
) -> None:
    def stand_still() -> None:
        fragile_broker.suspend()
        threading.Timer(AWAY_S, fragile_broker.resume).start()

    work_through(tmp_path, fragile_broker, 10 if full else 1, 1, stand_still, store)


@pytest.mark.parametrize("store", STORES)
def test_a_broker_that_is_killed_and_started_again_loses_and_doubles_nothing(
    tmp_path: Path, fragile_broker: KafkaBroker, full: bool, store: str
) -> None:
    dead = threading.Event()

    def die() -> None:
        fragile_broker.kill()
        dead.set()

    def return_to_life() -> None:
        # Not by the thread that killed it: a broker ends with the thread that started it.
        if dead.is_set():
            dead.clear()
            time.sleep(0.5)
            fragile_broker.restart()

    work_through(tmp_path, fragile_broker, 10 if full else 1, 2, die, store, return_to_life)
