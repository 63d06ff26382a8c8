"""Readings become one measurement per visit, whichever way the visit ends."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.gathering import MOST_READINGS, Gathering, Ready
from producers.source_place import Place
from producers.translate_json import Told
from stream.codec import InputLimits, decode, encode
from stream.events import Measurement
from stream.testing import measurement, result

GAP = timedelta(minutes=5)
MINUTE = 60_000


def reading(
    name: str, minute: float, part: str = "P", station: str = "press", *, closes: bool = False
) -> Told:
    event = measurement(part, station, minute, {name: minute} if name else {})
    return Told(event, gather=True, closes=closes)


def gathered(items: Sequence[Told], gathering: Gathering | None = None) -> list[list[Ready]]:
    """What each item makes whole; each arrives at its own time."""
    gathering = gathering or Gathering(GAP)
    return [gathering.add(item, Place("t", 0, number), number) for number, item in enumerate(items)]


def said(ready: Sequence[Ready]) -> list[tuple[str, str, list[str], list[int]]]:
    """Part, station, features and offsets of what is whole."""
    told = []
    for event, places, _ in ready:
        station = event.station if isinstance(event, Measurement) else event.type
        values = list(event.values) if isinstance(event, Measurement) else []
        told.append((getattr(event, "part", ""), station, values, [p.offset for p in places]))
    return told


def test_a_reading_of_another_station_makes_the_visit_whole() -> None:
    steps = gathered([reading("a", 0), reading("b", 1), reading("c", 2, station="oven")])
    assert [said(step) for step in steps] == [[], [], [("P", "press", ["a", "b"], [0, 1])]]
    assert steps[2][0].event.at == measurement("P", "press", 1, {}).at


def test_a_closing_message_makes_the_visit_whole_with_or_without_a_reading() -> None:
    whole = ("P", "press", ["a", "b"], [0, 1])
    assert said(gathered([reading("a", 0), reading("b", 1, closes=True)])[1]) == [whole]
    steps = gathered([reading("a", 0), reading("", 1, closes=True)])
    assert said(steps[1]) == [("P", "press", ["a"], [0, 1])]
    assert gathered([reading("", 0, closes=True)]) == [[]]


def test_the_parts_result_comes_after_what_was_gathered_of_it() -> None:
    steps = gathered([reading("a", 0), Told(result("P", "pass", 1))])
    assert said(steps[1]) == [("P", "press", ["a"], [0]), ("P", "result", [], [1])]


def test_a_reading_of_the_station_after_the_gap_makes_whole_what_waits_there() -> None:
    other = [reading("a", 5.0, "Q"), reading("a", 5.1, "R")]
    steps = gathered([reading("a", 0), *other])
    assert [said(step) for step in steps] == [[], [], [("P", "press", ["a"], [0])]]


def test_another_stations_clock_makes_nothing_whole() -> None:
    assert gathered([reading("a", 0), reading("a", 500, "Q", "oven")]) == [[], []]


def test_the_same_part_after_the_gap_is_another_visit() -> None:
    steps = gathered([reading("a", 0), reading("a", 6), reading("b", 7, closes=True)])
    assert said(steps[1]) == [("P", "press", ["a"], [0])]
    assert said(steps[2]) == [("P", "press", ["a", "b"], [1, 2])]


def test_one_wild_clock_does_not_take_later_visits_apart() -> None:
    wild = reading("a", 10**6, "W")
    steps = gathered([wild, reading("a", 1), reading("b", 2), reading("c", 3, closes=True)])
    assert said(steps[3]) == [("P", "press", ["a", "b", "c"], [1, 2, 3])]


def test_of_two_readings_of_a_feature_the_later_one_counts() -> None:
    [_, [whole]] = gathered([reading("a", 0), reading("a", 2, closes=True)])
    assert isinstance(whole.event, Measurement)
    assert whole.event.values == {"a": 2}


def test_silence_makes_whole_what_waits() -> None:
    gathering = Gathering(GAP)
    gathering.add(reading("a", 0), Place("t", 0, 0), 0)
    gathering.add(reading("b", 0, "Q", "oven"), Place("t", 0, 1), MINUTE)
    assert gathering.pass_time(5 * MINUTE) == []
    assert said(gathering.pass_time(5 * MINUTE + 1)) == [("P", "press", ["a"], [0])]
    assert [place.offset for place in gathering.places()] == [1]
    assert said(gathering.close_all()) == [("Q", "oven", ["b"], [1])]
    assert gathering.open_visits == 0


def test_a_visit_without_end_is_told_in_pieces() -> None:
    steps = gathered([reading("a", 0)] * (MOST_READINGS + 1))
    assert [len(ready.places) for step in steps for ready in step] == [MOST_READINGS]


def test_a_visit_of_more_than_an_event_may_hold_is_told_in_pieces_that_it_may() -> None:
    limits = InputLimits(message_bytes=4_000, values=60)
    for value in ("x" * 1_000, 1.0):
        visit = [
            Told(measurement("P", "press", number, {f"f{number}": value}), gather=True)
            for number in range(130)
        ]
        gathering = Gathering(timedelta(days=1), limits)
        told = [ready for step in gathered(visit, gathering) for ready in step]
        told += gathering.close_all()
        assert len(told) in (130 // 3 + 1, 3)
        assert [place.offset for ready in told for place in ready.places] == [*range(130)]
        assert [ready.cut for ready in told] == [True] * (len(told) - 1) + [False]
        for event, _, _ in told:
            assert decode(event.line.encode(), encode(event), limits) == event


def test_beyond_the_bound_the_visits_that_were_silent_longest_are_told_as_they_are() -> None:
    gathering = Gathering(GAP, most_bytes=10_000)  # of visits of one reading three and no more
    visits = [reading("a", 0, "P"), reading("a", 0, "Q"), reading("a", 0, "R")]
    assert gathered([*visits, reading("b", 1, "P")], gathering) == [[], [], [], []]
    [cut] = gathering.add(reading("a", 1, "S"), Place("t", 0, 4), 4)
    assert (said([cut]), cut.cut) == ([("Q", "press", ["a"], [1])], True)
    rest = gathering.close_all()
    assert [(each[0], each[3]) for each in said(rest)] == [("R", [2]), ("P", [0, 3]), ("S", [4])]
    assert not any(ready.cut for ready in rest)


@pytest.mark.parametrize(("readings", "values"), [(1, 1), (30, 1), (1, 100)])
def test_a_flood_of_visits_without_end_takes_no_more_memory_than_the_bound(
    readings: int, values: int
) -> None:
    most = 500_000
    gathering = Gathering(timedelta(days=1), most_bytes=most)
    flood = []
    for number in range(3 * most // (2_500 + 200 * readings * values)):
        for name in range(readings):
            told = {f"feature {name} {value}": 0.5 + number for value in range(values)}
            raw = encode(measurement(f"P-{number}", f"press {number}", 0, told))
            flood.append(raw)
    cut = 0
    tracemalloc.start()
    try:
        for number, raw in enumerate(flood):
            event = decode(b"A", raw)
            assert isinstance(event, Measurement)
            item = Told(event, gather=True)
            cut += sum(r.cut for r in gathering.add(item, Place("t", 0, number), number))
        assert tracemalloc.get_traced_memory()[0] < most
    finally:
        tracemalloc.stop()
    assert cut > gathering.open_visits > 10


items = st.lists(
    st.tuples(
        st.sampled_from("ab"),
        st.integers(0, 30),
        st.sampled_from(["P", "Q", "R"]),
        st.sampled_from(["press", "oven"]),
        st.booleans(),
    ),
    max_size=40,
)


@settings(max_examples=200)
@given(drawn=items, most=st.sampled_from([10**9, 6_000, 3_000]))
def test_every_reading_is_told_exactly_once_and_in_one_visit(
    drawn: list[tuple[str, int, str, str, bool]], most: int
) -> None:
    told = [reading(n, m, part, station, closes=c) for n, m, part, station, c in drawn]
    gathering = Gathering(GAP, most_bytes=most)
    whole = [ready for step in gathered(told, gathering) for ready in step]
    whole += gathering.close_all()
    offsets = [place.offset for ready in whole for place in ready.places]
    assert sorted(offsets) == list(range(len(told)))
    for ready in whole:
        assert isinstance(ready.event, Measurement)
        for place in ready.places:
            source = told[place.offset].event
            assert isinstance(source, Measurement)
            assert (source.part, source.station) == (ready.event.part, ready.event.station)


@settings(max_examples=200)
@given(drawn=items, cut=st.integers(0, 40), most=st.sampled_from([10**9, 6_000, 3_000]))
def test_what_waits_and_is_read_again_after_a_restart_gives_the_same(
    drawn: list[tuple[str, int, str, str, bool]], cut: int, most: int
) -> None:
    told = [reading(n, m, part, station, closes=c) for n, m, part, station, c in drawn]
    undisturbed = Gathering(GAP, most_bytes=most)
    wanted = [ready for step in gathered(told, undisturbed) for ready in step]
    wanted += undisturbed.close_all()

    first = Gathering(GAP, most_bytes=most)
    before = [ready for step in gathered(told[:cut], first) for ready in step]
    done = {place.offset for ready in before for place in ready.places}
    second = Gathering(GAP, most_bytes=most)
    after: list[Ready] = []
    for number, item in enumerate(told):
        if number not in done:
            after += second.add(item, Place("t", 0, number), number)
    after += second.close_all()
    assert before + after == wanted
