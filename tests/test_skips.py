"""A test that cannot run here says so, and why, behind everything else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent
CANNOT = """
import pytest

def test_first(): pytest.skip("the full disk: nothing can be mounted here")
def test_second(): pytest.skip("the full disk: nothing can be mounted here")

@pytest.mark.skipif(True, reason="the rule for containers: only root can try it")
def test_third(): pass
"""


def test_each_reason_for_a_skip_is_told_once_with_how_many_tests_it_stopped(tmp_path: Path) -> None:
    (tmp_path / "test_cannot.py").write_text(CANNOT)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "conftest", "-p", "no:cacheprovider", "."],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS / "support")])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    told = [line.strip("= ") for line in done.stdout.splitlines() if "DID NOT RUN" in line]
    assert told == [
        "DID NOT RUN: the full disk: nothing can be mounted here; 2 tests skipped",
        "DID NOT RUN: the rule for containers: only root can try it; 1 tests skipped",
    ]
