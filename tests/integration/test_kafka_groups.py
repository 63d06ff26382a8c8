"""Groups of processes on a real Kafka: killed, frozen, sharing a name, handing over."""

from __future__ import annotations

import logging
import signal
import time

import pytest
from group_process import GroupProcess
from group_reader import Reader, poll_until
from kafka import TopicPartition as TheirPartition
from kafka_broker import KafkaBroker
from kafka_topics import SESSION_S, fill, join, new_topic, unique, until

from stream.errors import (
    LeaseLost,
    LogUnavailable,
)
from stream.kafka import KafkaLog
from stream.log import TopicPartition

pytestmark = pytest.mark.kafka


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
        # Long before the sessions of a plant would have ended.
        assert time.monotonic() - killed < 20
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
    log: KafkaLog, broker: KafkaBroker
) -> None:
    topic, group = new_topic(log, partitions=2), unique("group")
    leaving = Reader(log, [topic], group)
    poll_until([leaving], lambda: len(leaving.held) == 2)
    with GroupProcess(broker.bootstrap, topic, group, session=30) as other:
        # A poll as long as this could join the group again before it returns.
        until(lambda: bool(leaving.poll(5.0).revoked))
        (revoked,) = leaving.revoked
        with pytest.raises(AssertionError, match="no assigned"):
            other.next("assigned", timeout=1.0)
        leaving.consumer.commit({revoked: 0})
        assert leaving.consumer.committed(revoked) == 0
        poll_until([leaving], lambda: len(leaving.held) == 1 and not other.is_silent)
        assert other.next("assigned") == [revoked.partition]
        with pytest.raises(LeaseLost):
            leaving.consumer.commit({revoked: 0})


def test_a_join_that_ends_between_two_polls_is_not_begun_anew(log: KafkaLog) -> None:
    topic, group = new_topic(log, partitions=2), unique("group")
    readers = [Reader(log, [topic], group) for _ in range(2)]
    deadline = time.monotonic() + 60
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
    assert time.monotonic() - closed < 20


def test_a_named_member_that_is_killed_comes_back_to_its_partitions(
    log: KafkaLog, broker: KafkaBroker
) -> None:
    topic, group = new_topic(log, partitions=2), unique("group")
    witness = Reader(log, [topic], group, member="witness")
    poll_until([witness], lambda: len(witness.held) == 2)
    with GroupProcess(broker.bootstrap, topic, group, 120, "worker-1") as first:
        poll_until([witness], lambda: len(witness.held) == 1 and not first.is_silent)
        [held] = first.next("assigned")
    kept = set(witness.held)
    with GroupProcess(broker.bootstrap, topic, group, 120, "worker-1") as second:
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


def test_a_partition_that_stalls_silently_is_noticed(log: KafkaLog) -> None:
    topic, group = new_topic(log), unique("group")
    member = log.consumer([topic], group)
    at = join(member)
    assert member._watch._patience == 3 * log.connection.answer_timeout_s
    # Less patient with a stall, but not with a broker that is slow to answer.
    member._watch._patience = 1.5
    member.start(at, 0)
    # What a client does that has forgotten a partition: assigned, and never fetched.
    theirs = TheirPartition(topic, 0)
    member._consumer._subscription.assignment[theirs].mark_pending_revocation()
    fill(log, topic, 3)
    with pytest.raises(LogUnavailable, match=rf"{topic}\[0\] has had records from 0 to 3"):
        until(lambda: bool(member.poll(0.1).records))


def test_the_handing_over_of_changes_leaves_no_tracebacks_in_the_log(
    log: KafkaLog, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    reader = Reader(log, [new_topic(log)], unique("group"))
    poll_until([reader], lambda: len(reader.held) == 1)
    assert [record for record in caplog.records if record.exc_info] == []
