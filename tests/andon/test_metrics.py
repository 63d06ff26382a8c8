"""Metrics: the table, what is served, the documents and the dashboard name the same things."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from scraped import families, notifier_registry, producer_registry, worker_registry

from andon.line_metrics import line_families
from andon.line_state import LineState, line_state
from andon.metrics import (
    EVERY,
    LABELLED_LINES,
    METRICS,
    NOTIFIER,
    OTHER,
    PROCESS,
    PRODUCER,
    READERS,
    WORKER,
    LineLabels,
)
from andon.reference import renewed
from stream.line import Line, LineSettings

ROOT = Path(__file__).parents[2]
TABLE = {metric.name: metric for metric in METRICS}
DASHBOARD = json.loads((ROOT / "deploy/grafana/andon.json").read_text("utf-8"))
NAME = re.compile(r"\b(?:andon|process)_[a-z_]+\b")
SCRAPE_LABELS = {"job", "instance"}


@pytest.mark.parametrize(
    ("make", "served"),
    [
        (worker_registry, {EVERY, READERS, WORKER}),
        (notifier_registry, {EVERY, READERS, NOTIFIER}),
        (producer_registry, {EVERY, PRODUCER}),
    ],
    ids=["watch", "notify", "produce"],
)
def test_a_command_serves_what_the_table_says_and_nothing_else(
    make: Any, served: set[str], tmp_path: Path
) -> None:
    found = families(make(tmp_path))
    assert {name for name in found if name not in PROCESS} == {
        metric.name for metric in METRICS if metric.by in served
    }
    for name, (kind, labels) in found.items():
        if name in TABLE:
            assert kind == TABLE[name].kind, name
            assert labels <= {*TABLE[name].labels, "le"}, name


def test_every_row_of_the_table_is_served_by_some_command() -> None:
    assert {metric.by for metric in METRICS} == {EVERY, READERS, WORKER, NOTIFIER, PRODUCER}


def test_the_process_metrics_named_are_those_there_are(tmp_path: Path) -> None:
    if not Path("/proc/self/stat").exists():
        pytest.skip("the names of process metrics: only Linux has them")
    assert set(PROCESS) == {name for name in families(producer_registry(tmp_path)) if
                            name.startswith("process_")}  # fmt: skip


def test_names_follow_the_conventions() -> None:
    for metric in METRICS:
        assert metric.name.endswith("_total") == (metric.kind == "counter"), metric.name
        assert bool(metric.buckets) == (metric.kind == "histogram"), metric.name
        assert "part" not in metric.labels, metric.name
        assert "|" not in metric.meaning, metric.name
    assert len(TABLE) == len(METRICS)


def test_the_documents_list_exactly_the_metrics_there_are() -> None:
    page = (ROOT / "docs/metrics.md").read_text("utf-8")
    assert page == renewed(page), "run: python -m andon.reference docs/metrics.md"
    named = {name for name in NAME.findall(page) if name in TABLE or not name.startswith("andon_")}
    assert named == {*TABLE, *PROCESS}
    assert {name for name in NAME.findall(page) if name.startswith("andon_")} == set(TABLE)


def queries() -> list[str]:
    panels = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
    told = [target["expr"] for panel in panels for target in panel["targets"]]
    return told + [each["definition"] for each in DASHBOARD["templating"]["list"]
                   if each["type"] == "query"]  # fmt: skip


def base(name: str) -> str:
    return re.sub(r"_(bucket|sum|count)$", "", name) if name not in TABLE else name


@pytest.mark.parametrize("query", queries())
def test_a_query_of_the_dashboard_uses_only_metrics_and_labels_that_exist(query: str) -> None:
    names = [base(name) for name in NAME.findall(query)]
    assert names
    assert set(names) <= {*TABLE, *PROCESS}
    known = SCRAPE_LABELS.union({"le"}, *(TABLE[n].labels for n in names if n in TABLE))
    used = re.findall(r"[{,]\s*([a-z_]+)\s*(?:=~|!~|!=|=)", query)
    for listed in re.findall(r"\b(?:by|on|group_left)\s*\(([^)]*)\)", query):
        used += [label.strip() for label in listed.split(",")]
    assert set(used) <= known


def test_the_dashboard_shows_every_metric_that_tells_how_it_goes() -> None:
    shown = {base(name) for query in queries() for name in NAME.findall(query)}
    # The line's own clock needs no panel: the model's age is read against it.
    assert set(TABLE) - shown == {"andon_event_time_seconds"}


def test_legends_name_labels_that_their_queries_keep() -> None:
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            labels = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
            kept = re.findall(r"sum by \(([^)]*)\)", target["expr"])
            if kept:
                allowed = {label.strip() for each in kept for label in each.split(",")}
            else:
                names = [base(name) for name in NAME.findall(target["expr"])]
                allowed = SCRAPE_LABELS.union(*(TABLE[n].labels for n in names if n in TABLE))
            assert labels <= allowed, panel["title"]


def test_panels_do_not_lie_on_one_another() -> None:
    cells: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        own = {(x, y) for x in range(at["x"], at["x"] + at["w"])
               for y in range(at["y"], at["y"] + at["h"])}  # fmt: skip
        assert at["x"] + at["w"] <= 24
        assert not own & cells, panel["title"]
        cells |= own
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))


def test_prometheus_is_told_of_the_job_and_the_ports_that_documents_name() -> None:
    text = (ROOT / "deploy/prometheus/prometheus.yml").read_text("utf-8")
    commands = re.findall(r"andon (\w+) --metrics-port (\d+)", text)
    assert [port for _, port in commands] == re.findall(r"- 127\.0\.0\.1:(\d+)", text)
    assert re.findall(r"job_name: (\w+)", text) == ["andon"]
    page = (ROOT / "docs/metrics.md").read_text("utf-8")
    assert set(re.findall(r"andon (\w+) --metrics-port (\d+)", page)) <= set(commands)


def states(count: int) -> list[LineState]:
    empty = line_state(Line("", LineSettings()), None)
    return [
        empty.model_copy(
            update={
                "name": f"line-{number:04}",
                "open_journeys": 3,
                "threshold": 0.5,
                "counts": {"measurement.first": 10, "withheld.shelved": 1, "tick": 2},
            }
        )
        for number in range(count)
    ]


def test_lines_beyond_the_bound_share_a_series_of_what_can_be_added_up() -> None:
    labels = LineLabels()
    lines = states(LABELLED_LINES + 50)
    labels.meet(line.name for line in lines)
    told = {
        (sample.name, *sample.labels.values()): sample.value
        for family in line_families(lines, labels)
        for sample in family.samples
    }
    assert told["andon_open_journeys", "line-0000"] == 3
    assert told["andon_open_journeys", OTHER] == 150
    assert told["andon_events_total", OTHER, "measurement", "first"] == 500
    assert told["andon_alerts_withheld_total", OTHER, "shelved"] == 50
    assert told["andon_lines",] == LABELLED_LINES + 50
    assert told["andon_lines_unlabelled",] == 50
    assert ("andon_alarm_threshold", OTHER) not in told
    assert len({key[1] for key in told if len(key) > 1}) == LABELLED_LINES + 1


def test_a_line_keeps_its_label_whoever_comes_later() -> None:
    labels = LineLabels(2)
    labels.meet(["m", "n"])
    labels.meet(["a", "m", "n"])
    assert [labels.of(name) for name in "amn"] == [OTHER, "m", "n"]


def test_a_line_that_is_called_other_is_not_taken_for_the_rest_of_them() -> None:
    labels = LineLabels(5)
    labels.meet([OTHER, "a"])
    told = [f for f in line_families([*states(1)], labels) if f.name == "andon_lines_unlabelled"]
    assert [sample.value for sample in told[0].samples] == [1]
    lines = [states(1)[0].model_copy(update={"name": OTHER})]
    [threshold] = [f for f in line_families(lines, labels) if f.name == "andon_alarm_threshold"]
    assert threshold.samples == []


def test_a_name_from_the_plant_cannot_forge_a_sample(tmp_path: Path) -> None:
    evil = 'x"} 1\nandon_lines 99\n# \\'
    state = states(1)[0].model_copy(update={"name": evil})
    labels = LineLabels()
    labels.meet([evil])

    class Collector:
        def collect(self) -> list[Any]:
            return line_families([state], labels)

    from prometheus_client import generate_latest

    registry = CollectorRegistry()
    registry.register(Collector())  # type: ignore[arg-type]
    text = generate_latest(registry).decode()
    read = {
        sample.name: (sample.labels, sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert read["andon_lines"] == ({}, 1.0)
    assert read["andon_open_journeys"][0] == {"line": evil}
