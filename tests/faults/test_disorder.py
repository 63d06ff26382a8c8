"""Duplicates, messages out of order, clocks off by a year: as the clean run, or counted.

No broker. A fifth of the events comes again up to 500 events later; all are shuffled within 500;
one in fifty has a clock that is a year off.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta
from functools import cache

import pytest
from fault_runs import history
from small_line import QUICK, alerts_of

from stream.effects import Effect, Scored
from stream.events import Event, Measurement, Result
from stream.line import Line
from stream.testing import TaskDriver

pytestmark = pytest.mark.timeout(1800)

WITHIN = 500
YEAR = timedelta(days=365)


class Told:
    """What came of events: each risk, each alert, and what the line counts and knows."""

    def __init__(self, events: Sequence[Event]) -> None:
        driver = TaskDriver(QUICK)
        driver.pipe(*events)
        effects: list[Effect] = driver.read()
        self.risks = {(e.part, e.station): e.risk for e in effects if isinstance(e, Scored)}
        self.alerts = [(alert.type, alert.part, alert.station) for alert in alerts_of(effects)]
        self.line: Line = driver.line("A")
        self.counts = self.line.counts
        self.figures = self.line.evaluation.report()


@cache
def events(full: bool) -> tuple[Event, ...]:
    return tuple(history(50_000 if full else 5_000, ("A",)))


@cache
def clean(full: bool) -> Told:
    told = Told(events(full))
    assert len(told.alerts) > 50
    return told


def shuffled(told: Sequence[Event], chance: random.Random) -> list[Event]:
    """Each event up to `WITHIN` places away from where it was, or so."""
    places = [(place + chance.uniform(0, WITHIN), place) for place in range(len(told))]
    return [told[place] for _, place in sorted(places)]


def kinds(told: Sequence[Event]) -> tuple[int, int]:
    return (
        sum(isinstance(event, Measurement) for event in told),
        sum(isinstance(event, Result) for event in told),
    )


def counted(told: Told, kind: str) -> int:
    return sum(count for name, count in told.counts.items() if name.startswith(f"{kind}."))


def test_what_comes_twice_changes_nothing_and_is_counted(full: bool) -> None:
    chance = random.Random(11)
    due = [(float(place), event) for place, event in enumerate(events(full))]
    again = [(p + chance.uniform(1, WITHIN), e) for p, e in due if chance.random() < 0.2]
    told = Told([event for _, event in sorted(due + again, key=lambda each: each[0])])
    assert told.alerts == clean(full).alerts
    assert told.risks == clean(full).risks
    assert told.figures == clean(full).figures
    counts = told.counts
    names = ("measurement.duplicate", "measurement.late", "result.repeated")
    assert all(counts[name] for name in names)
    assert sum(counts[name] for name in names) == len(again) > len(due) / 6


def test_out_of_order_each_result_is_learnt_or_was_too_early_and_each_measurement_used_or_late(
    full: bool,
) -> None:
    told = Told(shuffled(events(full), random.Random(12)))
    measured, tested = kinds(events(full))
    counts = told.counts
    assert counts["measurement.first"] + counts["measurement.late"] == measured
    assert counts["result.result"] + counts["result.orphan"] == tested
    assert counts["measurement.late"] > 0
    assert counts["result.result"] > tested / 2
    # A part without any measurement before its result has only late ones.
    assert counts["measurement.late"] >= counts["result.orphan"]
    assert counts["part.expired"] == 0
    assert len(told.risks) == counts["measurement.first"]


def test_out_of_order_within_what_a_result_waits_for_nothing_is_late(full: bool) -> None:
    told = events(full)
    measured, tested = kinds(told)
    parts = [event for event in told if isinstance(event, Measurement)]
    # Results keep their order, each behind all that could come before it.
    moved = shuffled(parts, random.Random(13))
    results = [event for event in told if isinstance(event, Result)]
    place = {(e.part, e.station): n for n, e in enumerate(moved) if isinstance(e, Measurement)}
    last: dict[str, int] = {}
    for (part, _), number in place.items():
        last[part] = max(last.get(part, 0), number)
    due = [(float(number), event) for number, event in enumerate(moved)]
    due += [(last[event.part] + WITHIN + 0.5, event) for event in results]  # type: ignore[union-attr]
    found = Told([event for _, event in sorted(due, key=lambda each: each[0])])
    assert found.counts["measurement.late"] == found.counts["result.orphan"] == 0
    assert found.counts["measurement.first"] == measured
    assert found.counts["result.result"] == tested
    assert found.figures.fails == clean(full).figures.fails


def test_clocks_that_are_a_year_off_evict_nothing_and_change_no_alert(full: bool) -> None:
    chance = random.Random(14)
    off = 0
    told: list[Event] = []
    for event in events(full):
        if chance.random() < 0.02:
            off += 1
            event = event.model_copy(update={"at": event.at + chance.choice((-1, 1)) * YEAR})
        told.append(event)
    assert off > len(told) / 100
    found = Told(told)
    assert found.counts["part.expired"] == 0
    assert counted(found, "measurement") == counted(clean(full), "measurement")
    assert found.counts["result.result"] == clean(full).counts["result.result"]
    assert found.alerts == clean(full).alerts
    assert found.figures.alarms == clean(full).figures.alarms
    # How long a part is overdue at its next station is part of what is known, so not to the bit.
    assert found.risks.keys() == clean(full).risks.keys()
    assert all(close(risk, clean(full).risks[where]) for where, risk in found.risks.items())


def close(one: float | None, other: float | None) -> bool:
    return one == other if one is None or other is None else abs(one - other) < 0.001
