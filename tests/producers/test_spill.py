"""The external sort: the one order, whatever fits in memory."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.spill import ExternalSort, Telling
from stream.errors import ConfigError

START = datetime(2026, 1, 5, 8, tzinfo=UTC)


def telling(minute: int, order: int, late: int = 0) -> Telling:
    at = START + timedelta(minutes=minute)
    values = {"t": 0.1 * order, "mold": "8722", "gap": None, "ok": True}
    return Telling(at + timedelta(minutes=late), at, order, 0, ["A", f"P{order}", "melt", values])


@settings(max_examples=60, deadline=None)
@given(
    minutes=st.lists(st.tuples(st.integers(0, 20), st.integers(0, 5)), max_size=60),
    limit=st.integers(1, 200),
)
def test_what_is_spilled_comes_back_in_the_one_order(
    minutes: Sequence[tuple[int, int]], limit: int
) -> None:
    tellings = [telling(minute, order, late) for order, (minute, late) in enumerate(minutes)]
    sort = ExternalSort(limit)
    for each in tellings:
        sort.push(each)
    assert list(sort.pop_before(None)) == sorted(tellings)
    assert (sort.runs > 0) == (10 * len(tellings) > limit)


@settings(max_examples=60, deadline=None)
@given(
    batches=st.lists(st.lists(st.integers(0, 5), max_size=12), max_size=8),
    limit=st.integers(1, 100),
)
def test_a_horizon_lets_out_what_arrives_before_it_and_nothing_else(
    batches: Sequence[Sequence[int]], limit: int
) -> None:
    sort, told, order = ExternalSort(limit), [], 0
    given_in = []
    for number, batch in enumerate(batches):
        for minute in batch:
            order += 1
            given_in.append(telling(5 * number + minute, order))
            sort.push(given_in[-1])
        horizon = START + timedelta(minutes=5 * (number + 1))
        told += sort.pop_before(horizon)
        assert told == sorted(each for each in given_in if each.arrival < horizon)
    assert told + list(sort.pop_before(None)) == sorted(given_in)


def test_a_full_disk_is_an_error_with_the_folder_and_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    monkeypatch.setattr(tempfile, "tempdir", str(gone))
    sort = ExternalSort(limit=1)
    with pytest.raises(ConfigError, match=r"gone: .* cannot be sorted here: No such file .*TMPDIR"):
        sort.push(telling(0, 0))
