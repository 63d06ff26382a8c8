"""The contract of `stream.log`, second half: consumer groups; for every log.

Kafka shares out partitions when it sees fit, so everything here polls until a deadline.
"""

from __future__ import annotations

import threading
import time

import pytest
from group_reader import Reader, poll_until
from log_contract import NewTopic, OpenLog, collect, fill, unique, wait_for_assignment

from stream.errors import LeaseLost, OffsetOutOfRange, TopicMissing
from stream.log import Log, LogConsumer, Record, TopicPartition


def test_an_assigned_partition_delivers_nothing_until_it_is_started(
    log: Log, topic: str, group: str
) -> None:
    fill(log, topic, 3)
    at = TopicPartition(topic, 0)
    consumer = log.consumer([topic], group)
    assigned = wait_for_assignment(consumer)
    assert assigned == {at}
    assert consumer.poll(0.2).records == ()
    consumer.start(at, 1)
    assert [r.offset for r in collect(consumer, 2)] == [1, 2]


def test_an_unstarted_or_lost_offset_is_out_of_range(log: Log, topic: str, group: str) -> None:
    fill(log, topic, 3)
    at = TopicPartition(topic, 0)
    consumer = log.consumer([topic], group)
    wait_for_assignment(consumer)
    for offset in (-1, 4):
        with pytest.raises(OffsetOutOfRange):
            consumer.start(at, offset)
    consumer.start(at, 3)
    fill(log, topic, 1)
    assert [r.offset for r in collect(consumer, 1)] == [3]


def test_only_an_assigned_partition_can_be_started(log: Log, topic: str, group: str) -> None:
    consumer = log.consumer([topic], group)
    wait_for_assignment(consumer)
    with pytest.raises(LeaseLost, match=group):
        consumer.start(TopicPartition(topic, 7), 0)


def test_a_started_partition_can_be_started_anew_elsewhere(
    log: Log, topic: str, group: str
) -> None:
    fill(log, topic, 5)
    consumer = log.consumer([topic], group)
    (at,) = wait_for_assignment(consumer)
    consumer.start(at, 0)
    assert len(collect(consumer, 5)) == 5
    consumer.start(at, 3)
    assert [r.offset for r in collect(consumer, 2)] == [3, 4]


def test_a_paused_partition_rests_while_others_go_on(
    log: Log, new_topic: NewTopic, group: str
) -> None:
    name = new_topic(partitions=2)
    still, busy = TopicPartition(name, 0), TopicPartition(name, 1)
    consumer = log.consumer([name], group)
    for at in wait_for_assignment(consumer, 2):
        consumer.start(at, 0)
    consumer.pause([still])
    fill(log, name, 3, partition=0)
    fill(log, name, 3, partition=1)
    assert {r.partition for r in collect(consumer, 3)} == {busy.partition}
    assert consumer.poll(0.2).records == ()
    consumer.resume([still])
    assert [(r.partition, r.offset) for r in collect(consumer, 3)] == [(0, 0), (0, 1), (0, 2)]


def test_a_stored_offset_survives_its_consumer(
    log: Log, open_log: OpenLog, topic: str, group: str
) -> None:
    fill(log, topic, 5)
    at = TopicPartition(topic, 0)
    consumer = log.consumer([topic], group)
    wait_for_assignment(consumer)
    assert consumer.committed(at) is None
    consumer.commit({at: 3})
    assert consumer.committed(at) == 3
    consumer.close()
    successor = Reader(open_log(), [topic], group)
    poll_until([successor], lambda: len(successor.seen) >= 2)
    assert successor.places() == [(0, 3), (0, 4)]


