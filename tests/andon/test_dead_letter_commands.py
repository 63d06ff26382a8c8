"""``andon dead-letters`` on the log of one machine, as it is typed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from commands import Commands
from dead_letters import EVENTS, LETTERS, create_topics, ingest, wrong
from plants import as_toml, create_plant, encoded, plant_events, put_plant, shape_map, values_on

from stream.errors import ConfigError
from stream.local import LocalLog

PLANT = plant_events(3)
RESULTS = "plant.nested.results"


@pytest.fixture
def log(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalLog]:
    """A plant that a wrong map has put aside, with one record that no map can read."""
    monkeypatch.setenv("ANDON_LOGGING__LEVEL", "critical")
    data = shape_map("nested")
    (folder / "mended.toml").write_text(as_toml(data), "utf-8")
    with closing(LocalLog(folder / "state" / "andon.sqlite")) as opened:
        create_topics(opened)
        create_plant(opened, data)
        put_plant(opened, "nested", PLANT)
        opened.append(RESULTS, b"k", b"\x1b[31m{", timestamp=10**13)
        opened.flush()
        ingest(opened, wrong(data))
        yield opened


def test_list_counts_by_reason_and_source(log: LocalLog, andon: Commands) -> None:
    said = andon("dead-letters", "list", "--json").json
    assert (said["letters"], said["foreign"]) == (len(PLANT) + 1, 0)
    counts = {(one["class"], one["stage"], one["topic"]): one["count"] for one in said["reasons"]}
    results = sum(event.type == "result" for event in PLANT)
    assert counts == {
        ("missing_path", "validate", "plant.nested.measurements"): len(PLANT) - results,
        ("missing_path", "validate", RESULTS): results,
        ("not_json", "decode", RESULTS): 1,
    }
    shown = andon("dead-letters", "list", "--reason", "not_json", "--topic", RESULTS).out
    assert [line.split()[:4] for line in shown.splitlines()[1:-1]] == [
        ["1", "not_json", "decode", RESULTS]
    ]
    assert andon("dead-letters", "list", "--until", "0").out == "0 dead letters\n"


def test_show_shows_the_letter_that_list_names(log: LocalLog, andon: Commands) -> None:
    [one] = andon("dead-letters", "list", "--reason", "not_json", "--json").json["reasons"]
    shown = andon("dead-letters", "show", one["examples"][0])
    assert "reason      not_json (decode)" in shown.out
    assert r"\x1b[31m{" in shown.out
    assert "\x1b" not in shown.out
    said = andon("dead-letters", "show", one["examples"][0], "--json")
    assert said.json["value"] == {"text": "\x1b[31m{"}
    assert "\x1b" not in said.out


def test_replay_with_the_mended_map_tells_the_plant_and_says_what_remains(
    log: LocalLog, andon: Commands
) -> None:
    replay = ["dead-letters", "replay", "--map", "mended.toml"]
    dry = andon(*replay, "--dry-run", "--json")
    *outcomes, would = [json.loads(line) for line in dry.out.splitlines()]
    assert (dry.code, len(outcomes), would["events"]) == (4, len(PLANT) + 1, len(PLANT))
    assert values_on(log, EVENTS) == []
    shown = andon(*replay, "--dry-run").out
    assert shown.count(" becomes: {") == len(PLANT)
    assert "remains: not_json" in shown

    done = andon(*replay, "--json")
    assert (done.code, done.json) == (4, would | {"dry_run": False})
    assert values_on(log, EVENTS) == encoded(PLANT)
    again = andon(*replay)
    assert again.out.startswith(f"0 of {len(PLANT) + 1} dead letters became 0 events on {EVENTS}; ")
    assert "1 not_json, such as " in again.out
    assert andon(*replay, "--reason", "missing_path").code == 0
    listed = andon("dead-letters", "list", "--replayed", "--json").json["reasons"]
    replayed = {one["class"]: one["replayed"] == one["count"] for one in listed}
    assert replayed == {"missing_path": True, "not_json": False}


def test_without_a_map_the_records_of_the_plant_remain(log: LocalLog, andon: Commands) -> None:
    done = andon("dead-letters", "replay", "--json")
    assert (done.code, done.json["remaining"]) == (4, len(PLANT) + 1)
    [reason] = done.json["reasons"]
    assert reason["reason"] == "no_map"
    assert reason["message"].endswith("give a map of that topic by --map")


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("12", "'12' is no place: write PARTITION:OFFSET, such as 0:12"),
        ("7:0", "7:0: topic 'andon.dead-letters' has no partition 7: give 0 to 1"),
        ("0:999", "0:999: andon.dead-letters[0] holds 0 to "),
    ],
)
def test_a_place_where_no_letter_lies_is_a_mistake(
    place: str, said: str, log: LocalLog, andon: Commands
) -> None:
    done = andon("dead-letters", "show", place)
    assert done.code == ConfigError.exit_code
    assert said in done.err


def test_a_record_of_somebody_else_is_counted_and_not_shown(log: LocalLog, andon: Commands) -> None:
    log.append(LETTERS, b"k", b"{}", partition=1)
    log.flush()
    assert andon("dead-letters", "list").out.splitlines()[-1].startswith("1 records carry no")
    place = f"1:{len(values_on(log, LETTERS))}"
    assert andon("dead-letters", "show", place).code == ConfigError.exit_code


def test_a_topic_that_does_not_exist_is_the_logs_error(folder: Path, andon: Commands) -> None:
    assert andon("dead-letters", "list").code == 3
