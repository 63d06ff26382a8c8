from __future__ import annotations

import heapq
import itertools
import math
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lines import by_part, digest, measurements, results, small_spec

from producers.families import family
from producers.line_spec import START, Breaks, Route, Span
from producers.simulator import BATCH, JITTER, SimulatedLine
from stream.codec import decode, encode
from stream.events import Event, Measurement, Result, Tick


@pytest.fixture(scope="module")
def demo_events() -> list[Event]:
    return list(SimulatedLine(family("demo"), seed=5).events(2_000))


def wire(events) -> list[bytes]:  # type: ignore[no-untyped-def]
    return [encode(event) for event in events]


def test_the_same_seed_gives_the_same_bytes():
    spec = family("demo")
    assert wire(SimulatedLine(spec, 3).events(200)) == wire(SimulatedLine(spec, 3).events(200))


def test_the_same_line_starts_anew_at_each_call():
    line = SimulatedLine(small_spec())
    assert wire(line.events(100)) == wire(line.events(100))


def test_another_seed_another_name_and_another_structure_give_other_values():
    lines = [
        SimulatedLine(family("linear"), 0),
        SimulatedLine(family("linear"), 1),
        SimulatedLine(family("linear", line="other"), 0),
        SimulatedLine(family("linear", structure=1), 0),
    ]
    said = [[event.values for event in measurements(line.events(20))] for line in lines]
    assert all(one != other for one, other in itertools.combinations(said, 2))


@given(st.integers(1, 3 * BATCH))
@settings(max_examples=15, deadline=None)
def test_a_short_run_is_the_beginning_of_a_long_one(parts: int):
    spec = small_spec(routes=(Route(0.6, ("A", "B", "C")), Route(0.4, ("A", "B", "B", "C"))))
    short = by_part(SimulatedLine(spec).events(parts))
    long = by_part(SimulatedLine(spec).events(3 * BATCH))
    assert len(short) == parts
    assert all(long[part] == journey for part, journey in short.items())


def test_an_endless_line_gives_what_a_finite_one_gives():
    spec = small_spec()
    endless = itertools.islice(SimulatedLine(spec).events(), 900)
    assert wire(endless) == wire(itertools.islice(SimulatedLine(spec).events(2_000), 900))


def test_two_lines_run_together_as_they_run_alone():
    specs = [family("linear", line="one"), family("linear", line="two")]
    lines = [SimulatedLine(spec, 7).events(150) for spec in specs]
    mixed = list(heapq.merge(*lines, key=lambda event: event.at))
    for spec in specs:
        mine = (event for event in mixed if event.line == spec.name)
        assert digest(mine) == digest(SimulatedLine(spec, 7).events(150))


def test_events_come_in_order_of_time(demo_events: list[Event]):
    assert all(a.at <= b.at for a, b in itertools.pairwise(demo_events))


def test_parts_travel_together(demo_events: list[Event]):
    journeys = by_part(demo_events[:400]).values()
    first, second = list(journeys)[10:12]
    assert first[0].at < second[0].at < first[-1].at


def test_every_part_gets_one_result_after_its_last_measurement(demo_events: list[Event]):
    journeys, outcomes = by_part(demo_events), results(demo_events)
    assert len(outcomes) == sum(isinstance(event, Result) for event in demo_events) == 2_000
    assert journeys.keys() == outcomes.keys()
    delays = [outcomes[part].at - journeys[part][-1].at for part in journeys]
    hours = np.array([delay / timedelta(hours=1) for delay in delays])
    assert hours.min() >= 0.25 * 2.0
    assert abs(hours.mean() - 2.0) < 0.03
    assert abs(np.log(hours).std() - 0.1) < 0.01


def test_the_stream_starts_at_its_fixed_date_whatever_the_clock_says(demo_events: list[Event]):
    assert START <= demo_events[0].at < START + timedelta(seconds=30)
    assert demo_events[0].at.tzname() == "UTC"


def test_stations_are_reached_after_the_travel_that_is_stated(demo_events: list[Event]):
    spec = family("demo")
    stations = spec.stations
    jitter = JITTER * min(station.travel for station in stations)
    for journey in by_part(demo_events).values():
        if [event.station for event in journey] == [station.name for station in stations]:
            launch = spec.start + timedelta(
                milliseconds=spec.launch_ms(int(journey[0].part[2:]) - 1)
            )
            due = 0.0
            for event, station in zip(journey, stations, strict=True):
                lateness = (event.at - launch).total_seconds() - due
                assert -0.001 <= lateness <= jitter
                due += station.travel


