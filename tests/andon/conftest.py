"""What the tests of the command line share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from commands import Commands


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
