"""``kill -9`` of a real worker process with checkpoints, at moments drawn from a seed.

20,000 events of four lines on four partitions. Whatever the moments: in the end the topics hold,
byte for byte, what an undisturbed run writes there, no alert id twice, and the lines know the same,
so each result was learnt once. On the local log with a folder, on a real broker with a topic.
"""

from __future__ import annotations

import random
import time
from contextlib import closing
from pathlib import Path
from statistics import median

import pytest
from checkpointed_run import PARTITIONS, assert_same, configured, fill, undisturbed
from checkpointing_process import CheckpointingService
from kafka_broker import KafkaBroker
from workers import own_topics

from stream.kafka import KafkaLog
from stream.local import LocalLog
from stream.log import Log, TopicPartition
from stream.worker import Outputs

pytestmark = pytest.mark.timeout(1800)

EVENTS = 20_000
EVERY = 400


def risks_on(log: Log, topics: Outputs) -> int:
    return sum(log.end(TopicPartition(topics.risks, at)) for at in range(PARTITIONS))


def kill_and_restart(
    config: Path, log: Log, topics: Outputs, risks: int, kills: int, chance: random.Random
) -> list[float]:
    """Kill one worker after the other, each further on; the last one may finish.

    Answers the seconds from each start behind a kill to the first record that it says.
    """
    goals = sorted(chance.uniform(0.02, 0.97) * risks for _ in range(kills))
    recovery, killed_at = [], 0
    for goal in [*goals, float("inf")]:
        began = time.monotonic()
        with CheckpointingService(config) as service:
            while service.running and risks_on(log, topics) <= killed_at:
                time.sleep(0.005)
            recovery.append(time.monotonic() - began)
            while service.running and risks_on(log, topics) < goal:
                time.sleep(0.005)
            if goal == float("inf"):
                service.finish()
                break
            # Not only just behind a flush.
            time.sleep(chance.uniform(0.0, 0.1))
            if service.running:
                service.kill()
            killed_at = risks_on(log, topics)
    return recovery[1:]


def run(
    log: Log, config_and_settings: tuple, topics: Outputs, full: bool, seed: int, record: object
) -> None:
    config, settings = config_and_settings
    expected = undisturbed(settings, topics, EVENTS)
    fill(log, topics, EVENTS)
    risks = sum(len(each) for each in expected.outputs[topics.risks])  # type: ignore[attr-defined]
    kills = 50 if full else 5
    recovery = kill_and_restart(config, log, topics, risks, kills, random.Random(seed))
    assert_same(log, settings, topics, expected)
    record("recovery_s", f"median {median(recovery):.2f}, worst {max(recovery):.2f}")  # type: ignore[operator]


def test_killed_workers_on_the_local_log_lose_and_double_nothing(
    tmp_path: Path, full: bool, record_property: object
) -> None:
    topics = own_topics()
    configuration = configured(tmp_path, topics, "directory", EVERY)
    with closing(LocalLog(tmp_path / "andon.sqlite")) as log:
        run(log, configuration, topics, full, 1, record_property)


@pytest.mark.kafka
def test_killed_workers_on_a_real_broker_lose_and_double_nothing(
    tmp_path: Path, full: bool, broker: KafkaBroker, kafka_log: KafkaLog, record_property: object
) -> None:
    topics = own_topics()
    configuration = configured(tmp_path, topics, "topic", EVERY, broker.bootstrap)
    from andon.build import topic_specs

    kafka_log.create_topics(
        [spec for spec in topic_specs(configuration[1]) if spec.name.endswith(".checkpoints")]
    )
    run(kafka_log, configuration, topics, full, 2, record_property)
