"""Explaining a part from its own line alone, and from the newest snapshot before it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import Commands

from andon import part_search
from andon.explaining import Asked, explained, explained_on_its_line
from andon.part_search import look_for
from andon.replay import as_records
from andon.snapshots import Snapshots
from models.detector import DetectorSettings
from producers.event_file import write_events
from producers.families import family
from producers.simulator import SimulatedLine
from stream.codec import encode
from stream.errors import ConfigError
from stream.line import LineSettings
from stream.log import Record
from stream.task import TaskSettings
from stream.testing import measurement, result

EVERY = 500
PART = "P-0000400"
ASKED = Asked(PART, "body-B")
TASK = TaskSettings(line=LineSettings(detector=DetectorSettings(min_fails=3, min_passes=20)))


def _two_lines() -> Iterator[Any]:
    ways = [
        SimulatedLine(family("linear", features=24, line=name), seed, remember=0).events(450)
        for seed, name in ((3, "body-A"), (4, "body-B"))
    ]
    for pair in zip(*ways, strict=False):
        yield from pair


EVENTS = list(_two_lines())
# In one partition, as the lines of a plant share a few.
RECORDS = list(as_records(EVENTS, TASK.topic, 1))


@pytest.fixture(autouse=True)
def marks_lie_close(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part_search, "MARK_EVERY", EVERY)


def found(asked: Asked = ASKED, records: list[Record] = RECORDS) -> part_search.Found:
    look = look_for(asked.part, asked.line, records, TASK)
    assert look.found is not None
    return look.found


class Counted:
    """Records, and how many of the part's line were given to a task."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from stream.task import Task

        self.processed = 0
        process = Task.process

        def counted(task: Task, record: Record) -> Any:
            self.processed += 1
            return process(task, record)

        monkeypatch.setattr(Task, "process", counted)


@pytest.fixture(scope="module")
def whole() -> str:
    """What a replay of all lines tells."""
    return explained(RECORDS, TASK, None, ASKED).told("t").model_dump_json()


def test_a_part_is_told_from_its_line_alone_as_from_all_lines(
    whole: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = Counted(monkeypatch)
    told = explained_on_its_line(RECORDS, TASK, None, ASKED, found()).told("t")
    assert told.model_dump_json() == whole
    assert told.steps[-1].risk is not None
    assert 0 < counted.processed < len(RECORDS) / 2


def test_a_part_is_told_from_a_snapshot_as_from_the_beginning(
    whole: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = Counted(monkeypatch)
    tales, costs = [], []
    for _ in range(2):
        before = counted.processed
        snapshots = Snapshots(tmp_path / "kept", TASK)
        tales.append(explained_on_its_line(RECORDS, TASK, None, ASKED, found(), snapshots))
        costs.append(counted.processed - before)
    assert [tale.told("t").model_dump_json() for tale in tales] == [whole, whole]
    marks = found().marks
    assert [mark.records for mark in marks] == [EVERY * i for i in range(1, len(marks) + 1)]
    assert len(marks) >= 2
    assert costs[1] == costs[0] - marks[-1].records


def test_a_damaged_snapshot_is_passed_over_and_made_again(whole: str, tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path / "kept", TASK)
    explained_on_its_line(RECORDS, TASK, None, ASKED, found(), snapshots)
    kept = list((tmp_path / "kept").iterdir())
    for path in kept:
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    assert snapshots.newest(found().marks) == (0, None)
    told = explained_on_its_line(RECORDS, TASK, None, ASKED, found(), snapshots).told("t")
    assert told.model_dump_json() == whole
    assert snapshots.newest(found().marks)[0] == found().marks[-1].records


@pytest.mark.parametrize("what", ["settings", "trained", "history", "place"])
def test_a_snapshot_of_anything_else_is_not_found(what: str, tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path / "kept", TASK)
    explained_on_its_line(RECORDS, TASK, None, ASKED, found(), snapshots)
    marks = found().marks
    assert snapshots.newest(marks)[0] > 0
    if what == "settings":
        snapshots = Snapshots(tmp_path / "kept", TaskSettings())
    elif what == "trained":
        snapshots = Snapshots(tmp_path / "kept", TASK, {"body-B": {"x": 1}})
    elif what == "history":  # one record of the line's less
        at = next(i for i, record in enumerate(RECORDS) if record.key == b"body-B")
        marks = found(records=[*RECORDS[:at], *RECORDS[at + 1 :]]).marks
    else:
        marks = found(records=[each._replace(offset=each.offset + 1) for each in RECORDS]).marks
    assert snapshots.newest(marks) == (0, None)


def test_a_model_that_only_pickle_keeps_has_no_snapshots(tmp_path: Path) -> None:
    task = TaskSettings(
        line=LineSettings(detector=DetectorSettings(model="river.naive_bayes.GaussianNB"))
    )
    with pytest.raises(ConfigError, match=r"only pickle can keep the model .*GaussianNB.*: leave "):
        Snapshots(tmp_path, task)


def test_a_folder_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    os.chmod(tmp_path, 0o777)
    with pytest.raises(ConfigError, match=r"--snapshots .* has mode 0777, others may write to it"):
        Snapshots(tmp_path, TASK)


# -- looking for a part ------------------------------------------------------------------------


def test_a_serial_number_written_in_escapes_is_found() -> None:
    event = measurement("P-1", "press", 0, {"x": 1.0})
    value = encode(event).replace(b'"P-1"', b'"\\u0050-1"')
    record = Record("t", 0, 0, event.line.encode(), value)
    assert look_for("P-1", None, [record], TASK).found is not None


def test_a_part_that_is_only_named_is_not_found() -> None:
    named = measurement("P-2", "press", 0, {"x": 'of "P-1"', "P-1": "P-1"})
    events = [named, result("P-1", "pass", 1)]
    assert look_for("P-1", None, as_records(events, "t", 1), TASK).found is None


def test_lines_beyond_what_a_task_takes_are_not_told_apart() -> None:
    few = TaskSettings(max_lines=1)
    look = look_for(PART, None, RECORDS, few)
    assert (look.found, look.told) == (None, False)


# -- the command -------------------------------------------------------------------------------


def test_the_command_tells_the_same_with_snapshots_as_without(
    andon: Commands, whole: str, tmp_path: Path
) -> None:
    write_events(tmp_path / "lines.jsonl", EVENTS)
    andon("produce", tmp_path / "lines.jsonl")
    asked = ("explain", PART, "--line", "body-B", "--json", "--topic", "andon.events")
    plain = andon(*asked)
    assert plain.code == 0
    assert len(plain.json["steps"]) > 1
    for _ in range(2):
        assert andon(*asked, "--snapshots", "kept").out == plain.out
    assert list(Path("kept").glob("*.snapshot"))


def test_an_unknown_part_of_a_topic_is_refused_before_anything_is_replayed(
    andon: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_events(tmp_path / "lines.jsonl", EVENTS[:400])
    andon("produce", tmp_path / "lines.jsonl")
    counted = Counted(monkeypatch)
    done = andon("explain", "P-000001", "--topic", "andon.events")
    assert done.code == 2
    assert "was measured nowhere in andon.events: did you mean P-00000" in done.said[0]
    done = andon("explain", "P-0000001", "--topic", "andon.events", "--line", "body-C")
    assert done.said == [
        "andon: part P-0000001 was not on line body-C: --line takes body-A, body-B"
    ]
    assert counted.processed == 0