def test_stored_offsets_are_told_to_those_outside_the_group(
    log: Log, open_log: OpenLog, new_topic: NewTopic, group: str
) -> None:
    topic, other = new_topic(3), new_topic()
    for name in (topic, other):
        fill(log, name, 5, partition=0)
    consumer = log.consumer([topic, other], group)
    wait_for_assignment(consumer, 4)
    consumer.commit({TopicPartition(topic, 0): 2, TopicPartition(topic, 2): 0})
    consumer.commit({TopicPartition(other, 0): 5})
    outside = open_log()
    assert outside.stored_offsets(group, topic) == {(topic, 0): 2, (topic, 2): 0}
    assert outside.stored_offsets(group, other) == {(other, 0): 5}
    assert outside.stored_offsets(f"{group}-unknown", topic) == {}
    with pytest.raises(TopicMissing):
        outside.stored_offsets(group, unique("missing"))
    assert consumer.poll(0.1).lost == ()


def test_a_member_that_comes_back_under_its_name_goes_on_where_it_stopped(
    log: Log, open_log: OpenLog, topic: str, group: str
) -> None:
    fill(log, topic, 4)
    first = Reader(log, [topic], group, member="notifier")
    poll_until([first], lambda: len(first.seen) == 4)
    first.consumer.close()
    fill(log, topic, 2)
    second = Reader(open_log(), [topic], group, member="notifier")
    poll_until([second], lambda: len(second.seen) == 2)
    assert second.places() == [(0, 4), (0, 5)]


def test_a_name_used_twice_belongs_to_the_newcomer_and_the_other_commits_no_more(
    log: Log, open_log: OpenLog, topic: str, group: str
) -> None:
    older = Reader(log, [topic], group, member="notifier")
    poll_until([older], lambda: len(older.held) == 1)
    newer = Reader(open_log(), [topic], group, member="notifier")
    poll_until([newer], lambda: len(newer.held) == 1)
    with pytest.raises(LeaseLost):
        older.consumer.commit({TopicPartition(topic, 0): 0})
    older.consumer.close()
    fill(log, topic, 2)
    poll_until([newer], lambda: len(newer.seen) == 2)


def test_two_members_share_and_the_one_that_stays_takes_over(
    log: Log, open_log: OpenLog, new_topic: NewTopic, group: str
) -> None:
    name = new_topic(partitions=4)
    everything = {TopicPartition(name, number) for number in range(4)}
    first = Reader(log, [name], group)
    poll_until([first], lambda: first.held == everything)
    second = Reader(open_log(), [name], group)
    poll_until([first, second], lambda: len(first.held) == len(second.held) == 2)
    assert first.held | second.held == everything
    assert len(first.revoked) >= 2
    first.consumer.close()
    # At once: had it only fallen silent, it would be waited for for 30 s.
    poll_until([second], lambda: second.held == everything, seconds=20)


def test_each_record_is_delivered_to_exactly_one_member_of_a_group(
    log: Log, open_log: OpenLog, new_topic: NewTopic, group: str
) -> None:
    name = new_topic(partitions=4)
    readers = [Reader(log, [name], group), Reader(open_log(), [name], group)]
    poll_until(readers, lambda: all(len(reader.held) == 2 for reader in readers))
    for partition in range(4):
        fill(log, name, 25, partition)
    poll_until(readers, lambda: sum(len(reader.seen) for reader in readers) >= 100)
    for reader in readers:
        reader.poll(0.2)
    places = readers[0].places() + readers[1].places()
    assert sorted(places) == [(n, offset) for n in range(4) for offset in range(25)]
    assert {len(reader.seen) for reader in readers} == {50}


def test_a_partition_is_handed_over_without_loss_or_repetition(
    log: Log, open_log: OpenLog, new_topic: NewTopic, group: str
) -> None:
    name = new_topic(partitions=2)
    first = Reader(log, [name], group)
    for partition in range(2):
        fill(log, name, 10, partition)
    poll_until([first], lambda: len(first.seen) == 20)
    second = Reader(open_log(), [name], group)
    poll_until([first, second], lambda: len(first.held) == len(second.held) == 1)
    for partition in range(2):
        fill(log, name, 10, partition)
    poll_until([first, second], lambda: len(first.seen) + len(second.seen) >= 40)
    places = first.places() + second.places()
    assert sorted(places) == [(n, offset) for n in range(2) for offset in range(20)]


