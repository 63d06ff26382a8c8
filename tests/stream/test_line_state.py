"""Whatever has happened on a line, its state read back goes on as the line itself does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.detector import DetectorSettings
from stream import checkpoint, ledger
from stream.codec import encode
from stream.events import Control, Event, Feedback, Measurement, Result, Tick
from stream.ledger import LedgerSettings
from stream.line import AlarmSettings, LineSettings
from stream.log import Record
from stream.task import Task, TaskSettings

START = datetime(2026, 1, 5, 8, tzinfo=UTC)
# Bounds so narrow that everything is evicted, forgotten and replaced within a few events.
NARROW = TaskSettings(
    line=LineSettings(
        detector=DetectorSettings(
            min_fails=1, min_passes=1, window_parts=4, window_fails=1, window_max_parts=6
        ),
        ledger=LedgerSettings(expire_hours=3.0, late_hours=0.5, open_parts=4, kept_outcomes=5),
        alarms=AlarmSettings(budget=0.5, min_lift=1.0),
        evaluated_parts=5,
    )
)


@pytest.fixture(autouse=True, scope="module")
def few_journeys_are_kept() -> Iterator[None]:
    usual, ledger.JOURNEYS_KEPT = ledger.JOURNEYS_KEPT, 3
    yield
    ledger.JOURNEYS_KEPT = usual


PARTS = st.sampled_from([f"P-{number}" for number in range(7)])
VALUES = st.dictionaries(
    st.sampled_from(["torque", "mold", "clamped", "force"]),
    st.one_of(
        st.none(), st.sampled_from([0.0, -0.0, 1.5, 9.0, 1e12]), st.sampled_from(["8722", "8412"]),
        st.booleans(),
    ),
    max_size=4,
)  # fmt: skip
READINGS = st.tuples(
    st.just("measurement"), PARTS, st.sampled_from(["press", "oven", "test"]), VALUES,
    st.sampled_from([None, None, "e-1", "e-2"]),
)  # fmt: skip
TESTS = st.tuples(
    st.just("result"), PARTS, st.sampled_from(["pass", "fail", "untested"]),
    st.sampled_from([None, None, "EOL-1", "EOL-2"]), st.sampled_from([None, None, 0, 1, 2]),
)  # fmt: skip
OTHERS = st.one_of(
    st.tuples(st.just("tick")),
    st.tuples(st.just("feedback"), st.sampled_from(["acknowledge", "dismiss", "shelve"])),
    st.tuples(st.just("control"), st.sampled_from(["maintenance", "product_change"])),
)
KINDS = st.sampled_from([READINGS, READINGS, READINGS, TESTS, TESTS, OTHERS]).flatmap(
    lambda kind: kind
)
HISTORIES = st.lists(
    st.tuples(KINDS, st.sampled_from([-40, 0, 1, 1, 5, 90])), min_size=20, max_size=70
)


def event(told: tuple[Any, ...], at: datetime) -> Event:
    match told:
        case ("measurement", part, station, values, name):
            return Measurement(line="A", part=part, station=station, at=at, values=values, id=name)
        case ("result", part, outcome, test, revision):
            return Result(line="A", part=part, at=at, outcome=outcome, test=test, revision=revision)
        case ("feedback", act):
            until = at + timedelta(hours=1)
            return Feedback(line="A", target="0" * 32, at=at, act=act, by="shift lead", until=until)
        case ("control", act):
            return Control(line="A", at=at, act=act, until=at + timedelta(minutes=30))
    return Tick(line="A", at=at)


def first_parts() -> Iterator[tuple[Any, int]]:
    """What kinds features are of, and what fails."""
    for number in range(40):
        hard = number % 4 == 0
        values = {"torque": 9.0 if hard else 1.5, "mold": "8722", "clamped": True}
        yield ("measurement", f"Q-{number}", "press", values, None), 1
        yield ("result", f"Q-{number}", "fail" if hard else "pass", None, None), 1


def records(history: list[tuple[Any, int]]) -> list[Record]:
    found, at = [], START
    for offset, (told, minutes) in enumerate([*first_parts(), *history]):
        at += timedelta(minutes=minutes)
        found.append(Record("andon.events", 0, offset, b"A", encode(event(told, at))))
    return found


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(history=HISTORIES, data=st.data())
def test_a_line_read_back_at_any_time_is_the_line_that_went_on(
    history: list[tuple[Any, int]], data: st.DataObject
) -> None:
    told = records(history)
    cuts = set(data.draw(st.lists(st.integers(0, len(told) - 1), min_size=1, max_size=6)))
    through, restored = Task(0, NARROW), Task(0, NARROW)
    for number, record in enumerate(told):
        if number in cuts:
            again = Task(0, NARROW)
            again.restore(checkpoint.loads(checkpoint.dumps(restored.state())))
            restored = again
        assert restored.process(record) == through.process(record)
    assert checkpoint.digest(restored.state()) == checkpoint.digest(through.state())
    assert not through.rejected


def test_two_states_have_one_digest_only_if_nothing_differs() -> None:
    def task(torque: float, part: str = "P-1") -> Task:
        found = Task(0, NARROW)
        values = {"torque": torque}
        for record in records([(("measurement", part, "press", values, None), 0)] * 25):
            found.process(record)
        return found

    digests = [
        checkpoint.digest(each.state())
        for each in (task(1.5), task(1.5), task(1.6), task(1.5, "Q"))
    ]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3
