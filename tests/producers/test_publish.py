from __future__ import annotations

import heapq
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from lines import small_spec

from producers.pace import Pace
from producers.publish import publish
from producers.simulator import SimulatedLine
from stream.codec import encode
from stream.errors import TopicMissing
from stream.events import Event, Tick
from stream.local import LocalLog
from stream.log import Log, Record, TopicPartition, TopicSpec
from stream.memory import MemoryLog
from stream.partitioner import partition_for

TOPIC = "andon.events"
START = datetime(2026, 1, 5, tzinfo=UTC)


class Watched(MemoryLog):
    """Notes how many records were on the log at each flush, and when."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.flushes: list[tuple[float, int]] = []
        self.create_topics([TopicSpec(TOPIC)])

    def flush(self, timeout: float = 30.0) -> None:
        super().flush(timeout)
        self.flushes.append((round(self.now, 6), self.end(TopicPartition(TOPIC, 0))))

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def ticks(*seconds: float) -> Iterator[Event]:
    return (Tick(line="L", at=START + timedelta(seconds=s)) for s in seconds)


def records(log: Log, partition: int = 0) -> list[Record]:
    return list(log.read(TopicPartition(TOPIC, partition)))


def test_every_event_lies_on_a_real_log_in_order_keyed_by_its_line(tmp_path: Path):
    names = ["body-A", "body-B", "body-C"]
    lines = [SimulatedLine(small_spec(name=name)).events(40) for name in names]
    events = list(heapq.merge(*lines, key=lambda event: event.at))
    log = LocalLog(tmp_path / "log.db")
    try:
        log.create_topics([TopicSpec(TOPIC, partitions=4)])
        assert publish(log, TOPIC, events) == len(events)
        for name in names:
            partition = partition_for(name.encode(), 4)
            mine = [r.value for r in records(log, partition) if r.key == name.encode()]
            assert mine == [encode(event) for event in events if event.line == name]
    finally:
        log.close()


def test_records_are_flushed_in_batches_and_progress_says_how_many_are_durable():
    log, progress = Watched(), []
    publish(log, TOPIC, ticks(*range(25)), flush_every=10, on_progress=progress.append)
    assert [end for _, end in log.flushes] == [10, 20, 25]
    assert progress == [10, 20, 25]


def test_a_paced_record_waits_no_longer_than_a_moment_for_its_flush():
    log = Watched()
    pace = Pace(1.0, log.clock, log.sleep)
    publish(log, TOPIC, ticks(0, 0.05, 0.1, 60, 60.3), pace=pace, clock=log.clock)
    # Flushed before the long sleep, not after it.
    assert log.flushes == [(0.1, 3), (60.0, 4), (60.3, 5)]


def test_a_quick_paced_stream_is_not_flushed_for_each_event():
    log = Watched()
    pace = Pace(1.0, log.clock, log.sleep)
    publish(log, TOPIC, ticks(*(i / 100 for i in range(200))), pace=pace, clock=log.clock)
    assert 8 <= len(log.flushes) <= 14
    waits = [b[0] - a[0] for a, b in zip([(0.0, 0), *log.flushes], log.flushes, strict=False)]
    assert max(waits) <= 0.22


def test_what_was_handed_over_is_flushed_when_the_events_break_off():
    def broken() -> Iterator[Event]:
        yield from ticks(0, 1, 2)
        raise KeyboardInterrupt

    log = Watched()
    with pytest.raises(KeyboardInterrupt):
        publish(log, TOPIC, broken())
    assert [end for _, end in log.flushes] == [3]


def test_no_events_need_no_flush():
    log = Watched()
    assert publish(log, TOPIC, []) == 0
    assert log.flushes == []


def test_an_encoder_of_ones_own_is_used():
    log = Watched()
    publish(log, TOPIC, ticks(0), encode=lambda event: event.type.encode())
    assert records(log)[0].value == b"tick"


def test_a_topic_that_does_not_exist_is_named():
    with pytest.raises(TopicMissing, match="'nowhere' does not exist"):
        publish(MemoryLog(), "nowhere", ticks(0))
