from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from andon.report import RunReport, summary, write_report
from models.evaluation import AlertMark, Prequential, report_together
from models.label_free import Waiting, expected
from models.member_worth import MemberWorth


def _line(parts: int, untrained: int = 0, budget: float = 0.05) -> Prequential:
    """Every tenth part fails; every second fail and every hundredth part that passes is flagged."""
    referee = Prequential(budget=budget)
    for i in range(parts):
        fails = i % 10 == 0
        flagged = i % 20 == 0 or i % 100 == 1
        risk = None if i < untrained else 0.3 + 0.001 * (i % 13) if flagged else 0.05
        alert = AlertMark(2, 6, 2400.0) if flagged and risk is not None else None
        referee.update(f"P-{i}", fails, [None, 0.06 if risk else None, risk, risk], alert)
    return referee


def _report(lines: dict[str, Prequential], **changes: object) -> RunReport:
    fields: dict[str, object] = {
        "overall": report_together(lines, draws=20),
        "lines": {name: line.report() for name, line in lines.items()},
        "seconds": 2.5,
        "source": "history.csv",
        "model": "river-logistic",
        "settings": "9f2c",
        "events": {"measurement": 12_000, "result": 1_000},
        "alerts": {"part.at_risk": 60},
        "dead_letters": {"json_invalid": 2, "limit": 0},
        "journeys": {"duplicate": 3, "orphan": 0, "turned": 1},
    }
    return RunReport(**{**fields, **changes})  # type: ignore[arg-type]


def test_the_report_holds_the_figures_of_each_line_and_of_all(tmp_path: Path) -> None:
    lines = {"body-A": _line(600, untrained=40), "body-B": _line(400)}
    path = write_report(tmp_path / "out" / "deeper", _report(lines))
    assert path == tmp_path / "out" / "deeper" / "report.json"
    found = json.loads(path.read_text(encoding="utf-8"))
    assert found["overall"]["parts"] == 1000
    assert found["overall"]["without_risk"] == 40
    assert found["lines"]["body-A"]["parts"] == 600
    assert found["lines"]["body-B"]["alarms"]["true_alarms"] == 20
    assert len(found["overall"]["last"]["ap_interval"]) == 2
    assert found["overall"]["lead"]["minutes"]["median"] == 40.0
    for quarter in ("q1", "q2", "q3", "q4"):
        assert "auc" in found["overall"][quarter]


def test_the_report_accounts_for_events_dead_letters_and_journeys(tmp_path: Path) -> None:
    path = write_report(tmp_path, _report({"body-A": _line(100)}))
    found = json.loads(path.read_text(encoding="utf-8"))
    assert found["events"] == {"measurement": 12_000, "result": 1_000}
    assert found["dead_letters"] == {"json_invalid": 2, "limit": 0}
    assert found["journeys"]["duplicate"] == 3
    assert found["alerts"] == {"part.at_risk": 60}
    assert (found["source"], found["model"], found["settings"]) == (
        "history.csv",
        "river-logistic",
        "9f2c",
    )
    assert found["speed"] == {"seconds": 2.5, "events_per_second": 5200.0}


def test_two_runs_of_one_history_differ_in_their_speed_only(tmp_path: Path) -> None:
    first = write_report(tmp_path / "a", _report({"b": _line(100), "a": _line(50)}, seconds=2.0))
    again = write_report(tmp_path / "b", _report({"a": _line(50), "b": _line(100)}, seconds=3.0))
    one, other = (json.loads(path.read_text()) for path in (first, again))
    assert one.pop("speed") != other.pop("speed")
    assert one == other


def test_keys_are_sorted_so_that_reports_can_be_compared_as_text(tmp_path: Path) -> None:
    text = write_report(tmp_path, _report({"b": _line(30), "a": _line(30)})).read_text()
    keys = list(json.loads(text))
    assert keys == sorted(keys)
    assert text == json.dumps(json.loads(text), sort_keys=True, indent=2) + "\n"


def test_writing_again_replaces_the_report_and_leaves_nothing_else(tmp_path: Path) -> None:
    write_report(tmp_path, _report({"a": _line(30)}))
    write_report(tmp_path, _report({"a": _line(90)}))
    assert [p.name for p in tmp_path.iterdir()] == ["report.json"]
    assert json.loads((tmp_path / "report.json").read_text())["overall"]["parts"] == 90


def test_the_summary_says_what_was_seen() -> None:
    text = summary(_report({"body-A": _line(600, untrained=40), "body-B": _line(400)}))
    assert "13,000 events, 5,200 a second: measurement 12,000, result 1,000" in text
    assert "1,000 parts with a result on 2 lines, 100 of them failed (10 %)" in text
    assert "40 parts got no risk" in text
    assert "2 records could not be used and went to the dead letters: json_invalid 2" in text
    assert "duplicate: 3 (the same message again, ignored)" in text
    assert "turned: 1" in text
    assert "orphan" not in text


