"""Three workers share twelve partitions, and again and again one leaves and another one comes.

No alert id has two bodies, and each result is learnt once: in the end the lines, wherever they are,
know what they know in a run that nobody disturbs. The workers are members of a real group on a real
broker, each with clients of its own, in this process, so that what they know can be looked at.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from fault_runs import (
    STORES,
    USUAL_SESSION_S,
    WorkerThread,
    assert_all_is_kept,
    assert_one_body_an_id,
    configured,
    create_all,
    history,
    line_names,
    undisturbed,
)
from kafka_broker import KafkaBroker
from workers import is_at_end, own_topics, put, states_of

from andon.settings import Settings, load_settings
from stream.kafka import KafkaConnection, KafkaLog
from stream.log import Log

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(3600)]

PARTITIONS = 12
WORKERS = 3
EVENTS = 6_000


class Group:
    """Workers of one group; one may leave and one may come, which is a rebalance each."""

    def __init__(self, bootstrap: str, settings: Settings, closing_logs: ExitStack) -> None:
        self._bootstrap = bootstrap
        self._settings = settings
        self._closing = closing_logs
        self.members: list[WorkerThread] = []

    def come(self) -> None:
        connection = KafkaConnection((self._bootstrap,), session_timeout_s=USUAL_SESSION_S)
        log = self._closing.enter_context(closing(KafkaLog(connection)))
        self.members.append(WorkerThread(self._settings, log))

    def leave(self, number: int) -> None:
        self.members.pop(number).stop()

    def is_settled(self) -> bool:
        """Whether each partition has one owner, and each worker has partitions."""
        for member in self.members:
            member.check()
        held = [member.partitions for member in self.members]
        return all(held) and sorted(p for each in held for p in each) == list(range(PARTITIONS))

    def is_done(self, log: Log) -> bool:
        return self.is_settled() and all(is_at_end(each.worker, log) for each in self.members)


def wait(condition: Callable[[], bool], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the group does not settle"
        time.sleep(0.05)


@pytest.mark.parametrize("store", STORES)
def test_each_result_is_learnt_once_however_often_the_group_changes(
    tmp_path: Path, broker: KafkaBroker, kafka_log: KafkaLog, full: bool, store: str
) -> None:
    rebalances = 200 if full else 10
    chance = random.Random(3)
    topics = own_topics()
    config = configured(
        tmp_path, topics, PARTITIONS, broker.bootstrap, store, session_s=USUAL_SESSION_S
    )
    settings = load_settings(config, {})
    events = history(EVENTS, line_names(PARTITIONS))
    expected = undisturbed(settings, topics, PARTITIONS, events)
    create_all(kafka_log, settings, topics)
    size = EVENTS // (rebalances + 1) + 1
    slices = [events[start : start + size] for start in range(0, EVENTS, size)]
    with ExitStack() as stack:
        group = Group(broker.bootstrap, settings, stack)
        for _ in range(WORKERS):
            group.come()
        for turn, told in enumerate(slices):
            put(kafka_log, told, topics)
            if turn == rebalances:
                break
            # Sometimes in mid-work, sometimes when all has come to rest.
            if chance.random() < 0.5:
                wait(group.is_settled)
            if len(group.members) < WORKERS:
                group.come()
            else:
                group.leave(chance.randrange(WORKERS))
        wait(lambda: group.is_done(kafka_log), 240)
        states = {k: v for each in group.members for k, v in states_of(each.worker).items()}
        for _ in range(len(group.members)):
            group.leave(0)
    assert states == expected.states
    assert_all_is_kept(settings, kafka_log, expected)
    assert_one_body_an_id(kafka_log, topics, expected)
