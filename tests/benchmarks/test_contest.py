"""The skill benchmark judges all alike: who scores what, on what, and knowing what by then."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from columns import LABELS, Columns
from contest import Run, run
from contestants import PEERS, AndonLine, contestant, line_settings, state_of
from river_peers import RiverScript, logistic
from skill import scored
from sources import FAMILIES, SEEDS, Source, die_casting, mask, try_shots
from window_peers import WindowScript

from models.evaluation import Prequential
from stream.codec import encode
from stream.effects import Scored
from stream.events import Event, Measurement, Result
from stream.log import Record
from stream.task import Task, TaskSettings

LINE = Source("interaction", seed=7, parts=260)


@pytest.fixture(scope="module")
def history() -> list[Event]:
    return list(LINE.events())


def test_a_run_is_the_hand_written_loop(history: list[Event]) -> None:
    """Predict and keep; when the result arrives, measure, and only then learn."""
    model, columns, begun = logistic(), Columns(), False
    parts: dict[str, dict[str, dict[str, float]]] = {}
    kept: dict[str, list[float | None]] = {}
    referee = Prequential(budget=0.05)
    for event in history:
        if isinstance(event, Measurement):
            stations = parts.setdefault(event.part, {})
            stations[event.station] = columns.of(event.station, event.values)
            x = {name: value for cells in stations.values() for name, value in cells.items()}
            risk = model.predict_proba_one(x)[True] if begun else None
            kept.setdefault(event.part, []).append(risk)
        elif isinstance(event, Result):
            referee.update(event.part, event.outcome == "fail", kept.pop(event.part))
            cells_of = parts.pop(event.part).values()
            x = {name: value for cells in cells_of for name, value in cells.items()}
            model.learn_one(x, event.outcome == "fail")
            begun = True
    found = run(history, RiverScript(logistic()))
    by_hand = referee.report()
    risks = found.risks[3][~np.isnan(found.risks[3])]
    assert found.fails.size == by_hand.parts == 260
    assert by_hand.without_risk == int(np.isnan(found.risks[3]).sum()) > 0
    assert by_hand.last.mean_risk == pytest.approx(risks.mean(), abs=1e-15)
    assert (referee.last_risks()[0] == risks).all()
    assert [by_hand.q1.parts, by_hand.q3.parts] == (~np.isnan(found.risks[[0, 2]])).sum(1).tolist()


def test_andon_without_bytes_gives_the_risks_and_figures_of_the_service() -> None:
    history = list(Source("demo", seed=7, parts=550).events())
    task = Task(0, TaskSettings(line=line_settings("andon:logistic")))
    said: list[float | None] = []
    for offset, event in enumerate(history):
        record = Record("andon.events", 0, offset, event.line.encode(), encode(event))
        said += [one.risk for one in task.process(record) if isinstance(one, Scored)]
    ours = contestant("andon:logistic")
    found = run(history, ours)
    assert list(ours.risks()) == said
    assert any(risk is not None for risk in said)
    # The service's own referee says the same.
    assert isinstance(ours, AndonLine)
    assert ours.line is not None
    risks, fails = ours.line.evaluation.last_risks()
    known = ~np.isnan(found.risks[3])
    assert (found.risks[3][known] == risks).all()
    assert (found.fails[known] == fails).all()


class _Counted:
    """A batch model that answers how many parts and fails it was fitted on."""

    def fit(self, x: np.ndarray, y: np.ndarray) -> None:
        self.answer = y.size / 1000 + float(y.sum()) / 1e6

    def predict_proba(self, x: np.ndarray) -> np.ndarray:
        return np.full((len(x), 2), self.answer)


def test_answers_worked_out_together_are_those_of_one_at_a_time(history: list[Event]) -> None:
    together = WindowScript(_Counted, window=60, every=20)
    alone = WindowScript(_Counted, window=60, every=20)
    tested, fails, said = 0, 0, []
    due = math.nan
    for event in history:
        if isinstance(event, Measurement):
            together.measured(event)
            alone.measured(event)
            said.append(due)
            assert alone.risks()[-1] == due or math.isnan(due)
        elif isinstance(event, Result):
            together.tested(event)
            alone.tested(event)
            tested, fails = tested + 1, fails + (event.outcome == "fail")
            if tested % 20 == 0 and tested <= 60 and fails:
                due = tested / 1000 + fails / 1e6
            elif tested > 60:
                break
    assert np.array_equal(together.risks(), said, equal_nan=True)
    assert np.array_equal(alone.risks(), said, equal_nan=True)
    assert due > 0.05, "some fits were made"


@pytest.mark.parametrize("name", [*PEERS, "river.tree.HoeffdingTreeClassifier"])
def test_every_peer_answers_with_probabilities_the_same_at_every_run(name: str) -> None:
    if name.startswith("lightgbm"):
        pytest.importorskip("lightgbm", reason="LIGHTGBM IS NOT INSTALLED: use the extra 'bench'")
    # The batch models answer from 250 results on.
    source = Source("interaction", seed=7, parts=550 if "window" in name else 300)
    one, other = (run(source.events(), contestant(name)) for _ in range(2))
    assert np.array_equal(one.risks, other.risks, equal_nan=True)
    known = one.risks[~np.isnan(one.risks)]
    assert known.size
    assert ((known >= 0) & (known <= 1)).all()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("forrest", "'forrest' takes no part: use andon:MODEL, one of river-logistic"),
        ("river.tree.Nothing", "cannot be imported"),
        ("river.metrics.ROCAUC", "is no River classifier"),
        ("andon:logit", "'logit' is no model"),
        ("andon:logistic,widow=3", "'widow' is no setting of the detector"),
    ],
)
def test_who_takes_no_part_is_told_who_does(name: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        contestant(name)


def test_settings_of_the_detector_are_part_of_the_name() -> None:
    settings = line_settings("andon:logistic,window_parts=500,copies=2")
    assert (settings.detector.window_parts, settings.detector.copies) == (500, 2)
    assert state_of("andon:logistic,copies=2") != state_of("andon:logistic")


def test_a_station_that_measures_again_replaces_what_it_said() -> None:
    columns = Columns()
    assert columns.of("A", {"mold": "x"}) == {"A.mold=x": 1.0}
    assert columns.of("A", {"mold": "y", "gap": None}) == {"A.mold=x": 0.0, "A.mold=y": 1.0}
    for number in range(2 * LABELS):
        columns.of("A", {"lot": f"{number}"})
    assert len(columns.of("A", {"lot": "0"})) == LABELS


def test_masked_cells_are_dropped_at_the_share_asked_for_and_always_the_same(
    history: list[Event],
) -> None:
    def cells(events: Iterator[Event]) -> list[object]:
        return [v for e in events if isinstance(e, Measurement) for v in e.values.values()]

    masked = cells(mask(history, 0.15, seed=3))
    assert masked == cells(mask(history, 0.15, seed=3))
    assert masked != cells(mask(history, 0.15, seed=4))
    whole = cells(iter(history))
    gone = [m is None for m, w in zip(masked, whole, strict=True) if w is not None]
    assert np.mean(gone) == pytest.approx(0.15, abs=0.01)
    assert all(m == w for m, w in zip(masked, whole, strict=True) if m is not None)


def test_a_run_is_kept_and_read_back_until_the_code_or_the_source_changes(tmp_path: Path) -> None:
    state = state_of("river-logistic")
    first = scored(LINE, "river-logistic", tmp_path, state)
    [kept] = tmp_path.iterdir()
    kept_at = kept.stat().st_mtime_ns
    again = scored(LINE, "river-logistic", tmp_path, state)
    assert [p.stat().st_mtime_ns for p in tmp_path.iterdir()] == [kept_at]
    assert again.parts.tolist() == first.parts.tolist()
    assert np.array_equal(again.risks, first.risks, equal_nan=True)
    scored(LINE, "river-logistic", tmp_path, "another version")
    scored(Source("interaction", 8, 20), "river-logistic", tmp_path, state)
    assert len(list(tmp_path.iterdir())) == 3


def test_the_lines_that_figures_are_published_of_are_not_the_ones_people_look_at() -> None:
    assert SEEDS == (101, 102, 103, 104, 105)
    assert FAMILIES == ("linear", "interaction", "drift", "mnar")


@pytest.mark.data
def test_a_benchmark_of_the_first_shots_waits_for_their_results(
    test_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANDON_TEST_DATA", str(test_data))
    source = die_casting(300, masked=0.0)
    assert source is not None
    events = list(source.events())
    tested = [event.part for event in events if isinstance(event, Result)]
    assert len(set(tested)) == len(tested) == 300
    assert {event.part for event in events if isinstance(event, Measurement)} == set(tested)
    assert len(try_shots()) == 1_239


def test_answers_that_do_not_fit_the_measurements_are_refused(history: list[Event]) -> None:
    class Silent(RiverScript):
        def risks(self) -> list[float | None]:
            return []

    with pytest.raises(ValueError, match="0 answers to"):
        run(history[:50], Silent(logistic()))
    assert isinstance(run([], Silent(logistic())), Run)
