"""Events in a file, one JSON object a line."""

from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.event_file import read_events, write_events
from producers.families import family
from producers.simulator import SimulatedLine
from stream.codec import InputLimits, Rejected, encode
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


def test_a_line_is_read_within_the_limits_that_are_given(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    longest = max(len(encode(event)) for event in EVENTS)
    path.write_bytes(b"".join(encode(event) + b"\r\n" for event in EVENTS).rstrip())
    assert list(read_events(path, limits=InputLimits(message_bytes=longest))) == EVENTS
    bad: list[tuple[int, str]] = []
    read = read_events(
        path,
        on_bad=lambda number, why: bad.append((number, why.error)),
        limits=InputLimits(message_bytes=longest - 1),
    )
    kept = [event for event in EVENTS if len(encode(event)) < longest]
    assert list(read) == kept
    assert bad == [
        (number, "too_long")
        for number, event in enumerate(EVENTS, start=1)
        if len(encode(event)) == longest
    ]


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_a_line_without_end_costs_no_more_memory_than_the_longest_allowed(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    with gzip.open(path, "wb", 1) if name.endswith("gz") else path.open("wb") as file:
        for _ in range(64):
            file.write(b"[" * 1_000_000)
        file.write(b"\n" + encode(EVENTS[0]) + b"\n")
    bad: list[tuple[int, str]] = []
    tracemalloc.start()
    read = list(read_events(path, on_bad=lambda number, why: bad.append((number, why.error))))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert read == EVENTS[:1]
    assert bad == [(1, "too_long")]
    assert peak < 8_000_000


def test_a_byte_order_mark_costs_the_first_line_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + b"".join(encode(event) + b"\n" for event in EVENTS[:2]))
    bad: list[tuple[int, str]] = []
    read = read_events(path, on_bad=lambda number, why: bad.append((number, why.error)))
    assert list(read) == EVENTS[1:2]
    assert bad == [(1, "not_json")]