def test_nobody_commits_what_another_member_holds(
    log: Log, open_log: OpenLog, new_topic: NewTopic, group: str
) -> None:
    name = new_topic(partitions=2)
    first = Reader(log, [name], group)
    poll_until([first], lambda: len(first.held) == 2)
    second = Reader(open_log(), [name], group)
    poll_until([first, second], lambda: len(first.held) == len(second.held) == 1)
    (mine,), (theirs,) = first.held, second.held
    with pytest.raises(LeaseLost) as caught:
        first.consumer.commit({mine: 0, theirs: 0})
    assert (caught.value.topic, caught.value.partition) == theirs
    assert caught.value.group == group
    assert first.consumer.committed(mine) is None


def test_two_groups_read_and_commit_independently(log: Log, topic: str) -> None:
    fill(log, topic, 5)
    at = TopicPartition(topic, 0)
    readers = [Reader(log, [topic], unique("group")) for _ in range(2)]
    for reader in readers:
        poll_until([reader], lambda reader=reader: len(reader.seen) == 5)
    readers[0].consumer.commit({at: 1})
    assert readers[0].consumer.committed(at) == 1
    assert readers[1].consumer.committed(at) == 5


def test_one_consumer_reads_several_topics(log: Log, new_topic: NewTopic, group: str) -> None:
    names = [new_topic(), new_topic()]
    reader = Reader(log, names, group)
    for name in names:
        fill(log, name, 2)
    poll_until([reader], lambda: len(reader.seen) == 4)
    assert {(r.topic, r.offset) for r in reader.seen} == {(n, o) for n in names for o in (0, 1)}


# Polling


def test_a_poll_brings_at_most_the_records_asked_for_and_loses_none(
    log: Log, new_topic: NewTopic, group: str
) -> None:
    name = new_topic(partitions=2)
    fill(log, name, 25, partition=0)
    fill(log, name, 25, partition=1)
    consumer = log.consumer([name], group)
    for at in wait_for_assignment(consumer, 2):
        consumer.start(at, 0)
    records: list[Record] = []
    deadline = time.monotonic() + 30
    while len(records) < 50 and time.monotonic() < deadline:
        batch = consumer.poll(0.5, max_records=7)
        assert len(batch.records) <= 7
        records += batch.records
    places = sorted((record.partition, record.offset) for record in records)
    assert places == [(n, offset) for n in range(2) for offset in range(25)]


def test_an_idle_poll_lasts_as_long_as_its_timeout(log: Log, topic: str, group: str) -> None:
    consumer = log.consumer([topic], group)
    (at,) = wait_for_assignment(consumer)
    consumer.start(at, 0)
    began = time.monotonic()
    batch = consumer.poll(0.4)
    assert batch.records == ()
    assert 0.3 <= time.monotonic() - began < 3
    assert min(_seconds(consumer) for _ in range(5)) < 0.3


def _seconds(consumer: LogConsumer) -> float:
    """How long a poll takes that is to wait for nothing."""
    began = time.monotonic()
    consumer.poll(0)
    return time.monotonic() - began


def test_a_waiting_poll_returns_when_a_record_arrives(log: Log, topic: str, group: str) -> None:
    consumer = log.consumer([topic], group)
    (at,) = wait_for_assignment(consumer)
    consumer.start(at, 0)
    writer = threading.Timer(0.2, fill, (log, topic, 1))
    writer.start()
    began = time.monotonic()
    records = collect(consumer, 1, timeout=20)
    assert len(records) == 1
    assert time.monotonic() - began < 10
    writer.join()


def test_closing_a_consumer_may_be_repeated(log: Log, topic: str, group: str) -> None:
    consumer = log.consumer([topic], group)
    wait_for_assignment(consumer)
    consumer.close()
    consumer.close()