def test_some_parts_skip_and_some_are_reworked(demo_events: list[Event]):
    ways = [tuple(event.station for event in j) for j in by_part(demo_events).values()]
    routes = family("demo").routes
    assert set(ways) == {route.stations for route in routes}
    for route in routes:
        share = ways.count(route.stations) / len(ways)
        error = math.sqrt(route.probability * (1 - route.probability) / len(ways))
        assert abs(share - route.probability) < 4 * error


def test_rework_measures_the_station_again_with_other_values(demo_events: list[Event]):
    reworked = 0
    for journey in by_part(demo_events).values():
        bolts = [event for event in journey if event.station == "OP70_bolt"]
        if len(bolts) == 2:
            reworked += 1
            assert bolts[0].at < bolts[1].at
            assert bolts[0].values != bolts[1].values
    assert reworked > 50


def test_it_is_the_last_visit_that_decides():
    spec = small_spec(routes=(Route(1.0, ("A", "A", "B", "C")),), bayes_auc=0.99, fail_rate=0.3)
    line = SimulatedLine(spec)
    journeys = by_part(line.events(1_500))
    chances = [line.truth(part).fail_probability for part in journeys]
    visits = np.array([[e.values["torque"] for e in j[:2]] for j in journeys.values()], dtype=float)
    log_odds = np.log(np.array(chances) / (1 - np.array(chances)))
    assert np.corrcoef(visits[:, 1], log_odds)[0, 1] > 0.98
    assert abs(np.corrcoef(visits[:, 0], log_odds)[0, 1]) < 0.15


def test_a_station_with_a_skewed_clock_only_lies_about_its_time():
    plain = small_spec()
    skewed = replace(
        plain,
        stations=tuple(
            replace(s, clock_skew=-90.0) if s.name == "B" else s for s in plain.stations
        ),
    )
    right = list(SimulatedLine(plain).events(100))
    wrong = list(SimulatedLine(skewed).events(100))
    assert any(a.at > b.at for a, b in itertools.pairwise(wrong))
    for one, other in zip(right, wrong, strict=True):
        late = isinstance(one, Measurement) and one.station == "B"
        assert other.at - one.at == timedelta(seconds=-90 if late else 0)
        assert other == one.model_copy(update={"at": other.at})


def test_a_quiet_line_says_that_time_passes():
    spec = small_spec(takt=10.0, breaks=Breaks(every=600.0, pause=900.0), delay=0.05)
    events = list(SimulatedLine(spec).events(130))
    gaps = [(b.at - a.at).total_seconds() for a, b in itertools.pairwise(events)]
    ticks = [event for event in events if isinstance(event, Tick)]
    assert max(gaps) <= 60.0
    assert 10 <= len(ticks) <= 35
    assert all((b.at - a.at).total_seconds() == 60.0 for a, b in itertools.pairwise(ticks[:5]))


def test_a_new_station_is_visited_from_its_launch_on():
    plain = small_spec()
    late = replace(plain.stations[1], present=Span(100))
    events = SimulatedLine(replace(plain, stations=(plain.stations[0], late, plain.stations[2])))
    visited = {event.part for event in measurements(events.events(150), "B")}
    assert visited == {f"P-{i + 1:07d}" for i in range(100, 150)}


def test_every_event_is_valid_on_the_wire(demo_events: list[Event]):
    for event in demo_events[:3_000]:
        assert type(event).model_validate_json(encode(event)) == event
        assert decode(event.line.encode(), encode(event)) == event


def test_no_parts_give_no_events():
    assert list(SimulatedLine(small_spec()).events(0)) == []


def test_waiting_events_do_not_pile_up():
    line = SimulatedLine(small_spec(delay=0.1), remember=10)
    stream = line._in_order(None)
    for _ in itertools.islice(stream, 20_000):
        pass
    waiting = stream.gi_frame.f_locals["waiting"]  # type: ignore[attr-defined]
    assert len(waiting) < 3 * 4 * BATCH
