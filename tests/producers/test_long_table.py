"""Histories of single readings: gathered into measurements, in the one order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.bad_rows import BadRow
from producers.long_map import LongMap
from producers.long_table import LongStats, read_long
from producers.map import TableMap
from producers.tabular import read_table
from stream.codec import encode
from stream.errors import ConfigError
from stream.events import Event, Measurement, Result

START = datetime(2026, 1, 5, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HEADER = "serial,at,station,tag,value"
RESULT = {"feature": "verdict", "fail": ["NOK"], "pass": ["OK"]}


def long_map(**changes: Any) -> LongMap:
    table: dict[str, Any] = {
        "format": "long",
        "line": "A",
        "part": {"column": "serial"},
        "time": {"column": "at", "zone": "UTC"},
        "reading": {"station": "station", "feature": "tag", "value": "value"},
        "result": RESULT,
        "station": [
            {"name": "melt", "features": ["temp", "mold"], "categorical": ["mold"]},
            {"name": "shot*", "boolean": ["ok?"], "offset": "2min"},
        ],
        **changes,
    }
    return LongMap.model_validate(table)


def clock(minute: int) -> str:
    return (START + minute * MINUTE).isoformat()


def write(path: Path, *rows: str, header: str = HEADER) -> Path:
    path.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
    return path


def told(
    paths: Path | Sequence[Path], table: LongMap | None = None, **options: Any
) -> tuple[list[tuple[int, str, object]], LongStats, list[BadRow]]:
    bad: list[BadRow] = []
    reader = read_long(paths, table or long_map(), on_bad=bad.append, **options)
    return [brief(event) for event in reader], reader.stats, bad


def brief(event: Event) -> tuple[int, str, object]:
    minute = (event.at - START) // MINUTE
    if isinstance(event, Measurement):
        return minute, f"{event.part} {event.station}", event.values
    assert isinstance(event, Result)
    return minute, f"{event.part} result", event.outcome


def test_readings_of_one_part_station_and_time_are_one_measurement(tmp_path: Path) -> None:
    path = write(
        tmp_path / "t.csv",
        f"P1,{clock(0)},melt,mold,8722",
        f"P2,{clock(0)},melt,temp,720",
        f"P1,{clock(0)},melt,temp,731",
        f"P1,{clock(3)},melt,temp,732",
        f"P1,{clock(0)},shot-2,speed,110",
        f"P1,{clock(9)},,verdict,NOK",
        f"P1,{clock(0)},shot-2,ok1,yes",
    )
    events, stats, bad = told(path)
    assert events == [
        (0, "P1 melt", {"temp": 731.0, "mold": "8722"}),
        (0, "P2 melt", {"temp": 720.0}),
        (2, "P1 shot-2", {"speed": 110.0, "ok1": True}),
        (3, "P1 melt", {"temp": 732.0}),
        (9, "P1 result", "fail"),
    ]
    assert list(events[0][2]) == ["temp", "mold"]  # type: ignore[call-overload]
    assert stats == LongStats(rows=7, readings=6, measurements=4, results=1)
    assert bad == []


def test_an_empty_value_is_null_and_a_station_without_a_value_was_not_visited(
    tmp_path: Path,
) -> None:
    path = write(
        tmp_path / "t.csv",
        f"P1,{clock(0)},melt,temp,",
        f"P1,{clock(0)},melt,mold,8722",
        f"P2,{clock(0)},melt,temp,-",
        f"P2,{clock(0)},melt,mold, ",
        f"P2,{clock(0)},,verdict,-",
    )
    events, stats, bad = told(path, long_map(missing=["-"]))
    assert events == [(0, "P1 melt", {"temp": None, "mold": "8722"})]
    assert (stats.measurements, stats.not_visited, stats.without_result) == (1, 1, 1)
    assert bad == []


def test_what_cannot_be_read_or_placed_is_listed_and_the_rest_goes_on(tmp_path: Path) -> None:
    path = write(
        tmp_path / "t.csv",
        f"P1,{clock(0)},melt,temp,hot",
        f",{clock(0)},melt,temp,1",
        "P1,noon,melt,temp,1",
        f"P1,{clock(0)},melt,colour,1",
        f"P1,{clock(0)},saw,temp,1",
        f"P1,{clock(0)},,verdict,maybe",
        f"P1,{clock(0)},melt,temp",
        f"P1,{clock(0)},shot,,1",
        "P1,9999-12-31T23:59,shot,speed,1",
    )
    events, stats, bad = told(path)
    assert events == [(0, "P1 melt", {"temp": None})]
    unnamed = "the map names no such feature of such a station"
    assert [(each.row, each.column, each.reason) for each in bad] == [
        (1, "value", "not a number"),
        (2, None, "column 'serial': no name: it needs 1 to 256 characters of UTF-8 without "
         "control characters"),
        (3, None, "column 'at': not a time of ISO 8601"),
        (4, None, unnamed),
        (5, None, unnamed),
        (6, "value", "listed neither in fail nor in pass"),
        (7, None, "4 cells, the header has 5"),
        (8, None, "the feature is no name: it needs 1 to 256 characters of UTF-8 without control "
         "characters"),
        (9, None, "column 'at': too late for its offset"),
    ]  # fmt: skip
    assert stats == LongStats(
        rows=9, bad_rows=7, readings=1, measurements=1, without_result=1, bad_cells=2
    )


def test_what_the_map_does_not_name_may_be_left_out(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", f"P1,{clock(0)},saw,temp,1", f"P1,{clock(0)},melt,x,1")
    events, stats, bad = told(path, long_map(unmapped="ignore"))
    assert (events, bad) == ([], [])
    assert stats == LongStats(rows=2, unmapped=2)


def test_of_two_readings_of_one_feature_at_one_moment_the_later_row_counts(
    tmp_path: Path,
) -> None:
    path = write(tmp_path / "t.csv", f"P1,{clock(0)},melt,temp,1", f"P1,{clock(0)},melt,temp,2")
    events, stats, _ = told(path)
    assert events == [(0, "P1 melt", {"temp": 2.0})]
    assert stats == LongStats(rows=2, readings=1, repeated=1, measurements=1)


def test_results_may_have_a_file_of_their_own(tmp_path: Path) -> None:
    readings = write(tmp_path / "r.csv", f"P1,{clock(0)},melt,temp,1", f"P2,{clock(1)},melt,temp,2")
    results = write(
        tmp_path / "v.csv", f"P1,{clock(5)},OK,x", f"P2,{clock(1)},NOK,x",
        header="serial,at,verdict,note",
    )  # fmt: skip
    table = long_map(
        result={"column": "verdict", "fail": ["NOK"], "pass": ["OK"], "delay": "1min"},
        ignore=["note"],
    )
    events, stats, _ = told([readings, results], table)
    assert events == [
        (0, "P1 melt", {"temp": 1.0}),
        (1, "P2 melt", {"temp": 2.0}),
        (2, "P2 result", "fail"),
        (6, "P1 result", "pass"),
    ]
    assert stats == LongStats(rows=4, readings=2, measurements=2, results=2)


def test_an_outcome_beside_every_reading_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", header=f"{HEADER},verdict")
    table = long_map(result={"column": "verdict", "fail": ["NOK"], "pass": ["OK"]})
    with pytest.raises(ConfigError, match="put the results into a file of their own"):
        read_long(path, table)


def test_a_column_that_is_missing_or_not_mapped_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", header="serial,at,station,tag,wert")
    with pytest.raises(ConfigError, match=r"reading\.value names column 'value', which is missing"):
        read_long(path, long_map())
    path = write(tmp_path / "t.csv", header=f"{HEADER},unit")
    with pytest.raises(ConfigError, match="the map does not name 'unit'"):
        read_long(path, long_map())


def test_the_value_is_the_first_of_its_columns_that_is_not_empty(tmp_path: Path) -> None:
    path = write(
        tmp_path / "t.csv",
        f"P1,{clock(0)},melt,temp,731,",
        f"P1,{clock(0)},melt,mold,,8722",
        f"P1,{clock(1)},,verdict,,OK",
        header="serial,at,station,tag,number,text",
    )
    reading = {"station": "station", "feature": "tag", "value": ["number", "text"]}
    events, _, _ = told(path, long_map(reading=reading))
    assert events == [(0, "P1 melt", {"temp": 731.0, "mold": "8722"}), (1, "P1 result", "pass")]


def test_lines_may_come_from_a_column(tmp_path: Path) -> None:
    path = write(
        tmp_path / "t.csv", f"P1,{clock(0)},melt,temp,1,L1", f"P1,{clock(0)},melt,temp,2,L2",
        header=f"{HEADER},line",
    )  # fmt: skip
    events = list(read_long(path, long_map(line=None, line_column="line")))
    assert [(event.line, event.values) for event in events if isinstance(event, Measurement)] == [
        ("L1", {"temp": 1.0}),
        ("L2", {"temp": 2.0}),
    ]


def test_no_file_is_refused() -> None:
    with pytest.raises(ConfigError, match="no file to read"):
        read_long([], long_map())


# The law: melted or not, one history -------------------------------------------------------------

Cells = tuple[int, int | None, int | None, str]
ROWS: st.SearchStrategy[list[Cells]] = st.lists(
    st.tuples(
        st.integers(0, 8),
        st.none() | st.integers(0, 9),
        st.none() | st.integers(0, 9),
        st.sampled_from(["", "OK", "NOK"]),
    ),
    max_size=20,
)
STATIONS = [
    {"name": "melt", "features": ["temp", "mold"], "categorical": ["mold"]},
    {"name": "shot", "features": ["speed"], "offset": "2min"},
    {"name": "saw", "features": ["pace"], "offset": "2min"},
]


def melted(rows: Sequence[Cells], *, by_feature: bool) -> list[str]:
    readings = []
    for number, (minute, temp, speed, verdict) in enumerate(rows):
        said = {
            ("melt", "temp"): temp, ("melt", "mold"): temp, ("shot", "speed"): speed,
            ("saw", "pace"): speed, ("", "verdict"): verdict,
        }  # fmt: skip
        for place, ((station, tag), value) in enumerate(said.items()):
            text = "" if value is None else str(value)
            row = f"P{number},{clock(minute)},{station},{tag},{text}"
            readings.append((place if by_feature else 0, row))
    return [row for _, row in sorted(readings, key=lambda reading: reading[0])]


@settings(max_examples=50, deadline=None)
@given(rows=ROWS, by_feature=st.booleans(), chunk_rows=st.integers(1, 40))
def test_a_melted_table_tells_what_the_wide_one_tells(
    rows: list[Cells], by_feature: bool, chunk_rows: int
) -> None:
    wide = TableMap.model_validate(
        {
            "line": "A",
            "part": {"column": "serial"},
            "time": {"column": "at", "zone": "UTC"},
            "result": {"column": "v", "fail": ["NOK"], "pass": ["OK"], "delay": "5min"},
            "station": STATIONS,
        }
    )
    long = long_map(station=STATIONS, result={**RESULT, "delay": "5min"})
    lines = [
        ",".join("" if cell is None else str(cell) for cell in (
            f"P{number}", clock(minute), temp, temp, speed, speed, verdict))
        for number, (minute, temp, speed, verdict) in enumerate(rows)
    ]  # fmt: skip
    with TemporaryDirectory() as folder:
        table = write(Path(folder, "w.csv"), *lines, header="serial,at,temp,mold,speed,pace,v")
        readings = write(Path(folder, "l.csv"), *melted(rows, by_feature=by_feature))
        expected = [encode(event) for event in read_table(table, wide)]
        reader = read_long(readings, long, chunk_rows=chunk_rows)
        assert [encode(event) for event in reader] == expected
    stats = reader.stats
    assert stats.rows == 5 * len(rows) == stats.readings + stats.results + stats.without_result
