"""Alarms are answered, shelved and suppressed, and come back by themselves."""

from __future__ import annotations

import pytest

from alerts.alarms import Alarms


@pytest.fixture
def alarms() -> Alarms:
    known = Alarms()
    known.activate("a1")
    return known


def test_an_acknowledged_alarm_stays_active(alarms: Alarms) -> None:
    assert alarms.respond("a1", "acknowledge", None)
    state = alarms.find("a1")
    assert state is not None
    assert (state.active, state.acknowledged) == (True, True)


@pytest.mark.parametrize("act", ["confirm", "dismiss", "pulled"])
def test_a_verdict_acknowledges_too(alarms: Alarms, act: str) -> None:
    alarms.respond("a1", act, None)
    state = alarms.find("a1")
    assert state is not None
    assert (state.acknowledged, state.verdict) == (True, act)


def test_a_shelved_alarm_comes_back_by_itself(alarms: Alarms) -> None:
    alarms.respond("a1", "shelve", 100.0)
    assert alarms.withheld("a1", 99.0) == "shelved"
    assert alarms.withheld("a1", 100.0) is None


def test_an_alarm_shelved_without_an_end_waits_for_unshelve(alarms: Alarms) -> None:
    alarms.respond("a1", "shelve", None)
    assert alarms.withheld("a1", 1e12) == "shelved"
    alarms.respond("a1", "unshelve", None)
    assert alarms.withheld("a1", 0.0) is None


def test_shelving_one_alarm_says_nothing_of_another(alarms: Alarms) -> None:
    alarms.activate("a2")
    alarms.respond("a1", "shelve", 100.0)
    assert alarms.withheld("a2", 50.0) is None
    assert alarms.withheld(None, 50.0) is None


def test_a_line_out_of_service_withholds_everything_until_its_end(alarms: Alarms) -> None:
    alarms.suppress("out_of_service", 100.0)
    assert alarms.withheld("a1", 50.0) == "out_of_service"
    assert alarms.withheld(None, 50.0) == "out_of_service"
    assert alarms.withheld("a1", 100.0) is None


def test_a_suppression_without_an_end_is_ended_by_one_with_an_end(alarms: Alarms) -> None:
    alarms.suppress("maintenance", None)
    assert alarms.withheld(None, 1e12) == "maintenance"
    alarms.suppress("maintenance", 10.0)
    assert alarms.withheld(None, 11.0) is None


def test_a_cleared_alarm_may_become_active_again(alarms: Alarms) -> None:
    alarms.clear("a1")
    state = alarms.find("a1")
    assert state is not None
    assert not state.active
    alarms.activate("a1")
    assert state.active


def test_answers_to_what_is_not_known_are_refused(alarms: Alarms) -> None:
    assert not alarms.respond("a9", "acknowledge", None)
    alarms.clear("a9")
    assert alarms.find("a9") is None


def test_only_the_most_recent_ten_thousand_are_kept() -> None:
    alarms = Alarms()
    for number in range(10_001):
        alarms.activate(str(number))
    assert alarms.find("0") is None
    assert alarms.find("1") is not None
