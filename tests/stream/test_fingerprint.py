"""Which settings may change on a live line, which are refused by name, and what is taken over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import pytest
from small_line import QUICK, small_line

from andon.line_state import figures_of
from models.plain_state import State
from stream import checkpoint
from stream.codec import encode
from stream.effects import Effect, PutAside, Scored
from stream.events import Event
from stream.fingerprint import SettingsChanged, begun_anew, changed, fingerprint, other_versions
from stream.line_state import FIGURES, IMPUTATION, MODEL
from stream.log import Record
from stream.task import Task, TaskSettings

BEFORE, AFTER = 200, 60

LIVE: dict[str, Any] = {
    "limits.message_bytes": 300_000,
    "limits.depth": 8,
    "limits.values": 1000,
    "limits.name_bytes": 100,
    "limits.text_bytes": 500,
    "limits.magnitude": 1e9,
    "dead_letter_bytes": 1000,
    "max_lines": 5,
    "line.detector.window_parts": 100,
    "line.detector.window_hours": 2.0,
    "line.detector.window_fails": 3,
    "line.detector.window_max_parts": 150,
    "line.detector.copies": 2,
    "line.detector.min_fails": 7,
    "line.detector.min_passes": 11,
    "line.detector.prior_rate": 0.1,
    "line.ledger.expire_hours": 0.3,
    "line.ledger.late_hours": 1.0,
    "line.ledger.open_parts": 10,
    "line.ledger.kept_outcomes": 20,
    "line.alarms.budget": 0.3,
    "line.alarms.min_lift": 1.1,
    "line.alarms.clear_ratio": 0.9,
    "line.alarms.reasons": 1,
    "line.watch.drift": False,
    "line.watch.drift_sigma": 0.3,
    "line.watch.silent": False,
    "line.watch.sensors": False,
    "line.watch.degraded": False,
    "line.watch.surge": False,
    "line.watch.flood_alarms": 2,
    "line.watch.flood_minutes": 60.0,
    "line.watch.reasons": 1,
    "line.watch.budget": 0.3,
}
"""Settings that act from the next event on, and another value of each."""

SHAPING: dict[str, tuple[str, Any]] = {
    "topic": ("topics.events", "other.events"),
    "group": ("worker.group", "other"),
    "line.detector.model": ("detector.model", "stack"),
    "line.detector.members": ("detector.members", ("linear",)),
    "line.detector.backend": ("detector.backend", "numpy"),
    "line.detector.seed": ("detector.seed", 7),
    "line.detector.replicates": ("detector.replicates", 3),
    "line.detector.rank": ("detector.rank", 3),
    "line.ledger.label_test": ("parts.label_test", "EOL-2"),
    "line.evaluated_parts": ("evaluated_parts", 50),
}
"""Settings that have shaped a state: their names in a refusal, and another value of each."""


def names(settings: Any, within: str = "") -> Iterator[str]:
    for field in fields(settings):
        value = getattr(settings, field.name)
        if is_dataclass(value):
            yield from names(value, f"{within}{field.name}.")
        else:
            yield within + field.name


def with_other(settings: Any, name: str, value: Any) -> Any:
    first, _, rest = name.partition(".")
    inner = with_other(getattr(settings, first), rest, value) if rest else value
    return replace(settings, **{first: inner})


def piped(task: Task, events: Iterator[Event], start: int) -> list[Effect]:
    records = (
        Record(task.settings.topic, 0, offset, event.line.encode(), encode(event))
        for offset, event in enumerate(events, start)
    )
    return [effect for record in records for effect in task.process(record)]


@pytest.fixture(scope="module")
def written() -> bytes:
    task = Task(0, QUICK)
    piped(task, small_line(BEFORE), 0)
    return checkpoint.dumps(task.state())


def taken_up(written: bytes, settings: TaskSettings, anew: frozenset[str] = frozenset()) -> Task:
    task = Task(0, settings)
    task.restore(checkpoint.loads(written), anew)
    return task


def goes_on(task: Task) -> None:
    """It works on all that comes, and what it is then can be kept and read back."""
    effects = piped(task, small_line(AFTER, start=BEFORE), 10_000)
    assert not [effect for effect in effects if isinstance(effect, PutAside)]
    again = taken_up(checkpoint.dumps(task.state()), task.settings)
    assert checkpoint.digest(again.state()) == checkpoint.digest(task.state())


def line_of(state: State) -> Any:
    return state["lines"][0]


def test_of_every_setting_it_is_known_whether_it_may_change() -> None:
    assert sorted(names(TaskSettings())) == sorted([*LIVE, *SHAPING])


@pytest.mark.parametrize("name", LIVE)
def test_a_live_setting_changes_without_a_word_and_the_line_goes_on(
    name: str, written: bytes
) -> None:
    settings = with_other(QUICK, name, LIVE[name])
    assert settings != QUICK
    assert not changed(fingerprint(QUICK), fingerprint(settings))
    goes_on(taken_up(written, settings))


@pytest.mark.parametrize("name", SHAPING)
def test_a_setting_that_has_shaped_the_state_is_refused_by_name_with_both_values(name: str) -> None:
    key, value = SHAPING[name]
    made = of_a_stack(QUICK) if key == "detector.members" else QUICK
    changes = changed(fingerprint(made), fingerprint(with_other(made, name, value)))
    assert list(changes) == [key]
    said = str(SettingsChanged(changes, 3))
    assert "partition 3" in said
    was, wanted = changes[key]
    assert wanted == (list(value) if isinstance(value, tuple) else value)
    assert f"{key} was {was!r}, is {wanted!r}" in said
    assert "--from-scratch" in said
    assert ("--migrate" in said) is (name not in ("topic", "group"))


def of_a_stack(settings: TaskSettings) -> TaskSettings:
    stack: TaskSettings = with_other(settings, "line.detector.model", "stack")
    return stack


MIGRATING = [
    name for name in SHAPING if name.startswith("line.") and name != "line.detector.members"
]


@pytest.mark.parametrize("name", MIGRATING)
def test_what_migrates_goes_on_with_journeys_and_results(name: str, written: bytes) -> None:
    settings = with_other(QUICK, name, SHAPING[name][1])
    anew = begun_anew(changed(fingerprint(QUICK), fingerprint(settings)))
    task = taken_up(written, settings, anew)
    before, now = line_of(checkpoint.loads(written)), line_of(task.state())
    kept = ["ledger", "alarms", "watch", "watermark", "counts"]
    kept += [] if FIGURES in anew else ["evaluation"]
    kept += [] if MODEL in anew else ["detector", "operating_point"]
    for part in kept:
        if part == "ledger" and MODEL in anew:  # but for what another model said of them
            for journeys in ("open", "recent_journeys"):
                assert np.isnan(now[part][journeys]["risks"]).all()
                for said in ("margin", "margins", "stacked", "risks"):
                    now[part][journeys][said] = before[part][journeys][said]
        assert checkpoint.digest({part: now[part]}) == checkpoint.digest({part: before[part]})
    if MODEL in anew:
        assert now["detector"]["fails"] == now["detector"]["passes"] == 0
        assert now["detector"]["catalogue"]["columns"]["features"]
    goes_on(task)
    if MODEL in anew:
        assert task.lines["A"].detector.passes > 0


def test_the_figures_after_a_migration_are_those_of_the_new_model_alone(written: bytes) -> None:
    settings = with_other(QUICK, "line.detector.rank", 3)
    before = taken_up(written, QUICK).lines["A"]
    assert before.evaluation.last_risks()[0].size > 100
    task = taken_up(
        written, settings, begun_anew(changed(fingerprint(QUICK), fingerprint(settings)))
    )
    line = task.lines["A"]
    assert {journey.part for journey in before.ledger.open_journeys()} == {
        journey.part for journey in line.ledger.open_journeys()
    }
    assert figures_of(line).parts == 0
    effects = piped(task, small_line(2 * AFTER, start=BEFORE), 10_000)
    given = {each.part for each in effects if isinstance(each, Scored) and each.trained}
    judged = line.evaluation.last_risks()[0].size
    assert 0 < judged == len(given & {outcome.part for outcome in line.ledger.decided.values()})


def test_another_model_keeps_the_imputation_if_it_imputes_the_same_way(written: bytes) -> None:
    settings = with_other(QUICK, "line.detector.model", "stack")
    task = taken_up(written, settings, frozenset({MODEL}))
    before = line_of(checkpoint.loads(written))["detector"]["member"]["gaussian"]
    now = line_of(task.state())["detector"]["member"]["linear"]["gaussian"]
    assert checkpoint.digest(now) == checkpoint.digest(before)
    back = Task(0, QUICK)
    back.restore(task.state(), frozenset({MODEL}))
    again = line_of(back.state())["detector"]["member"]["gaussian"]
    assert checkpoint.digest(again) == checkpoint.digest(before)


@pytest.mark.parametrize("fewer", [("linear", "short"), ("short", "long")])
def test_a_member_is_switched_off_and_on_again_and_the_line_goes_on(fewer: tuple[str, ...]) -> None:
    all_of_them = of_a_stack(QUICK)
    task = Task(0, all_of_them)
    piped(task, small_line(BEFORE), 0)
    without = taken_up(
        checkpoint.dumps(task.state()),
        with_other(all_of_them, "line.detector.members", fewer),
        frozenset({MODEL}),
    )
    goes_on(without)
    goes_on(taken_up(checkpoint.dumps(without.state()), all_of_them, frozenset({MODEL})))


@pytest.mark.parametrize("name", ["rank", "replicates", "seed", "backend"])
def test_what_shapes_the_imputation_begins_it_anew(name: str) -> None:
    assert begun_anew({f"detector.{name}": (0, 1)}) == {FIGURES, IMPUTATION, MODEL}


@pytest.mark.parametrize(("before", "after"), [("linear", "logistic"), ("logistic", "linear")])
def test_a_river_model_and_one_that_imputes_follow_each_other(before: str, after: str) -> None:
    first = with_other(QUICK, "line.detector.model", before)
    task = Task(0, first)
    piped(task, small_line(BEFORE), 0)
    wanted = with_other(QUICK, "line.detector.model", after)
    goes_on(taken_up(checkpoint.dumps(task.state()), wanted, frozenset({MODEL})))


def test_other_versions_are_told_and_refused_only_for_a_pickled_model() -> None:
    for model, refused in (("linear", False), ("logistic", False), ("forest", True)):
        now = fingerprint(with_other(QUICK, "line.detector.model", model))
        key = "versions of a pickled model"
        before: dict[str, Any] = {**now, "versions": {**now["versions"], "river": "0.0.1"}}
        if now[key] is not None:
            before[key] = "river 0.0.1, numpy 1.0"
        assert bool(changed(before, now)) is refused
        assert other_versions(before, now) == {"river": f"0.0.1 -> {now['versions']['river']}"}


def test_a_change_from_a_pickled_model_names_the_model_alone() -> None:
    forest = fingerprint(with_other(QUICK, "line.detector.model", "forest"))
    assert list(changed(forest, fingerprint(QUICK))) == ["detector.model"]
