"""A task taken apart and put together after every record says what one that went on says."""

from __future__ import annotations

import os
from functools import cache
from itertools import islice

import pytest
from small_line import small_line

from models.detector import DetectorSettings
from models.plain_state import NoPlainState, Opaque
from stream import checkpoint
from stream.codec import encode
from stream.events import Event, Measurement
from stream.line import LineSettings
from stream.log import Record
from stream.signed_pickle import SignedPickle
from stream.structural_digest import structural_digest
from stream.task import Task, TaskSettings

FULL = bool(os.environ.get("ANDON_FULL"))
RESTORED = 2_000 if FULL else 300
# The first fit of the imputation ends among the events of the short run.
BEFORE = 1_250
KEY = SignedPickle(b"thirty-two bytes that are secret")
PLAIN = ["linear", "linear, numpy", "stack", "logistic"]


@cache
def history() -> list[Record]:
    """Two lines that take turns; parts wait for their results, some readings do not come."""
    told = [small_line(BEFORE + RESTORED, name) for name in ("A", "B")]
    events = islice(
        (event for both in zip(*told, strict=True) for event in both), BEFORE + RESTORED
    )
    return [
        Record("andon.events", 0, offset, event.line.encode(), encode(_with_gaps(event, offset)))
        for offset, event in enumerate(events)
    ]


def _with_gaps(event: Event, offset: int) -> Event:
    if isinstance(event, Measurement) and event.station == "oven" and offset % 5 == 0:
        return event.model_copy(update={"values": {**event.values, "temp": None}})
    return event


def fresh(model: str, opaque: Opaque | None = None) -> Task:
    name, _, backend = model.partition(", ")
    detector = DetectorSettings(
        model=name, min_fails=2, min_passes=10, window_parts=60, window_fails=3,
        backend="numpy" if backend else "numba",
    )  # fmt: skip
    return Task(0, TaskSettings(line=LineSettings(detector=detector)), opaque=opaque)


def read_back(task: Task, model: str, opaque: Opaque | None = None) -> Task:
    again = fresh(model, opaque)
    again.restore(checkpoint.loads(checkpoint.dumps(task.state())))
    return again


def members(task: Task) -> list[str]:
    """Of each line's model, what it is made of."""
    return [
        structural_digest([copy.model for copy in line.detector.member.copies._running])
        for line in task.lines.values()
    ]


@pytest.mark.parametrize("model", PLAIN)
def test_a_task_restored_after_every_record_is_the_one_that_went_on(model: str) -> None:
    through, restored = fresh(model), fresh(model)
    for record in history()[:BEFORE]:
        through.process(record)
        restored.process(record)
    alerts = 0
    for record in history()[BEFORE:]:
        restored = read_back(restored, model)
        effects = through.process(record)
        assert restored.process(record) == effects
        alerts += sum(hasattr(effect, "alert") for effect in effects)
    assert checkpoint.digest(restored.state()) == checkpoint.digest(through.state())
    assert all(line.detector.trained for line in through.lines.values())
    assert alerts > 0 or model == "logistic"


def test_a_model_that_only_pickle_can_keep_is_restored_as_well() -> None:
    model = "forest"
    through, restored = fresh(model, KEY), fresh(model, KEY)
    for record in history()[:BEFORE]:
        through.process(record)
        restored.process(record)
    for number, record in enumerate(history()[BEFORE:]):
        again = read_back(restored, model, KEY)
        if number % 10 == 0:  # a digest of a forest takes a second
            # Not those of the other task: River's Gaussians carry generators nobody seeds.
            assert members(again) == members(restored)
        restored = again
        assert restored.process(record) == through.process(record)


def test_a_model_that_only_pickle_can_keep_says_so_where_nobody_may_pickle() -> None:
    task = fresh("forest")
    task.process(history()[0])
    with pytest.raises(NoPlainState, match="without pickle"):
        task.state()


@pytest.mark.parametrize("model", PLAIN)
def test_what_was_taken_is_not_changed_by_what_comes_after(model: str) -> None:
    task = fresh(model)
    for record in history()[:BEFORE]:
        task.process(record)
    state = task.state()
    before = checkpoint.dumps(state)
    for record in history()[BEFORE:]:
        task.process(record)
    assert checkpoint.dumps(state) == before
    assert checkpoint.digest(task.state()) != checkpoint.digest(state)
