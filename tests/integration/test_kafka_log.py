"""What only a real Kafka has: other producers, transactions, compaction, settings."""

from __future__ import annotations

import time
from contextlib import closing
from itertools import pairwise

import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka import TopicPartition as TheirPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka_broker import KafkaBroker
from kafka_topics import fill, join, new_topic, unique, until, values

from stream.errors import (
    LogError,
    OffsetOutOfRange,
)
from stream.kafka import KafkaConnection, KafkaLog
from stream.log import TopicPartition, TopicSpec
from stream.partitioner import partition_for

pytestmark = pytest.mark.kafka


def test_a_plain_producer_with_the_default_partitioner_lands_where_we_expect(
    log: KafkaLog, broker: KafkaBroker
) -> None:
    topic = new_topic(log, partitions=7)
    keys = [f"line-{number}".encode() for number in range(40)] + ["Linie-Ü".encode(), b"\xff"]
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap)
    for key in keys:
        producer.send(topic, key=key, value=b"v")
    producer.close()
    for partition in range(7):
        found = {record.key for record in log.read(TopicPartition(topic, partition))}
        assert found == {key for key in keys if partition_for(key, 7) == partition}


def test_a_read_skips_markers_and_aborted_records_and_stops_before_an_open_transaction(
    log: KafkaLog, broker: KafkaBroker
) -> None:
    topic = new_topic(log)
    at = TopicPartition(topic, 0)
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap, transactional_id=unique("txn"))
    producer.init_transactions()
    for value, ended in (
        (b"kept", producer.commit_transaction),
        (b"aborted", producer.abort_transaction),
    ):
        producer.begin_transaction()
        producer.send(topic, value=value)
        producer.flush()
        ended()
    # Offsets 0 to 3: a record and its marker, twice; the last two show nothing.
    until(lambda: log.end(at) == 4)
    assert values(log, topic) == [b"kept"]
    assert list(log.read(at, 1)) == []
    producer.begin_transaction()
    producer.send(topic, value=b"open")
    producer.flush()
    assert log.end(at) == 4
    assert values(log, topic) == [b"kept"]
    producer.commit_transaction()
    until(lambda: log.end(at) == 6)
    assert values(log, topic) == [b"kept", b"open"]
    producer.close()


def test_a_read_goes_through_the_gaps_that_compaction_leaves(log: KafkaLog) -> None:
    name = unique("topic")
    eager = {"segment.ms": "100", "min.cleanable.dirty.ratio": "0.01", "max.compaction.lag.ms": "1"}
    log.create_topics([TopicSpec(name, compact=True, extra=eager)])
    at = TopicPartition(name, 0)
    for number in range(100):
        log.append(name, b"k", b"%d" % number)
        if number % 10 == 9:
            log.flush()
            time.sleep(0.11)

    def compacted() -> bool:
        # The segment being written is never compacted.
        log.append(name, b"other", b"")
        log.flush()
        return sum(1 for _ in log.read(at)) < 50

    until(compacted)
    records = list(log.read(at))
    assert all(earlier.offset < later.offset for earlier, later in pairwise(records))
    assert records[0].offset > log.begin(at)
    assert [record.value for record in records if record.key == b"k"][-1] == b"99"
    assert [record.offset for record in log.read(at, start=0, stop=records[0].offset)] == []


def test_removed_records_are_out_of_range_for_readers_and_members(
    log: KafkaLog, broker: KafkaBroker
) -> None:
    topic, group = new_topic(log), unique("group")
    at = TopicPartition(topic, 0)
    fill(log, topic, 10)
    member = log.consumer([topic], group)
    assert join(member) == at
    member.start(at, 2)
    member.pause([at])
    with closing(KafkaAdminClient(bootstrap_servers=broker.bootstrap)) as admin:
        admin.delete_records({TheirPartition(topic, 0): 6})
    assert (log.begin(at), log.end(at)) == (6, 10)
    assert [record.offset for record in log.read(at)] == [6, 7, 8, 9]
    with pytest.raises(OffsetOutOfRange, match="offsets 6 to 10, 2 was asked for"):
        log.read(at, 2)
    with pytest.raises(OffsetOutOfRange):
        member.start(at, 5)
    member.resume([at])
    with pytest.raises(OffsetOutOfRange, match="offsets 6 to 10, 2 was asked for"):
        until(lambda: bool(member.poll(1.0).records))


def test_a_topic_gets_the_settings_of_its_specification(log: KafkaLog, broker: KafkaBroker) -> None:
    plain, kept = unique("topic"), unique("topic")
    log.create_topics(
        [
            TopicSpec(plain),
            TopicSpec(kept, 2, retention_hours=1.5, compact=True, extra={"segment.ms": "60000"}),
        ]
    )
    described = settings_of(broker, plain)
    assert described["retention.ms"] == "-1"
    assert described["cleanup.policy"] == "delete"
    described = settings_of(broker, kept)
    assert described["retention.ms"] == "5400000"
    assert set(described["cleanup.policy"].split(",")) == {"compact", "delete"}
    assert described["segment.ms"] == "60000"


def settings_of(broker: KafkaBroker, topic: str) -> dict[str, str]:
    with closing(KafkaAdminClient(bootstrap_servers=broker.bootstrap)) as admin:
        answer = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    return {name: entry["value"] for name, entry in answer["topic"][topic].items()}


def test_more_replicas_than_brokers_are_refused_by_name(broker: KafkaBroker) -> None:
    with closing(KafkaLog(KafkaConnection((broker.bootstrap,), replication=3))) as log:
        with pytest.raises(LogError, match=r"[Rr]eplication factor") as caught:
            log.create_topics([TopicSpec(unique("topic"))])
        assert not caught.value.retriable


def test_bytes_that_are_no_text_pass_untouched(log: KafkaLog) -> None:
    topic, group = new_topic(log), unique("group")
    hostile = [b"\xff\xfe\x00", b"\xc3\x28", b"\x00" * 10, bytes(range(256))]
    for value in hostile:
        log.append(topic, value, value, headers=[("h", value)])
    log.flush()
    member = log.consumer([topic], group)
    member.start(join(member), 0)
    batch = member.poll(10.0)
    assert [record.value for record in batch.records] == hostile
    assert [record.headers for record in batch.records] == [(("h", v),) for v in hostile]


def test_a_record_beyond_the_size_limit_is_refused_and_the_log_goes_on(log: KafkaLog) -> None:
    topic = new_topic(log)
    with pytest.raises(LogError, match="larger") as caught:
        log.append(topic, b"k", bytes(2_000_000))
    assert not caught.value.retriable
    fill(log, topic, 1)
    assert values(log, topic) == [b"0"]
