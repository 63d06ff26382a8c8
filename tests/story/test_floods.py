"""Floods of invented names: what they cost is bounded, and the known line goes on."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace

import msgspec
import pytest
import structlog
from prometheus_client import generate_latest
from scraped import monitored_worker, value
from small_line import (
    HARD,
    LEARNT,
    QUICK,
    SOFT,
    part_events,
    press,
    small_line,
    trained_driver,
    with_line,
)
from workers import create_topics, put

from andon.line_metrics import line_families
from andon.line_state import line_state
from andon.metrics import LABELLED_LINES, LineLabels
from stream.events import Event
from stream.journey import IDS_KEPT, RISKS_KEPT, STATIONS_KEPT
from stream.ledger import TESTS_KEPT, LedgerSettings
from stream.line import Line
from stream.line_state import line_state as state_of_line
from stream.line_state import restore_line
from stream.memory import MemoryLog
from stream.testing import TaskDriver, measurement, refusals, result, risks, tick

FEW = with_line(QUICK, ledger=LedgerSettings(open_parts=100, kept_outcomes=100))


@pytest.fixture
def quiet() -> Iterator[None]:
    """No line for each record put aside, of which there are thousands."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


def size(driver: TaskDriver) -> int:
    """Bytes of all that the lines remember."""
    state = driver.task.state()
    return len(msgspec.msgpack.encode(state, enc_hook=lambda array: array.tobytes()))


def test_invented_lines_grow_neither_the_metrics_nor_the_memory(quiet: None) -> None:
    log = MemoryLog()
    create_topics(log)
    put(log, small_line(50))
    worker, monitor = monitored_worker(log, None, settings=replace(QUICK, max_lines=100))
    seen = []
    for flood in (1_000, 20_000):
        put(log, (tick(0, f"L-{flood}-{number}") for number in range(flood)))
        worker.run(lambda: False, until_end=True)
        monitor.take_picture(worker)
        lines = [line for task in worker.tasks for line in task.lines]
        seen.append((lines, generate_latest(monitor.registry).decode().count("\n")))
    assert seen[0] == seen[1]
    lines, series = seen[1]
    assert len(lines) == 4 * 100
    assert value(monitor.registry, "andon_lines_unlabelled") == len(lines) - LABELLED_LINES
    assert series < 60 * LABELLED_LINES


def stations(start: int, count: int) -> Iterator[Event]:
    """Measurements of as many stations, each of another part."""
    for number in range(start, start + count):
        yield measurement(f"Q-{number}", f"station {number}", LEARNT, {"x": 1.0})


def features(start: int, count: int) -> Iterator[Event]:
    """As many features of one station, in messages of 500."""
    for number in range(start, start + count, 500):
        values = {f"x{n}": 1.0 for n in range(number, number + 500)}
        yield press(f"Q-{number}", LEARNT, 1.0).model_copy(update={"values": values})


@pytest.mark.parametrize(
    ("flood", "enough", "known"),
    [(stations, 1_000, (1_000, 1_001)), (features, 20_000, (2, 20_000))],
    ids=["stations", "features"],
)
def test_invented_stations_and_features_stop_growing_the_state_and_the_line_is_scored_on(
    flood: object, enough: int, known: tuple[int, int]
) -> None:
    assert callable(flood)
    driver = trained_driver(FEW)
    driver.pipe(*flood(0, enough + 100), *part_events(LEARNT, prefix="R"))
    before = size(driver)
    driver.pipe(*flood(2 * enough, 100), *part_events(LEARNT + 1, prefix="R"))
    driver.read()
    assert size(driver) < 1.01 * before
    line = driver.line("A")
    columns = line.detector.catalogue.columns
    assert (len(columns.stations), len(columns)) == known
    assert line_state(line, None).left_out >= 100
    driver.pipe(*part_events(LEARNT + 9))
    effects = driver.read()
    assert refusals(effects) == []
    assert all(risk is not None and 0 < risk < 1 for risk in risks(effects))


def test_one_part_is_remembered_within_bounds_whatever_is_sent_of_it() -> None:
    driver = TaskDriver(QUICK)
    driver.pipe(press("P", 0, 1.0))
    journey = driver.line("A").ledger.find("P")
    assert journey is not None
    for number in range(IDS_KEPT + 100):
        station = f"station {number % (STATIONS_KEPT + 100)}"
        one = measurement("P", station, number, {}).model_copy(update={"id": f"m{number}"})
        journey.add(one)
    assert (len(journey.ids), len(journey.stations)) == (IDS_KEPT, STATIONS_KEPT)
    for number in range(TESTS_KEPT + 100):
        driver.pipe(result("P", "pass", number, test=f"EOL-{number}"))
    [outcome] = driver.line("A").ledger.decided.values()
    assert len(outcome.tests) == TESTS_KEPT
    assert driver.line("A").counts["result.superseded"] == 100


def test_a_part_that_is_reworked_for_ever_stops_growing_the_state_and_its_last_risk_counts() -> (
    None
):
    driver = trained_driver()
    line = driver.line("A")

    def rework(count: int, start: int, torque: float) -> None:
        driver.pipe(*(press("P-x", LEARNT + (start + n) / 1e4, torque) for n in range(count)))

    rework(RISKS_KEPT, 0, SOFT)
    before = size(driver)
    rework(100, RISKS_KEPT, HARD)
    effects = driver.read()
    newest = [risk for risk in risks(effects) if risk is not None][-1]
    journey = line.ledger.find("P-x")
    assert journey is not None
    assert (len(journey.risks), journey.risks[-1]) == (RISKS_KEPT, newest)
    assert line.counts["risk.collapsed"] == 100
    assert size(driver) < 1.01 * before
    metrics = line_families([line_state(line, None)], LineLabels())
    [collapsed] = [each for each in metrics if each.name == "andon_risks_collapsed"]
    assert [sample.value for sample in collapsed.samples] == [100.0]

    again = Line("A", line.settings)
    restore_line(again, deepcopy(state_of_line(line)))
    assert again.counts["risk.collapsed"] == 100
    for each in (line, again):
        each.apply(result("P-x", "fail", LEARNT + 9), lambda rule, subject: "0" * 32)
    known = [each.evaluation.last_risks()[0][-1] for each in (line, again)]
    assert known == [newest, newest]
