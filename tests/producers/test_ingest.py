"""Ingest on a log in memory: crashed everywhere, resumed, and still each item once."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plants import (
    create_plant,
    encoded,
    loaded,
    on_topic,
    plant_events,
    put_plant,
    shape_map,
    values_on,
)
from scraped import value
from structlog.testing import capture_logs

from andon.producer_monitor import ProducerMonitor
from producers.ingest import Ingest, IngestSettings
from producers.source_place import PLACES_HEADER, Place, places_of
from stream.codec import decode
from stream.errors import LogError, LogUnavailable
from stream.events import DeadLetter, Measurement, Result, Tick
from stream.letter_bounds import KEY_BYTES
from stream.log import Log, LogConsumer, TopicPartition, TopicSpec
from stream.memory import MemoryLog

EVENTS = plant_events(12)
SHAPES = ["nested", "readings", "codes"]


class Crash(BaseException):
    """Ends everything, as a power switch would."""


class Crashing(MemoryLog):
    """A log whose caller dies before its ``number``-th append, flush or commit."""

    def __init__(self) -> None:
        super().__init__()
        self.left: int | None = None

    def _count(self) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Crash

    def append(self, *args: Any, **named: Any) -> None:
        self._count()
        super().append(*args, **named)

    def flush(self, timeout: float = 30.0) -> None:
        self._count()

    def consumer(self, *args: Any, **named: Any) -> LogConsumer:
        joined = super().consumer(*args, **named)
        commit = joined.commit

        def counted(offsets: Any) -> None:
            self._count()
            commit(offsets)

        joined.commit = counted  # type: ignore[method-assign]
        return joined


def new_log(kind: Callable[[], MemoryLog] = MemoryLog) -> MemoryLog:
    log = kind()
    log.create_topics([TopicSpec("andon.events", 3), TopicSpec("andon.dead-letters", 2)])
    return log


def ingest(log: Log, data: dict[str, Any], **named: Any) -> Ingest:
    bounds = {name: named.pop(name) for name in ("poll_records", "gathered_bytes") if name in named}
    settings = IngestSettings(**{"poll_records": 100, "settle_seconds": 0.0, **bounds})
    made = Ingest(log, log, loaded(data), settings, **named)
    made.run(lambda: False, until_end=True)
    return made


def places(log: Log, group: str) -> list[Place]:
    return [place for r in on_topic(log, "andon.events") for place in places_of(r, group)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("poll_records", [1, 7, 1000])
def test_a_plants_topics_become_its_events_however_they_are_polled(
    shape: str, poll_records: int
) -> None:
    log, data = new_log(), shape_map(shape)
    create_plant(log, data)
    put_plant(log, shape, EVENTS)
    counts = ingest(log, data, poll_records=poll_records).counts
    assert values_on(log, "andon.events") == encoded(EVENTS)
    assert counts["events"] == len(EVENTS)


def without_closing(data: dict[str, Any]) -> dict[str, Any]:
    """A map whose visits end only when something comes of the part from elsewhere."""
    data["topic"][0]["closes"] = {"path": "never", "equals": [True]}
    return data


MAPS: dict[str, tuple[str, dict[str, Any]]] = {shape: (shape, shape_map(shape)) for shape in SHAPES}
MAPS["open visits"] = ("readings", without_closing(shape_map("readings")))


def plant_log(kind: Callable[[], MemoryLog], shape: str, data: dict[str, Any]) -> MemoryLog:
    """A log with everything that happened, and a bad record."""
    log = new_log(kind)
    create_plant(log, data)
    sent = put_plant(log, shape, EVENTS)
    log.append(data["topic"][0]["name"], b"k", b"{", timestamp=10**12 + sent)
    return log


@settings(max_examples=25, deadline=None)
@given(
    named=st.sampled_from(sorted(MAPS)),
    gathered_bytes=st.sampled_from([10**9, 6_000]),
    crashes=st.lists(st.integers(0, 2 * len(EVENTS)), min_size=1, max_size=4),
)
def test_crashed_between_any_two_steps_each_item_is_told_once_and_in_order(
    named: str, gathered_bytes: int, crashes: list[int]
) -> None:
    shape, data = MAPS[named]
    undisturbed = plant_log(MemoryLog, shape, data)
    ingest(undisturbed, data, gathered_bytes=gathered_bytes)
    log = plant_log(Crashing, shape, data)
    assert isinstance(log, Crashing)
    for crash in crashes:
        log.left = crash
        with contextlib.suppress(Crash):
            ingest(log, data, poll_records=9, gathered_bytes=gathered_bytes)
    log.left = None
    ingest(log, data, gathered_bytes=gathered_bytes)
    assert values_on(log, "andon.events") == values_on(undisturbed, "andon.events")
    assert len(on_topic(log, "andon.dead-letters")) == 1
    told = places(log, data["group"])
    assert len(told) == len(set(told))


def test_readings_of_ever_new_parts_stay_within_the_bound_and_the_visits_cut_are_told() -> None:
    log, data = new_log(), without_closing(shape_map("readings"))
    create_plant(log, data)
    for number in range(200):
        at = f"2026-01-05T08:00:{number % 30:02}Z"
        said = {"sn": f"P-{number}", "t": at, "st": f"press {number}", "sensor": "a", "val": 1}
        key = said["sn"].encode()
        log.append("plant.readings", key, json.dumps(said).encode(), timestamp=10**12 + number)
    monitor = ProducerMonitor("ingest")
    with capture_logs() as logs:
        counts = ingest(log, data, gathered_bytes=20_000, observer=monitor).counts
    assert counts["events"] == 200
    assert counts["visits_cut"] > 190
    told = value(monitor.registry, "andon_visits_cut_total")
    assert told == counts["visits_cut"]
    [line] = [each for each in logs if each["event"] == "andon.visit_cut"]
    assert line["waiting"] < 10
    [stopped] = [each for each in logs if each["event"] == "andon.ingest_stopped"]
    assert stopped["visits_cut"] == counts["visits_cut"]


def test_two_maps_read_one_topic_without_hindering_each_other() -> None:
    log, data = new_log(), shape_map("nested")
    create_plant(log, data)
    put_plant(log, "nested", EVENTS)
    ingest(log, data)
    ingest(log, data | {"group": "another", "line": {"constant": "B"}})
    assert len(values_on(log, "andon.events")) == 2 * len(EVENTS)


def test_a_record_with_bad_items_is_told_as_far_as_it_goes_and_put_aside_once() -> None:
    log, data = new_log(), shape_map("readings")
    create_plant(log, data)
    good = {"sn": "P-1", "t": "2026-01-05T08:00:00Z", "ok": True, "on": "leak"}
    tests = [good, good | {"t": "noon"}, good | {"sn": "P-2", "ok": False}, {"sn": "P-3"}]
    log.append("plant.tests", None, json.dumps({"tests": tests}).encode(), partition=1)
    ingest(log, data)
    ingest(log, data | {"group": "andon-ingest.readings"})
    [letter] = [DeadLetter.from_headers(r.headers) for r in on_topic(log, "andon.dead-letters")]
    assert (letter.topic, letter.partition, letter.offset) == ("plant.tests", 1, 0)
    assert letter.message.startswith("item 1, one of 2 bad among 4: at: 'noon': ")
    assert [json.loads(v or b"")["part"] for v in values_on(log, "andon.events")] == ["P-1", "P-2"]


def test_a_long_bad_record_is_kept_in_part_with_its_length_and_sum() -> None:
    log, data = new_log(), shape_map("nested")
    create_plant(log, data)
    log.append("plant.nested.results", b"k", b"x" * 600_000)
    ingest(log, data)
    [record] = on_topic(log, "andon.dead-letters")
    letter = DeadLetter.from_headers(record.headers)
    assert (letter.stage, letter.error, letter.length) == ("limit", "too_long", 600_000)
    assert record.value == b"x" * 65_536


def test_a_bad_record_with_a_key_and_headers_of_megabytes_is_kept_within_a_records_size() -> None:
    log, data = new_log(), shape_map("nested")
    create_plant(log, data)
    headers = [("short", b"1"), ("long", b"h" * 2_000_000)]
    log.append("plant.nested.results", b"k" * 2_000_000, b"x" * 600_000, headers=headers)
    ingest(log, data)
    [record] = on_topic(log, "andon.dead-letters")
    assert (record.key, len(record.value or b"")) == (b"k" * KEY_BYTES, 65_536)
    assert DeadLetter.from_headers(record.headers).length == 600_000
    kept = {name for name, _ in record.headers}
    assert "short" in kept
    assert "long" not in kept


def test_a_new_group_can_begin_at_the_end() -> None:
    log, data = new_log(), shape_map("nested", source={"start": "end"})
    create_plant(log, data)
    sent = put_plant(log, "nested", EVENTS[:10])
    ingest(log, data)
    assert values_on(log, "andon.events") == []
    put_plant(log, "nested", EVENTS[10:], start=10**12 + sent)
    ingest(log, data)
    assert values_on(log, "andon.events") == encoded(EVENTS[10:])


def test_a_topic_of_the_map_that_does_not_exist_is_named() -> None:
    with pytest.raises(LogError, match=r"topic 'plant\.nested\.measurements' of the map"):
        ingest(new_log(), shape_map("nested"))


def test_a_topic_that_was_created_again_is_not_read_as_the_old_one() -> None:
    log, data = new_log(), shape_map("nested")
    create_plant(log, data)
    put_plant(log, "nested", EVENTS)
    ingest(log, data)
    log._topics["plant.nested.results"] = [[], []]
    with pytest.raises(LogError, match="was created again; give the map another group"):
        ingest(log, data)


def test_records_that_retention_took_before_they_were_read_are_counted_as_lost() -> None:
    log, data = new_log(), shape_map("nested")
    create_plant(log, data, partitions=1)
    sent = put_plant(log, "nested", EVENTS[:10])
    ingest(log, data)
    put_plant(log, "nested", EVENTS[10:], start=10**12 + sent)
    end = log.end(TopicPartition("plant.nested.measurements", 0))
    begin = log.begin
    log.begin = lambda at: end if "measurements" in at.topic else begin(at)  # type: ignore[method-assign]
    with capture_logs() as logs:
        ingest(log, data)
    [lost] = [each for each in logs if each["event"] == "andon.ingest_records_lost"]
    assert lost["records"] == sum(isinstance(event, Measurement) for event in EVENTS[10:])
    results = [event for event in EVENTS[10:] if isinstance(event, Result)]
    assert values_on(log, "andon.events") == encoded([*EVENTS[:10], *results])


def test_a_log_that_does_not_answer_for_a_while_costs_nothing() -> None:
    log, data = new_log(), shape_map("readings")
    create_plant(log, data)
    put_plant(log, "readings", EVENTS)
    flush, failures = log.flush, [True, False]

    def failing(timeout: float = 30.0) -> None:
        if failures and failures.pop():
            raise LogUnavailable("the broker is away")
        flush(timeout)

    log.flush = failing  # type: ignore[method-assign]
    failures[:] = [False, True]
    with capture_logs() as logs:
        ingest(log, data)
    assert "andon.ingest_begins_anew" in [each["event"] for each in logs]
    assert values_on(log, "andon.events") == encoded(EVENTS)


def test_a_quiet_line_gets_ticks_on_its_own_clock_which_are_no_events_of_a_record() -> None:
    log, data = new_log(), shape_map("nested", tick="1min")
    create_plant(log, data)
    put_plant(log, "nested", EVENTS)
    now = [1_800_000_000.0]

    def later() -> float:
        now[0] += 5.0
        return now[0]

    work = Ingest(log, log, loaded(data), clock=later)
    work.run(lambda: work.counts["ticks"] >= 2)
    records = on_topic(log, "andon.events")
    ticks = [decode(r.key, r.value) for r in records[len(EVENTS) :]]
    assert all(isinstance(tick, Tick) and tick.line == "press-shop" for tick in ticks)
    first = ticks[0]
    assert isinstance(first, Tick)
    assert timedelta(0) < first.at - EVENTS[-1].at < timedelta(minutes=3)
    assert not [r for r in records[len(EVENTS) :] if PLACES_HEADER in dict(r.headers)]
    ingest(log, data)
    assert values_on(log, "andon.events")[: len(EVENTS)] == encoded(EVENTS)
    assert len(places(log, data["group"])) == len(EVENTS)


def test_an_unfinished_visit_is_told_after_the_gap_and_not_before() -> None:
    log, data = new_log(), shape_map("readings", tick="0s")
    create_plant(log, data)
    said = {"t": "2026-01-05T08:00:00Z", "st": "press", "sensor": "a", "val": 1}
    log.append("plant.readings", b"P-1", json.dumps(said).encode(), timestamp=10**12)
    now = [1_800_000_000.0]

    def stop() -> bool:
        now[0] += 2.0
        return bool(on_topic(log, "andon.events"))

    Ingest(log, log, loaded(data), clock=lambda: now[0]).run(stop)
    assert len(on_topic(log, "andon.events")) == 1
    assert now[0] - 1_800_000_000.0 > 30.0
