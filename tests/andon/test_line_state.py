"""Pictures of lines, and figures that do not hold the worker up."""

from __future__ import annotations

from small_line import trained_driver

from andon.line_state import Figuring, LineState, figures_of, line_state
from stream.line import Line, LineSettings


def test_a_picture_goes_into_a_file_and_comes_back() -> None:
    line = trained_driver().line("A")
    state = line_state(line, figures_of(line))
    assert state.results_learnt == line.detector.fails + line.detector.passes > 0
    assert LineState.model_validate_json(state.model_dump_json()) == state


def test_a_picture_does_not_change_with_its_line() -> None:
    driver = trained_driver()
    state = line_state(driver.line("A"), None)
    before = state.model_dump_json()
    driver.crash()
    driver.line("A").counts["tick"] += 1
    assert state.model_dump_json() == before


def test_the_figures_are_those_of_the_report() -> None:
    line = trained_driver().line("A")
    last = line.evaluation.report().last
    told = figures_of(line)
    assert (told.parts, told.fails) == (last.parts, last.fails)
    assert (told.average_precision, told.roc_auc) == (last.ap, last.auc)
    assert told.brier_skill == last.brier_skill


def test_a_line_without_results_has_no_figures_that_look_like_skill() -> None:
    told = figures_of(Line("A", LineSettings()))
    assert (told.parts, told.average_precision, told.brier_skill) == (0, None, None)


def lines(count: int) -> list[Line]:
    return [Line(f"line-{number}", LineSettings()) for number in range(count)]


def test_figures_take_no_longer_than_allowed_and_every_line_gets_its_turn() -> None:
    now = [0.0]

    def clock() -> float:
        now[0] += 0.01
        return now[0]

    figuring, held = Figuring(0.05, clock), lines(20)
    known = []
    for _ in range(10):
        figuring.update(held)
        known.append(sum(figuring.of(line.name) is not None for line in held))
    assert known[0] == 5
    assert known[3] == known[-1] == 20


def test_only_new_results_are_figured_again() -> None:
    driver = trained_driver()
    line = driver.line("A")
    figuring = Figuring(10.0)
    figuring.update([line])
    first = figuring.of("A")
    figuring.update([line])
    assert figuring.of("A") is first
    line.detector.passes += 1
    figuring.update([line])
    assert figuring.of("A") is not first
    assert figuring.of("A") == first


def test_a_line_that_has_left_is_forgotten() -> None:
    figuring, held = Figuring(10.0), lines(3)
    figuring.update(held)
    figuring.update(held[:1])
    assert [figuring.of(line.name) is None for line in held] == [False, True, True]
