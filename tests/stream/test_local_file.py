"""A log's file is opened, made, or refused by name, and never harmed."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest
from group_reader import Reader, poll_until
from local_logs import AT, TOPIC, append_all

from stream.errors import ConfigError, LogError
from stream.local import LocalLog
from stream.log import TopicPartition, TopicSpec


@pytest.fixture
def log(local_log: LocalLog) -> LocalLog:
    return local_log


def test_a_reopened_file_goes_on_where_it_stopped(path: Path) -> None:
    first = LocalLog(path)
    first.create_topics([TopicSpec(TOPIC, 2)])
    first.append(TOPIC, b"k", b"1", partition=1, headers=[("h", b"\x00")])
    first.close()
    second = LocalLog(path)
    assert second.create_topics([TopicSpec(TOPIC, 2)]) == []
    second.append(TOPIC, b"k", b"2", partition=1)
    second.flush()
    records = list(second.read(TopicPartition(TOPIC, 1)))
    assert [(r.offset, r.value, r.headers) for r in records] == [
        (0, b"1", (("h", b"\x00"),)),
        (1, b"2", ()),
    ]
    second.close()


def test_missing_directories_are_made(tmp_path: Path) -> None:
    path = tmp_path / "state" / "line" / "andon.db"
    LocalLog(path).close()
    assert path.exists()


def test_a_file_of_another_program_is_named_and_left_as_it_was(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE theirs (x)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(ConfigError, match=r"andon\.db is an SQLite file of another program: give"):
        LocalLog(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"part;station;value\n" * 100, b"x"])
def test_a_file_that_is_no_database_is_named_and_left_as_it_was(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"andon\.db cannot be used as a log .*give the path"):
        LocalLog(path)
    assert path.read_bytes() == content


def test_a_directory_in_place_of_the_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be used as a log"):
        LocalLog(tmp_path)


def test_a_file_in_place_of_a_directory_is_named(path: Path) -> None:
    path.write_text("a file")
    with pytest.raises(ConfigError, match="cannot be used as a log"):
        LocalLog(path / "andon.db")


def test_a_log_of_a_newer_schema_is_refused_with_both_numbers(path: Path) -> None:
    LocalLog(path).close()
    with sqlite3.connect(path) as file:
        file.execute("PRAGMA user_version = 2")
    file.close()
    with pytest.raises(ConfigError, match=r"schema 2, this andon reads schema 1: run the andon"):
        LocalLog(path)


def test_an_empty_file_becomes_a_log(path: Path) -> None:
    path.touch()
    log = LocalLog(path)
    assert log.create_topics([TopicSpec(TOPIC)]) == [TOPIC]
    log.close()


def test_a_closed_log_says_so(log: LocalLog) -> None:
    log.create_topics([TopicSpec(TOPIC)])
    consumer = log.consumer([TOPIC], "g")
    log.close()
    for use in (
        lambda: log.append(TOPIC, b"k", b"v"),
        lambda: log.end(AT),
        lambda: consumer.poll(0),
    ):
        with pytest.raises(LogError, match="closed: open"):
            use()


def test_closing_a_log_takes_its_consumers_out_of_their_groups(log: LocalLog, path: Path) -> None:
    log.create_topics([TopicSpec(TOPIC)])
    other = LocalLog(path, lease_seconds=600)
    leaving = Reader(other, [TOPIC], "g")
    poll_until([leaving], lambda: leaving.held == {AT})
    other.close()
    heir = Reader(log, [TOPIC], "g")
    poll_until([heir], lambda: heir.held == {AT})


def test_a_copy_of_a_closed_file_is_the_same_log(path: Path, tmp_path: Path) -> None:
    log = LocalLog(path)
    log.create_topics([TopicSpec(TOPIC)])
    append_all(log, [b"v"] * 3)
    log.close()
    copy = tmp_path / "copy.db"
    shutil.copy(path, copy)
    copied = LocalLog(copy)
    assert [record.offset for record in copied.read(AT)] == [0, 1, 2]
    copied.close()
