"""What only the log in memory has."""

from __future__ import annotations

import pytest
from group_reader import Reader, poll_until

from stream.errors import LogError
from stream.log import Ack, TopicPartition, TopicSpec
from stream.memory import MemoryLog

AT = TopicPartition("andon.events", 0)


@pytest.fixture
def log() -> MemoryLog:
    log = MemoryLog(clock=lambda: 1_767_600_003.5)
    log.create_topics([TopicSpec("andon.events", retention_hours=0.001, compact=True)])
    return log


def test_a_record_is_there_and_acknowledged_when_append_returns(log: MemoryLog) -> None:
    acks: list[Ack] = []
    log.append("andon.events", b"k", b"v", on_ack=acks.append)
    assert acks == [Ack("andon.events", 0, 0)]
    assert [record.timestamp for record in log.read(AT)] == [1_767_600_003_500]


def test_everything_is_kept_whatever_the_topic_says(log: MemoryLog) -> None:
    for value in (b"1", b"2"):
        log.append("andon.events", b"k", value, timestamp=0)
    assert [record.value for record in log.read(AT)] == [b"1", b"2"]


def test_what_was_appended_outlives_closing(log: MemoryLog) -> None:
    log.append("andon.events", b"k", b"v")
    log.close()
    assert log.end(AT) == 1


def test_a_member_whose_name_is_taken_loses_its_partitions_and_is_told_why(log: MemoryLog) -> None:
    older = Reader(log, ["andon.events"], "g", member="notifier")
    poll_until([older], lambda: older.held == {AT})
    newer = Reader(log, ["andon.events"], "g", member="notifier")
    assert older.poll().lost == (AT,)
    with pytest.raises(LogError, match="joined group 'g' as member 'notifier': give every process"):
        older.poll()
    older.consumer.close()
    poll_until([newer], lambda: newer.held == {AT})
