"""Commands that are watched from outside, as the processes that a user starts."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from commands import program, started
from kafka_broker import free_ports
from prometheus_client.parser import text_string_to_metric_families
from small_line import small_line

from andon.build import ready_log
from andon.metrics import METRICS, PROCESS
from andon.settings import load_settings
from producers.event_file import write_events
from producers.publish import publish

NAMES = {*PROCESS, *(metric.name for metric in METRICS)}


def get(port: int, path: str) -> tuple[int, bytes]:
    try:
        with urlopen(f"http://127.0.0.1:{port}/{path}", timeout=5) as reply:
            return reply.status, reply.read()
    except HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.read()
    except OSError:
        return 0, b""


def wait_ready(port: int, process: subprocess.Popen[str]) -> None:
    over = time.monotonic() + 60
    while get(port, "readyz")[0] != 200:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < over, get(port, "readyz")
        time.sleep(0.05)


def scrape(port: int) -> dict[str, float]:
    """Sums over all labels, by metric."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(get(port, "metrics")[1].decode()):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        assert name in NAMES
        found[name] = sum(s.value for s in family.samples if s.name in (name, f"{name}_count"))
    return found


def status_from_outside(folder: Path) -> dict[str, Any]:
    done = subprocess.run(
        program("status", "--json"),
        cwd=folder, capture_output=True, text=True, timeout=180, check=True,
    )  # fmt: skip
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.fixture
def plant(tmp_path: Path) -> Path:
    """A working directory with settings, and a line's history on the log."""
    path = tmp_path / "andon.toml"
    path.write_text(
        "[monitoring]\ninterval_s = 0.2\n[detector]\nmin_fails = 3\nmin_passes = 20\n"
        '[[endpoints]]\nname = "mes"\nurl = "http://127.0.0.1:9/a"\nallow_http = true\n'
        'allow_ports = [9]\nallow_networks = ["127.0.0.1=127.0.0.1/32"]\n'
        'secrets_env = ["ANDON_SECRET_MES"]\n'
    )
    settings = load_settings(path, {}, {"log.path": str(tmp_path / "state" / "andon.sqlite")})
    with ready_log(settings) as log:
        publish(log, settings.topics.events, small_line(400))
    return tmp_path


def test_watch_and_notify_tell_how_they_are_and_status_agrees(
    plant: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANDON_SECRET_MES", "whsec_" + "QUJD" * 8)
    watch_port, notify_port = free_ports(2)
    with ExitStack() as running:
        watch = running.enter_context(
            started("watch", "--quiet", "--metrics-port", str(watch_port), cwd=plant)
        )
        wait_ready(watch_port, watch)
        notify = running.enter_context(
            started("notify", "--metrics-port", str(notify_port), cwd=plant)
        )
        wait_ready(notify_port, notify)
        assert get(watch_port, "healthz")[0] == get(notify_port, "healthz")[0] == 200
        served, sent = scrape(watch_port), scrape(notify_port)
        over = time.monotonic() + 60
        # Both pictures are of a moment behind all that there is to read.
        while not (
            served.get("andon_results_learnt_total", 0) >= 370
            and sent.get("andon_outbox_alerts", 0) >= served["andon_alerts_total"] > 0
        ):
            assert time.monotonic() < over, (served, sent)
            time.sleep(0.1)
            served, sent = scrape(watch_port), scrape(notify_port)
        told = status_from_outside(plant)
        [line] = told["lines"]
        assert (line["line"], line["trained"], line["current"]) == ("A", True, True)
        assert line["worker"].endswith(f":{watch.pid}")
        assert line["results_learnt"] == served["andon_results_learnt_total"] == 370
        assert line["window_fails"] == served["andon_window_fails"] == 37
        assert sum(row["lag"] for row in told["lag"]) == 0
        assert served["andon_lag_records"] == sent["andon_lag_records"] == 0
        [endpoint] = told["endpoints"]
        assert endpoint["pending"] == sent["andon_outbox_alerts"] == served["andon_alerts_total"]
        assert told["problems"] == []
        for process in (watch, notify):
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
    assert get(watch_port, "healthz")[0] == 0
    assert status_from_outside(plant)["lines"][0]["results_learnt"] == 370


def test_a_paced_producer_lives_though_its_line_is_quiet(plant: Path) -> None:
    write_events(plant / "line.jsonl", small_line(5))
    [port] = free_ports(1)
    arguments = ("produce", "line.jsonl", "--speed", "1", "--metrics-port", str(port))
    with started(*arguments, cwd=plant) as process:
        wait_ready(port, process)
        over = time.monotonic() + 60
        while scrape(port)["andon_produced_events_total"] < 1:
            assert time.monotonic() < over
            time.sleep(0.05)
        assert get(port, "healthz")[0] == 200
        assert process.poll() is None


def test_a_worker_held_up_by_a_locked_log_is_unhealthy_until_it_goes_on(plant: Path) -> None:
    with (plant / "andon.toml").open("r+") as file:
        text = file.read().replace("[monitoring]", "[monitoring]\nheartbeat_s = 1.0")
        file.seek(0)
        file.write(text)
    [port] = free_ports(1)
    # The loop is held up by a log that another process has locked for writing.
    with started("watch", "--quiet", "--metrics-port", str(port), cwd=plant) as process:
        wait_ready(port, process)
        with lock_on(plant / "state" / "andon.sqlite"):
            over = time.monotonic() + 60
            while get(port, "healthz")[0] != 503:
                assert time.monotonic() < over
                time.sleep(0.05)
        over = time.monotonic() + 60
        while get(port, "healthz")[0] != 200:
            assert time.monotonic() < over
            time.sleep(0.05)


def lock_on(path: Path) -> ExitStack:
    import sqlite3

    stack = ExitStack()
    held = sqlite3.connect(path, isolation_level=None)
    stack.callback(held.close)
    held.execute("BEGIN IMMEDIATE")
    return stack


def test_a_port_in_use_ends_a_command_with_exit_code_2(plant: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            program("watch", "--metrics-port", str(port)),
            cwd=plant, capture_output=True, text=True, timeout=180, check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert f"monitoring: 127.0.0.1:{port} cannot be listened on" in done.stderr


def test_status_as_text_names_line_group_and_endpoint(plant: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "andon", "status"],
        cwd=plant, capture_output=True, text=True, timeout=180, check=True,
    )  # fmt: skip
    assert "Lines: unknown" in done.stdout
    assert "andon-notifier" in done.stdout
    assert "mes       unknown" in done.stdout
