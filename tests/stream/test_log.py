"""The contract of `stream.log`, first half: topics, appends, bounded reads; for every log."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from log_contract import NewTopic, OpenLog, fill, offsets_of, unique, values_of

from stream.errors import ConfigError, OffsetOutOfRange, TopicMismatch, TopicMissing
from stream.log import Ack, Log, TopicPartition, TopicSpec
from stream.partitioner import partition_for

# Topics


def test_creating_topics_answers_only_the_names_that_are_new(log: Log) -> None:
    first, second = unique("topic"), unique("topic")
    assert log.create_topics([TopicSpec(first, 2)]) == [first]
    both = [TopicSpec(first, 2), TopicSpec(second, retention_hours=1.0, compact=True)]
    assert log.create_topics(both) == [second]
    assert log.create_topics(both) == []
    assert (log.partitions(first), log.partitions(second)) == (2, 1)


def test_a_topic_with_another_number_of_partitions_is_a_mismatch(
    log: Log, new_topic: NewTopic
) -> None:
    name = new_topic(partitions=2)
    with pytest.raises(TopicMismatch) as caught:
        log.create_topics([TopicSpec(name, 3)])
    assert (caught.value.topic, caught.value.found, caught.value.wanted) == (name, 2, 3)
    assert log.partitions(name) == 2


def test_a_topic_that_no_log_can_have_is_refused_by_its_specification() -> None:
    with pytest.raises(ConfigError, match=r"'t': partitions is 0: give it at least 1"):
        TopicSpec("t", 0)
    with pytest.raises(ConfigError, match=r"'t': retention_hours is -1: give it more than 0"):
        TopicSpec("t", retention_hours=-1)


@pytest.mark.parametrize(
    "use",
    [
        pytest.param(lambda log, at: log.partitions(at.topic), id="partitions"),
        pytest.param(lambda log, at: log.append(at.topic, b"k", b"v"), id="append"),
        pytest.param(lambda log, at: log.append(at.topic, b"k", b"v", partition=0), id="append-to"),
        pytest.param(lambda log, at: log.begin(at), id="begin"),
        pytest.param(lambda log, at: log.end(at), id="end"),
        pytest.param(lambda log, at: list(log.read(at)), id="read"),
        pytest.param(lambda log, at: log.consumer([at.topic], unique("group")), id="consumer"),
    ],
)
def test_a_topic_that_does_not_exist_is_named(
    log: Log, use: Callable[[Log, TopicPartition], object]
) -> None:
    missing = unique("missing")
    with pytest.raises(TopicMissing, match=missing) as caught:
        use(log, TopicPartition(missing, 0))
    assert caught.value.topic == missing


@pytest.mark.parametrize("partition", [-1, 2])
def test_a_partition_that_the_topic_does_not_have_is_a_mismatch(
    log: Log, new_topic: NewTopic, partition: int
) -> None:
    at = TopicPartition(new_topic(partitions=2), partition)
    for use in (
        lambda: log.append(at.topic, b"k", b"v", partition=partition),
        lambda: log.begin(at),
        lambda: log.end(at),
        lambda: list(log.read(at)),
    ):
        with pytest.raises(TopicMismatch, match=rf"'{at.topic}' has 2 partitions"):
            use()


# Appending


def test_an_empty_partition_begins_and_ends_at_0(log: Log, topic: str) -> None:
    at = TopicPartition(topic, 0)
    assert (log.begin(at), log.end(at), list(log.read(at))) == (0, 0, [])


def test_records_of_one_partition_keep_the_order_of_the_calls(log: Log, topic: str) -> None:
    values = fill(log, topic, 2_500)
    at = TopicPartition(topic, 0)
    records = list(log.read(at))
    assert [record.value for record in records] == values
    offsets = [record.offset for record in records]
    assert offsets[0] == log.begin(at)
    assert all(earlier < later for earlier, later in itertools.pairwise(offsets))
    assert log.end(at) == offsets[-1] + 1


def test_the_key_decides_the_partition_the_same_on_every_log(log: Log, new_topic: NewTopic) -> None:
    name = new_topic(partitions=5)
    keys = [b"body-A", b"body-B", "Linie-Ü".encode(), b"\x00\xff", b"L", b"line-0001"]
    for key in keys:
        log.append(name, key, b"v")
    log.flush()
    for partition in range(5):
        found = [record.key for record in log.read(TopicPartition(name, partition))]
        assert found == [key for key in keys if partition_for(key, 5) == partition]


def test_a_named_partition_wins_over_the_key_and_no_key_means_partition_0(
    log: Log, new_topic: NewTopic
) -> None:
    name = new_topic(partitions=3)
    elsewhere = (partition_for(b"body-A", 3) + 1) % 3
    log.append(name, b"body-A", b"named", partition=elsewhere)
    log.append(name, None, b"no key")
    log.flush()
    assert b"named" in values_of(log.read(TopicPartition(name, elsewhere)))
    assert b"no key" in values_of(log.read(TopicPartition(name, 0)))


def test_nothing_and_empty_are_two_things_in_keys_and_values(log: Log, topic: str) -> None:
    pairs = [(None, b"v"), (b"k", None), (None, None), (b"", b""), (b"k", b"\x00\xff")]
    for key, value in pairs:
        log.append(topic, key, value, partition=0)
    log.flush()
    found = [(record.key, record.value) for record in log.read(TopicPartition(topic, 0))]
    assert found == pairs


def test_headers_come_back_as_they_were_in_order(log: Log, topic: str) -> None:
    headers = [
        ("andon.errors.stage", b"decode"),
        ("größe", b""),
        ("twice", b"\x00"),
        ("twice", b"2"),
    ]
    log.append(topic, b"k", b"v", headers=headers)
    log.append(topic, b"k", b"v")
    log.flush()
    with_headers, without = log.read(TopicPartition(topic, 0))
    assert with_headers.headers == tuple(headers)
    assert without.headers == ()


def test_a_record_carries_the_time_given_or_the_time_of_its_append(log: Log, topic: str) -> None:
    given_ms = int(time.time() * 1000) - 60_000
    before = int(time.time() * 1000)
    log.append(topic, None, b"then", timestamp=given_ms)
    log.append(topic, None, b"now")
    log.flush()
    after = int(time.time() * 1000)
    then, now = log.read(TopicPartition(topic, 0))
    assert then.timestamp == given_ms
    assert before <= now.timestamp <= after


def test_a_record_says_where_it_lies(log: Log, new_topic: NewTopic) -> None:
    name = new_topic(partitions=2)
    log.append(name, b"k", b"v", partition=1)
    log.flush()
    (record,) = log.read(TopicPartition(name, 1))
    assert (record.topic, record.partition, record.offset) == (name, 1, 0)


def test_what_is_flushed_is_there_for_everybody_and_acknowledged_with_its_place(
    log: Log, open_log: OpenLog, new_topic: NewTopic
) -> None:
    name = new_topic(partitions=2)
    acks: list[tuple[int, Ack]] = []
    for number in range(1_200):
        log.append(
            name,
            None,
            b"%d" % number,
            partition=number % 2,
            on_ack=lambda ack, number=number: acks.append((number, ack)),
        )
    log.flush()
    assert sorted(number for number, _ in acks) == list(range(1_200))
    places = {(ack.topic, ack.partition, ack.offset): b"%d" % number for number, ack in acks}
    elsewhere = open_log()
    for partition in range(2):
        records = list(elsewhere.read(TopicPartition(name, partition)))
        assert len(records) == 600
        assert all(places[r.topic, r.partition, r.offset] == r.value for r in records)


def test_flushing_nothing_is_quick_and_harmless(log: Log, topic: str) -> None:
    log.flush()
    log.flush(timeout=0.001)
    assert log.end(TopicPartition(topic, 0)) == 0


def test_closing_flushes_and_may_be_repeated(log: Log, open_log: OpenLog, topic: str) -> None:
    writer = open_log()
    writer.append(topic, None, b"last words")
    writer.close()
    writer.close()
    assert values_of(open_log().read(TopicPartition(topic, 0))) == [b"last words"]


def test_threads_may_append_to_one_log_at_once(log: Log, new_topic: NewTopic) -> None:
    name = new_topic(partitions=4)
    threads = [threading.Thread(target=fill, args=(log, name, 400, n)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for partition in range(4):
        values = values_of(log.read(TopicPartition(name, partition)))
        assert values == [b"%d" % number for number in range(400)]


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    appends=st.lists(
        st.tuples(
            st.integers(0, 2),
            st.none() | st.binary(max_size=20),
            st.none() | st.binary(max_size=50),
            st.lists(st.tuples(st.text("abc.ä", max_size=5), st.binary(max_size=5)), max_size=2),
            st.booleans(),
        ),
        max_size=30,
    )
)
def test_a_log_reads_back_what_lists_would_hold(
    log: Log,
    appends: list[tuple[int, bytes | None, bytes | None, list[tuple[str, bytes]], bool]],
) -> None:
    name = unique("topic")
    log.create_topics([TopicSpec(name, 3)])
    lists: list[list[tuple[object, ...]]] = [[], [], []]
    for partition, key, value, headers, flush in appends:
        log.append(name, key, value, partition=partition, headers=headers)
        lists[partition].append((key, value, tuple(headers)))
        if flush:
            log.flush()
    log.flush()
    for partition, expected in enumerate(lists):
        at = TopicPartition(name, partition)
        records = list(log.read(at))
        assert [(r.key, r.value, r.headers) for r in records] == expected
        assert log.end(at) - log.begin(at) == len(expected)


# Reading without a group


def test_a_bounded_read_delivers_start_up_to_but_not_stop(log: Log, topic: str) -> None:
    fill(log, topic, 10)
    at = TopicPartition(topic, 0)
    assert offsets_of(log.read(at, 3, 7)) == [3, 4, 5, 6]
    assert offsets_of(log.read(at, start=8)) == [8, 9]
    assert offsets_of(log.read(at, stop=2)) == [0, 1]
    assert offsets_of(log.read(at, 5, 5)) == []
    assert offsets_of(log.read(at, 10)) == []
    assert offsets_of(log.read(at, 9, 1_000)) == [9]


def test_a_read_ends_where_the_log_ended_when_it_began(log: Log, topic: str) -> None:
    fill(log, topic, 3)
    reading = log.read(TopicPartition(topic, 0))
    assert next(reading).offset == 0
    fill(log, topic, 3)
    assert offsets_of(reading) == [1, 2]


@pytest.mark.parametrize("start", [-1, 4])
def test_a_read_from_an_offset_that_is_not_there_is_out_of_range(
    log: Log, topic: str, start: int
) -> None:
    fill(log, topic, 3)
    with pytest.raises(OffsetOutOfRange) as caught:
        list(log.read(TopicPartition(topic, 0), start))
    error = caught.value
    assert (error.topic, error.partition, error.offset) == (topic, 0, start)
    assert (error.begin, error.end) == (0, 3)
