"""What only a real Kafka has: groups of processes, brokers that die, transactions, compaction."""

from __future__ import annotations

import logging
import signal
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest
from group_process import GroupProcess
from group_reader import Reader, poll_until
from kafka import KafkaAdminClient, KafkaProducer
from kafka import TopicPartition as TheirPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka_broker import KafkaBroker, free_ports

from stream.errors import (
    LeaseLost,
    LogError,
    LogUnavailable,
    OffsetOutOfRange,
    SendFailed,
)
from stream.kafka import KafkaConnection, KafkaLog
from stream.log import LogConsumer, TopicPartition, TopicSpec
from stream.partitioner import partition_for

pytestmark = pytest.mark.kafka

# Shorter than any that is sensible in a plant, so that a test need not wait.
SESSION_S = 1.5


@pytest.fixture
def log(broker: KafkaBroker) -> Iterator[KafkaLog]:
    with closing(KafkaLog(KafkaConnection((broker.bootstrap,)))) as opened:
        yield opened


@pytest.fixture
def impatient(fragile_broker: KafkaBroker) -> Iterator[KafkaLog]:
    """A log on the broker that tests break, with short time-outs and a low cap."""
    opened = KafkaLog(
        KafkaConnection(
            (fragile_broker.bootstrap,),
            delivery_timeout_s=1.5,
            answer_timeout_s=1.0,
            session_timeout_s=SESSION_S,
            max_unacknowledged=100,
        )
    )
    with closing(opened):
        yield opened


def unique(what: str) -> str:
    return f"test.{what}.{uuid.uuid4().hex[:12]}"


def new_topic(log: KafkaLog, partitions: int = 1, **settings: str) -> str:
    name = unique("topic")
    log.create_topics([TopicSpec(name, partitions, extra=settings)])
    return name


def fill(log: KafkaLog, topic: str, count: int, partition: int = 0) -> None:
    for number in range(count):
        log.append(topic, b"k", b"%d" % number, partition=partition)
    log.flush()


def values(log: KafkaLog, topic: str, partition: int = 0) -> list[bytes | None]:
    return [record.value for record in log.read(TopicPartition(topic, partition))]


