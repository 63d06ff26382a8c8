"""A worker process that ends itself between two steps of a checkpoint, one step after the other.

The crashes follow one another on one log, each process taking up what the one before has left; in
the end everything is as if there had been none. (Every step with several hits, without processes:
``tests/stream/test_worker_checkpoints.py``.)
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from checkpointed_run import Known, assert_same, configured, fill, undisturbed
from checkpointing_process import CRASHED, CheckpointingService
from kafka_broker import KafkaBroker
from workers import own_topics

from andon.build import topic_specs
from stream.kafka import KafkaLog
from stream.local import LocalLog

pytestmark = pytest.mark.timeout(1800)

EVENTS, EVERY = 6_000, 200
AROUND = ("records processed", "output acknowledged", "checkpoint written", "offsets stored")
IN_A_FOLDER = (
    "temporary file written",
    "chunks durable",
    "manifest written",
    "manifest renamed",
    "folder durable",
    "old checkpoints removed",
)
ON_A_TOPIC = (
    "chunks acknowledged",
    "manifest acknowledged",
    "tombstones acknowledged",
    "transaction committed",
)


def crash_at_each(config: Path, steps: tuple[str, ...], full: bool) -> None:
    for turn in range(5 if full else 1):
        for number, step in enumerate(steps):
            with CheckpointingService(config, step, 1 + (turn + number) % 2) as service:
                assert service.wait() == CRASHED, (step, service.said)
    with CheckpointingService(config) as service:
        service.finish()


def enough(full: bool) -> int:
    """Events for so many crashes: each gets two checkpoints further at most."""
    return EVENTS * (5 if full else 1)


def test_crashes_between_any_two_steps_of_a_checkpoint_in_a_folder_are_not_seen(
    tmp_path: Path, full: bool
) -> None:
    topics = own_topics()
    config, settings = configured(tmp_path, topics, "directory", EVERY)
    expected: Known = undisturbed(settings, topics, enough(full))
    with closing(LocalLog(tmp_path / "andon.sqlite")) as log:
        fill(log, topics, enough(full))
        crash_at_each(config, AROUND + IN_A_FOLDER, full)
        assert_same(log, settings, topics, expected)


@pytest.mark.kafka
def test_crashes_between_any_two_steps_of_a_checkpoint_on_a_topic_are_not_seen(
    tmp_path: Path, full: bool, broker: KafkaBroker, kafka_log: KafkaLog
) -> None:
    topics = own_topics()
    config, settings = configured(tmp_path, topics, "topic", EVERY, broker.bootstrap)
    expected: Known = undisturbed(settings, topics, enough(full))
    kafka_log.create_topics(
        [spec for spec in topic_specs(settings) if spec.name == settings.checkpoint.topic]
    )
    fill(kafka_log, topics, enough(full))
    crash_at_each(config, (*AROUND[:2], *ON_A_TOPIC, *AROUND[2:]), full)
    assert_same(kafka_log, settings, topics, expected)
