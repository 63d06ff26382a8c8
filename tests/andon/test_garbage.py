from __future__ import annotations

import gc
import os
import subprocess
import sys

from andon.garbage import FullCollections


def collections_while(kept: list[list[int]], count: int) -> list[int]:
    """The generations that Python collects while so many lists are made and kept."""
    seen: list[int] = []

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            seen.append(info["generation"])

    gc.callbacks.append(note)
    try:
        kept.extend([number] for number in range(count))
    finally:
        gc.callbacks.remove(note)
    return seen


def test_no_full_collection_begins_by_itself_while_it_is_open() -> None:
    kept: list[list[int]] = []
    before = gc.get_threshold()
    with FullCollections():
        assert gc.get_freeze_count() > 0
        assert 2 not in collections_while(kept, 400_000)
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


def test_what_is_young_is_collected_seldom_but_is_collected() -> None:
    with FullCollections():
        assert not collections_while([], 5_000)
        assert collections_while([], 50_000)


def test_a_quiet_log_is_the_time_for_one_and_a_log_never_quiet_gets_one_at_last() -> None:
    now, made = [0.0], []
    collections = FullCollections(10.0, 60.0, lambda: now[0], lambda: made.append(now[0]))
    for now[0], quiet in ((9.0, True), (59.0, False), (59.5, True), (69.0, True), (119.5, False)):
        collections.turned(quiet)
    assert made == [59.5, 119.5]


def test_the_program_asks_numpy_for_no_huge_pages_unless_somebody_else_has_asked() -> None:
    code = "import andon.__main__, os, sys; assert 'numpy' not in sys.modules; "
    code += "print(os.environ['NUMPY_MADVISE_HUGEPAGE'])"
    found = []
    others = {name: value for name, value in os.environ.items() if not name.startswith("NUMPY_")}
    for given in ({}, {"NUMPY_MADVISE_HUGEPAGE": "1"}):
        command = [sys.executable, "-c", code]
        run = subprocess.run(
            command, env=others | given, capture_output=True, text=True, check=True
        )
        found.append(run.stdout.strip())
    assert found == ["0", "1"]
