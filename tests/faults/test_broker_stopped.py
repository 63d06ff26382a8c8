"""The broker stands still for longer than a delivery may take, or is killed and started again.

It happens in mid-work, at records drawn from a seed. At no time is an offset stored ahead of an
alert that the broker does not have; in the end the topics hold what an undisturbed run writes. The
delivery time-out is 1.5 s here instead of 30.
"""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import closing
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
from stream.kafka import KafkaConnection, KafkaLog
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
    mend: Callable[[], None],
) -> None:
    """``strike`` breaks the broker; ``mend`` is called once the worker has noticed that."""
    topics = own_topics()
    settings = load_settings(configured(folder, topics, PARTITIONS, broker.bootstrap, store), {})
    events = history(EVENTS, line_names(PARTITIONS))
    expected = undisturbed(settings, topics, PARTITIONS, events)
    goals = random.Random(seed).sample(range(EVENTS // 10, EVENTS * 9 // 10), times)
    discards: list[int] = []

    def struck() -> None:
        discards.append(running.worker.discards)
        strike()

    strikes = Strikes(struck, goals)
    patient = KafkaConnection((broker.bootstrap,))
    with (
        closing(KafkaLog(patient)) as patient_log,
        impatient_log(broker.bootstrap) as log,
        impatient_log(broker.bootstrap) as onlooker,
    ):
        create_all(patient_log, settings, topics)
        put(patient_log, events, topics)
        running = WorkerThread(settings, log, strikes)
        deadline = time.monotonic() + 120 + 60 * times
        mended = 0
        while not (strikes.done == times and is_finished(onlooker, topics)):
            if len(discards) > mended and running.worker.discards > discards[-1]:
                mended = len(discards)
                mend()
            assert_no_offset_is_ahead(onlooker, topics, expected)
            running.check()
            assert time.monotonic() < deadline, (strikes.done, running.worker.progress)
            time.sleep(0.2)
        running.stop()
        assert mended == times
        assert outputs(patient_log, topics) == expected.outputs
        assert_all_is_kept(settings, patient_log, expected)


@pytest.mark.parametrize("store", STORES)
def test_a_broker_that_stands_still_for_too_long_loses_and_doubles_nothing(
    tmp_path: Path, fragile_broker: KafkaBroker, full: bool, store: str
) -> None:
    since = [0.0]

    def stand_still() -> None:
        fragile_broker.suspend()
        since.append(time.monotonic())

    def go_on() -> None:
        time.sleep(max(0.0, since[-1] + AWAY_S - time.monotonic()))
        fragile_broker.resume()

    try:
        work_through(tmp_path, fragile_broker, 10 if full else 1, 1, stand_still, store, go_on)
    finally:
        fragile_broker.resume()


@pytest.mark.parametrize("store", STORES)
def test_a_broker_that_is_killed_and_started_again_loses_and_doubles_nothing(
    tmp_path: Path, fragile_broker: KafkaBroker, full: bool, store: str
) -> None:
    def return_to_life() -> None:
        # Not by the thread that killed it: a broker ends with the thread that started it.
        fragile_broker.restart()

    work_through(
        tmp_path, fragile_broker, 10 if full else 1, 2, fragile_broker.kill, store, return_to_life
    )
