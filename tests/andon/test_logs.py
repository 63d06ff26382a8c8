"""Logs: one record is one line, libraries are kept quiet, filtered lines cost nothing."""

from __future__ import annotations

import importlib
import io
import json
import logging
import os
import pty
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from typing import get_args, get_type_hints

import httpcore
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from alerts.receiver import Receiver
from andon.logs import QUIETED, configure_logging
from andon.sections import LoggingSection

HOSTILE = "P-1\x1b[2J\r\n2026-01-05T08:00:00Z [error    ] andon.forged \x9b31m\u202e\u2028\x00\x7f"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _unconfigured_afterwards() -> Iterator[None]:
    root = logging.getLogger()
    names = [*QUIETED, "kafka.net", "py.warnings"]
    before = root.handlers[:], root.level, {name: logging.getLogger(name).level for name in names}
    shown = warnings.showwarning
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    logging.captureWarnings(False)
    warnings.showwarning = shown
    root.handlers[:], root.level = before[0], before[1]
    for name, level in before[2].items():
        logging.getLogger(name).setLevel(level)


def heard_as_json(level: str = "info") -> io.StringIO:
    stream = io.StringIO()
    configure_logging(level, "auto", stream)  # type: ignore[arg-type]
    return stream


def test_a_line_off_a_terminal_is_json_with_event_level_time_and_fields() -> None:
    stream = heard_as_json()
    structlog.get_logger().warning("andon.delivery_failed", endpoint="mes", tries=3)
    told = json.loads(stream.getvalue())
    assert told.pop("timestamp").endswith("Z")
    assert told == {
        "event": "andon.delivery_failed",
        "level": "warning",
        "endpoint": "mes",
        "tries": 3,
    }


def test_a_line_on_a_terminal_is_for_people() -> None:
    stream = Terminal()
    configure_logging("info", "auto", stream)
    structlog.get_logger().info("andon.worker_started", group="andon")
    assert "andon.worker_started" in stream.getvalue()
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(stream.getvalue())


def test_json_can_be_had_on_a_terminal_and_console_lines_off_it() -> None:
    terminal, file = Terminal(), io.StringIO()
    configure_logging("info", "json", terminal)
    structlog.get_logger().info("andon.a")
    configure_logging("info", "console", file)
    structlog.get_logger().info("andon.b")
    assert json.loads(terminal.getvalue())["event"] == "andon.a"
    assert "andon.b" in file.getvalue()
    assert "\x1b" not in file.getvalue()


@given(st.text(max_size=30) | st.just(HOSTILE))
def test_no_value_can_forge_a_line_on_the_console(text: str) -> None:
    stream = io.StringIO()
    configure_logging("info", "console", stream)
    structlog.get_logger().info("andon.part_scored", part=text, also=[text], **{f"k{text}": 1})
    structlog.get_logger().info(text)
    logging.getLogger("library").warning(text, extra={"part": text})
    lines = stream.getvalue().split("\n")
    assert len(lines) == 4
    assert all(line.isprintable() for line in lines)


@given(st.text(max_size=30) | st.just(HOSTILE))
def test_no_value_can_forge_a_line_in_json_and_every_value_is_read_back(text: str) -> None:
    stream = heard_as_json()
    structlog.get_logger().info("andon.part_scored", part=text, also=[text])
    line = stream.getvalue()
    assert line.removesuffix("\n").isprintable()
    assert line.isascii()
    assert json.loads(line)["part"] == text


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_value_that_json_has_not_does_not_stop_the_work(form: str) -> None:
    circle: list[object] = []
    circle.append(circle)
    stream = io.StringIO()
    configure_logging("info", form, stream)  # type: ignore[arg-type]
    log = structlog.get_logger()
    for value in (float("nan"), b"\xff\n", {1, 2}, {("a", 1): 2}, circle, "\udcff", object()):
        log.info("andon.odd", value=value)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 7
    if form == "json":
        assert all(json.loads(line)["event"] == "andon.odd" for line in lines)


