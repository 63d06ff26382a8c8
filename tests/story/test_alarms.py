"""An alarm's life: raised, cleared, acknowledged, shelved, and the line out of service."""

from __future__ import annotations

from typing import Literal

import pytest
from small_line import LEARNT, alerts_of, oven, press, trained_driver
from workers import state_of

from alerts.alarms import AlarmState
from alerts.alert import Alert
from stream.events import Control, Feedback
from stream.testing import TaskDriver, alert_types, at, result, risks

HOUR = 60.0
NOW = float(LEARNT)
Act = Literal["acknowledge", "confirm", "dismiss", "shelve", "unshelve", "pulled"]


def said(target: str, act: Act, minutes: float, until: float | None = None) -> Feedback:
    """What a person did about an alarm."""
    end = None if until is None else at(until)
    return Feedback(line="A", at=at(minutes), target=target, act=act, until=end)


def control(
    act: Literal["maintenance", "out_of_service"], minutes: float, until: float | None
) -> Control:
    end = None if until is None else at(until)
    return Control(line="A", at=at(minutes), act=act, until=end)


def raise_alarm(driver: TaskDriver, part: str = "P-x", minutes: float = NOW) -> Alert:
    """An alarm that stands."""
    driver.pipe(press(part, minutes, 9.0))
    [alert] = alerts_of(driver.read())
    assert alert.type == "part.at_risk"
    return alert


def state(driver: TaskDriver, alarm: str) -> AlarmState:
    found = driver.line("A").alarms.find(alarm)
    assert found is not None
    return found


def test_an_alarm_is_raised_once_while_it_stands() -> None:
    driver = trained_driver()
    alert = raise_alarm(driver)
    assert (alert.alarm, alert.supersedes) == (alert.id, None)
    driver.pipe(oven("P-x", NOW + 1))
    effects = driver.read()
    assert (len(risks(effects)), alert_types(effects)) == (1, [])
    assert state(driver, alert.id).active


def test_an_alarm_that_clears_and_comes_back_is_the_same_alarm() -> None:
    driver = trained_driver()
    first = raise_alarm(driver)
    driver.pipe(press("P-x", NOW + 1, 1.0), press("P-x", NOW + 2, 9.0))
    cleared, again = alerts_of(driver.read())
    assert (cleared.type, again.type) == ("part.cleared", "part.at_risk")
    assert first.alarm == cleared.alarm == again.alarm
    assert len({first.id, cleared.id, again.id}) == 3
    assert state(driver, first.alarm).active


def test_the_result_ends_the_alarm() -> None:
    driver = trained_driver()
    alert = raise_alarm(driver)
    driver.pipe(result("P-x", "fail", NOW + HOUR))
    assert not state(driver, alert.id).active
    # Nothing is left to clear.
    driver.pipe(press("P-x", NOW + 2 * HOUR, 1.0))
    assert alert_types(driver.read()) == []


@pytest.mark.parametrize("act", ["acknowledge", "confirm", "dismiss", "pulled"])
def test_what_a_person_says_of_an_alarm_is_kept(act: Act) -> None:
    driver = trained_driver()
    alert = raise_alarm(driver)
    driver.pipe(said(alert.id, act, NOW + 1))
    kept = state(driver, alert.id)
    assert kept.acknowledged
    assert kept.verdict == (None if act == "acknowledge" else act)
    assert driver.line("A").counts[f"feedback.{act}"] == 1


def test_a_shelved_alarm_says_nothing_until_its_time_is_over() -> None:
    driver = trained_driver()
    alert = raise_alarm(driver)
    driver.pipe(said(alert.id, "shelve", NOW + 1, until=NOW + 30))
    driver.pipe(press("P-x", NOW + 10, 1.0))
    assert alert_types(driver.read()) == []
    line = driver.line("A")
    assert line.counts["withheld.shelved"] == 1
    driver.pipe(oven("P-x", NOW + 31))
    [cleared] = alerts_of(driver.read())
    assert (cleared.type, cleared.alarm) == ("part.cleared", alert.id)


def test_an_alarm_taken_off_the_shelf_speaks_again() -> None:
    driver = trained_driver()
    alert = raise_alarm(driver)
    driver.pipe(said(alert.id, "shelve", NOW + 1), said(alert.id, "unshelve", NOW + 2))
    driver.pipe(press("P-x", NOW + 3, 1.0))
    assert alert_types(driver.read()) == ["part.cleared"]


def test_shelving_one_alarm_silences_no_other() -> None:
    driver = trained_driver()
    alert = raise_alarm(driver)
    driver.pipe(said(alert.id, "shelve", NOW + 1, until=NOW + 100))
    raise_alarm(driver, "P-y", NOW + 2)


@pytest.mark.parametrize("act", ["maintenance", "out_of_service"])
def test_while_the_line_is_out_of_service_alerts_are_withheld_and_counted(
    act: Literal["maintenance", "out_of_service"],
) -> None:
    driver = trained_driver()
    line = driver.line("A")
    driver.pipe(control(act, NOW, until=NOW + 30))
    driver.pipe(press("P-x", NOW + 1, 9.0))
    effects = driver.read()
    assert (len(risks(effects)), alert_types(effects)) == (1, [])
    assert line.counts[f"withheld.{act}"] == 1
    # The part is still at risk when the line is back, and now that is said.
    driver.pipe(oven("P-x", NOW + 31))
    [alert] = alerts_of(driver.read())
    assert (alert.type, alert.part) == ("part.at_risk", "P-x")


def test_out_of_service_without_an_end_lasts_until_an_end_is_told() -> None:
    driver = trained_driver()
    driver.pipe(control("out_of_service", NOW, until=None))
    driver.pipe(press("P-x", NOW + 1, 9.0))
    assert alert_types(driver.read()) == []
    driver.pipe(control("out_of_service", NOW + 2, until=NOW + 2))
    raise_alarm(driver, "P-y", NOW + 3)


def test_a_withheld_alarm_is_not_counted_as_raised_in_the_figures() -> None:
    driver = trained_driver()
    line = driver.line("A")
    before = line.evaluation.report().alarms
    driver.pipe(control("out_of_service", NOW, until=NOW + 30))
    driver.pipe(press("P-x", NOW + 1, 9.0), result("P-x", "fail", NOW + 2))
    after = line.evaluation.report().alarms
    assert (after.true_alarms, after.missed) == (before.true_alarms, before.missed + 1)


def test_feedback_about_an_unknown_alert_changes_nothing_but_a_count() -> None:
    driver = trained_driver()
    line = driver.line("A")
    raise_alarm(driver)
    before = state_of(line)
    driver.pipe(said("0" * 32, "shelve", NOW + 1))
    after = state_of(line)
    assert line.counts["feedback.unknown_target"] == 1
    del before["counts"], after["counts"]
    assert after == before


def test_after_a_crash_what_was_shelved_stays_shelved() -> None:
    driver = trained_driver()
    alert = raise_alarm(driver)
    driver.pipe(said(alert.id, "shelve", NOW + 1, until=NOW + 30))
    driver.crash()
    driver.pipe(press("P-x", NOW + 10, 1.0))
    assert alert_types(driver.read()) == []
    assert driver.line("A").counts["withheld.shelved"] == 1
