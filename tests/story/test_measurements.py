"""What comes of measurements: in any order, again, anew, of another kind, in another unit."""

from __future__ import annotations

import math

import pytest
from small_line import (
    ANY_NUMBER,
    LEARNT,
    alerts_of,
    oven,
    part_events,
    press,
    small_line,
    trained_driver,
)
from workers import state_of

from stream.events import Event, Measurement, Value
from stream.line import Line
from stream.testing import TaskDriver, alert_types, measurement, refusals, result, risks, tick

HOUR = 60.0
DAY = 24 * HOUR
MONTH = 30 * DAY
NOW = float(LEARNT)


def final_risk(driver: TaskDriver, *events: Event) -> float:
    driver.pipe(*events)
    risk = risks(driver.read())[-1]
    assert risk is not None
    return risk


def everything_but_counts(line: Line) -> dict[str, object]:
    return {name: value for name, value in state_of(line).items() if name != "counts"}


def test_a_part_whose_stations_report_in_reverse_order_comes_to_the_same_risk() -> None:
    pressed, baked = press("P-x", NOW, 9.0), oven("P-x", NOW + 1)
    forward = final_risk(trained_driver(), pressed, baked)
    backward = final_risk(trained_driver(), baked, pressed)
    # Not the last digit: each reading moves the scale a little before the next one is scored.
    assert backward == pytest.approx(forward, rel=0.02)


def test_an_alarm_does_not_depend_on_the_order_of_the_stations() -> None:
    driver = trained_driver()
    driver.pipe(oven("P-x", NOW + 1), press("P-x", NOW, 9.0))
    [alert] = alerts_of(driver.read())
    assert (alert.part, alert.station) == ("P-x", "press")


def test_a_measurement_told_twice_is_one_measurement() -> None:
    driver = trained_driver()
    line = driver.line("A")
    driver.pipe(press("P-x", NOW, 9.0), oven("P-x", NOW + 1))
    driver.read()
    before = everything_but_counts(line)
    driver.pipe(press("P-x", NOW, 9.0), oven("P-x", NOW + 1))
    assert driver.read() == []
    assert everything_but_counts(line) == before
    assert line.counts["measurement.duplicate"] == 2


def test_of_two_messages_with_one_id_the_second_is_passed_over_whatever_it_says() -> None:
    driver = trained_driver()
    driver.pipe(press("P-x", NOW, 1.0).model_copy(update={"id": "m-1"}))
    driver.read()
    driver.pipe(press("P-x", NOW + 5, 9.0).model_copy(update={"id": "m-1"}))
    assert driver.read() == []


def test_rework_replaces_the_reading_and_the_alarm_clears() -> None:
    driver = trained_driver()
    driver.pipe(press("P-x", NOW, 9.0))
    [raised] = alerts_of(driver.read())
    driver.pipe(press("P-x", NOW + HOUR, 1.0))
    [cleared] = alerts_of(driver.read())
    assert (raised.type, cleared.type) == ("part.at_risk", "part.cleared")
    assert (cleared.alarm, cleared.supersedes) == (raised.alarm, raised.id)
    assert cleared.risk is not None
    assert raised.risk is not None
    assert cleared.risk < raised.risk
    assert driver.line("A").counts["measurement.rework"] == 1


def test_a_reading_older_than_the_one_that_is_there_is_passed_over() -> None:
    driver = trained_driver()
    driver.pipe(press("P-x", NOW + HOUR, 1.0))
    driver.read()
    driver.pipe(press("P-x", NOW, 9.0))
    assert driver.read() == []
    assert driver.line("A").counts["measurement.stale"] == 1


def test_the_same_serial_a_month_later_is_another_part() -> None:
    driver = trained_driver()
    line = driver.line("A")
    driver.pipe(press("P-x", NOW, 9.0), result("P-x", "fail", NOW + HOUR))
    driver.pipe(press("P-x", NOW + 2 * HOUR, 9.0))
    assert line.counts["measurement.late"] == 1
    before = line.evaluation.report()
    driver.read()
    driver.pipe(oven("P-x", NOW + MONTH))
    [risk] = risks(driver.read())
    assert risk is not None
    journey = line.ledger.find("P-x")
    assert journey is not None
    assert (journey.generation, len(journey.risks)) == (1, 1)
    driver.pipe(result("P-x", "pass", NOW + MONTH + HOUR))
    after = line.evaluation.report()
    assert (after.parts - before.parts, after.fails - before.fails) == (1, 0)


