"""Running andon's commands: in this process, or as the program that a user starts."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog

from andon.cli import main

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Done:
    """What a command answered with."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)

    @property
    def said(self) -> list[str]:
        """What it said to the user on standard error, without its log."""
        return [line for line in self.err.splitlines() if line.startswith("andon: ")]


class Commands:
    """Runs commands in this process, in the working directory of the test."""

    def __init__(self, capture: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> None:
        self._capture = capture
        self._patch = patch

    def __call__(self, *arguments: str | Path, **variables: str) -> Done:
        """Run ``andon`` with these arguments and these variables in the environment."""
        self._capture.readouterr()
        with self._patch.context() as patch:
            patch.setattr(sys, "argv", ["andon", *map(str, arguments)])
            patch.setenv("COLUMNS", "80")
            for name, value in variables.items():
                patch.setenv(name, value)
            try:
                main()
                code: Any = 0
            except SystemExit as end:
                code = end.code or 0
            finally:
                _forget_logging()
        out, err = self._capture.readouterr()
        return Done(code, out, err)


def _forget_logging() -> None:
    structlog.reset_defaults()
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if isinstance(handler.formatter, structlog.stdlib.ProcessorFormatter):
            root.removeHandler(handler)
    root.setLevel(logging.WARNING)
    logging.captureWarnings(False)


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a program started by a test."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80", **(extra or {})}


def program(*arguments: str | Path) -> list[str]:
    """The command line of the program."""
    return [sys.executable, "-m", "andon", *map(str, arguments)]


@contextmanager
def started(*arguments: str | Path, cwd: Path) -> Iterator[subprocess.Popen[str]]:
    """The program, running; killed at the end if it still does."""
    process = subprocess.Popen(
        program(*arguments),
        cwd=cwd,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A test that runs in the background of a shell is deaf to Ctrl-C, and so would be this.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, and no settings from outside."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("ANDON_") and not name.startswith("ANDON_TEST"):
            monkeypatch.delenv(name)
    return tmp_path


@pytest.fixture
def andon(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Commands:
    """Runs ``andon`` in that directory."""
    return Commands(capsys, monkeypatch)
