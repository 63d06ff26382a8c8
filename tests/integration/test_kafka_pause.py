"""Pausing and resuming a partition in the middle of what its client has fetched."""

from __future__ import annotations

import time
from contextlib import closing

import pytest
from kafka_topics import fill, new_topic, unique

from stream.kafka import KafkaLog
from stream.log import TopicPartition

pytestmark = pytest.mark.kafka

RECORDS = 2_000


def test_a_partition_paused_in_mid_delivery_goes_on_where_it_was_after_resume(
    log: KafkaLog,
) -> None:
    topic = new_topic(log, partitions=2)
    for partition in (0, 1):
        fill(log, topic, RECORDS, partition)
    seen: dict[int, list[int]] = {0: [], 1: []}
    paused: int | None = None
    with closing(log.consumer([topic], unique("group"))) as member:
        deadline = time.monotonic() + 30
        while sum(map(len, seen.values())) < 2 * RECORDS:
            assert time.monotonic() < deadline, {p: len(s) for p, s in seen.items()}
            batch = member.poll(0.2, max_records=100)
            for at in batch.assigned:
                member.start(at, 0)
            for record in batch.records:
                seen[record.partition].append(record.offset)
            # Pause whichever has just delivered a part, until the other one has had its turn.
            if paused is not None and (not batch.records or len(seen[1 - paused]) == RECORDS):
                member.resume([TopicPartition(topic, paused)])
                paused = None
            elif paused is None and batch.records:
                paused = batch.records[-1].partition
                member.pause([TopicPartition(topic, paused)])
    assert seen == {0: list(range(RECORDS)), 1: list(range(RECORDS))}
