from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from producers.rows import Row, read_header, read_rows
from stream.errors import ConfigError


def rows_of(path: Path, width: int = 2, size: int = 10) -> list[Row]:
    return [row for chunk in read_rows(path, width, size, lambda _: None) for row in chunk]


def test_a_packed_file_is_known_by_its_first_bytes_whatever_its_name(tmp_path: Path) -> None:
    plain, packed = tmp_path / "plain.gz", tmp_path / "packed.csv"
    plain.write_text("a,b\n1,2\n", encoding="utf-8")
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert read_header(plain) == read_header(packed) == ["a", "b"]
    assert rows_of(plain) == rows_of(packed) == [Row(1, ["1", "2"])]


def test_cells_lose_the_spaces_around_them_and_blank_lines_are_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(" a ,b\n\n 1 , \n\n3,4", encoding="utf-8")
    assert read_header(path) == ["a", "b"]
    assert rows_of(path) == [Row(1, ["1", ""]), Row(2, ["3", "4"])]


def test_a_cell_too_long_to_be_one_is_a_fault_and_reading_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"a,b\n1,{'x' * 200_000}\n3,4\n", encoding="utf-8")
    first, second = rows_of(path)
    assert first.fault == "not CSV: field larger than field limit (131072)"
    assert second == Row(2, ["3", "4"])


def test_lists_of_rows_have_the_size_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a\n" + "1\n" * 7, encoding="utf-8")
    assert [len(chunk) for chunk in read_rows(path, 1, 3, lambda _: None)] == [3, 3, 1]


@pytest.mark.parametrize("text", ["", "\n\n", ",,\n1,2,3\n"])
def test_a_file_without_a_header_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"t\.csv: no header \(its first row is empty\)"):
        read_header(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.csv: no such file"):
        read_header(tmp_path / "none.csv")


@pytest.mark.parametrize("harm", ["cut short", "overwritten"])
def test_a_damaged_file_is_named_with_the_line_that_was_last_whole(
    tmp_path: Path, harm: str
) -> None:
    path = tmp_path / "t.csv.gz"
    text = "a,b\n" + "".join(f"{n},{n * n % 9973}\n" for n in range(20_000))
    data = gzip.compress(text.encode())
    path.write_bytes(data[:-40] if harm == "cut short" else data[:200] + b"harm" + data[204:])
    with pytest.raises(ConfigError, match=r"t\.csv\.gz: damaged after line \d+: .*: fetch the"):
        rows_of(path)
