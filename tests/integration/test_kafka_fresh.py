"""A cluster that has only just started, on a real Kafka: groups have no coordinator at first."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from commands import Commands, andon, folder
from kafka_broker import KafkaBroker
from required_broker import running

from stream.errors import LogUnavailable
from stream.kafka import KafkaConnection, KafkaLog
from stream.log import TopicSpec

__all__ = ["andon", "folder"]

ON_KAFKA = {"ANDON_LOG__KIND": "kafka"}
TOPICS = [TopicSpec("andon.events", 2), TopicSpec("andon.alerts", 2)]


@pytest.fixture
def broker_without_groups() -> Iterator[KafkaBroker]:
    """A broker that cannot make the topic of the groups: that wants two brokers more."""
    wanted = {"offsets.topic.replication.factor": "3"}
    with running(KafkaBroker(heap="256m", settings=wanted)) as started:
        yield started


def test_status_on_a_fresh_cluster_waits_until_groups_are_kept_and_else_says_what_is_missing(
    broker_without_groups: KafkaBroker,
    andon: Commands,
) -> None:
    server = broker_without_groups.bootstrap
    with closing(KafkaLog(KafkaConnection((server,), answer_timeout_s=1.0))) as log:
        log.create_topics(TOPICS)
        began = time.monotonic()
        with pytest.raises(LogUnavailable, match="no coordinator for groups") as caught:
            log.stored_offsets("andon", "andon.events")
        assert 1.0 < time.monotonic() - began < 5.0
        assert "offsets.topic.replication.factor" in str(caught.value)

        groups = TopicSpec("__consumer_offsets", 1, compact=True)
        later = threading.Timer(1.5, log.create_topics, [[groups]])
        later.start()
        began = time.monotonic()
        done = andon("status", "--json", **ON_KAFKA, ANDON_KAFKA__BOOTSTRAP_SERVERS=server)
        later.join()
        assert time.monotonic() - began > 1.5
    told = done.json
    assert (done.code, told["problems"]) == (0, [])
    assert {(row["group"], row["topic"], row["lag"]) for row in told["lag"]} == {
        ("andon", "andon.events", 0),
        ("andon-notifier", "andon.alerts", 0),
    }
