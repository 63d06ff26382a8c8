"""Whatever is told of a trained line, in whatever order, breaks nothing; nor does a crash."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_line import ANY_NUMBER, LEARNT, small_line
from workers import state_of

from stream.effects import PutAside, Raised, Scored
from stream.events import Control, Event, Feedback, Measurement, Result, Tick
from stream.testing import TaskDriver, at

SERIALS = [f"P-{number}" for number in range(LEARNT - 5, LEARNT + 5)]

times = st.one_of(
    st.floats(LEARNT - 60.0, LEARNT + 60.0).map(at),
    st.floats(-60_000.0, 60_000.0).map(at),
    st.sampled_from([datetime(1970, 1, 1, tzinfo=UTC), datetime(2345, 6, 7, tzinfo=UTC)]),
)
untils = st.none() | times
values = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(["8722", "", "NaN", "a.b=c?"]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([1.0, 9.0, 9000.0]),
)
serials = st.sampled_from(SERIALS)
events: st.SearchStrategy[Event] = st.one_of(
    st.builds(
        Measurement,
        line=st.just("A"),
        at=times,
        part=serials,
        station=st.sampled_from(["press", "oven", "never seen"]),
        values=st.dictionaries(st.sampled_from(["torque", "mold", "temp", "?", "new"]), values),
        id=st.none() | st.sampled_from(["m-1", "m-2"]),
    ),
    st.builds(
        Result,
        line=st.just("A"),
        at=times,
        part=serials | st.just("nobody"),
        outcome=st.sampled_from(["pass", "fail", "untested"]),
        test=st.sampled_from([None, "EOL-1", "EOL-2"]),
        revision=st.none() | st.integers(0, 3),
    ),
    st.builds(
        Feedback,
        line=st.just("A"),
        at=times,
        target=st.sampled_from(["0" * 32, "last"]),
        act=st.sampled_from(["acknowledge", "dismiss", "shelve", "unshelve", "pulled"]),
        until=untils,
    ),
    st.builds(
        Control,
        line=st.just("A"),
        at=times,
        act=st.sampled_from(["maintenance", "out_of_service", "product_change", "promote"]),
        until=untils,
    ),
    st.builds(Tick, line=st.just("A"), at=times),
)


def tell(driver: TaskDriver, event: Event) -> None:
    """Pipe an event in; feedback for "last" goes to the newest alarm."""
    if isinstance(event, Feedback) and event.target == "last":
        alarms = driver.line("A").alarms._alarms
        event = event.model_copy(update={"target": next(reversed(alarms), "none")})
    driver.pipe(event)


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(events, min_size=1, max_size=60), st.data())
def test_any_history_is_survived_and_a_crash_in_it_changes_nothing(
    told: list[Event], data: st.DataObject
) -> None:
    steady, crashing = TaskDriver(ANY_NUMBER), TaskDriver(ANY_NUMBER)
    for driver in (steady, crashing):
        driver.pipe(*small_line(LEARNT))
        driver.read()
    crash_before = data.draw(st.integers(0, len(told) - 1), "crash before event")
    for number, event in enumerate(told):
        tell(steady, event)
        if number == crash_before:
            crashing.crash()
        tell(crashing, event)
    said = steady.read()
    assert crashing.read() == said
    assert state_of(crashing.line("A")) == state_of(steady.line("A"))
    for effect in said:
        assert not isinstance(effect, PutAside), effect
        if isinstance(effect, Scored):
            assert effect.risk is not None
            assert 0.0 < effect.risk < 1.0
            assert effect.to_json()
        if isinstance(effect, Raised):
            assert len(effect.alert.to_json()) < 20_000
    line = steady.line("A")
    for journey in line.ledger.open_journeys():
        assert all(map(math.isfinite, line.detector.catalogue.vector(journey.row).values()))
    assert line.evaluation.report().parts > 0
