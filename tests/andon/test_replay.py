"""A replay behaves as the log would, reports what it should, and can be warmed up."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from andon.replay import Replay, as_records, fingerprint
from producers.families import family
from producers.simulator import SimulatedLine
from stream.events import Event
from stream.line import AlarmSettings, LineSettings
from stream.log import TopicPartition, TopicSpec
from stream.memory import MemoryLog
from stream.task import TaskSettings


@pytest.fixture(scope="module")
def history() -> list[Event]:
    return list(SimulatedLine(family("demo"), seed=3).events(parts=1000))


def test_a_fresh_topic_would_hold_the_very_same_records(history: list[Event]) -> None:
    log = MemoryLog()
    log.create_topics([TopicSpec("andon.events", 4)])
    few = history[:500]
    for record in as_records(few, "andon.events", 4):
        log.append("andon.events", record.key, record.value)
    held = [record for p in range(4) for record in log.read(TopicPartition("andon.events", p))]
    made = sorted(as_records(few, "andon.events", 4), key=lambda r: (r.partition, r.offset))
    assert [(r.partition, r.offset, r.key, r.value) for r in held] == [
        (r.partition, r.offset, r.key, r.value) for r in made
    ]


def test_a_replay_of_records_is_the_replay_of_their_events(
    history: list[Event], tmp_path: Path
) -> None:
    Replay(TaskSettings(), draws=0).run(history, tmp_path / "a")
    records = as_records(history, "andon.events", 4)
    Replay(TaskSettings(), draws=0).run_records(records, tmp_path / "b")
    for name in ("risks.jsonl", "alerts.jsonl"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_every_measurement_has_its_line_in_the_risks(history: list[Event], tmp_path: Path) -> None:
    report = Replay(TaskSettings(), draws=0).run(history, tmp_path)
    risks = [json.loads(line) for line in (tmp_path / "risks.jsonl").open()]
    assert len(risks) == report.events["measurement"]
    assert {"line", "part", "station", "at", "risk", "interval", "trained"} == set(risks[0])
    assert risks[0]["risk"] is None
    assert isinstance(risks[-1]["risk"], float)
    assert sum(report.events.values()) == len(history)


def test_a_warm_up_is_learnt_from_and_not_reported(history: list[Event], tmp_path: Path) -> None:
    whole = Replay(TaskSettings(), draws=0)
    everything = whole.run(history, tmp_path / "whole")
    begin = history[0].at + timedelta(hours=5)
    desk = Replay(TaskSettings(), draws=0, warm_up_until=begin)
    report = desk.run(history, tmp_path / "warm")
    assert 0 < report.overall.parts < everything.overall.parts
    reported = (tmp_path / "warm" / "risks.jsonl").read_text().splitlines()
    all_risks = (tmp_path / "whole" / "risks.jsonl").read_text().splitlines()
    # Warming up changes what is told, never a risk.
    assert reported == all_risks[-len(reported) :]
    assert json.loads(reported[0])["at"] >= begin.isoformat()[:19]


def test_parts_whose_results_never_came_are_told_by_their_risks_alone(
    history: list[Event], tmp_path: Path
) -> None:
    late = set(sorted({e.part for e in history if e.type == "result"})[-200:])
    cut = [e for e in history if e.type != "result" or e.part not in late]
    report = Replay(TaskSettings(), draws=0).run(cut, tmp_path)
    scored = [json.loads(line) for line in (tmp_path / "risks.jsonl").open()]
    last = {one["part"]: one["risk"] for one in scored if one["part"] in late}
    assert report.waiting.parts == report.lines_waiting["gearbox-A"].parts == len(last) == 200
    assert report.waiting.fails == pytest.approx(sum(last.values()), abs=1e-3)
    assert report.overall.parts == 800
    assert report.overall.expected.parts == report.overall.last.parts


def test_no_events_give_an_empty_report(tmp_path: Path) -> None:
    report = Replay(TaskSettings(), draws=0).run([], tmp_path)
    assert report.overall.parts == 0
    assert json.loads((tmp_path / "report.json").read_text())["lines"] == {}


def test_another_setting_has_another_fingerprint() -> None:
    other = TaskSettings(line=LineSettings(alarms=AlarmSettings(budget=0.01)))
    assert fingerprint(other) != fingerprint(TaskSettings())