def test_a_traceback_is_set_off_and_shows_no_local_variable() -> None:
    secret = "canary" + str(len(HOSTILE))
    for form in ("json", "console"):
        stream = io.StringIO()
        configure_logging("info", form, stream)  # type: ignore[arg-type]
        try:
            raise RuntimeError(HOSTILE)
        except RuntimeError:
            structlog.get_logger().exception("andon.worker_failed")
            logging.getLogger("library").exception("failed")
        told = stream.getvalue()
        assert "RuntimeError" in told
        assert secret not in told
        if form == "console":
            first, *rest = told.removesuffix("\n").split("\n")
            assert "andon.worker_failed" in first
            assert all(line.startswith("  | ") or "failed" in line for line in rest)
            assert all(line.isprintable() for line in rest)
        else:
            assert [json.loads(line)["level"] for line in told.splitlines()] == ["error", "error"]


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_libraries_never_speak_below_their_floor(level: str) -> None:
    stream = heard_as_json(level)
    logging.getLogger("kafka.net").setLevel(logging.DEBUG)
    for name in ("kafka", "kafka.net", "httpcore.connection"):
        logging.getLogger(name).debug("payload and password")
    for name in ("httpcore", "httpcore.connection"):
        logging.getLogger(name).info("POST https://mes.example.com/T0KEN")
    assert stream.getvalue() == ""
    logging.getLogger("kafka.coordinator.assignors.sticky").warning("No partition metadata")
    assert stream.getvalue() == ""
    logging.getLogger("kafka").error("broker away")
    assert json.loads(stream.getvalue())["event"] == "broker away"


@pytest.mark.parametrize("level", get_args(get_type_hints(LoggingSection)["level"]))
@pytest.mark.parametrize("form", get_args(get_type_hints(LoggingSection)["format"]))
def test_no_setting_lets_the_libraries_tell_what_they_have_in_hand(level: str, form: str) -> None:
    assert set(LoggingSection.model_fields) == {"level", "format"}
    for module in ("kafka", "kafka.admin", "httpcore", "numba"):
        importlib.import_module(module)
    configure_logging(level, form, io.StringIO())  # type: ignore[arg-type]
    theirs = [
        name
        for name in logging.root.manager.loggerDict
        if name.partition(".")[0] in ("kafka", "httpcore", "numba")
    ]
    assert {"kafka.net.connection", "httpcore.http11", "numba.core.ssa"} <= set(theirs)
    assert not [name for name in theirs if logging.getLogger(name).isEnabledFor(logging.INFO)]


def test_what_a_receiver_answers_reaches_no_log_even_if_httpcore_is_made_to_speak() -> None:
    heard, aside = heard_as_json("debug"), io.StringIO()
    speaking = logging.StreamHandler(aside)
    logging.getLogger().addHandler(speaking)
    theirs = [name for name in logging.root.manager.loggerDict if name.startswith("httpcore.")]
    try:
        for name in theirs:
            logging.getLogger(name).setLevel(logging.DEBUG)
        with Receiver([]) as receiver:
            httpcore.request("POST", receiver.url, content=b"{}")
    finally:
        logging.getLogger().removeHandler(speaking)
        for name in theirs:
            logging.getLogger(name).setLevel(logging.NOTSET)
    assert "send_request_headers.complete" in aside.getvalue()
    assert heard.getvalue() == ""


