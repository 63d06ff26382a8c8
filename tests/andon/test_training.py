"""What was learnt from history is what a line goes live with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from andon.replay import Replay, as_records
from andon.training import load_trained, save_trained
from models.detector import DetectorSettings
from producers.families import family
from producers.simulator import SimulatedLine
from stream import checkpoint
from stream.checkpoint import CheckpointError
from stream.effects import Scored
from stream.errors import ConfigError
from stream.events import Event
from stream.line import Line, LineSettings
from stream.task import Task, TaskSettings

DETECTOR = DetectorSettings(window_parts=600)
SETTINGS = TaskSettings(line=LineSettings(detector=DETECTOR))
NAME = "gearbox-A"


@pytest.fixture(scope="module")
def history() -> list[Event]:
    return list(SimulatedLine(family("demo"), seed=3).events(parts=1000))


@pytest.fixture(scope="module")
def trained(history: list[Event], tmp_path_factory: pytest.TempPathFactory) -> Path:
    desk = Replay(SETTINGS, draws=0)
    desk.run(history, None)
    path = tmp_path_factory.mktemp("trained") / "line.ckpt"
    assert save_trained(path, desk.lines, DETECTOR, "history") == path.stat().st_size
    return path


def first_risks(settings: TaskSettings, path: Path | None) -> list[float | None]:
    task = Task(0, settings, load_trained(path, settings.line.detector))
    events = SimulatedLine(family("demo"), seed=4).events(parts=100)
    return [
        effect.risk
        for record in as_records(events, "andon.events", 1)
        for effect in task.process(record)
        if isinstance(effect, Scored)
    ]


def test_a_trained_line_has_risks_from_its_first_event_on(trained: Path) -> None:
    assert set(first_risks(SETTINGS, None)) == {None}
    assert None not in first_risks(SETTINGS, trained)


def test_the_state_goes_on_bit_for_bit_where_it_was_kept(
    history: list[Event], tmp_path: Path
) -> None:
    half = len(history) // 2
    going = Replay(SETTINGS, draws=0)
    going.run(history[:half], None)
    detector = going.lines[NAME].detector
    path = tmp_path / "half.ckpt"
    save_trained(path, going.lines, DETECTOR, "half")
    again = Task(0, SETTINGS, load_trained(path, DETECTOR))
    [tick] = list(as_records(history[:1], "andon.events", 1))
    again.process(tick)
    restored = again.lines[NAME].detector
    # One event apart in what needs no result; equal in all that was learnt from results.
    assert checkpoint.digest(restored.state()["member"]) == checkpoint.digest(
        detector.state()["member"]
    )
    assert restored.calibration.slope == detector.calibration.slope


def test_two_tasks_from_one_file_do_not_share_what_they_learn(trained: Path) -> None:
    lines = load_trained(trained, DETECTOR)
    before = checkpoint.digest(lines)
    task = Task(0, SETTINGS, lines)
    for record in as_records(SimulatedLine(family("demo"), seed=5).events(200), "t", 1):
        task.process(record)
    assert checkpoint.digest(lines) == before


def test_only_the_named_line_starts_from_it(trained: Path) -> None:
    task = Task(0, SETTINGS, load_trained(trained, DETECTOR))
    other = SimulatedLine(family("demo", line="gearbox-B"), seed=4).events(parts=20)
    for record in as_records(other, "t", 1):
        task.process(record)
    assert not task.lines["gearbox-B"].detector.trained


def test_other_settings_are_refused_by_their_key(trained: Path) -> None:
    with pytest.raises(CheckpointError, match=r"detector.window_parts = 600, and it is 700 now"):
        load_trained(trained, replace(DETECTOR, window_parts=700))


def test_settings_that_only_decide_when_to_speak_may_change(trained: Path) -> None:
    assert load_trained(trained, replace(DETECTOR, min_fails=99))


def test_members_shape_a_stack_and_say_nothing_of_one_model_alone(
    trained: Path, tmp_path: Path
) -> None:
    assert DETECTOR.model == "linear"
    assert load_trained(trained, replace(DETECTOR, members=("linear", "long")))
    stack = replace(DETECTOR, model="stack")
    line = Line("A", LineSettings(detector=stack))
    save_trained(tmp_path / "stack.ckpt", {"A": line}, stack, "history")
    with pytest.raises(CheckpointError, match=r"detector\.members = \['linear', 'short', 'long'\]"):
        load_trained(tmp_path / "stack.ckpt", replace(stack, members=("long",)))


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.ckpt"
    checkpoint.write(path, {"kind": "something else"})
    with pytest.raises(CheckpointError, match="not made by 'andon train'"):
        load_trained(path, DETECTOR)


def test_a_model_that_would_need_pickle_says_so(history: list[Event], tmp_path: Path) -> None:
    forest = DetectorSettings(model="river.naive_bayes.GaussianNB")
    desk = Replay(TaskSettings(line=LineSettings(detector=forest)), draws=0)
    desk.run(history[:200], None)
    with pytest.raises(ConfigError, match="without pickle"):
        save_trained(tmp_path / "nb.ckpt", desk.lines, forest, "history")
    assert not (tmp_path / "nb.ckpt").exists()


def test_nothing_to_learn_from_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no events"):
        save_trained(tmp_path / "none.ckpt", {}, DETECTOR, "empty.csv")