def test_a_late_word_on_the_first_part_of_a_serial_leaves_the_second_one_open() -> None:
    driver = trained_driver()
    line = driver.line("A")
    driver.pipe(press("P-x", NOW, 1.0), result("P-x", "pass", NOW + HOUR))
    driver.pipe(press("P-x", NOW + MONTH, 1.0))
    before = line.evaluation.report()
    driver.pipe(result("P-x", "fail", NOW + 2 * HOUR))
    after = line.evaluation.report()
    assert (after.parts - before.parts, after.fails - before.fails) == (0, 1)
    assert line.ledger.find("P-x") is not None


def test_a_serial_that_expired_without_a_result_begins_anew() -> None:
    driver = trained_driver()
    line = driver.line("A")
    driver.pipe(press("P-x", NOW, 9.0))
    driver.pipe(*(tick(NOW + hour * HOUR) for hour in range(1, 31 * 24)))
    assert line.ledger.find("P-x") is None
    driver.read()
    driver.pipe(oven("P-x", NOW + MONTH))
    journey = line.ledger.find("P-x")
    assert journey is not None
    assert len(journey.risks) == 1
    assert journey.standing is None


@pytest.mark.parametrize("value", ["9.0 Nm", True], ids=["text", "boolean"])
def test_a_feature_that_changes_its_kind_counts_as_dropped(value: Value) -> None:
    driver = trained_driver()
    driver.pipe(measurement("P-x", "press", NOW, {"torque": value, "mold": "8722"}))
    effects = driver.read()
    assert refusals(effects) == []
    [risk] = risks(effects)
    assert risk is not None
    line = driver.line("A")
    assert line.counts["value.wrong_kind"] == 1
    journey = line.ledger.find("P-x")
    assert journey is not None
    counts = line.detector.counts(journey.row)
    assert (counts.measured, counts.dropped) == (1, 1)


def test_a_number_where_names_were_counts_as_dropped() -> None:
    driver = trained_driver()
    driver.pipe(measurement("P-x", "press", NOW, {"torque": 9.0, "mold": 8722.0}))
    [alert] = alerts_of(driver.read())
    assert alert.evidence is not None
    assert (alert.evidence.measured, alert.evidence.dropped) == (1, 1)


def in_newton_millimetres(event: Event) -> Event:
    """The same reading from a station whose unit was changed overnight."""
    if not isinstance(event, Measurement) or "torque" not in event.values:
        return event
    torque = event.values["torque"]
    assert isinstance(torque, float)
    return event.model_copy(update={"values": {**event.values, "torque": 1000.0 * torque}})


def test_a_unit_that_changes_overnight_breaks_nothing_and_is_learnt() -> None:
    driver = trained_driver()
    driver.pipe(*(in_newton_millimetres(event) for event in small_line(2500, start=LEARNT)))
    effects = driver.read()
    assert refusals(effects) == []
    told = risks(effects)
    assert all(risk is not None and 0.0 < risk < 1.0 and math.isfinite(risk) for risk in told)
    # Once the scale has moved, a hard press stands out again.
    hard = final_risk(driver, in_newton_millimetres(press("P-hard", NOW + 2600, 9.0)))
    soft = final_risk(driver, in_newton_millimetres(press("P-soft", NOW + 2600, 1.0)))
    assert hard > 3 * soft


def test_readings_at_the_edge_of_a_double_stay_finite() -> None:
    driver = trained_driver(ANY_NUMBER)
    edges = (1.7e308, -1.7e308, 5e-324, -0.0, 0.0)
    for number, value in enumerate(edges * 10):
        driver.pipe(press(f"E-{number}", NOW + number, value))
    told = risks(driver.read())
    assert len(told) == 50
    assert all(risk is not None and 0.0 < risk < 1.0 for risk in told)
    line = driver.line("A")
    for journey in line.ledger.open_journeys():
        assert all(map(math.isfinite, line.detector.catalogue.vector(journey.row).values()))


def test_a_station_that_is_new_and_one_that_disappears_need_no_restart() -> None:
    driver = trained_driver()
    for number in range(LEARNT, LEARNT + 300):
        [pressed, _] = part_events(number)
        part = f"P-{number}"
        leak = measurement(part, "leak test", number + 0.6, {"mbar": 1.0 + number % 3})
        driver.pipe(pressed, leak)
    effects = driver.read()
    assert refusals(effects) == []
    # No result comes in all this time, which is told as well.
    assert set(alert_types(effects)) == {"part.at_risk", "detector.degraded"}
    line = driver.line("A")
    journey = line.ledger.find(f"P-{LEARNT + 299}")
    assert journey is not None
    assert any(key.startswith("leak test") for key in line.detector.catalogue.vector(journey.row))
