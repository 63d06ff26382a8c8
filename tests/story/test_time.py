"""Event time: parts that are given up, lines that stand still, clocks that are wild."""

from __future__ import annotations

from datetime import UTC, datetime

from small_line import LEARNT, QUICK, alerts_of, part_events, press, small_line, trained_driver

from stream.events import Measurement
from stream.testing import TaskDriver, refusals, result, risks, tick

HOUR = 60.0
DAY = 24 * HOUR
WEEK = 7 * DAY
NOW = float(LEARNT)
CENTURIES_AHEAD = datetime(2345, 1, 1, tzinfo=UTC)
CENTURIES_AGO = datetime(1870, 1, 1, tzinfo=UTC)


def with_clock(event: Measurement, at: datetime) -> Measurement:
    return event.model_copy(update={"at": at})


def test_ticks_alone_let_a_part_expire_and_its_alarm_with_it() -> None:
    driver = trained_driver()
    line = driver.line("A")
    driver.pipe(press("P-x", NOW, 9.0))
    [alert] = alerts_of(driver.read())
    waiting = line.ledger.open_parts
    driver.pipe(*(tick(NOW + hour * HOUR) for hour in range(1, 7 * 24)))
    assert line.ledger.open_parts == waiting
    driver.pipe(tick(NOW + WEEK), tick(NOW + WEEK + 1))
    assert line.ledger.open_parts == 0
    assert line.counts["part.expired"] == waiting
    state = line.alarms.find(alert.id)
    assert state is not None
    assert not state.active


def test_the_result_of_an_expired_part_is_an_orphan_and_teaches_nothing() -> None:
    driver = trained_driver()
    line = driver.line("A")
    driver.pipe(press("P-x", NOW, 9.0))
    driver.pipe(*(tick(NOW + hour * HOUR) for hour in range(1, 8 * 24)))
    fails = line.detector.fails
    driver.pipe(result("P-x", "fail", NOW + 8 * DAY))
    assert line.counts["result.orphan"] == 1
    assert line.detector.fails == fails


def test_a_part_that_goes_on_being_measured_does_not_expire() -> None:
    driver = trained_driver()
    line = driver.line("A")
    for day in range(10):
        driver.pipe(press("P-x", NOW + day * DAY, 1.0))
        driver.pipe(*(tick(NOW + day * DAY + hour * HOUR) for hour in range(1, 24)))
    assert line.ledger.find("P-x") is not None
    assert line.counts["part.expired"] == 30


def test_a_wild_clock_evicts_nothing() -> None:
    driver = trained_driver()
    line = driver.line("A")
    waiting, watermark = line.ledger.open_parts, line.watermark.at
    driver.pipe(with_clock(press("P-wild", NOW, 1.0), CENTURIES_AHEAD))
    driver.pipe(with_clock(press("P-old", NOW, 1.0), CENTURIES_AGO))
    assert (line.ledger.open_parts, line.watermark.at) == (waiting + 2, watermark)
    assert line.counts["part.expired"] == 0


def test_a_station_whose_clock_is_always_wild_evicts_nothing() -> None:
    driver = trained_driver()
    line = driver.line("A")
    for number in range(LEARNT, LEARNT + 100):
        [pressed, baked] = part_events(number)
        assert isinstance(pressed, Measurement)
        driver.pipe(with_clock(pressed, CENTURIES_AHEAD), baked)
    assert line.counts["part.expired"] == 0
    effects = driver.read()
    assert refusals(effects) == []
    assert all(risk is not None for risk in risks(effects))


def test_a_wild_clock_heard_first_of_all_keeps_no_part_for_ever() -> None:
    driver = TaskDriver(QUICK)
    driver.pipe(with_clock(press("P-wild", 0, 1.0), CENTURIES_AHEAD))
    driver.pipe(*small_line(60))
    line = driver.line("A")
    assert line.ledger.open_parts == 31
    driver.pipe(*(tick(hour * HOUR) for hour in range(1, 9 * 24)))
    assert line.ledger.open_parts == 0


def test_a_line_that_stood_still_for_a_month_is_believed_when_five_parts_agree() -> None:
    driver = trained_driver()
    line = driver.line("A")
    waiting = line.ledger.open_parts
    month = 30 * DAY
    for number in range(10):
        driver.pipe(*part_events(LEARNT + number))
    driver.read()
    for number in range(10):
        driver.pipe(press(f"M-{number}", NOW + month + number, 1.0))
    assert line.ledger.open_parts == waiting + 20
    for number in range(10, 25):
        driver.pipe(press(f"M-{number}", NOW + month + number, 1.0))
    assert line.counts["part.expired"] == waiting + 10
    assert line.ledger.find("M-0") is not None


def test_a_wild_result_is_still_the_part_s_result() -> None:
    driver = trained_driver()
    line = driver.line("A")
    driver.pipe(press("P-x", NOW, 9.0))
    fails, waiting = line.detector.fails, line.ledger.open_parts
    told = result("P-x", "fail", NOW).model_copy(update={"at": CENTURIES_AHEAD})
    driver.pipe(told)
    assert (line.detector.fails, line.ledger.open_parts) == (fails + 1, waiting - 1)
    assert line.evaluation.report().fails > 0
