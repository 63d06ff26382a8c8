"""`andon explain` on a simulated line: the risks of a replay, the true cause, and plain answers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from commands import Commands
from jsonschema import Draft202012Validator

from alerts.telling import explanation_text
from andon.explaining import Asked, Biography, explained
from andon.replay import Replay, as_records
from andon.schemas import wire_schemas
from producers.event_file import write_events
from producers.families import family
from producers.simulator import SimulatedLine
from stream.effects import Raised, Scored
from stream.errors import ConfigError
from stream.events import Event, Measurement
from stream.line import LineSettings
from stream.task import Task, TaskSettings
from stream.testing import measurement, result

PARTS = 1200
LAST = 5


class History:
    """A demo line's history, what a replay of it said, and the truth.

    Replayed twice: with nobody looking on, and with witnesses of the last alarmed fails.
    """

    def __init__(self, folder: Path) -> None:
        line = SimulatedLine(family("demo"), seed=5)
        self.truth = line.truth
        self.events: list[Event] = list(line.events(parts=PARTS))
        self.file, self.few = folder / "line.jsonl", folder / "few.jsonl"
        write_events(self.file, self.events)
        write_events(self.few, self.events[:300])
        Replay(TaskSettings(), draws=0).run(self.events, folder)
        self.risks = (folder / "risks.jsonl").read_bytes()
        self.alerts = [json.loads(text) for text in (folder / "alerts.jsonl").open()]
        alarmed = [one["part"] for one in self.alerts if one["type"] == "part.at_risk"]
        failed = [p for p in dict.fromkeys(alarmed) if self.truth(p).outcome == "fail"]
        self.witnesses = Several([Biography(Asked(part)) for part in failed[-LAST:]])
        self.witnessed_risks = b""
        task = Task(0, TaskSettings(), witness=self.witnesses)
        for record in as_records(self.events, "andon.events", 4):
            assert record.partition == 0
            for effect in task.process(record):
                if isinstance(effect, Scored):
                    self.witnessed_risks += effect.to_json() + b"\n"
                elif isinstance(effect, Raised):
                    for one in self.witnesses.each:
                        one.raised(effect.alert)
        self.stories = [one.told("line.jsonl") for one in self.witnesses.each]


@dataclass
class Several:
    """Witnesses of several parts at once."""

    each: list[Biography]

    def scored(self, *seen: Any) -> None:
        for one in self.each:
            one.scored(*seen)

    def tested(self, *seen: Any) -> None:
        for one in self.each:
            one.tested(*seen)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    return History(tmp_path_factory.mktemp("history"))


@pytest.fixture(scope="module")
def told(history: History) -> dict[str, Any]:
    """The story of the last alarmed part that failed, as JSON."""
    found: dict[str, Any] = json.loads(history.stories[-1].model_dump_json())
    return found


def test_looking_on_changes_no_risk_by_a_bit(history: History) -> None:
    assert history.witnessed_risks == history.risks


def test_the_risks_told_are_those_of_the_replay(history: History, told: dict[str, Any]) -> None:
    scored = [json.loads(text) for text in history.risks.splitlines()]
    mine = [one["risk"] for one in scored if one["part"] == told["part"]]
    assert [step["risk"] for step in told["steps"]] == mine
    assert None not in mine


def test_the_moves_of_a_station_and_what_was_learnt_add_up(told: dict[str, Any]) -> None:
    steps = told["steps"]
    for before, step in pairwise(steps):
        moved = sum(each["amount"] for each in step["moved"]) + step["others"]
        change = step["log_odds"] - before["log_odds"]
        # The amounts are written with six digits.
        assert moved + step["learnt"] == pytest.approx(change, abs=1e-5)
    assert any(abs(step["learnt"]) > 0 for step in steps)


def test_the_alarm_and_the_result_are_told_where_they_came(
    history: History, told: dict[str, Any]
) -> None:
    ids = [one["id"] for one in history.alerts if one.get("part") == told["part"]]
    assert [note["id"] for step in told["steps"] for note in step["alerts"]] == ids
    assert (told["result"]["outcome"], told["result"]["test"]) == ("fail", "leak")
    for step in told["steps"]:
        for note in step["alerts"]:
            if note["type"] == "part.at_risk":
                assert step["risk"] >= step["threshold"]


def test_what_moved_most_is_at_the_station_of_the_true_cause(history: History) -> None:
    """Of the last alarmed fails, all but one are explained by the cause that made them fail."""
    hits = 0
    for story in history.stories:
        moves = [move for step in story.steps for move in step.moved if move.amount]
        strongest = sorted(moves, key=lambda move: -(move.amount or 0.0))[:3]
        cause = history.truth(story.part).main_cause
        assert cause is not None
        hits += cause.station in {move.station for move in strongest}
    assert hits >= LAST - 1


def test_dropped_readings_are_named_with_their_reason(
    history: History, told: dict[str, Any]
) -> None:
    mine = [e for e in history.events if isinstance(e, Measurement) and e.part == told["part"]]
    null = {(e.station, name) for e in mine for name, value in e.values.items() if value is None}
    assert {(c["station"], c["feature"]) for c in told["missing"]["dropped"]} == null
    assert {c["why"] for c in told["missing"]["dropped"]} <= {"null", "dead"}


# -- the command -------------------------------------------------------------------------------


def test_the_command_prints_what_its_schema_says(
    andon: Commands, history: History, told: dict[str, Any]
) -> None:
    done = andon("explain", told["part"], history.file, "--json")
    assert done.code == 0
    Draft202012Validator(wire_schemas()["explanation.json"]).validate(done.json)
    assert done.json == told


def test_the_command_tells_the_story_in_french(
    andon: Commands, history: History, told: dict[str, Any]
) -> None:
    done = andon("explain", told["part"], history.file, "--lang", "fr")
    assert done.out == explanation_text(history.stories[-1], "fr") + "\n"
    assert "ALARME, " in done.out
    assert "échec au test (leak)" in done.out


def test_the_language_is_that_of_the_settings(andon: Commands, history: History) -> None:
    part = history.events[0].part  # type: ignore[union-attr]
    assert andon("explain", part, history.few).out.startswith(f"gearbox-A: part {part}\n")
    french = andon("explain", part, history.few, ANDON_ALERTS__LANGUAGE="fr").out
    assert french.startswith(f"gearbox-A\N{NO-BREAK SPACE}: pièce {part}\n")


def test_a_part_that_nobody_knows_is_answered_with_near_ones(
    andon: Commands, history: History
) -> None:
    done = andon("explain", "P-000012", history.few)
    assert done.code == 2
    [said] = done.said
    assert "part P-000012 was measured nowhere in few.jsonl: did you mean P-00000" in said


def test_another_line_or_generation_is_answered_with_those_that_exist(
    andon: Commands, history: History
) -> None:
    part = history.events[0].part  # type: ignore[union-attr]
    done = andon("explain", part, history.few, "--line", "body-B")
    assert (done.code, done.said) == (
        2,
        [f"andon: part {part} was not on line body-B: --line takes gearbox-A"],
    )
    done = andon("explain", part, history.few, "--generation", "3")
    assert done.code == 2
    assert "no generation 3 in few.jsonl: --generation takes 0 alone" in done.said[0]


def test_a_topic_of_the_log_is_a_source_too(andon: Commands, history: History) -> None:
    part = history.events[0].part  # type: ignore[union-attr]
    andon("produce", history.few)
    by_file, by_topic = (
        andon("explain", part, *source, "--json").json
        for source in ((history.few,), ("--topic", "andon.events"))
    )
    assert (by_file.pop("source"), by_topic.pop("source")) == ("few.jsonl", "andon.events")
    assert by_file == by_topic


# -- parts that are no ordinary ones -----------------------------------------------------------


def story_of(part: str, *events: Event, **asked: Any) -> Any:
    records = as_records(events, "t", 1)
    return explained(records, TaskSettings(line=LineSettings()), None, Asked(part, **asked))


def test_before_anything_is_learnt_the_readings_are_told_without_a_risk() -> None:
    story = story_of(
        "P-1", measurement("P-1", "press", 0, {"x": 1.0}), measurement("P-1", "oven", 1, {"y": 2.0})
    ).told("x")
    assert [(step.station, step.risk, step.moved) for step in story.steps] == [
        ("press", None, ()),
        ("oven", None, ()),
    ]
    assert story.result is None


def test_a_serial_number_that_comes_again_has_two_stories() -> None:
    day = 24 * 60
    events = [
        measurement("P-1", "press", 0, {"x": 1.0}),
        result("P-1", "pass", 1),
        measurement("P-1", "oven", 3 * day, {"y": 2.0}),
        result("P-1", "fail", 3 * day + 1),
    ]
    first, second = (story_of("P-1", *events, generation=g).told("x") for g in (0, 1))
    assert [step.station for step in first.steps] == ["press"]
    assert [step.station for step in second.steps] == ["oven"]
    assert first.result is not None
    assert second.result is not None
    assert (first.result.outcome, second.result.outcome) == ("pass", "fail")


def test_a_station_that_measured_again_is_told_so() -> None:
    story = story_of(
        "P-1",
        measurement("P-1", "press", 0, {"x": 1.0}),
        measurement("P-1", "press", 5, {"x": 2.0}),
    ).told("x")
    assert [step.again for step in story.steps] == [False, True]


def test_a_value_of_another_kind_is_told_apart_from_none() -> None:
    taught = [measurement(f"P-{i}", "press", i, {"x": 1.0 * i, "y": 1.0}) for i in range(30)]
    odd = measurement("P-odd", "press", 40, {"x": "broken", "y": None})
    missing = story_of("P-odd", *taught, odd).told("x").missing
    assert [(cell.feature, cell.why) for cell in missing.dropped] == [("x", "kind"), ("y", "null")]


def test_a_dead_sensor_is_told_apart_from_a_reading_that_is_missing_once() -> None:
    def values(i: int) -> dict[str, Any]:
        return {"x": None if i >= 300 else float(i % 7), "y": None if i == 329 else float(i % 5)}

    events = [measurement(f"P-{i}", "press", i, values(i)) for i in range(330)]
    for part, why in (("P-300", [("x", "null")]), ("P-329", [("x", "dead"), ("y", "null")])):
        told = story_of(part, *events).told("x")
        assert [(cell.feature, cell.why) for cell in told.missing.dropped] == why
    assert "no reading, as the sensor is dead: 1 (x at press)" in explanation_text(told)
    assert "le capteur étant mort : 1 (« x » à press)" in explanation_text(told, "fr").replace(
        "\N{NO-BREAK SPACE}", " "
    )


def test_a_history_whose_beginning_is_gone_says_that_its_risks_may_be_others() -> None:
    events = [measurement("P-1", "press", 0, {"x": 1.0}), result("P-1", "pass", 1)]
    kept = [each._replace(offset=each.offset + 700) for each in as_records(events, "t", 1)]
    told = explained(kept, TaskSettings(), None, Asked("P-1")).told("t")
    assert told.read_from == 700
    assert "Read from offset 700 on: what was learnt" in explanation_text(told)
    assert "Lu à partir de la position 700" in explanation_text(told, "fr")
    whole = story_of("P-1", *events).told("t")
    assert whole.read_from == 0
    assert "offset" not in explanation_text(whole)


def test_it_is_the_partition_of_the_parts_line_whose_beginning_counts() -> None:
    events = [measurement("P-1", "press", 0, {"x": 1.0}), result("P-1", "pass", 1)]
    [mine, end] = as_records(events, "t", 1)
    other = mine._replace(partition=1, offset=700, value=mine.value.replace(b"P-1", b"P-2"))
    told = explained([other, mine, end], TaskSettings(), None, Asked("P-1")).told("t")
    assert told.read_from == 0


def test_an_unknown_part_of_a_shortened_history_may_have_been_in_what_is_gone() -> None:
    [kept] = as_records([measurement("P-1", "press", 0, {"x": 1.0})], "t", 1)
    story = explained([kept._replace(offset=700)], TaskSettings(), None, Asked("Q-9"))
    with pytest.raises(ConfigError, match="in t, of which the events before offset 700 were not"):
        story.told("t")
