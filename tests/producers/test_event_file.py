"""Events in a file, one JSON object a line."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.event_file import read_events, write_events
from producers.families import family
from producers.simulator import SimulatedLine
from stream.codec import Rejected
from stream.errors import ConfigError

EVENTS = list(SimulatedLine(family("mnar", features=24), seed=3).events(parts=8))


@settings(max_examples=20)
@given(start=st.integers(0, len(EVENTS)), packed=st.booleans())
def test_what_was_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, start: int, packed: bool
) -> None:
    path = tmp_path_factory.mktemp("events") / ("a.jsonl.gz" if packed else "a.jsonl")
    assert write_events(path, EVENTS[start:]) == len(EVENTS) - start
    assert list(read_events(path)) == EVENTS[start:]


def test_blank_lines_are_passed_over_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    write_events(path, EVENTS)
    path.write_bytes(b"\n  \n" + path.read_bytes() + b"nonsense\n")
    bad: list[tuple[int, str]] = []

    def on_bad(number: int, why: Rejected) -> None:
        bad.append((number, why.error))

    assert list(read_events(path, on_bad=on_bad)) == EVENTS
    assert bad == [(len(EVENTS) + 3, "not_json")]


@pytest.mark.parametrize(
    "line", [b"nonsense", b"[1]", b'{"type":"measurement"}', b'{"line":7}', b"\xff\xfe"]
)
def test_a_line_that_is_no_event_is_named_by_file_and_number(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "a.jsonl"
    write_events(path, EVENTS[:2])
    path.write_bytes(path.read_bytes() + line + b"\n")
    with pytest.raises(ConfigError, match=r"a\.jsonl, line 3: "):
        list(read_events(path))


def test_a_file_that_ends_too_early_is_named_after_what_it_holds_was_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    write_events(path, EVENTS)
    path.write_bytes(path.read_bytes()[:-20])
    read = []
    with pytest.raises(ConfigError, match=r"a\.jsonl\.gz cannot be read on: .* a whole file"):
        read += list(read_events(path, on_bad=lambda number, why: None))


def test_a_file_that_is_not_of_the_kind_its_name_says_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(b"{}\n")
    with pytest.raises(ConfigError, match="Not a gzipped file"):
        list(read_events(path))


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    whole = bytearray(gzip.compress(b"{}\n" * 1000))
    whole[15] ^= 0xFF
    path.write_bytes(bytes(whole))
    with pytest.raises(ConfigError, match="cannot be read on"):
        list(read_events(path, on_bad=lambda number, why: None))


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.jsonl cannot be opened: No such file"):
        list(read_events(tmp_path / "none.jsonl"))
    with pytest.raises(ConfigError, match="cannot be opened"):
        write_events(tmp_path / "no" / "folder.jsonl", EVENTS)
