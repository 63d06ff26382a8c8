"""Parquet read as the texts that a CSV file would hold."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from producers.parquet_rows import read_parquet_header, read_parquet_rows
from producers.rows import Row
from producers.table_file import TableFile
from stream.errors import ConfigError

NAN = float("nan")


def write(path: Path, **options: Any) -> Path:
    columns = options.pop("columns")
    pq.write_table(pa.table(columns), path, **options)
    return path


def column(path: Path, values: pa.Array) -> list[str]:
    write(path, columns={"x": values})
    [rows] = read_parquet_rows(path, 100, lambda _: None)
    return [row.cells[0] for row in rows]


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        (pa.array([8722.0, 0.1, None, NAN, -5e-324]), ["8722", "0.1", "", "", "-5e-324"]),
        (pa.array([0.1, float("inf")], pa.float32()), ["0.1", "inf"]),
        (pa.array([8722, None], pa.int16()), ["8722", ""]),
        (pa.array([2**63 + 1], pa.uint64()), ["9223372036854775809"]),
        (pa.array([True, False, None]), ["true", "false", ""]),
        (pa.array([" a ", "", None]), ["a", "", ""]),
        (pa.array(["a", None, "b"]).dictionary_encode(), ["a", "", "b"]),
        (pa.array([Decimal("1.50")]), ["1.50"]),
        (pa.array([dt.date(2026, 1, 5)]), ["2026-01-05"]),
        (pa.array([b"mou\xe9"]), ["mou\udce9"]),
        (pa.array([None, None]), ["", ""]),
    ],
    ids=str,
)
def test_a_cell_is_the_shortest_text_that_says_it(
    tmp_path: Path, values: pa.Array, texts: list[str]
) -> None:
    assert column(tmp_path / "t.parquet", values) == texts


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_a_time_is_iso_and_keeps_whether_it_has_a_zone(tmp_path: Path, unit: str) -> None:
    at = dt.datetime(2026, 1, 5, 9, 0, 3)  # noqa: DTZ001 naive on purpose
    naive = pa.array([at, None], pa.timestamp(unit))
    zoned = pa.array([at.replace(tzinfo=dt.UTC)], pa.timestamp(unit, "Asia/Seoul"))
    first, empty = column(tmp_path / "naive.parquet", naive)
    assert (dt.datetime.fromisoformat(first), empty) == (at, "")
    [text] = column(tmp_path / "zoned.parquet", zoned)
    assert dt.datetime.fromisoformat(text) == at.replace(tzinfo=dt.UTC)


def test_lists_of_rows_have_the_size_asked_for_and_count_on_over_row_groups(
    tmp_path: Path,
) -> None:
    path = write(tmp_path / "t.parquet", columns={"x": list(range(7))}, row_group_size=2)
    chunks = list(read_parquet_rows(path, 3, lambda _: None))
    assert [row for chunk in chunks for row in chunk] == [Row(n + 1, (str(n),)) for n in range(7)]
    assert max(map(len, chunks)) <= 3


def test_columns_that_are_not_asked_for_are_empty_and_may_hold_anything(tmp_path: Path) -> None:
    columns = {"a": [1, 2], "a.b": [3, 4], "deep": [[1], [2]]}
    path = write(tmp_path / "t.parquet", columns=columns)
    [rows] = read_parquet_rows(path, 10, lambda _: None, [1])
    assert rows == [Row(1, ("", "3", "")), Row(2, ("", "4", ""))]
    with pytest.raises(ConfigError, match=r"column 'deep' holds list<.*: a cell must hold one"):
        list(read_parquet_rows(path, 10, lambda _: None, [2]))


def test_a_parquet_file_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    path = write(tmp_path / "shots.csv", columns={" serial ": [1]})
    file: TableFile[None] = TableFile(path, lambda header, name: None)
    assert file.header == ["serial"]
    assert [row.cells for rows in file.rows(5, lambda _: None) for row in rows] == [("1",)]


def read_whole(path: Path) -> None:
    read_parquet_header(path)
    for _ in read_parquet_rows(path, 1000, lambda _: None):
        pass


@pytest.mark.parametrize("harm", ["cut short", "overwritten"])
def test_a_damaged_file_is_named(tmp_path: Path, harm: str) -> None:
    path = write(tmp_path / "t.parquet", columns={"x": [n * n % 9973 for n in range(20_000)]})
    data = path.read_bytes()
    path.write_bytes(data[:-40] if harm == "cut short" else data[:200] + b"harm" * 50 + data[400:])
    with pytest.raises(ConfigError, match=r"t\.parquet: not a whole Parquet file: .*: fetch the"):
        read_whole(path)


def test_progress_reaches_the_file_s_size(tmp_path: Path) -> None:
    path = write(tmp_path / "t.parquet", columns={"x": list(range(50))})
    heard: list[int] = []
    list(read_parquet_rows(path, 7, heard.append))
    assert heard == sorted(heard)
    assert heard[-1] == path.stat().st_size