def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def join(consumer: LogConsumer) -> TopicPartition:
    """Poll until one partition is assigned."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if assigned := consumer.poll(0.5).assigned:
            return assigned[0]
    raise AssertionError("nothing was assigned")


# Groups of processes


def test_a_member_takes_over_when_the_process_of_another_is_killed(
    impatient: KafkaLog, fragile_broker: KafkaBroker
) -> None:
    topic, group = new_topic(impatient, partitions=2), unique("group")
    everything = {TopicPartition(topic, 0), TopicPartition(topic, 1)}
    with GroupProcess(fragile_broker.bootstrap, topic, group, SESSION_S) as other:
        assert other.next("assigned") == [0, 1]
        survivor = Reader(impatient, [topic], group)
        poll_until([survivor], lambda: len(survivor.held) == 1)
        other.process.kill()
        killed = time.monotonic()
        fill(impatient, topic, 3, partition=0)
        fill(impatient, topic, 3, partition=1)
        poll_until([survivor], lambda: survivor.held == everything)
        assert time.monotonic() - killed < SESSION_S + 5
        poll_until([survivor], lambda: len(survivor.seen) == 6)


def test_a_frozen_process_learns_that_it_has_lost_its_partitions(
    impatient: KafkaLog, fragile_broker: KafkaBroker
) -> None:
    topic, group = new_topic(impatient), unique("group")
    with GroupProcess(fragile_broker.bootstrap, topic, group, SESSION_S) as other:
        assert other.next("assigned") == [0]
        other.process.send_signal(signal.SIGSTOP)
        successor = Reader(impatient, [topic], group)
        poll_until([successor], lambda: len(successor.held) == 1)
        other.process.send_signal(signal.SIGCONT)
        # Nothing is assigned to it again before it has been told of the loss.
        assert other.next("lost") == [0]


def test_a_revoked_partition_has_no_other_owner_before_the_next_poll(
    impatient: KafkaLog, fragile_broker: KafkaBroker
) -> None:
    topic, group = new_topic(impatient, partitions=2), unique("group")
    leaving = Reader(impatient, [topic], group)
    poll_until([leaving], lambda: len(leaving.held) == 2)
    with GroupProcess(fragile_broker.bootstrap, topic, group, session=30) as other:
        # A poll as long as this could join the group again before it returns.
        until(lambda: bool(leaving.poll(5.0).revoked))
        (revoked,) = leaving.revoked
        with pytest.raises(AssertionError, match="no assigned"):
            other.next("assigned", timeout=1.0)
        leaving.consumer.commit({revoked: 0})
        assert leaving.consumer.committed(revoked) == 0
        poll_until([leaving], lambda: len(leaving.held) == 1)
        leaving.poll(1.0)
        assert other.next("assigned") == [revoked.partition]
        with pytest.raises(LeaseLost):
            leaving.consumer.commit({revoked: 0})


def test_a_join_that_ends_between_two_polls_is_not_begun_anew(log: KafkaLog) -> None:
    topic, group = new_topic(log, partitions=2), unique("group")
    readers = [Reader(log, [topic], group) for _ in range(2)]
    deadline = time.monotonic() + 20
    while [len(reader.held) for reader in readers] != [1, 1]:
        assert time.monotonic() < deadline
        for reader in readers:
            reader.poll(0)
            time.sleep(0.3)


def test_a_named_member_that_closes_makes_room_at_once(log: KafkaLog, broker: KafkaBroker) -> None:
    topic, group = new_topic(log), unique("group")
    named = Reader(log, [topic], group, member="worker-1")
    poll_until([named], lambda: len(named.held) == 1)
    other = Reader(log, [topic], group)
    named.consumer.close()
    closed = time.monotonic()
    poll_until([other], lambda: len(other.held) == 1)
    # The session would last 30 s.
    assert time.monotonic() - closed < 10


def test_a_named_member_that_is_killed_comes_back_to_its_partitions(
    log: KafkaLog, broker: KafkaBroker
) -> None:
    topic, group = new_topic(log, partitions=2), unique("group")
    witness = Reader(log, [topic], group, member="witness")
    poll_until([witness], lambda: len(witness.held) == 2)
    with GroupProcess(broker.bootstrap, topic, group, 30, "worker-1") as first:
        poll_until([witness], lambda: len(witness.held) == 1)
        witness.poll(1.0)
        [held] = first.next("assigned")
    kept = set(witness.held)
    with GroupProcess(broker.bootstrap, topic, group, 30, "worker-1") as second:
        assert second.next("assigned") == [held]
        witness.poll(1.5)
        assert witness.held == kept


def test_the_older_of_two_members_of_one_name_may_not_commit(log: KafkaLog) -> None:
    topic, group = new_topic(log), unique("group")
    fill(log, topic, 1)
    older = log.consumer([topic], group, member="worker-1")
    at = join(older)
    newer = log.consumer([topic], group, member="worker-1")
    assert join(newer) == at
    with pytest.raises(LeaseLost, match=group):
        older.commit({at: 1})
    older.close()
    # The older one's leaving does not throw the newer one out.
    newer.commit({at: 1})
    assert newer.committed(at) == 1


# Interoperation


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


# Brokers that do not answer


def test_what_is_not_acknowledged_in_time_fails_and_memory_stays_bounded(
    impatient: KafkaLog, fragile_broker: KafkaBroker
) -> None:
    topic = new_topic(impatient)
    fill(impatient, topic, 3)
    held: list[int] = []

    def append_many() -> None:
        for _ in range(5_000):
            impatient.append(topic, b"k", b"lost")
            held.append(impatient._producer.unacknowledged[0])

    fragile_broker.suspend()
    try:
        began = time.monotonic()
        with pytest.raises(SendFailed, match=r"has not acknowledged \d+ records") as caught:
            append_many()
        assert time.monotonic() - began < 10
        assert caught.value.retriable
        assert max(held) == 100
        assert fragile_broker.bootstrap in str(caught.value)
    finally:
        fragile_broker.resume()
    # Told once; what was dropped is not sent behind our back.
    impatient.append(topic, b"k", b"after")
    impatient.flush()
    found = values(impatient, topic)
    assert found[:3] == [b"0", b"1", b"2"]
    assert found[-1] == b"after"
    time.sleep(0.5)
    assert values(impatient, topic) == found


def test_a_flush_has_its_own_deadline_and_what_it_gave_up_is_not_sent_later(
    fragile_broker: KafkaBroker,
) -> None:
    patient = KafkaConnection((fragile_broker.bootstrap,), delivery_timeout_s=60.0)
    with closing(KafkaLog(patient)) as log:
        topic = new_topic(log)
        fill(log, topic, 1)
        fragile_broker.suspend()
        try:
            log.append(topic, b"k", b"on its way")
            time.sleep(0.1)
            for _ in range(10):
                log.append(topic, b"k", b"given up")
            began = time.monotonic()
            with pytest.raises(SendFailed, match="11 records"):
                log.flush(timeout=0.2)
            assert time.monotonic() - began < 5
        finally:
            fragile_broker.resume()
        log.flush()
        time.sleep(1.0)
        assert b"given up" not in values(log, topic)


def test_a_broker_that_stands_still_is_unavailable_in_bounded_time(
    impatient: KafkaLog, fragile_broker: KafkaBroker
) -> None:
    topic = new_topic(impatient)
    fill(impatient, topic, 1)
    at = TopicPartition(topic, 0)
    fragile_broker.suspend()
    try:
        for ask in (impatient.end, impatient.begin, lambda at: impatient.partitions(at.topic)):
            began = time.monotonic()
            with pytest.raises(LogUnavailable, match=fragile_broker.bootstrap):
                ask(at)
            assert time.monotonic() - began < 5
    finally:
        fragile_broker.resume()
    until(lambda: answers(lambda: impatient.end(at)) == 1)


def answers(ask: Callable[[], int]) -> int | None:
    try:
        return ask()
    except LogUnavailable:
        return None


def test_the_same_log_goes_on_after_its_broker_was_killed_and_restarted(
    impatient: KafkaLog, fragile_broker: KafkaBroker
) -> None:
    topic, group = new_topic(impatient), unique("group")
    at = TopicPartition(topic, 0)
    reader = Reader(impatient, [topic], group)
    fill(impatient, topic, 5)
    poll_until([reader], lambda: len(reader.seen) == 5)
    fragile_broker.kill()
    try:
        impatient.append(topic, b"k", b"lost")
        with pytest.raises(SendFailed):
            impatient.flush(timeout=0.5)
        for _ in range(5):
            assert reader.consumer.poll(0.1).records == ()
    finally:
        fragile_broker.restart()
    until(lambda: answers(lambda: impatient.end(at)) == 5)
    fill(impatient, topic, 5)
    offsets = [record.offset for record in impatient.read(at)]
    assert offsets == list(range(10))
    poll_until([reader], lambda: set(range(10)) <= {place[1] for place in reader.places()})


def test_a_record_that_is_broken_on_disk_stops_the_reader_instead_of_spinning(
    impatient: KafkaLog, fragile_broker: KafkaBroker
) -> None:
    topic, group = new_topic(impatient), unique("group")
    at = TopicPartition(topic, 0)
    impatient.append(topic, b"k", b"good")
    impatient.flush()
    impatient.append(topic, b"k", b"to be broken")
    impatient.flush()
    fragile_broker.stop()
    try:
        flip_last_byte(fragile_broker.data / f"{topic}-0" / f"{0:020}.log")
    finally:
        fragile_broker.restart()
    until(lambda: answers(lambda: impatient.end(at)) == 2)
    with pytest.raises(LogError, match="crc"):
        list(impatient.read(at))
    member = impatient.consumer([topic], group)
    member.start(join(member), 0)
    with pytest.raises(LogError, match=rf"{topic}\[0\] cannot be read.*crc"):
        until(lambda: len(member.poll(1.0).records) > 1)
    began = time.monotonic()
    with pytest.raises(LogError, match="cannot be read"):
        member.poll(1.0)
    assert time.monotonic() - began < 0.5
    member.close()
    behind = impatient.consumer([topic], group)
    behind.start(join(behind), 2)
    fill(impatient, topic, 1)
    until(lambda: [r.offset for r in behind.poll(1.0).records] == [2])


def test_a_partition_that_stalls_silently_is_noticed(broker: KafkaBroker) -> None:
    with closing(KafkaLog(KafkaConnection((broker.bootstrap,), answer_timeout_s=0.5))) as log:
        topic, group = new_topic(log), unique("group")
        member = log.consumer([topic], group)
        at = join(member)
        member.start(at, 0)
        # What a client does that has forgotten a partition: assigned, and never fetched.
        theirs = TheirPartition(topic, 0)
        member._consumer._subscription.assignment[theirs].mark_pending_revocation()
        fill(log, topic, 3)
        with pytest.raises(LogUnavailable, match=rf"{topic}\[0\] has had records from 0 to 3"):
            until(lambda: bool(member.poll(0.1).records), seconds=15)


def flip_last_byte(path: Path) -> None:
    content = bytearray(path.read_bytes().rstrip(b"\x00"))
    content[-1] ^= 0xFF
    with path.open("r+b") as file:
        file.write(content)


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


def test_a_log_under_a_wrong_address_is_unavailable_soon_and_leaves_nothing_behind() -> None:
    [port] = free_ports(1)
    threads = threading.active_count()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        addresses = [f"127.0.0.1:{port}", f"127.0.0.1:{silent.getsockname()[1]}"]
        for address in addresses:
            log = KafkaLog(KafkaConnection((address,), answer_timeout_s=0.5))
            for use in (
                lambda log: log.partitions("t"),
                lambda log: log.create_topics([TopicSpec("t")]),
                lambda log: log.append("t", b"k", b"v"),
                lambda log: log.consumer(["t"], "g"),
            ):
                began = time.monotonic()
                with pytest.raises(LogUnavailable, match=f"{address}.*bootstrap_servers"):
                    use(log)
                assert time.monotonic() - began < 5
            log.close()
    until(lambda: threading.active_count() <= threads, seconds=5)


# Secrets


def test_no_secret_and_no_payload_is_logged_even_at_debug(
    broker: KafkaBroker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    connection = KafkaConnection(
        (broker.bootstrap,),
        security={"sasl_plain_password": "CANARY-secret", "ssl_password": "CANARY-secret"},
    )
    assert "CANARY" not in repr(connection)
    with closing(KafkaLog(connection)) as log:
        topic, group = new_topic(log), unique("group")
        log.append(topic, b"CANARY-key", b"CANARY-value", headers=[("CANARY-name", b"CANARY-h")])
        log.flush()
        reader = Reader(log, [topic], group)
        poll_until([reader], lambda: len(reader.seen) == 1)
        assert values(log, topic) == [b"CANARY-value"]
    # The client does log, so an empty hand would prove nothing.
    assert any(record.name.startswith("kafka") for record in caplog.records)
    assert "CANARY" not in caplog.text


def test_the_handing_over_of_changes_leaves_no_tracebacks_in_the_log(
    log: KafkaLog, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    reader = Reader(log, [new_topic(log)], unique("group"))
    poll_until([reader], lambda: len(reader.held) == 1)
    assert [record for record in caplog.records if record.exc_info] == []
