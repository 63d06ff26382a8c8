"""A machine without Java: the suite says aloud what did not run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
ONE_TEST = "tests/integration/test_kafka_log.py::test_bytes_that_are_no_text_pass_untouched"


def run_without_java(tmp_path: Path, **more: str) -> subprocess.CompletedProcess[str]:
    hidden = {"PATH", "JAVA_HOME", "ANDON_TEST_KAFKA", "ANDON_REQUIRE_KAFKA"}
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", ONE_TEST],
        cwd=ROOT,
        env={**kept, "PATH": str(tmp_path), **more},
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_java_the_kafka_tests_are_skipped_aloud(tmp_path: Path) -> None:
    done = run_without_java(tmp_path)
    assert done.returncode == 0, done.stdout
    assert "KAFKA SUITE DID NOT RUN: no java on the path" in done.stdout
    assert "1 tests skipped" in done.stdout


def test_without_java_the_kafka_tests_fail_where_kafka_is_required(tmp_path: Path) -> None:
    done = run_without_java(tmp_path, ANDON_REQUIRE_KAFKA="1")
    assert done.returncode == 1, done.stdout
    assert "KAFKA SUITE DID NOT RUN: no java on the path" in done.stdout
    assert "1 tests failed" in done.stdout