def test_the_summary_says_what_the_alarms_were_worth_and_how_early_they_came() -> None:
    text = summary(_report({"body-A": _line(1000)}))
    assert "60 of 1,000 parts flagged before the result (6.0 %; the budget is 5.0 %)" in text
    assert "right: 50 of 60 flagged parts failed (83 %), 10 passed" in text
    assert "caught: 50 of 100 fails (50 %, 8.3 times what as many random alarms catch)" in text
    assert "50 missed" in text
    assert "6 stations (most 6 to 6) and 40 minutes (most 40 to 40) before the result" in text


def test_every_measure_in_the_summary_comes_with_its_meaning() -> None:
    text = summary(_report({"body-A": _line(1000)}))
    for measure, meaning in (
        ("ROC-AUC", "guessing 0.5"),
        ("Average precision", "guessing 0.100"),
        ("Recall at budget", "guessing 0.050"),
        ("Brier skill", "1 is perfect"),
        ("Calibration slope", "too bold"),
        ("MCC", "0 as by chance"),
    ):
        assert any(measure in line and meaning in line for line in text.splitlines()), measure


def test_what_the_risks_promise_stands_beside_what_came_of_it(tmp_path: Path) -> None:
    open_parts = Waiting(np.array([0.5, 0.25, 0.25]), np.array([True, False, False]))
    report = _report({"body-A": _line(1000)}, waiting=expected(open_parts, 0.05))
    page = [line.split() for line in summary(report).splitlines()]
    assert ["Parts", "1,000", "1,000", "3"] in page
    assert ["Fails", "100", "65.4", "1.0"] in page
    assert ["Flags", "that", "are", "right", "0.833", "0.306", "0.500"] in page
    assert ["Fails", "that", "are", "caught", "0.500", "0.281", "0.500"] in page
    found = json.loads(write_report(tmp_path, report).read_text())
    assert found["waiting"]["overall"]["parts"] == 3
    assert found["overall"]["expected"]["parts"] == 1000
    assert found["overall"]["expected"]["fails"] == pytest.approx(65.4, abs=0.1)


def test_lines_stand_side_by_side_when_there_are_several() -> None:
    several = summary(_report({"body-B": _line(400), "body-A": _line(600)})).splitlines()
    rows = several[several.index("By line") + 2 :]
    assert [row.split()[0] for row in rows] == ["body-A", "body-B"]
    assert "By line" not in summary(_report({"body-A": _line(600)}))


def test_the_summary_fits_a_wide_terminal() -> None:
    text = summary(_report({"body-A": _line(1000, untrained=3), "body-B": _line(40)}))
    assert max(len(line) for line in text.splitlines()) <= 120


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (Prequential(budget=0.05), "no part had a risk"),
        (_line(30, untrained=30), "no part had a risk"),
        (_line(1), "of 1 part with a risk 1 failed, and both kinds are needed"),
    ],
    ids=["nothing happened", "never trained", "one part"],
)
def test_a_run_too_short_to_judge_says_so(line: Prequential, says: str) -> None:
    report = _report({"body-A": line}, events={}, seconds=0.0)
    assert report.events_per_second is None
    assert says in summary(report)
    assert "nan" not in summary(report).lower()


def test_small_shares_stay_legible() -> None:
    referee = Prequential(budget=0.0004)
    for i in range(5000):
        referee.update(f"P-{i}", i < 2, [0.001])
    text = summary(_report({"a": referee}))
    assert "2 of them failed (0.04 %)" in text
    assert "the budget is 0.04 %" in text


def test_what_the_members_of_a_stack_earn_is_in_the_report_and_on_the_page(tmp_path: Path) -> None:
    members = {
        "body-A": (
            MemberWorth("linear", 0.75, 0.71, 0.0123),
            MemberWorth("long", 0.25, None, None),
        )
    }
    report = _report({"body-A": _line(100)}, members=members)
    found = json.loads(write_report(tmp_path, report).read_text(encoding="utf-8"))
    assert found["members"]["body-A"][0] == {
        "name": "linear",
        "weight": 0.75,
        "roc_auc": 0.71,
        "earns": 0.0123,
    }
    page = [line.split() for line in summary(report).splitlines()]
    assert ["body-A", "linear", "0.75", "0.710", "+0.0123"] in page
    assert ["body-A", "long", "0.25", "-", "-"] in page
    assert "earned" not in summary(_report({"body-A": _line(100)}))
