"""The program as a process: signals, pipes, terminals."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import ROOT, environment, program, started
from kafka_broker import free_ports

BOUND_S = 180


def wait_for(path: Path, least: int = 1) -> None:
    """Until the file has so many bytes."""
    deadline = time.monotonic() + BOUND_S
    while not path.exists() or path.stat().st_size < least:
        assert time.monotonic() < deadline, f"{path} did not come"
        time.sleep(0.02)


@pytest.mark.usefixtures("folder")
def test_a_watcher_that_is_told_to_stop_has_done_its_work(folder: Path) -> None:
    with started("watch", cwd=folder) as process:
        assert process.stderr is not None
        assert "andon.worker_started" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=BOUND_S)
    assert process.returncode == 0
    assert "andon.worker_stopped" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_work_that_is_cut_off_says_so_and_keeps_what_it_has(
    folder: Path, number: signal.Signals, code: int
) -> None:
    file = folder / "line.jsonl"
    with started("simulate", "--parts", "10000000", "--out", file, cwd=folder) as process:
        wait_for(file)
        process.send_signal(number)
        out, err = process.communicate(timeout=BOUND_S)
    assert process.returncode == code
    assert "events of gearbox-A written" in out
    assert err == "andon: stopped before the end\n"
    for line in file.read_text().splitlines():
        json.loads(line)


def test_a_line_without_end_is_ended_by_a_signal(folder: Path) -> None:
    file = folder / "line.jsonl"
    with started("simulate", "--out", file, cwd=folder) as process:
        wait_for(file)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=BOUND_S)
    assert (process.returncode, err) == (0, "")


def test_a_reader_that_has_seen_enough_is_no_error(folder: Path) -> None:
    for command in ("check-config", "--help"):
        with started(command, cwd=folder) as process:
            assert process.stdout is not None
            process.stdout.close()
            process.stdout = None
            _, err = process.communicate(timeout=BOUND_S)
        assert (process.returncode, err) == (0, "")


def test_progress_is_shown_on_a_terminal_and_nowhere_else(folder: Path) -> None:
    command = program("simulate", "--parts", "300", "--out", "line.jsonl")
    piped = subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, check=True
    )
    ours, theirs = pty.openpty()
    seen: list[bytes] = []
    # Read while it is written: what a terminal keeps is little, and who writes more waits.
    reader = threading.Thread(target=lambda: seen.extend(read_from(ours)))
    reader.start()
    shown = subprocess.run(
        command,
        cwd=folder,
        env=environment({"TERM": "xterm"}),
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
        check=True,
    )
    os.close(theirs)
    reader.join(BOUND_S)
    os.close(ours)
    assert piped.stderr == ""
    assert piped.stdout == shown.stdout
    assert b"simulating gearbox-A" in b"".join(seen)


def read_from(terminal: int) -> Iterator[bytes]:
    """What is written to a terminal until nobody has it open any more."""
    while True:
        try:
            yield os.read(terminal, 65536)
        except OSError:
            return


def test_a_kafka_that_nobody_runs_is_one_line_in_bounded_time(folder: Path) -> None:
    [port] = free_ports(1)
    address = f"127.0.0.1:{port}"
    (folder / "andon.toml").write_text(
        f'[log]\nkind = "kafka"\n[kafka]\nbootstrap_servers = ["{address}"]\n'
    )
    done = subprocess.run(
        program("watch"),
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=BOUND_S,
        check=False,
    )
    assert done.returncode == 3
    [said] = done.stderr.splitlines()
    assert said.startswith(f"andon: Kafka at {address} does not answer")


def test_the_program_is_also_a_module() -> None:
    done = subprocess.run(
        program("--version"), cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("andon ")
