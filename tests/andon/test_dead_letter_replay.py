"""Dead letters of a real local log become events: each once, in order, whatever happens."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from dead_letters import EVENTS, LETTERS, create_topics, figures, ingest, replay, wrong
from faulty_log import FaultyLog, at_calls
from local_logs import HOUR, ShiftedClock, wait_until
from plants import (
    SHAPES,
    create_plant,
    encoded,
    loaded,
    on_topic,
    plant_events,
    put_plant,
    shape_map,
    values_on,
)
from small_line import QUICK
from workers import create_topics as create_worker_topics
from workers import run_to_end

from andon.dead_letter_events import Left, Made
from andon.dead_letter_replay import DeadLetterReplay, ReplaySettings, Summary
from andon.dead_letters import Wanted
from producers.turn import Turn
from stream.events import DeadLetter
from stream.input_limits import InputLimits
from stream.local import LocalLog
from stream.log import Log, TopicPartition, TopicSpec
from stream.memory import MemoryLog

PLANT = plant_events(12)
TICK = b'{"type":"tick","v":1,"line":"A","at":"2026-01-05T08:00:00Z"}'


@pytest.fixture
def log(tmp_path: Path) -> Iterator[LocalLog]:
    with closing(LocalLog(tmp_path / "andon.sqlite")) as opened:
        create_topics(opened)
        yield opened


def put_aside(log: Log, shape: str = "nested") -> dict[str, Any]:
    """A plant all of whose records a wrong map has put aside; answers the right map."""
    data = shape_map(shape)
    create_plant(log, data)
    put_plant(log, shape, PLANT)
    ingest(log, wrong(data))
    assert values_on(log, EVENTS) == []
    return data


def put_letter(log: Log, value: bytes | None, topic: str = "shots", **changes: Any) -> None:
    fields = {"partition": 0, "offset": 7, "stage": "validate", "error": "bad", "message": "no"}
    said = DeadLetter.model_validate({**fields, "topic": topic, **changes})
    log.append(LETTERS, b"A", value, partition=0, headers=said.to_headers())
    log.flush()


@pytest.mark.parametrize("shape", SHAPES)
def test_what_a_wrong_map_put_aside_becomes_the_events_of_the_right_map_in_order(
    shape: str, log: LocalLog
) -> None:
    data = put_aside(log, shape)
    letters = len(values_on(log, LETTERS))
    summary = replay(log, data)
    assert values_on(log, EVENTS) == encoded(PLANT)
    assert figures(summary) == (letters, len(PLANT), 0, 0)


def test_what_the_map_passes_over_does_not_remain(log: LocalLog) -> None:
    put_letter(log, b'{"Type": "SHIFT"}', "plant.codes.eol")
    summary = replay(log, shape_map("codes"))
    assert (summary.letters, summary.passed_over) == (1, 1)
    assert figures(summary) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("shape", "flushes", "arrives"), [("nested", [1], 0), ("nested", [3], 7), ("readings", [2], 4)]
)
def test_killed_between_two_appends_it_replays_each_letter_once(
    shape: str, flushes: list[int], arrives: int, log: LocalLog
) -> None:
    data = put_aside(log, shape)
    faulty = FaultyLog(log, on_flush=at_calls(flushes, KeyboardInterrupt), arrives=arrives)
    with suppress(KeyboardInterrupt):
        replay(faulty, data, batch_records=7)
    there = 7 * (flushes[0] - 1) + arrives
    assert values_on(log, EVENTS) == encoded(PLANT)[:there]
    summary = replay(log, data, batch_records=7)
    assert values_on(log, EVENTS) == encoded(PLANT)
    assert summary.events == len(PLANT) - there
    assert (summary.already > 0) == (there > 0)
    again = replay(log, data)
    assert figures(again) == (0, 0, again.letters, 0)
    assert values_on(log, EVENTS) == encoded(PLANT)


def test_an_ingest_that_has_lost_its_offsets_does_not_repeat_what_was_replayed(
    log: LocalLog,
) -> None:
    data = shape_map("nested", tick="0s")
    put_aside(log)
    replay(log, data)
    restored = MemoryLog()
    for topic in (EVENTS, LETTERS, *(topic["name"] for topic in data["topic"])):
        restored.create_topics([TopicSpec(topic, log.partitions(topic))])
        for record in on_topic(log, topic):
            restored.append(
                topic,
                record.key,
                record.value,
                partition=record.partition,
                headers=record.headers,
                timestamp=record.timestamp,
            )
    assert ingest(restored, data).counts["events"] == 0


def test_of_a_record_with_several_items_only_those_that_were_bad_are_told(log: LocalLog) -> None:
    data = shape_map("readings", tick="0s")
    create_plant(log, data)
    tests = [
        {"sn": f"P-{number}", "t": "2026-01-05T08:00:00Z", "ok": ok, "on": "EOL"}
        for number, ok in enumerate([True, "maybe", False, "perhaps"])
    ]
    log.append("plant.tests", b"k", json.dumps({"tests": tests}).encode())
    log.flush()
    ingest(log, data)
    assert len(values_on(log, EVENTS)) == 2
    mended = shape_map("readings", tick="0s")
    [results] = [topic for topic in mended["topic"] if topic["name"] == "plant.tests"]
    results["outcome"]["fail"].append("maybe")
    assert figures(replay(log, mended)) == (0, 1, 0, 1)
    results["outcome"]["fail"].append("perhaps")
    assert figures(replay(log, mended)) == (1, 1, 0, 0)
    assert figures(replay(log, mended)) == (0, 0, 1, 0)
    parts = [json.loads(value or b"")["part"] for value in values_on(log, EVENTS)]
    assert sorted(parts) == ["P-0", "P-1", "P-2", "P-3"]


def test_records_of_the_events_topic_are_read_once_more_with_the_limits_of_today(
    log: LocalLog,
) -> None:
    create_worker_topics(log, partitions=2)
    values = [TICK.replace(b"{", b"{" + b" " * pad, 1) for pad in (0, 90, 900)]
    for value in values:
        log.append(EVENTS, b"A", value, headers=[("plant", b"9")])
    log.append(EVENTS, b"A", b"{")
    log.flush()
    limits = InputLimits(message_bytes=100)
    run_to_end(log, dataclasses.replace(QUICK, limits=limits, dead_letter_bytes=500))
    summary = replay(log)
    assert figures(summary) == (1, 1, 0, 2)
    assert sorted(summary.reasons) == ["not_json", "truncated"]
    [*_, last] = on_topic(log, EVENTS)
    assert (last.key, last.value) == (b"A", values[1])
    headers = dict(last.headers)
    assert headers["plant"] == b"9"
    assert headers["andon.rejected"].startswith(b"andon.events/")
    assert headers["andon.dead-letter"].startswith(b"andon.dead-letters/")
    assert not [name for name, _ in last.headers if name.startswith("andon.errors.")]
    assert figures(replay(log)) == (0, 0, 1, 2)


def test_an_event_that_is_put_aside_again_is_a_letter_of_its_own(log: LocalLog) -> None:
    put_letter(log, TICK, EVENTS)
    assert figures(replay(log)) == (1, 1, 0, 0)
    [told] = on_topic(log, EVENTS)
    again = DeadLetter(
        topic=EVENTS, partition=told.partition, offset=told.offset, stage="process",
        error="ValueError", message="no",
    )  # fmt: skip
    log.append(LETTERS, b"A", TICK, headers=(*told.headers, *again.to_headers()))
    log.flush()
    assert figures(replay(log)) == (1, 1, 1, 0)
    assert figures(replay(log)) == (0, 0, 2, 0)


def test_a_map_of_the_events_topic_mends_what_a_producer_wrote_there(log: LocalLog) -> None:
    old = b'{"serial": 7, "station": "press", "ts": 1767600000000, "values": {"torque": 1.5}}'
    put_letter(log, old, EVENTS)
    put_letter(log, TICK, EVENTS, offset=8)
    fixes = {
        "group": "fixes",
        "line": {"path": "@key"},
        "topic": [
            {
                "name": EVENTS,
                "kind": "measurement",
                "part": "serial",
                "station": "station",
                "at": {"path": "ts", "unit": "ms"},
                "readings": {"object": "values"},
            }
        ],
    }
    summary = replay(log, fixes)
    assert figures(summary) == (1, 1, 0, 1)
    [value] = values_on(log, EVENTS)
    assert json.loads(value or b"")["part"] == "7"
    assert figures(replay(log, fixes)) == (0, 0, 1, 1)
    assert figures(replay(log)) == (1, 1, 1, 0)


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        ("no_map", {"topic": "other"}),
        ("truncated", {"length": 99, "sha256": "0" * 64}),
        ("no_timestamp", {}),
        ("not_json", {"timestamp": 1767600000000}),
    ],
)
def test_a_letter_that_cannot_be_replayed_stays_with_a_reason(
    reason: str, changes: dict[str, Any], log: LocalLog
) -> None:
    put_letter(log, b"{", **changes)
    data = shape_map("nested")
    data["topic"] = data["topic"][:1]
    data["topic"][0] |= {"name": "shots", "at": {"path": "@timestamp", "unit": "ms"}}
    summary = replay(log, data)
    assert (summary.remaining, list(summary.reasons)) == (1, [reason])
    assert summary.reasons[reason].place == "0:0"
    assert values_on(log, EVENTS) == []


def test_a_map_of_another_group_does_not_tell_what_its_own_ingest_may_have_told(
    log: LocalLog,
) -> None:
    data = put_aside(log)
    summary = replay(log, data | {"group": "another"})
    assert list(summary.reasons) == ["other_group"]
    assert data["group"] in summary.reasons["other_group"].message
    assert replay(log, data).remaining == 0


def test_a_letter_older_than_the_events_that_are_kept_is_not_replayed(tmp_path: Path) -> None:
    clock = ShiftedClock()
    with closing(LocalLog(tmp_path / "andon.sqlite", clock=clock)) as log:
        log.create_topics([TopicSpec(EVENTS, 1, retention_hours=1.0), TopicSpec(LETTERS, 1)])
        put_letter(log, TICK, EVENTS)
        assert figures(replay(log)) == (1, 1, 0, 0)
        clock.shift += 2 * HOUR
        log.append(EVENTS, b"A", TICK)
        log.flush()
        wait_until(lambda: _begin(log) > 0)
        summary = replay(log)
        assert (summary.events, list(summary.reasons)) == (0, ["events_gone"])


def _begin(log: LocalLog) -> int:
    log.append(EVENTS, b"A", TICK)
    log.flush()
    return log.begin(TopicPartition(EVENTS, 0))


def test_a_dry_run_shows_what_a_replay_does_and_writes_nothing(log: LocalLog) -> None:
    data = put_aside(log)
    put_letter(log, b"{", "plant.nested.results", timestamp=10**13)
    shown: list[Made | Left] = []
    work = DeadLetterReplay(log, ReplaySettings(), Wanted(), loaded(data))
    would = work.preview(shown.append, lambda: False)
    assert values_on(log, EVENTS) == []
    assert [each.value for each in shown if isinstance(each, Made)] == encoded(PLANT)
    assert [each.why.error for each in shown if isinstance(each, Left)] == ["not_json"]
    assert replay(log, data) == would


def test_filters_choose_what_is_replayed(log: LocalLog) -> None:
    data = put_aside(log)
    measured = [event for event in PLANT if event.type == "measurement"]
    first = replay(log, data, Wanted(topics=frozenset({"plant.nested.measurements"}), limit=3))
    assert values_on(log, EVENTS) == encoded(measured[:3])
    assert first.letters == 3
    assert replay(log, data, Wanted(reasons=frozenset({"not_json"}))).letters == 0
    assert replay(log, data, Wanted(since=10**6)).letters == 0


def test_a_second_replay_waits_for_its_turn(log: LocalLog) -> None:
    put_letter(log, TICK, EVENTS)
    settings = ReplaySettings()
    done: list[Summary] = []
    work = DeadLetterReplay(log, settings, Wanted())
    with Turn(log, LETTERS, settings.group, None) as turn:
        wait_until(lambda: turn.poll(0.1) or turn.held)
        thread = threading.Thread(target=lambda: done.append(work.run(lambda: False)))
        thread.start()
        thread.join(0.5)
        assert thread.is_alive()
        assert values_on(log, EVENTS) == []
    thread.join(30)
    assert [figures(summary) for summary in done] == [(1, 1, 0, 0)]


def test_one_that_is_stopped_ends_between_two_letters_and_the_next_goes_on(log: LocalLog) -> None:
    data = put_aside(log, "readings")
    letters = len(values_on(log, LETTERS))
    asked = iter([False] * (letters + letters // 2))
    work = DeadLetterReplay(log, ReplaySettings(), Wanted(), loaded(data))
    stopped = work.run(lambda: next(asked, True))
    there = values_on(log, EVENTS)
    assert 0 < stopped.replayed < letters
    assert 0 < len(there) == stopped.events < len(PLANT)
    assert there == encoded(PLANT)[: len(there)]
    rest = replay(log, data)
    assert values_on(log, EVENTS) == encoded(PLANT)
    assert stopped.replayed + rest.replayed == letters


def test_ingest_keeps_the_letters_of_a_mended_map_apart(log: LocalLog) -> None:
    data = put_aside(log)
    replay(log, data)
    put_plant(log, "nested", PLANT[:2], start=10**12 + 10**6)
    work = ingest(log, data)
    assert work.counts["events"] == 2
    assert values_on(log, EVENTS) == encoded([*PLANT, *PLANT[:2]])
