"""A topic's records, from one place or time to another, in the order of their arrival."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from andon.log_history import LogHistory, read_bound
from stream.errors import ConfigError
from stream.log import TopicSpec
from stream.memory import MemoryLog

T = "andon.events"


@pytest.fixture
def log() -> MemoryLog:
    log = MemoryLog()
    log.create_topics([TopicSpec(T, 2)])
    for second in range(10):
        log.append(T, b"k", b"%d" % second, partition=second % 2, timestamp=1000 * second)
    return log


def values(history: LogHistory) -> list[int]:
    return [int(record.value or b"") for record in history]


def test_all_partitions_come_in_the_order_of_their_arrival(log: MemoryLog) -> None:
    assert values(LogHistory(log, T)) == list(range(10))


def test_offsets_bound_every_partition_by_its_own(log: MemoryLog) -> None:
    history = LogHistory(log, T, 1, 3)
    assert values(history) == [2, 3, 4, 5]
    assert history.records == 4


def test_times_bound_by_the_time_of_appending(log: MemoryLog) -> None:
    history = LogHistory(log, T, datetime.fromtimestamp(2, UTC), datetime.fromtimestamp(5, UTC))
    assert values(history) == [2, 3, 4]


@pytest.mark.parametrize(("start", "stop"), [(99, None), (None, 0), (5, 2)])
def test_an_empty_range_is_empty(log: MemoryLog, start: int | None, stop: int | None) -> None:
    assert values(LogHistory(log, T, start, stop)) == []


@pytest.mark.parametrize("text", ["yesterday", "2026-01-05T08:00", "-5", ""])
def test_a_bound_that_is_neither_offset_nor_time_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="neither an offset nor a time with a zone"):
        read_bound(text)
