"""andon status: what another process can know of lines, lag and endpoints, and no more."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from scraped import monitored_worker
from small_line import QUICK, small_line, trained_driver
from webhooks import message
from workers import TOPICS

from alerts.delivery import Verdict
from alerts.outbox import Outbox
from andon.build import build_worker, ready_log, task_settings
from andon.monitoring import worker_monitor
from andon.settings import Settings, load_settings
from andon.show_status import status_text
from andon.status import status
from andon.training import save_trained
from producers.publish import publish

ENDPOINT = {"name": "mes", "url": "https://mes.example.com/a", "secrets_env": ["ANDON_SECRET_M"]}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(
        None,
        {},
        {
            "log.path": str(tmp_path / "andon.sqlite"),
            "notifier.outbox": str(tmp_path / "outbox.sqlite"),
            "monitoring.state": str(tmp_path / "status"),
            "topics.risks": TOPICS.risks,
            "endpoints": [ENDPOINT],
        },
    )


def work(settings: Settings, parts: int = 300) -> None:
    """Let a worker read a line to its end, as ``watch`` does."""
    with ready_log(settings) as log:
        publish(log, TOPICS.events, small_line(parts))
        worker, monitor = monitored_worker(log, settings.monitoring.state)
        worker.run(lambda: False, until_end=True)
        monitor.take_picture(worker)


def lag_of(told: dict[str, Any], group: str) -> list[int]:
    return [row["lag"] for row in told["lag"] if row["group"] == group]


def test_where_nothing_is_everything_is_unknown_and_nothing_is_made(
    settings: Settings, tmp_path: Path
) -> None:
    told = status(settings)
    assert told["lines"] == told["lag"] == []
    assert told["endpoints"] == [
        {
            "endpoint": "mes",
            "configured": True,
            "pending": None,
            "exhausted": None,
            "disabled": None,
            "reason": "",
        }
    ]
    assert len(told["problems"]) == 2
    assert list(tmp_path.iterdir()) == []
    assert status_text(told).count("unknown") == 5


def test_a_log_without_the_topics_is_a_problem_and_the_rest_is_shown(settings: Settings) -> None:
    work(settings)
    other = settings.model_copy(
        update={"topics": settings.topics.model_copy(update={"alerts": "not.there"})}
    )
    told = status(other)
    assert [line["line"] for line in told["lines"]] == ["A"]
    assert told["lag"] == []
    assert "topic 'not.there' does not exist" in told["problems"][0]


def test_the_lines_are_as_their_worker_left_them(settings: Settings) -> None:
    work(settings)
    [line] = status(settings)["lines"]
    assert line["trained"] is True
    assert line["results_learnt"] == 270
    assert (line["fails_learnt"], line["window_fails"]) == (27, 27)
    assert line["open_parts"] == 30
    assert line["threshold"] is not None
    assert line["budget"] == QUICK.line.alarms.budget
    assert line["worker"].endswith(f":{os.getpid()}")
    assert line["current"] is True


def test_where_no_part_was_tested_that_had_a_risk_there_are_no_figures_yet(
    settings: Settings,
) -> None:
    work(settings, 20)
    told = status(settings)
    [line] = told["lines"]
    assert (line["parts"], line["average_precision"]) == (0, None)
    head, row = status_text(told).splitlines()[:2]
    assert row[head.index(" AP ") + 1 :].split()[:6] == ["none", "yet"] * 3


def test_a_line_that_began_from_nothing_has_no_checkpoint(settings: Settings) -> None:
    work(settings)
    told = status(settings)
    assert told["lines"][0]["last_checkpoint"] is None
    head, row = status_text(told).splitlines()[:2]
    assert row[head.index("LAST CHECKPOINT") :].split()[0] == "none"


def test_a_line_that_was_trained_says_from_which_file_and_on_how_many_results(
    settings: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "trained.ckpt"
    detector = settings.detector.model_copy(update={"trained": path})
    trained = settings.model_copy(update={"detector": detector})
    line = task_settings(trained).line
    learnt = trained_driver(replace(QUICK, line=line)).line("A")
    size = save_trained(path, {"A": learnt}, line.detector, "history")
    os.utime(path, (time.time() - 7200,) * 2)
    with ready_log(trained) as log, worker_monitor(trained, log) as monitor:
        publish(log, TOPICS.events, small_line(5))
        publish(log, TOPICS.events, small_line(5, "B"))
        worker = build_worker(trained, log, monitor.observe, monitor.turned)
        worker.run(lambda: False, until_end=True)
        monitor.take_picture(worker)
    told = status(trained)
    began = {line["line"]: line["last_checkpoint"] for line in told["lines"]}
    results = learnt.detector.fails + learnt.detector.passes
    assert began["B"] is None
    assert {key: began["A"][key] for key in ("kind", "results_learnt", "path", "bytes")} == {
        "kind": "trained",
        "results_learnt": results,
        "path": str(path),
        "bytes": size,
    }
    assert 7200 <= began["A"]["age_s"] < 7300
    assert f"trained on {results} results, {path} of 2 h ago" in status_text(told)


def test_what_is_no_longer_renewed_is_said_to_be_old(settings: Settings) -> None:
    work(settings)
    told = status(settings, now=time.time() + 7200)
    [line] = told["lines"]
    assert line["current"] is False
    assert 7200 <= line["age_s"] < 7300
    assert "2 h ago, no longer renewed" in status_text(told)


def test_the_lag_is_counted_from_what_the_groups_have_stored(settings: Settings) -> None:
    work(settings)
    told = status(settings)
    assert lag_of(told, settings.worker.group) == [0, 0, 0, 0]
    with ready_log(settings) as log:
        publish(log, TOPICS.events, small_line(10, start=500))
    told = status(settings)
    assert sum(lag_of(told, settings.worker.group)) == 20
    # The notifier has never run: all alerts are before it.
    alerts = lag_of(told, settings.notifier.group)
    assert sum(alerts) == sum(
        row["end"] for row in told["lag"] if row["topic"] == settings.topics.alerts
    )
    assert sum(alerts) > 0
    assert {row["next_offset"] for row in told["lag"] if row["topic"] == TOPICS.alerts} == {None}


def test_asking_disturbs_no_member_of_the_group(settings: Settings) -> None:
    work(settings)
    with ready_log(settings) as log:
        worker, monitor = monitored_worker(log, None)
        asked: list[int] = []

        def stop() -> bool:
            if worker.tasks:
                assert len(worker.tasks) == 4
                asked.append(len(status(settings)["lag"]))
            return len(asked) > 5 and not monitor.unready

        worker.run(stop)
        assert worker.discards == 0


def test_endpoints_are_as_the_outbox_has_them(settings: Settings) -> None:
    with Outbox(settings.notifier.outbox) as outbox:
        outbox.accept([(name, message(n)) for name in ("mes", "old") for n in range(3)], {}, 0.0)
        first, second, _ = outbox.due("mes", 0.0)
        outbox.record(first, Verdict("exhausted", "status 500"), 1.0)
        outbox.record(second, Verdict("disabled", "status 410"), 1.0)
        told = status(settings)
    assert told["endpoints"] == [
        {
            "endpoint": "mes",
            "configured": True,
            "pending": 2,
            "exhausted": 1,
            "disabled": True,
            "reason": "status 410",
        },
        {
            "endpoint": "old",
            "configured": False,
            "pending": 3,
            "exhausted": 0,
            "disabled": False,
            "reason": "",
        },
    ]
    text = status_text(told)
    assert "status 410" in text
    assert "old (not in the settings)" in text


def test_an_outbox_that_cannot_be_read_is_a_problem_and_its_counts_are_unknown(
    settings: Settings,
) -> None:
    settings.notifier.outbox.write_bytes(b"this is no database" * 100)
    told = status(settings)
    assert told["endpoints"][0]["pending"] is None
    assert any("cannot be used" in problem for problem in told["problems"])


def test_a_name_cannot_steer_the_terminal() -> None:
    row = {"endpoint": "x\x1b[2J", "configured": True, "pending": 1, "exhausted": 0,
           "disabled": False, "reason": ""}  # fmt: skip
    text = status_text({"lines": [], "lag": [], "endpoints": [row], "problems": []})
    assert "\x1b" not in text
    assert r"x\x1b[2J" in text
