"""``andon ingest`` on the log of one machine, as it is typed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from plants import (
    as_toml,
    create_plant,
    encoded,
    loaded,
    on_topic,
    plant_events,
    put_plant,
    shape_map,
    values_on,
)
from typer.testing import CliRunner, Result

from andon.build import topic_specs
from andon.cli import app
from andon.ingest_desk import ingest
from andon.producer_monitor import ProducerMonitor
from andon.settings import Settings
from andon.terminal import Stop
from producers.ingest import Ingest
from stream.errors import ConfigError, LogError
from stream.local import LocalLog

EVENTS = plant_events(6)


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANDON_LOGGING__LEVEL", "critical")


@pytest.fixture
def log(tmp_path: Path) -> Iterator[LocalLog]:
    with closing(LocalLog(tmp_path / "state" / "andon.sqlite")) as opened:
        yield opened


def written_map(shape: str = "nested", **changes: object) -> str:
    path = Path("plant.toml")
    path.write_text(as_toml(shape_map(shape) | changes), "utf-8")
    return str(path)


def typed(*words: str) -> Result:
    return CliRunner().invoke(app, ["ingest", "--map", *words])


def test_ingest_until_the_end_tells_every_event_once(log: LocalLog) -> None:
    create_plant(log, shape_map("nested"))
    count = put_plant(log, "nested", EVENTS)
    said = json.loads(typed(written_map(), "--until-end", "--json").stdout)
    assert (said["records"], said["events"], said["dead_letters"]) == (count, len(EVENTS), 0)
    again = typed(written_map(), "--until-end", "--member", "ingest-1")
    assert again.stdout == "0 records became 0 events on andon.events; 0 put aside\n"
    assert values_on(log, "andon.events") == encoded(EVENTS)


def test_a_dry_run_shows_what_becomes_of_the_newest_records_and_writes_nothing(
    log: LocalLog,
) -> None:
    create_plant(log, shape_map("codes"))
    put_plant(log, "codes", EVENTS)
    log.append("plant.codes.eol", b"k", b"\x1b[31m{", timestamp=10**13)
    log.flush()
    shown = typed(written_map("codes"), "--dry-run", "7", "--json")
    seen = [json.loads(line) for line in shown.stdout.splitlines()]
    assert [sorted(each) for each in seen].count(["event", "source"]) >= 3
    assert seen[-1]["rejected"]["error"] == "not_json"
    told = [json.dumps(each["event"]) for each in seen if "event" in each]
    wanted = [json.dumps(json.loads(value)) for value in encoded(EVENTS)]
    assert told == wanted[-len(told) :]
    assert {"passed_over"} <= {key for each in seen for key in each}
    table = typed(written_map("codes"), "--dry-run", "7").stdout
    assert "not JSON" in table or "rejected" in table
    assert "\x1b[31m" not in table
    assert f"{len(told)} events, 1 rejected" in table
    with pytest.raises(LogError):
        on_topic(log, "andon.events")


def test_nothing_of_a_dry_run_is_cut_however_narrow_the_terminal_is(
    log: LocalLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_plant(log, shape_map("nested"))
    put_plant(log, "nested", EVENTS)
    bad = {"header": {"ts": "noon " * 12, "line": "press-shop"}, "payload": {"serial": "P-9"}}
    log.append("plant.nested.results", b"k", json.dumps(bad).encode(), timestamp=10**13)
    log.flush()
    monkeypatch.setenv("COLUMNS", "40")
    seen = typed(written_map(), "--dry-run", "100", "--json").stdout.splitlines()
    head, *rows, counted = typed(written_map(), "--dry-run", "100").stdout.splitlines()
    assert head.split()[:3] == ["SOURCE", "BECOMES", "LINE"]
    assert counted == f"{len(EVENTS):,} events, 1 rejected, 0 passed over"
    for line, row in zip(seen, rows, strict=True):
        told = json.loads(line)
        if "rejected" in told:
            assert told["rejected"]["message"] in row
            continue
        event = told["event"]
        whole = {event["line"], event["part"], event["at"], event.get("station", "")}
        whole.add(json.dumps(event["values"]) if "values" in event else event["outcome"])
        assert all(text in row for text in whole)


def test_a_dry_run_shows_readings_as_the_measurement_that_they_become(log: LocalLog) -> None:
    create_plant(log, shape_map("readings"))
    put_plant(log, "readings", EVENTS[:1])
    shown = typed(written_map("readings"), "--dry-run", "100", "--json").stdout.splitlines()
    [seen] = [json.loads(line) for line in shown]
    assert seen["event"] == json.loads(encoded(EVENTS[:1])[0])
    assert len(seen["source"]) == len(seen["event"]["values"])


def test_its_monitor_counts_what_it_tells_and_puts_aside(log: LocalLog) -> None:
    log.create_topics(topic_specs(Settings()))
    create_plant(log, shape_map("nested"))
    put_plant(log, "nested", EVENTS)
    log.append("plant.nested.results", b"k", b"{", timestamp=10**13)
    log.flush()
    monitor = ProducerMonitor("ingest")
    work = Ingest(log, log, loaded(shape_map("nested")), observer=monitor)
    assert monitor.unready
    work.run(lambda: False, until_end=True)
    assert monitor.unready == ()
    for kind in ("measurement", "result"):
        told = monitor.registry.get_sample_value("andon_produced_events_total", {"kind": kind})
        assert told == sum(event.type == kind for event in EVENTS)
    assert monitor.registry.get_sample_value("andon_input_unusable_total") == 1.0


def test_a_mistake_in_the_map_ends_the_command_with_its_message() -> None:
    outcome = typed(written_map(group="two words"), "--until-end")
    assert isinstance(outcome.exception, ConfigError)
    assert str(outcome.exception).startswith("plant.toml: group = 'two words': ")


def test_ingest_does_not_read_what_it_writes() -> None:
    data = shape_map("nested")
    data["topic"][1]["name"] = "andon.alerts"
    Path("plant.toml").write_text(as_toml(data), "utf-8")
    stop = Stop()
    with pytest.raises(ConfigError, match=r"topic 'andon\.alerts' is one of andon's own"):
        ingest(Settings(), Path("plant.toml"), member=None, until_end=True, stop=stop)


@pytest.mark.parametrize(
    ("server", "reason"),
    [
        ("broker-1", "each server is written as host:port"),
        ("plant.example:9092", "records would go to"),
    ],
)
def test_another_cluster_is_named_as_in_the_settings(server: str, reason: str) -> None:
    outcome = typed(written_map(source={"bootstrap_servers": [server]}), "--dry-run", "1")
    assert isinstance(outcome.exception, ConfigError)
    assert str(outcome.exception).startswith(f"plant.toml: source.bootstrap_servers: {reason}")