def test_what_a_client_says_again_and_again_is_one_line_in_ten_seconds() -> None:
    stream = heard_as_json()
    client, now = logging.getLogger("kafka.net.manager"), 1000.0

    def says(text: str, *values: object) -> int:
        before = stream.getvalue().count("\n")
        record = client.makeRecord(client.name, logging.ERROR, "f", 1, text, values, None)
        record.created = now
        client.handle(record)
        return stream.getvalue().count("\n") - before

    assert says("Connection failed: %s", "111 ECONNREFUSED") == 1
    assert says("Connection failed: %s", "refused") == 1
    for number in range(1_000):
        now += 0.009
        assert says("Connection failed: %s", f"{number} ECONNREFUSED") == 0
    now += 1.1
    assert says("Connection failed: %s", "111 ECONNREFUSED") == 1
    for number in range(600):
        says("Connection failed: %s", "x" * (number % 290))
    [handler] = [each for each in logging.getLogger().handlers if each.filters]
    assert len(handler.filters[1]._said) <= 256  # type: ignore[union-attr]
    for _ in range(3):
        structlog.get_logger().error("andon.own")
        logging.getLogger("library").error("own")
    assert stream.getvalue().count("own") == 6


def test_the_level_holds_for_libraries_as_well() -> None:
    stream = heard_as_json("error")
    logging.getLogger("library").warning("quiet")
    assert stream.getvalue() == ""


def test_a_library_line_is_like_our_own_and_names_its_logger() -> None:
    stream = heard_as_json()
    logging.getLogger("library").warning("took %s s", 3)
    told = json.loads(stream.getvalue())
    assert (told["event"], told["level"], told["logger"]) == ("took 3 s", "warning", "library")


def test_a_warning_is_a_line_too() -> None:
    stream = heard_as_json()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        logging.captureWarnings(True)
        warnings.warn("old\nforged", stacklevel=1)
    assert json.loads(stream.getvalue())["logger"] == "py.warnings"


def test_configuring_again_replaces_the_first_configuration() -> None:
    first, second = heard_as_json(), heard_as_json("debug")
    structlog.get_logger().debug("andon.a")
    logging.getLogger("library").warning("b")
    assert first.getvalue() == ""
    assert len(second.getvalue().splitlines()) == 2


def test_bound_context_is_in_every_line() -> None:
    stream = heard_as_json()
    with structlog.contextvars.bound_contextvars(line="body-A"):
        structlog.get_logger().info("andon.a")
    assert json.loads(stream.getvalue())["line"] == "body-A"


def test_standard_error_is_looked_up_when_a_line_is_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    configure_logging("info", "json", cache=True)
    log = structlog.get_logger()
    heard = []
    for _ in range(2):
        stream = io.StringIO()
        monkeypatch.setattr(sys, "stderr", stream)
        log.info("andon.a")
        heard.append(stream.getvalue())
    assert [json.loads(line)["event"] for line in heard] == ["andon.a", "andon.a"]


def test_a_filtered_line_costs_next_to_nothing() -> None:
    stream = io.StringIO()
    configure_logging("info", "json", stream, cache=True)
    log = structlog.get_logger()

    def seconds(method: str) -> float:
        best = 1.0
        for _ in range(5):
            begin = time.perf_counter()
            for _ in range(1000):
                getattr(log, method)("andon.part_scored", part="P-1", risk=0.1)
            best = min(best, time.perf_counter() - begin)
        return best

    written, filtered = seconds("info"), seconds("debug")
    assert filtered < written / 4
    assert "debug" not in stream.getvalue()


SCRIPT = """
from andon.logs import configure_logging
import structlog
configure_logging()
structlog.get_logger().info("andon.started", part="P-1\\x1b[2J")
"""


def test_a_process_writes_json_to_a_pipe_and_readable_lines_to_a_terminal() -> None:
    command = [sys.executable, "-c", SCRIPT]
    piped = subprocess.run(command, capture_output=True, check=True, timeout=60)
    assert piped.stdout == b""
    assert json.loads(piped.stderr)["part"] == "P-1\x1b[2J"
    ours, theirs = pty.openpty()
    try:
        subprocess.run(command, stderr=theirs, check=True, timeout=60)
        told = os.read(ours, 10_000).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert "andon.started" in told
    assert "\x1b[2J" not in told
    assert told.count("\n") == 1
