"""What comes of results: late, corrected, repeated, flipped, too early, of nobody known."""

from __future__ import annotations

from small_line import (
    LEARNT,
    QUICK,
    alerts_of,
    oven,
    part_events,
    press,
    small_line,
    trained_driver,
    with_line,
)
from workers import state_of

from stream.ledger import LedgerSettings
from stream.line import Line
from stream.testing import TaskDriver, alert_types, result, risks

HOUR = 60.0
DAY = 24 * HOUR
NOW = float(LEARNT)


def figures(line: Line) -> tuple[int, int, int]:
    """Parts, fails and parts without a risk, as reported."""
    report = line.evaluation.report()
    return report.parts, report.fails, report.without_risk


def learnt(line: Line) -> tuple[int, int]:
    return line.detector.fails, line.detector.passes


def moved(before: tuple[int, ...], after: tuple[int, ...]) -> tuple[int, ...]:
    """By how much each number has grown."""
    return tuple(b - a for a, b in zip(before, after, strict=True))


def everything_but_counts(line: Line) -> dict[str, object]:
    return {name: value for name, value in state_of(line).items() if name != "counts"}


def test_a_late_result_is_judged_by_the_risk_as_it_was_scored() -> None:
    driver = TaskDriver(QUICK)
    driver.pipe(press("first", 0, 9.0), *small_line(LEARNT))
    line = driver.line("A")
    assert line.detector.trained
    before, taught = figures(line), learnt(line)
    driver.pipe(result("first", "fail", NOW + 3 * DAY))
    # It was scored when nothing was known: no later wisdom may be credited to it.
    assert moved(before, figures(line)) == (1, 1, 1)
    assert moved(taught, learnt(line)) == (1, 0)


def test_a_result_that_comes_days_after_the_part_is_learnt_like_any_other() -> None:
    driver = trained_driver()
    line = driver.line("A")
    driver.pipe(press("slow", NOW, 9.0))
    before = figures(line)
    driver.pipe(*small_line(20, start=LEARNT + 1), result("slow", "fail", NOW + 2 * DAY))
    parts, fails, without_risk = moved(before, figures(line))
    assert (parts, fails, without_risk) == (1, 1, 0)
    assert line.ledger.find("slow") is None


def test_a_corrected_result_corrects_the_figures_and_is_learnt_anew() -> None:
    driver = trained_driver()
    driver.pipe(press("P-x", NOW, 9.0), result("P-x", "pass", NOW + HOUR))
    line = driver.line("A")
    before, taught = figures(line), learnt(line)
    driver.pipe(result("P-x", "fail", NOW + 2 * HOUR))
    assert moved(before, figures(line)) == (0, 1, 0)
    assert moved(taught, learnt(line)) == (1, 0)
    assert line.counts["result.corrected"] == 1


def test_a_higher_revision_counts_though_it_bears_an_earlier_time() -> None:
    driver = trained_driver()
    line = driver.line("A")
    driver.pipe(press("P-x", NOW, 1.0), result("P-x", "pass", NOW + HOUR, revision=1))
    before = figures(line)
    driver.pipe(result("P-x", "fail", NOW + 1, revision=2))
    driver.pipe(result("P-x", "pass", NOW + 3 * HOUR, revision=1))
    assert moved(before, figures(line)) == (0, 1, 0)
    assert (line.counts["result.corrected"], line.counts["result.superseded"]) == (1, 1)


def test_a_result_before_its_measurement_is_an_orphan_and_the_measurement_late() -> None:
    driver = trained_driver()
    line = driver.line("A")
    before, taught = figures(line), learnt(line)
    driver.pipe(result("P-x", "fail", NOW))
    driver.read()
    driver.pipe(press("P-x", NOW + 1, 9.0), oven("P-x", NOW + 2))
    assert driver.read() == []
    assert (line.counts["result.orphan"], line.counts["measurement.late"]) == (1, 2)
    assert (figures(line), learnt(line)) == (before, taught)


def test_a_result_of_an_unknown_part_teaches_nothing() -> None:
    driver = trained_driver()
    line = driver.line("A")
    before = figures(line)
    vectors = state_of(line)["vectors"]
    driver.pipe(result("nobody", "fail", NOW))
    assert line.counts["result.orphan"] == 1
    assert (figures(line), state_of(line)["vectors"]) == (before, vectors)


