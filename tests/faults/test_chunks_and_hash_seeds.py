"""However a history is cut into polls, and whatever order sets have, it says the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

EVENTS = 100_000 if os.environ.get("ANDON_FULL") else 5_000
RUNS = [(1, "0"), (7, "0"), (500, "0"), (500, "1"), (500, "random"), (EVENTS, "random")]
"""Records a poll, and what sets are ordered by."""
RUN = Path(__file__).parents[1] / "support" / "chunked_run.py"


def run(chunk: int, seed: str) -> dict[str, str]:
    done = subprocess.run(
        [sys.executable, str(RUN), str(EVENTS), str(chunk)],
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    )
    told: dict[str, str] = json.loads(done.stdout)
    return told


@pytest.fixture(scope="module")
def undisturbed() -> dict[str, str]:
    return run(EVENTS, "0")


def test_there_is_something_to_compare(undisturbed: dict[str, str]) -> None:
    assert int(undisturbed["alerts"]) > 10


@pytest.mark.parametrize(("chunk", "seed"), RUNS)
def test_alerts_and_state_are_the_same(chunk: int, seed: str, undisturbed: dict[str, str]) -> None:
    assert run(chunk, seed) == undisturbed
