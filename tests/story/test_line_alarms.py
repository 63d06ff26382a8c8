"""What a line says of itself: drift, silent stations, dead sensors, its detector, floods."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import numpy as np
import pytest
from small_line import LEARNT, QUICK, alerts_of, oven, press, small_line, trained_driver, with_line
from watched_line import Told, WatchedLine

from producers.families import GRADUAL, NEW_STATION, REPAIRED, SUDDEN, family
from producers.simulator import SimulatedLine
from stream.events import Control, Event, Feedback, Measurement, Result
from stream.line_watch import WatchSettings
from stream.testing import TaskDriver, alert_types, at, measurement, result

NOW = float(LEARNT)


def types(told: list[Told]) -> list[str]:
    return [each.alert.type for each in told]


# -- drift on the simulated lines ------------------------------------------------------------------


@pytest.fixture(scope="module")
def drifting() -> list[Told]:
    """18,000 parts of a line that changes at four documented parts."""
    return WatchedLine().take_all(
        SimulatedLine(family("drift", features=60), seed=1).events(18_000)
    )


def raised(told: list[Told], since: int, within: int, kind: str = "line.drift") -> list[Told]:
    return [
        each for each in told if each.alert.type == kind and since <= each.parts <= since + within
    ]


def test_a_new_station_and_a_new_feature_are_told_within_thirty_parts(
    drifting: list[Told],
) -> None:
    found = raised(drifting, NEW_STATION, 30)
    assert {each.alert.reason for each in found} == {"new_station", "new_feature"}


def test_sensors_that_are_suddenly_off_are_told_within_two_hundred_parts(
    drifting: list[Told],
) -> None:
    spec = family("drift", features=60)
    moved = {(drift.cell.station, drift.cell.feature) for drift in spec.sensor_drifts}
    found = [each.alert.reasons[0] for each in raised(drifting, SUDDEN, 200)]
    assert {(reason.station, reason.feature) for reason in found} == moved
    assert all(reason.sigma is not None and reason.sigma > 1.0 for reason in found)


def test_a_station_that_goes_astray_over_two_thousand_parts_is_told_before_it_is_there(
    drifting: list[Told],
) -> None:
    [astray] = [
        cause.touches for cause in family("drift", features=60).causes if "astray" in cause.name
    ]
    [found] = raised(drifting, GRADUAL, 2_000)
    assert found.alert.station == astray[0].station
    assert found.alert.reasons[0].feature == astray[0].feature


def test_a_station_that_is_repaired_ends_its_alarm_within_five_hundred_parts(
    drifting: list[Told],
) -> None:
    [astray] = raised(drifting, GRADUAL, 2_000)
    [over] = raised(drifting, REPAIRED, 500, "alarm.cleared")
    assert (over.alert.alarm, over.alert.reason) == (astray.alert.id, "level_steady")


def test_a_drift_is_told_once_and_ends_when_the_level_is_steady(drifting: list[Told]) -> None:
    alarms = [each.alert for each in raised(drifting, SUDDEN, 200)]
    ends = {each.alert.alarm for each in raised(drifting, SUDDEN, 1_500, "alarm.cleared")}
    assert {alert.alarm for alert in alarms} == ends
    assert len(alarms) == len(ends)


def test_ten_thousand_parts_of_a_stationary_line_raise_no_false_alarm() -> None:
    told = WatchedLine().take_all(
        SimulatedLine(family("linear", features=24), seed=1).events(10_000)
    )
    # One of its sensors really is dead for 600 parts.
    assert types(told) == ["sensor.dead", "alarm.cleared"]
    assert told[0].alert.reasons[0].feature in {
        feature.name
        for station in family("linear", features=24).stations
        for feature in station.features
        if feature.dead is not None
    }
    assert [3_000 < each.parts < 3_700 for each in told] == [True, True]


# -- a plain line, whose stations and sensors fail on demand ---------------------------------------

STATIONS = ("saw", "drill", "wash", "paint")


def plain_line(parts: int, first: int = 0, seed: int = 1, **changes: Any) -> Iterator[Event]:
    """A part a minute through four stations of two sensors, and its result.

    ``silent`` station reports nothing, ``values`` replaces those of the drill, ``shift`` moves the
    first sensor of the stations named in ``shifted``, ``results`` says whether there are any.
    """
    draws = np.random.default_rng(seed + first)
    for number in range(first, first + parts):
        for place, station in enumerate(STATIONS):
            torque, gap = (float(x) for x in draws.normal(10.0, 1.0, 2))
            if station in changes.get("shifted", ()):
                torque += changes.get("shift", 2.0)
            values = {"torque": torque, "gap": gap}
            if station == "drill":
                values |= changes.get("values", {})
            if station != changes.get("silent"):
                yield measurement(f"P-{number}", station, number + 0.1 * place, values)
        if changes.get("results", True):
            yield result(f"P-{number}", "pass", number + 0.5)


@pytest.fixture
def line() -> WatchedLine:
    """A plain line in full swing, nothing said so far."""
    line = WatchedLine()
    assert line.take_all(plain_line(1_100)) == []
    return line


@pytest.mark.parametrize("station", STATIONS)
def test_a_silent_station_is_told_after_twenty_parts_and_ends_with_its_next_report(
    line: WatchedLine, station: str
) -> None:
    [silent] = line.take_all(plain_line(25, 1_100, silent=station))
    assert (silent.alert.type, silent.alert.station) == ("station.silent", station)
    assert silent.alert.affected is not None
    assert silent.alert.affected.count == 20
    [over] = line.take_all(plain_line(25, 1_125))
    assert (over.alert.reason, over.alert.alarm) == ("reports_again", silent.alert.id)


def test_nobody_is_silent_while_the_line_stands_still(line: WatchedLine) -> None:
    assert line.take_all(plain_line(20, 50_000)) == []


def test_a_station_that_every_second_batch_passes_by_is_not_silent() -> None:
    line = WatchedLine()
    for batch in range(20):
        silent = "drill" if batch % 2 else None
        told = line.take_all(plain_line(60, 60 * batch, silent=silent))
        assert batch < 8 or types(told) == []


def test_a_sensor_that_gives_no_reading_is_dead_until_it_gives_some_again(
    line: WatchedLine,
) -> None:
    [dead] = line.take_all(plain_line(30, 1_100, values={"gap": None}))
    assert (dead.alert.type, dead.alert.reason) == ("sensor.dead", "no_reading")
    assert (dead.alert.station, dead.alert.reasons[0].feature) == ("drill", "gap")
    [over] = line.take_all(plain_line(10, 1_130))
    assert (over.alert.type, over.alert.reason) == ("alarm.cleared", "reading_again")


def test_a_sensor_that_always_says_the_same_is_dead(line: WatchedLine) -> None:
    [dead] = line.take_all(plain_line(30, 1_100, values={"gap": 10.25}))
    assert (dead.alert.type, dead.alert.reason) == ("sensor.dead", "constant")


def test_a_second_sensor_of_a_station_that_dies_is_told_as_the_same_alarm(
    line: WatchedLine,
) -> None:
    first = line.take_all(plain_line(30, 1_100, values={"gap": None}))
    both = line.take_all(plain_line(30, 1_130, values={"gap": None, "torque": None}))
    [one], [two] = first, both
    assert two.alert.alarm == one.alert.id
    assert len(two.alert.reasons) == 2


def test_a_sensor_pinned_where_it_often_clips_is_saturated() -> None:
    line = WatchedLine()
    draws = np.random.default_rng(3)
    for number in range(1_500):
        clipped = {"gap": min(float(draws.normal(10.0, 1.0)), 11.2)}
        assert line.take_all(plain_line(1, number, values=clipped)) == []
    [pinned] = line.take_all(plain_line(30, 1_500, values={"gap": 11.2}))
    assert (pinned.alert.type, pinned.alert.station) == ("sensor.saturated", "drill")


def test_a_change_of_product_moves_levels_without_an_alarm(line: WatchedLine) -> None:
    line.watch.product_changed()
    assert line.take_all(plain_line(1_500, 1_100, shifted=STATIONS)) == []


def test_a_line_that_drifts_as_a_whole_is_told_once_not_station_by_station(
    line: WatchedLine,
) -> None:
    told = line.take_all(plain_line(300, 1_100, shifted=STATIONS))
    assert Counter(each.alert.reason for each in told) == {"level_moved": 3, "levels_moved": 1}
    over = line.take_all(plain_line(1_500, 1_400, shifted=STATIONS))
    assert types(over) == ["alarm.cleared"] * 4


@pytest.mark.parametrize(
    ("switched_off", "changes"),
    [
        ({"drift": False}, {"shifted": ("saw",)}),
        ({"silent": False}, {"silent": "drill"}),
        ({"sensors": False}, {"values": {"gap": None}}),
        ({"degraded": False}, {"results": False}),
        ({"drift_sigma": 8.0}, {"shifted": ("saw",)}),
    ],
)
def test_each_rule_can_be_switched_off(
    switched_off: dict[str, Any], changes: dict[str, Any]
) -> None:
    line = WatchedLine(WatchSettings(**switched_off))
    assert line.take_all(plain_line(1_100)) == []
    assert line.take_all(plain_line(300, 1_100, **changes)) == []


def test_overdue_results_are_told_and_end_when_they_come_again(line: WatchedLine) -> None:
    [overdue] = line.take_all(plain_line(250, 1_100, results=False))
    assert (overdue.alert.type, overdue.alert.reason) == ("detector.degraded", "results_overdue")
    [over] = line.take_all(plain_line(20, 1_350))
    assert (over.alert.reason, over.alert.alarm) == ("results_again", overdue.alert.id)


def test_a_checkpoint_of_the_watch_changes_nothing(line: WatchedLine) -> None:
    line.take_all(plain_line(60, 1_100, shifted=("saw",)))
    again = WatchedLine()
    again.catalogue.restore(deepcopy(line.catalogue.state()))
    again.watch.restore(line.watch.state())
    again.opened = line.opened
    rest = list(plain_line(300, 1_160, shifted=("saw",), silent="drill"))
    assert (
        [(each.parts, each.alert.reason) for each in again.take_all(rest)]
        == [(each.parts, each.alert.reason) for each in line.take_all(rest)]
        != []
    )


# -- with the detector, and the people -------------------------------------------------------------


def test_a_detector_that_knows_nothing_any_more_is_degraded() -> None:
    """Without a word of warning the soft parts fail, not the hard ones."""
    driver = TaskDriver(QUICK)
    for event in small_line(3_000):
        turned = isinstance(event, Result) and int(event.part[2:]) >= 2_000
        if turned and isinstance(event, Result):
            bad = int(event.part[2:]) % 10 == 4
            event = event.model_copy(update={"outcome": "fail" if bad else "pass"})
        driver.pipe(event)
    degraded = [a for a in alerts_of(driver.read()) if a.type == "detector.degraded"]
    assert degraded
    assert degraded[0].reason == "skill_lost"
    found = degraded[0].reasons[0]
    assert isinstance(found.value, float)
    assert isinstance(found.expected, float)
    assert found.value < 0.75 < found.expected


def flood(minutes: float, parts: int = 40) -> list[Measurement]:
    """Parts that are all at risk, as far out as counts, five a minute."""
    return [press(f"F-{n}", minutes + 0.2 * n, 19.0 + 0.1 * (n % 3)) for n in range(parts)]


def test_in_a_flood_one_alert_stands_for_those_that_are_withheld() -> None:
    driver = trained_driver()
    driver.pipe(*flood(NOW))
    alerts = alerts_of(driver.read())
    assert Counter(alert.type for alert in alerts)["part.at_risk"] < 20
    [told, *later] = [alert for alert in alerts if alert.type == "alarm.flood"]
    assert told.affected is not None
    assert told.affected.count >= 10
    assert all(alert.alarm == told.id for alert in later)
    assert driver.line("A").counts["withheld.flood"] >= 20
    # When it is over, that is said, and parts are told of again.
    driver.pipe(*(oven(f"C-{n}", NOW + 30 + n) for n in range(20)))
    assert alert_types(driver.read()) == ["alarm.cleared"]
    driver.pipe(press("P-x", NOW + 51, 19.0))
    assert alert_types(driver.read()) == ["part.at_risk"]


def test_a_flood_can_be_shelved_and_the_line_taken_out_of_service() -> None:
    driver = trained_driver()
    driver.pipe(*flood(NOW))
    [told, *_] = [alert for alert in alerts_of(driver.read()) if alert.type == "alarm.flood"]
    shelved = Feedback(
        line="A", at=at(NOW + 9), target=told.alarm, act="shelve", until=at(NOW + 99)
    )
    driver.pipe(shelved, *(oven(f"C-{n}", NOW + 30 + n) for n in range(20)))
    assert alert_types(driver.read()) == []
    driver.pipe(Control(line="A", at=at(NOW + 60), act="maintenance", until=at(NOW + 300)))
    driver.pipe(*flood(NOW + 120))
    assert alert_types(driver.read()) == []


def test_without_a_limit_every_part_is_told_of() -> None:
    driver = TaskDriver(with_line(QUICK, watch=WatchSettings(flood_alarms=0)))
    driver.pipe(*small_line(LEARNT))
    driver.read()
    driver.pipe(*flood(NOW))
    assert alert_types(driver.read()) == ["part.at_risk"] * 40
