"""The local log forgets what it may, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from group_reader import Reader, poll_until
from local_logs import AT, HOUR, TOPIC, ShiftedClock, append_all
from structlog.testing import capture_logs

from stream.errors import LogUnavailable, OffsetOutOfRange
from stream.local import LocalLog
from stream.log import TopicPartition, TopicSpec


@pytest.fixture
def log(local_log: LocalLog) -> LocalLog:
    return local_log


def test_retention_moves_begin_and_never_gives_an_offset_out_again(
    log: LocalLog, path: Path, clock: ShiftedClock
) -> None:
    log.create_topics([TopicSpec(TOPIC, retention_hours=1.0), TopicSpec("kept")])
    append_all(log, [b"old"] * 25_000)
    log.append("kept", None, b"old")
    clock.shift += 2 * HOUR
    log.append(TOPIC, None, b"new")
    log.flush()
    assert (log.begin(AT), log.end(AT)) == (25_000, 25_001)
    assert [record.offset for record in log.read(AT)] == [25_000]
    with pytest.raises(OffsetOutOfRange, match="has offsets 25000 to 25001, 0 was asked for"):
        log.read(AT, 0)
    clock.shift += 2 * HOUR
    assert log.trim() == 1
    assert (log.begin(AT), log.end(AT), list(log.read(AT))) == (25_001, 25_001, [])
    reopened = LocalLog(path, clock=clock)
    append_all(reopened, [b"newer"])
    assert [record.offset for record in reopened.read(AT)] == [25_001]
    reopened.close()
    assert log.end(TopicPartition("kept", 0)) == 1
    assert len(list(log.read(TopicPartition("kept", 0)))) == 1


def test_records_younger_than_the_retention_stay(log: LocalLog, clock: ShiftedClock) -> None:
    log.create_topics([TopicSpec(TOPIC, retention_hours=1.0)])
    append_all(log, [b"v"] * 3)
    clock.shift += 0.9 * HOUR
    assert log.trim() == 0
    append_all(log, [b"v"] * 3)
    clock.shift += 0.2 * HOUR
    assert log.trim() == 3
    assert [record.offset for record in log.read(AT)] == [3, 4, 5]


def test_a_reader_that_retention_overtakes_is_told(log: LocalLog, clock: ShiftedClock) -> None:
    log.create_topics([TopicSpec(TOPIC, retention_hours=1.0)])
    append_all(log, [b"v"] * 2_500)
    consumer = log.consumer([TOPIC], "g")
    assert consumer.poll(5).assigned == (AT,)
    consumer.start(AT, 0)
    reading = log.read(AT)
    assert next(reading).offset == 0
    clock.shift += 2 * HOUR
    log.trim()
    with pytest.raises(OffsetOutOfRange):
        consumer.poll(0)
    with pytest.raises(OffsetOutOfRange):
        list(reading)


def test_compaction_keeps_the_last_record_of_a_key_in_its_place(
    log: LocalLog, clock: ShiftedClock
) -> None:
    log.create_topics([TopicSpec(TOPIC, compact=True)])
    pairs = [(b"a", b"1"), (b"b", b"1"), (None, b"x"), (b"a", b"2"), (None, b"y"), (b"a", b"3")]
    for key, value in pairs:
        log.append(TOPIC, key, value)
    log.flush()
    assert log.trim() == 2
    kept = [(record.offset, record.key, record.value) for record in log.read(AT)]
    assert kept == [(1, b"b", b"1"), (2, None, b"x"), (4, None, b"y"), (5, b"a", b"3")]
    assert (log.begin(AT), log.end(AT)) == (0, 6)
    assert [record.offset for record in log.read(AT, 3)] == [4, 5]
    reader = Reader(log, [TOPIC], "g")
    poll_until([reader], lambda: len(reader.seen) == 4)
    assert [offset for _, offset in reader.places()] == [1, 2, 4, 5]


def test_a_removed_key_is_remembered_for_a_day(log: LocalLog, clock: ShiftedClock) -> None:
    log.create_topics([TopicSpec(TOPIC, compact=True)])
    log.append(TOPIC, b"a", b"1")
    log.append(TOPIC, b"a", None)
    log.flush()
    log.trim()
    assert [(record.offset, record.value) for record in log.read(AT)] == [(1, None)]
    clock.shift += 25 * HOUR
    log.append(TOPIC, b"b", b"1")
    log.flush()
    assert [record.key for record in log.read(AT)] == [b"b"]


def test_forgetting_that_must_wait_does_not_fail_what_is_written(
    log: LocalLog, clock: ShiftedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.create_topics([TopicSpec(TOPIC, retention_hours=1.0)])

    def locked() -> int:
        raise LogUnavailable("locked")

    monkeypatch.setattr(log, "trim", locked)
    clock.shift += 60
    with capture_logs() as logged:
        append_all(log, [b"v"])
    assert [entry["event"] for entry in logged] == ["andon.log_not_trimmed"]
    assert log.end(AT) == 1
