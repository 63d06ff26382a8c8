"""SIGTERM in the middle of work: a worker ends well and soon, and what it has said is said once.

A real ``andon watch`` on a real broker is told to end, again and again, each time in the midst of
what was told for it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fault_runs import (
    OFFSET,
    USUAL_SESSION_S,
    assert_all_is_kept,
    assert_written,
    configured,
    create_all,
    history,
    is_finished,
    line_names,
    undisturbed,
)
from forked_service import ForkedService
from kafka_broker import KafkaBroker
from local_logs import wait_until
from workers import on_topic, outputs, own_topics, put

from andon.checkpoints import opened_checkpoints
from andon.settings import Settings, load_settings
from stream.events import Measurement
from stream.kafka import KafkaLog
from stream.log import Log, TopicPartition
from stream.worker import Outputs

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(1800)]

Record = Callable[[str, object], None]
PARTITIONS = 4
EVENTS_AN_END = 1_250


def risks_on(log: Log, topics: Outputs) -> int:
    return sum(log.end(TopicPartition(topics.risks, at)) for at in range(PARTITIONS))


def processed_again(settings: Settings, log: Log, topics: Outputs) -> int:
    """How many records with a risk lie behind the checkpoints that the next worker takes up."""
    with opened_checkpoints(settings, log) as rules:
        assert rules is not None
        found = 0
        for partition, records in enumerate(on_topic(log, topics.risks)):
            kept = rules.store.load(partition)
            offsets = [int(dict(record.headers)[OFFSET]) for record in records]
            found += sum(offset >= (kept.next_offset if kept else 0) for offset in offsets)
    return found


def test_a_worker_that_is_told_to_end_under_load_ends_within_ten_seconds_and_repeats_nothing(
    tmp_path: Path, broker: KafkaBroker, kafka_log: KafkaLog, full: bool, record_property: Record
) -> None:
    times = 50 if full else 3
    chance = random.Random(5)
    topics = own_topics()
    config = configured(
        tmp_path, topics, PARTITIONS, broker.bootstrap, "topic", session_s=USUAL_SESSION_S
    )
    settings = load_settings(config, {})
    events = history(EVENTS_AN_END * (times + 1), line_names(PARTITIONS))
    expected = undisturbed(settings, topics, PARTITIONS, events)
    create_all(kafka_log, settings, topics)
    took, before, again = [], 0, 0
    for start in range(0, EVENTS_AN_END * times, EVENTS_AN_END):
        share = events[start : start + EVENTS_AN_END]
        put(kafka_log, share, topics)
        risks = sum(isinstance(event, Measurement) for event in share)
        goal = before + chance.uniform(0.02, 0.7) * risks
        before += risks
        with ForkedService(config, "watch", "--quiet") as service:
            while service.running and risks_on(kafka_log, topics) <= goal:
                time.sleep(0.005)
            time.sleep(chance.uniform(0.0, 0.05))
            took.append(service.terminate(10.0))
            again = max(again, processed_again(settings, kafka_log, topics))
    assert again == 0
    put(kafka_log, events[EVENTS_AN_END * times :], topics)
    with ForkedService(config, "watch", "--quiet") as service:
        assert_written(kafka_log, topics, expected.outputs)
        wait_until(lambda: is_finished(kafka_log, topics))
        took.append(service.terminate(10.0))
    assert outputs(kafka_log, topics) == expected.outputs
    assert_all_is_kept(settings, kafka_log, expected)
    record_property("measured", f"{len(took)} ends, the slowest in {max(took):.1f} s")
