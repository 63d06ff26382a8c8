"""The benchmarks run, on next to nothing; their figures are for people to look at."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("script", "section", "said"),
    [
        ("speed", "## Speed", ["logistic regression", "local (SQLite)", "Kafka"]),
        ("skill", "## Skill", ["family `linear`", "andon:logistic", "l2-window", "Die casting"]),
        ("explanation", "## Explanation", ["name a cause", "by chance", "| linear |"]),
        ("checkpoints", "## Checkpoints", ["| folder |", "written, MB"]),
        ("imputation", "## Imputation", ["IterativeImputer", "rank 20, selection", "the bar is"]),
    ],
)
def test_a_quick_run_keeps_its_figures(
    tmp_path: Path, script: str, section: str, said: list[str]
) -> None:
    kept = tmp_path / "RESULTS.md"
    command = [sys.executable, f"benchmarks/{script}.py", "--quick", "--write", str(kept)]
    for _ in range(2):  # the second run takes the place of the first
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    page = kept.read_text("utf-8")
    assert page.count(section) == 1
    assert [line for line in done.stdout.splitlines() if line not in page] == []
    for words in said:
        assert words.lower() in page.lower()
