"""What only the local log has: one file under several processes and threads at once."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from group_reader import Reader, poll_until
from local_logs import AT, TOPIC, append_all, wait_until
from log_processes import (
    BATCH,
    append_for_ever,
    consume_for_ever,
    create_and_append,
    kill,
    open_and_close,
    running,
    start,
)
from structlog.testing import capture_logs

from stream.errors import LogUnavailable, SendFailed
from stream.local import LocalLog
from stream.log import Ack, TopicPartition, TopicSpec


@pytest.fixture
def log(local_log: LocalLog) -> LocalLog:
    return local_log


# Appending


def test_offsets_are_counted_from_0_without_gaps(log: LocalLog) -> None:
    log.create_topics([TopicSpec(TOPIC, 2)])
    acks: list[Ack] = []
    for number in range(2_345):
        log.append(TOPIC, None, b"v", partition=number % 2, on_ack=acks.append)
    log.flush()
    for partition, count in ((0, 1173), (1, 1172)):
        at = TopicPartition(TOPIC, partition)
        assert [record.offset for record in log.read(at)] == list(range(count))
        assert [ack.offset for ack in acks if ack.partition == partition] == list(range(count))


def test_nobody_sees_a_record_before_it_is_flushed(log: LocalLog) -> None:
    log.create_topics([TopicSpec(TOPIC)])
    acks: list[Ack] = []
    log.append(TOPIC, b"k", b"v", on_ack=acks.append)
    assert (log.end(AT), acks) == (0, [])
    log.flush()
    assert (log.end(AT), acks) == (1, [Ack(TOPIC, 0, 0)])


@pytest.mark.parametrize(("size", "count"), [(1, 1_001), (1_500_000, 4)])
def test_a_full_buffer_is_written_without_being_asked(log: LocalLog, size: int, count: int) -> None:
    log.create_topics([TopicSpec(TOPIC)])
    for _ in range(count):
        log.append(TOPIC, None, b"x" * size)
    assert log.end(AT) == count - 1


def test_an_acknowledgement_may_append(log: LocalLog) -> None:
    log.create_topics([TopicSpec(TOPIC)])
    log.append(TOPIC, None, b"1", on_ack=lambda ack: log.append(TOPIC, None, b"2"))
    log.flush()
    log.flush()
    assert [record.value for record in log.read(AT)] == [b"1", b"2"]


def hold_write_lock(path: Path) -> sqlite3.Connection:
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    return holder


def test_a_file_locked_for_too_long_does_not_answer(path: Path) -> None:
    log = LocalLog(path, busy_seconds=0.1)
    log.create_topics([TopicSpec(TOPIC)])
    holder = hold_write_lock(path)
    with pytest.raises(LogUnavailable, match=r"andon\.db does not answer .*locked") as caught:
        log.create_topics([TopicSpec("other")])
    assert caught.value.retriable
    with pytest.raises(LogUnavailable):
        log.consumer([TOPIC], "g")
    holder.close()
    log.close()


def test_a_flush_that_fails_gives_its_records_up_and_the_next_one_works(path: Path) -> None:
    log = LocalLog(path)
    log.create_topics([TopicSpec(TOPIC)])
    acks: list[Ack] = []
    holder = hold_write_lock(path)
    log.append(TOPIC, None, b"given up", on_ack=acks.append)
    began = time.monotonic()
    with pytest.raises(SendFailed, match=r"1 records were not written within 0\.2 s") as caught:
        log.flush(timeout=0.2)
    assert 0.1 < time.monotonic() - began < 15
    assert isinstance(caught.value.__cause__, LogUnavailable)
    holder.close()
    log.append(TOPIC, None, b"again", on_ack=acks.append)
    log.flush()
    assert [record.value for record in log.read(AT)] == [b"again"]
    assert acks == [Ack(TOPIC, 0, 0)]
    log.close()


def test_a_full_buffer_that_cannot_be_written_takes_no_more_and_loses_nothing(path: Path) -> None:
    log = LocalLog(path, busy_seconds=0.05)
    log.create_topics([TopicSpec(TOPIC)])
    holder = hold_write_lock(path)
    for number in range(1_000):
        log.append(TOPIC, None, b"%d" % number)
    with pytest.raises(LogUnavailable):
        log.append(TOPIC, None, b"refused")
    holder.close()
    log.append(TOPIC, None, b"1000")
    log.flush()
    assert [record.value for record in log.read(AT)] == [b"%d" % n for n in range(1_001)]
    log.close()


def test_readers_do_not_wait_for_a_writer(log: LocalLog, path: Path) -> None:
    log.create_topics([TopicSpec(TOPIC)])
    append_all(log, [b"v"])
    holder = hold_write_lock(path)
    began = time.monotonic()
    assert len(list(log.read(AT))) == 1
    # It would wait for half a minute.
    assert time.monotonic() - began < 10
    holder.close()


def test_threads_read_while_others_append(log: LocalLog) -> None:
    log.create_topics([TopicSpec(TOPIC)])
    reader = Reader(log, [TOPIC], "g")
    batches = 20
    writer = threading.Thread(target=lambda: [append_all(log, [b"v"] * 50) for _ in range(batches)])
    writer.start()
    poll_until([reader], lambda: len(reader.seen) == 50 * batches)
    writer.join()
    assert [offset for _, offset in reader.places()] == list(range(50 * batches))


# Several processes


def test_processes_that_open_a_new_file_at_once_append_side_by_side(path: Path) -> None:
    names = ["a", "b", "c"]
    processes = [start(create_and_append, path, TOPIC, name, 600, 2) for name in names]
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    log = LocalLog(path)
    for partition in range(2):
        at = TopicPartition(TOPIC, partition)
        by_name: dict[bytes | None, list[int]] = defaultdict(list)
        records = list(log.read(at))
        assert [record.offset for record in records] == list(range(900))
        for record in records:
            by_name[record.key].append(int(record.value or b""))
        expected = list(range(partition, 600, 2))
        assert by_name == {name.encode(): expected for name in names}
    log.close()


def test_a_process_that_comes_and_goes_takes_nothing_from_those_that_stay(
    log: LocalLog, path: Path
) -> None:
    log.create_topics([TopicSpec(TOPIC)])
    append_all(log, [b"before"])
    # Opened once more in this process: that must not loosen its hold on the file.
    again = LocalLog(path)
    guest = start(open_and_close, path)
    guest.join(60)
    assert guest.exitcode == 0
    append_all(log, [b"after"])
    again.close()
    newcomer = start(create_and_append, path, TOPIC, "newcomer", 1, 1)
    newcomer.join(60)
    assert [record.value for record in log.read(AT)] == [b"before", b"after", b"0"]


def test_a_killed_appender_leaves_whole_batches_no_gap_and_all_it_was_told_is_there(
    log: LocalLog, path: Path, tmp_path: Path
) -> None:
    log.create_topics([TopicSpec(TOPIC)])
    journal = tmp_path / "journal"
    for _ in range(3):
        before = log.end(AT)
        with running(append_for_ever, path, TOPIC, journal) as appender:
            wait_until(lambda before=before: log.end(AT) >= before + 5 * BATCH)
            kill(appender)
    records = list(log.read(AT))
    assert [record.offset for record in records] == list(range(len(records)))
    batches = Counter((record.value or b"").rsplit(b" ", 1)[0] for record in records)
    assert set(batches.values()) == {BATCH}
    acknowledged = {line.encode() for line in journal.read_text().splitlines()}
    assert len(acknowledged) >= 12
    assert acknowledged <= set(batches)
    append_all(log, [b"afterwards"])
    assert log.end(AT) == len(records) + 1


def read_places(journal: Path) -> list[tuple[int, int]]:
    if not journal.exists():
        return []
    lines = journal.read_text().splitlines()
    return [(int(partition), int(offset)) for partition, offset in map(str.split, lines)]


def test_a_killed_consumer_is_replaced_when_its_lease_has_expired(
    path: Path, tmp_path: Path
) -> None:
    log = LocalLog(path, lease_seconds=1.0)
    log.create_topics([TopicSpec(TOPIC, 2)])
    journal = tmp_path / "journal"
    with running(consume_for_ever, path, TOPIC, "g", None, 1.0, journal) as victim:
        append_all(log, [b"v"] * 30)
        wait_until(lambda: len(read_places(journal)) == 30)
        kill(victim)
        append_all(log, [b"v"] * 30)
        heir = Reader(log, [TOPIC], "g")
        with capture_logs() as logged:
            poll_until([heir], lambda: len(heir.seen) >= 30)
    assert {entry["event"] for entry in logged} == {"andon.member_expired"}
    assert sorted(set(read_places(journal)) | set(heir.places())) == [(0, n) for n in range(60)]
    assert len(heir.held) == 2
    log.close()


def test_a_killed_consumer_that_comes_back_under_its_name_does_not_wait(
    path: Path, tmp_path: Path
) -> None:
    log = LocalLog(path, lease_seconds=600)
    log.create_topics([TopicSpec(TOPIC, 2)])
    append_all(log, [b"v"] * 10)
    journal = tmp_path / "journal"
    with running(consume_for_ever, path, TOPIC, "g", "notifier", 600.0, journal) as victim:
        wait_until(lambda: len(read_places(journal)) == 10)
        kill(victim)
    back = Reader(log, [TOPIC], "g", member="notifier")
    poll_until([back], lambda: len(back.held) == 2)
    log.close()


def test_consumers_in_several_processes_share_what_is_appended_meanwhile(
    path: Path, tmp_path: Path
) -> None:
    log = LocalLog(path)
    log.create_topics([TopicSpec(TOPIC, 4)])
    journals = [tmp_path / "a", tmp_path / "b"]
    total = 400
    with (
        running(consume_for_ever, path, TOPIC, "g", None, 10.0, journals[0]),
        running(consume_for_ever, path, TOPIC, "g", None, 10.0, journals[1]),
    ):
        for number in range(total):
            log.append(TOPIC, None, b"v", partition=number % 4)
            log.flush()
        wait_until(lambda: sum(len(read_places(journal)) for journal in journals) >= total)
        partitions = [{place[0] for place in read_places(journal)} for journal in journals]
    places = [place for journal in journals for place in read_places(journal)]
    assert sorted(places) == [(n, offset) for n in range(4) for offset in range(total // 4)]
    assert partitions[0] | partitions[1] == {0, 1, 2, 3}
    log.close()