def test_a_result_told_twice_is_one_result() -> None:
    driver = trained_driver()
    line = driver.line("A")
    driver.pipe(press("P-x", NOW, 9.0), result("P-x", "fail", NOW + HOUR))
    before = everything_but_counts(line)
    driver.pipe(result("P-x", "fail", NOW + HOUR))
    assert everything_but_counts(line) == before
    assert line.counts["result.repeated"] == 1


def test_a_result_flipped_twice_ends_where_it_began() -> None:
    driver = trained_driver()
    line = driver.line("A")
    driver.pipe(press("P-x", NOW, 9.0), result("P-x", "pass", NOW + 1))
    before = figures(line)
    driver.pipe(result("P-x", "fail", NOW + 2))
    assert moved(before, figures(line)) == (0, 1, 0)
    driver.pipe(result("P-x", "pass", NOW + 3))
    assert figures(line) == before
    assert line.counts["result.corrected"] == 2


def test_an_untested_part_is_no_fail_and_no_pass_until_it_is_tested() -> None:
    driver = trained_driver()
    line = driver.line("A")
    before, taught = figures(line), learnt(line)
    driver.pipe(press("P-x", NOW, 9.0), result("P-x", "untested", NOW + 1))
    assert (figures(line), learnt(line)) == (before, taught)
    driver.pipe(result("P-x", "fail", NOW + 2))
    assert moved(before, figures(line)) == (1, 1, 0)
    assert moved(taught, learnt(line)) == (1, 0)


def test_a_result_taken_back_takes_the_part_out_of_the_figures() -> None:
    driver = trained_driver()
    line = driver.line("A")
    before = figures(line)
    driver.pipe(press("P-x", NOW, 9.0), result("P-x", "fail", NOW + 1))
    driver.pipe(result("P-x", "untested", NOW + 2))
    assert figures(line) == before
    driver.pipe(result("P-x", "fail", NOW + 3))
    assert moved(before, figures(line)) == (1, 1, 0)


def test_of_several_tests_any_fail_fails_the_part() -> None:
    driver = trained_driver()
    line = driver.line("A")
    before = figures(line)
    driver.pipe(press("P-x", NOW, 1.0), result("P-x", "pass", NOW + 1, test="EOL-1"))
    driver.pipe(result("P-x", "fail", NOW + 2, test="EOL-2"))
    driver.pipe(result("P-x", "pass", NOW + 3, test="EOL-1"))
    assert moved(before, figures(line)) == (1, 1, 0)


def test_a_configured_test_alone_decides() -> None:
    driver = TaskDriver(with_line(QUICK, ledger=LedgerSettings(label_test="EOL-2")))
    driver.pipe(press("P-x", 0, 1.0), result("P-x", "fail", 1, test="EOL-1"))
    line = driver.line("A")
    assert (figures(line), line.ledger.open_parts) == ((0, 0, 0), 1)
    driver.pipe(result("P-x", "pass", 2, test="EOL-2"))
    assert (figures(line), line.ledger.open_parts) == ((1, 0, 1), 0)


def test_after_a_crash_a_correction_still_finds_what_it_corrects() -> None:
    driver = trained_driver()
    driver.pipe(press("P-x", NOW, 9.0), result("P-x", "pass", NOW + 1))
    driver.crash()
    line = driver.line("A")
    before = figures(line)
    driver.pipe(result("P-x", "fail", NOW + 2))
    assert moved(before, figures(line)) == (0, 1, 0)


def test_no_part_s_risk_knows_its_own_result() -> None:
    told, untold = trained_driver(), trained_driver()
    untold.pipe(press("P-x", NOW, 9.0), oven("P-x", NOW + 1))
    told.pipe(press("P-x", NOW, 9.0), oven("P-x", NOW + 1), result("P-x", "pass", NOW + 2))
    assert risks(told.read()) == risks(untold.read())


def test_the_line_learns_its_cause_and_names_it() -> None:
    driver = trained_driver()
    for number in range(LEARNT, LEARNT + 20):
        driver.pipe(*part_events(number))
    assert alert_types(driver.read()) == ["part.at_risk", "part.at_risk"]
    driver.pipe(press("P-new", NOW + 30, 9.1))
    effects = driver.read()
    [alert] = alerts_of(effects)
    [reason, *_] = alert.reasons
    assert (reason.station, reason.feature, reason.value) == ("press", "torque", 9.1)
    assert [round(risk or 0.0, 6) for risk in risks(effects)] == [alert.risk]
