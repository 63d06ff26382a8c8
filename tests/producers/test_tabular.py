"""The tabular reader: every row accounted for, and one order of arrival whatever the file's."""

from __future__ import annotations

import gzip
import math
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.map import TableMap, load_map
from producers.tabular import BadRow, TableStats, read_table
from stream.errors import ConfigError
from stream.events import Event, Measurement, Result

EXAMPLES = Path(__file__).parents[2] / "docs" / "maps"
START = datetime(2026, 1, 5, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def table_map(**changes: Any) -> TableMap:
    table: dict[str, Any] = {
        "line": "A",
        "part": {"column": "serial"},
        "time": {"column": "at", "zone": "UTC"},
        "result": {"column": "verdict", "fail": ["NOK"], "pass": ["OK"], "delay": "5min"},
        "station": [
            {"name": "melt", "features": ["temp", "mold"], "categorical": ["mold"]},
            {"name": "shot", "features": ["speed"], "offset": "2min"},
        ],
        **changes,
    }
    return TableMap.model_validate(table)


HEADER = "serial,at,temp,mold,speed,verdict"


def write(path: Path, *rows: str, header: str = HEADER) -> Path:
    path.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
    return path


def clock(minute: int) -> str:
    return (START + minute * MINUTE).isoformat()


def told(
    path: Path | Sequence[Path], table: TableMap | None = None, **options: Any
) -> tuple[list[Event], TableStats, list[BadRow]]:
    bad: list[BadRow] = []
    reader = read_table(path, table or table_map(), on_bad=bad.append, **options)
    return list(reader), reader.stats, bad


def brief(events: Sequence[Event]) -> list[tuple[int, str, object]]:
    """Minute after the start, part and station, and what was said."""
    lines: list[tuple[int, str, object]] = []
    for event in events:
        minute = (event.at - START) // MINUTE
        if isinstance(event, Measurement):
            lines.append((minute, f"{event.part} {event.station}", event.values))
        else:
            assert isinstance(event, Result)
            lines.append((minute, f"{event.part} result", event.outcome))
    return lines


def test_rows_become_measurements_and_results_in_the_order_of_arrival(tmp_path: Path) -> None:
    path = write(
        tmp_path / "t.csv",
        f"P1,{clock(0)},731,8722,110,OK",
        f"P2,{clock(1)},7.2e2,8412,109.5,NOK",
        f"P3,{clock(9)},730,8722,111,OK",
    )
    events, stats, bad = told(path)
    assert brief(events) == [
        (0, "P1 melt", {"temp": 731.0, "mold": "8722"}),
        (1, "P2 melt", {"temp": 720.0, "mold": "8412"}),
        (2, "P1 shot", {"speed": 110.0}),
        (3, "P2 shot", {"speed": 109.5}),
        (5, "P1 result", "pass"),
        (6, "P2 result", "fail"),
        (9, "P3 melt", {"temp": 730.0, "mold": "8722"}),
        (11, "P3 shot", {"speed": 111.0}),
        (14, "P3 result", "pass"),
    ]
    assert stats == TableStats(rows=3, measurements=6, results=3)
    assert stats.events == 9
    assert bad == []
    assert all(event.line == "A" for event in events)


def test_what_arrives_together_is_told_by_row_and_then_by_station(tmp_path: Path) -> None:
    together = [
        {"name": "late", "features": ["speed"], "offset": "5min"},
        {"name": "soon", "features": ["temp"]},
        {"name": "same", "features": ["mold"], "offset": "5min"},
    ]
    path = write(tmp_path / "t.csv", f"P1,{clock(0)},1,2,3,OK", f"P2,{clock(5)},1,2,3,OK")
    events, _, _ = told(path, table_map(station=together))
    assert [said for _, said, _ in brief(events)] == [
        "P1 soon",
        "P1 late",
        "P1 same",
        "P1 result",
        "P2 soon",
        "P2 late",
        "P2 same",
        "P2 result",
    ]


def test_an_empty_cell_is_null_and_a_station_without_a_cell_was_not_visited(
    tmp_path: Path,
) -> None:
    path = write(
        tmp_path / "t.csv",
        f"P1,{clock(0)},731,,110,OK",
        f"P2,{clock(1)},, ,110,OK",
        f"P3,{clock(2)},,,,",
    )
    events, stats, bad = told(path)
    assert brief(events) == [
        (0, "P1 melt", {"temp": 731.0, "mold": None}),
        (2, "P1 shot", {"speed": 110.0}),
        (3, "P2 shot", {"speed": 110.0}),
        (5, "P1 result", "pass"),
        (6, "P2 result", "pass"),
    ]
    assert stats == TableStats(rows=3, measurements=3, not_visited=3, results=2, without_result=1)
    assert bad == []


def test_the_map_may_list_texts_that_mean_an_empty_cell(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", f"P1,{clock(0)},NaN,NaN,n/a,n/a")
    events, stats, bad = told(path, table_map(missing=["NaN", "n/a"]))
    assert (events, bad) == ([], [])
    assert (stats.not_visited, stats.without_result) == (2, 1)


def test_a_bad_cell_is_null_and_the_rest_of_the_row_goes_on(tmp_path: Path) -> None:
    path = write(
        tmp_path / "t.csv",
        f"P1,{clock(0)},7x1,8722,inf,OK",
        f"P2,{clock(1)},731,8722,1e400,maybe",
    )
    events, stats, bad = told(path)
    assert brief(events) == [
        (0, "P1 melt", {"temp": None, "mold": "8722"}),
        (1, "P2 melt", {"temp": 731.0, "mold": "8722"}),
        (2, "P1 shot", {"speed": None}),
        (3, "P2 shot", {"speed": None}),
        (5, "P1 result", "pass"),
    ]
    assert bad == [
        BadRow(path, 1, "temp", "7x1", "not a number"),
        BadRow(path, 1, "speed", "inf", "not a finite number"),
        BadRow(path, 2, "speed", "1e400", "not a finite number"),
        BadRow(path, 2, "verdict", "maybe", "listed neither in fail nor in pass"),
    ]
    assert (stats.bad_cells, stats.bad_rows, stats.without_result) == (4, 0, 1)


def test_a_row_that_cannot_be_placed_is_left_out_whole_and_the_next_one_is_read(
    tmp_path: Path,
) -> None:
    path = write(
        tmp_path / "t.csv",
        f",{clock(0)},731,8722,110,OK",
        "P2,,731,8722,110,OK",
        "P3,noon,731,8722,110,OK",
        f"P4,{clock(3)},731,8722",
        f"P5,{clock(4)},731,8722,110,OK,more",
        f'P6,{clock(5)},"731"x,8722,110,OK',
        "P7,9999-12-31T23:59,731,8722,110,OK",
        "",
        f"P8,{clock(7)},731,8722,110,OK",
    )
    events, stats, bad = told(path)
    assert [said for _, said, _ in brief(events)] == ["P8 melt", "P8 shot", "P8 result"]
    assert [(at.row, at.column) for at in bad] == [(row, None) for row in range(1, 8)]
    assert [at.reason for at in bad] == [
        "column 'serial': no name: it needs 1 to 256 characters of UTF-8 without control "
        "characters",
        "column 'at': not a time of ISO 8601",
        "column 'at': not a time of ISO 8601",
        "4 cells, the header has 6",
        "7 cells, the header has 6",
        "not CSV: ',' expected after '\"'",
        "column 'at': too late for its offsets",
    ]
    assert bad[2].value == "noon"
    assert stats == TableStats(rows=8, bad_rows=7, measurements=2, results=1)


def test_a_quote_that_is_never_closed_costs_one_bad_row_that_says_so(tmp_path: Path) -> None:
    path = write(
        tmp_path / "t.csv",
        f"P1,{clock(0)},731,8722,110,OK",
        f'P2,{clock(1)},"731,8722,110,OK',
        f"P3,{clock(2)},731,8722,110,OK",
    )
    events, stats, bad = told(path)
    assert {event.part for event in events if isinstance(event, Result)} == {"P1"}
    assert [at.reason for at in bad] == ["not CSV: unexpected end of data"]
    assert stats.bad_rows == 1


def test_broken_utf8_costs_its_cell_alone(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    row = f"P1,{clock(0)},731,".encode() + b"mou\xe9,110,OK\n"
    path.write_bytes(HEADER.encode() + b"\n" + row)
    events, _, bad = told(path)
    assert brief(events)[0] == (0, "P1 melt", {"temp": 731.0, "mold": None})
    assert bad == [BadRow(path, 1, "mold", "mou\\udce9", "not UTF-8 text")]


def test_a_byte_order_mark_quotes_and_windows_line_ends_are_read_through(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    text = f'{HEADER}\r\n"P1",{clock(0)},731,"a, ""b""\nc",110,OK\r\n'
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    events, _, bad = told(path)
    assert brief(events)[0] == (0, "P1 melt", {"temp": 731.0, "mold": 'a, "b"\nc'})
    assert bad == []


def test_an_outcome_that_is_not_listed_may_mean_untested(tmp_path: Path) -> None:
    result = {"column": "verdict", "fail": ["NOK"], "pass": ["OK"], "delay": "5min"}
    table = table_map(result={**result, "other": "untested", "test": "EOL"})
    path = write(tmp_path / "t.csv", f"P1,{clock(0)},1,2,3,skipped", f"P2,{clock(0)},1,2,3,")
    events, stats, _ = told(path, table)
    assert events[-1] == Result(
        line="A", part="P1", at=START + 5 * MINUTE, outcome="untested", test="EOL"
    )
    assert (stats.results, stats.without_result) == (1, 1)


def test_the_delay_may_be_a_column_and_a_bad_one_costs_the_result(tmp_path: Path) -> None:
    result = {"column": "verdict", "fail": ["NOK"], "pass": ["OK"], "delay_column": "lab"}
    path = write(
        tmp_path / "t.csv",
        f"P1,{clock(0)},,,1,OK,1h",
        f"P2,{clock(0)},,,1,NOK,600",
        f"P3,{clock(0)},,,1,OK,",
        f"P4,{clock(0)},,,1,OK,soon",
        f"P5,{clock(0)},,,1,OK,36525d",
        header=f"{HEADER},lab",
    )
    events, stats, bad = told(path, table_map(result=result))
    results = [event for event in brief(events) if event[1].endswith("result")]
    assert results[:2] == [(10, "P2 result", "fail"), (60, "P1 result", "pass")]
    assert [(at.row, at.column) for at in bad] == [(3, "lab"), (4, "lab")]
    assert (stats.results, stats.without_result) == (3, 2)


def test_lines_and_row_numbers_may_come_from_the_table(tmp_path: Path) -> None:
    table = table_map(line=None, line_column="serial", part={"row_number": True})
    first = write(tmp_path / "1.csv", f"L1,{clock(0)},1,2,,", f",{clock(1)},1,2,,")
    second = write(tmp_path / "2.csv", f"L2,{clock(2)},1,2,,")
    events, _, bad = told([first, second], table)
    assert [(e.line, e.part) for e in events if isinstance(e, Measurement)] == [
        ("L1", "1"),
        ("L2", "3"),
    ]
    assert [(at.path, at.row, at.column) for at in bad] == [(first, 2, None)]


def test_a_table_without_results_gives_measurements_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", f"P1,{clock(0)},1,2,3,OK")
    events, stats, _ = told(path, table_map(result=None, ignore=["verdict"]))
    assert [event.type for event in events] == ["measurement", "measurement"]
    assert stats.without_result == 1


def test_results_still_to_come_at_the_end_are_told(tmp_path: Path) -> None:
    rows = [f"P{minute},{clock(minute)},1,2,3,OK" for minute in range(20)]
    result = {"column": "verdict", "fail": ["NOK"], "pass": ["OK"], "delay": "30d"}
    events, _, _ = told(write(tmp_path / "t.csv", *rows), table_map(result=result))
    assert [event.type for event in events[-20:]] == ["result"] * 20
    assert [event.type for event in events[:-20]] == ["measurement"] * 40


def test_a_naive_time_without_a_zone_is_refused_before_the_first_event(tmp_path: Path) -> None:
    path = write(
        tmp_path / "t.csv",
        f"P1,{clock(0)},731,8722,110,OK",
        "P2,2026-01-05T08:00,731,8722,110,OK",
    )
    reader = read_table(path, table_map(time={"column": "at"}))
    with pytest.raises(ConfigError) as caught:
        next(reader)
    assert str(caught.value) == (
        f"{path}: row 2, column 'at': the time '2026-01-05T08:00' carries no zone: set time.zone "
        f'in the map to an IANA name such as "Europe/Berlin" or "UTC"'
    )


def test_times_in_a_folded_hour_are_told_as_the_earlier_one_and_counted(tmp_path: Path) -> None:
    path = write(
        tmp_path / "t.csv",
        "P1,2026-10-25T02:30,731,8722,,",
        "P2,2026-10-25T03:00,731,8722,,",
    )
    events, stats, _ = told(path, table_map(time={"column": "at", "zone": "Europe/Berlin"}))
    assert [event.at for event in events] == [
        datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        datetime(2026, 10, 25, 2, 0, tzinfo=UTC),
    ]
    assert stats.doubtful_times == 1


def test_a_file_that_does_not_fit_the_map_is_refused_at_once(tmp_path: Path) -> None:
    good = write(tmp_path / "good.csv", f"P1,{clock(0)},1,2,3,OK")
    other = write(tmp_path / "other.csv", header="serial,at,temp,mold,speed")
    with pytest.raises(ConfigError, match=r"other\.csv: result\.column names column 'verdict'"):
        read_table([good, other], table_map())


def test_no_file_and_no_chunk_are_refused() -> None:
    with pytest.raises(ConfigError, match="no file to read"):
        read_table([], table_map())
    with pytest.raises(ConfigError, match="chunk_rows = 0: it must be at least 1"):
        read_table(Path("t.csv"), table_map(), chunk_rows=0)


def test_a_file_that_grows_while_it_is_read_is_noticed(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", f"P1,{clock(0)},1,2,3,OK", f"P2,{clock(1)},1,2,3,OK")
    reader = read_table(path, table_map(), chunk_rows=1)
    next(reader)
    with path.open("a", encoding="utf-8") as file:
        file.write(f"P3,{clock(0)},1,2,3,OK\n")
    with pytest.raises(ConfigError, match="the file changed while it was read"):
        list(reader)


def test_a_file_that_shrinks_while_it_is_read_is_noticed(tmp_path: Path) -> None:
    first = write(tmp_path / "1.csv", f"P1,{clock(0)},1,2,3,OK", f"P2,{clock(1)},1,2,3,OK")
    second = write(tmp_path / "2.csv", f"P3,{clock(2)},1,2,3,OK")
    reader = read_table([first, second], table_map(), chunk_rows=1)
    next(reader)
    write(second)
    with pytest.raises(ConfigError, match=r"2\.csv: the file changed while it was read"):
        list(reader)


def test_progress_reaches_its_total_through_both_passes(tmp_path: Path) -> None:
    rows = [f"P{minute},{clock(minute)},1,2,3,OK" for minute in range(50)]
    paths = [write(tmp_path / "1.csv", *rows), write(tmp_path / "2.csv", *rows)]
    heard: list[tuple[int, int]] = []
    told(paths, chunk_rows=7, progress=lambda done, total: heard.append((done, total)))
    size = sum(path.stat().st_size for path in paths)
    assert {total for _, total in heard} == {2 * size}
    assert heard == sorted(heard)
    assert heard[-1][0] == 2 * size


def test_memory_holds_no_more_than_what_is_still_to_come(tmp_path: Path) -> None:
    rows = [f"P{minute},{clock(minute)},1,2,3,OK" for minute in range(500)]
    reader = read_table(write(tmp_path / "t.csv", *rows), table_map(), chunk_rows=10)
    ahead = 0
    for told_so_far, _ in enumerate(reader, start=1):
        ahead = max(ahead, reader.stats.events - told_so_far)
    assert ahead <= 3 * (10 + 5 + 1)


# The law of order -------------------------------------------------------------------------------

Cells = tuple[int, int | None, int | None, str]
ROWS: st.SearchStrategy[list[Cells]] = st.lists(
    st.tuples(
        st.integers(0, 12),
        st.none() | st.integers(0, 9),
        st.none() | st.integers(0, 9),
        st.sampled_from(["", "OK", "NOK"]),
    ),
    max_size=25,
)


def lines_of(rows: Sequence[Cells]) -> list[str]:
    return [
        f"P{number},{clock(minute)},{'' if temp is None else temp},,"
        f"{'' if speed is None else speed},{verdict}"
        for number, (minute, temp, speed, verdict) in enumerate(rows)
    ]


def by_the_law(rows: Sequence[Cells]) -> list[tuple[int, str, object]]:
    """What each row says, sorted by (arrival, row, place): the definition, written out."""
    said: list[tuple[int, int, int, str, object]] = []
    in_time = sorted(enumerate(rows), key=lambda numbered: numbered[1][0])
    for number, (name, (minute, temp, speed, verdict)) in enumerate(in_time):
        part = f"P{name}"
        if temp is not None:
            values = {"temp": float(temp), "mold": None}
            said.append((minute, number, 0, f"{part} melt", values))
        if speed is not None:
            said.append((minute + 2, number, 1, f"{part} shot", {"speed": float(speed)}))
        if verdict:
            outcome = {"OK": "pass", "NOK": "fail"}[verdict]
            said.append((minute + 5, number, 2, f"{part} result", outcome))
    said.sort(key=lambda event: event[:3])
    return [(minute, who, what) for minute, _, _, who, what in said]


@settings(max_examples=60, deadline=None)
@given(rows=ROWS, chunk_rows=st.integers(1, 30), cut=st.integers(0, 25), packed=st.booleans())
def test_any_file_is_told_in_the_one_order(
    rows: list[Cells], chunk_rows: int, cut: int, packed: bool
) -> None:
    lines = lines_of(rows)
    with TemporaryDirectory() as folder:
        paths = [Path(folder, "1.csv"), Path(folder, "2.csv")]
        for path, share in zip(paths, (lines[:cut], lines[cut:]), strict=True):
            write(path, *share)
            if packed:
                path.write_bytes(gzip.compress(path.read_bytes()))
        events, stats, bad = told(paths, chunk_rows=chunk_rows)
    assert brief(events) == by_the_law(rows)
    assert bad == []
    assert stats.rows == len(rows)
    assert stats.measurements + stats.not_visited == 2 * len(rows)
    assert stats.results + stats.without_result == len(rows)
    assert stats.events == len(events)


def test_a_shuffled_file_tells_what_the_sorted_one_tells(tmp_path: Path) -> None:
    rows = [f"P{minute},{clock(minute)},{minute},m,3,OK" for minute in range(300)]
    sorted_events, _, _ = told(write(tmp_path / "sorted.csv", *rows), chunk_rows=20)
    random.Random(7).shuffle(rows)
    shuffled_events, _, _ = told(write(tmp_path / "shuffled.csv", *rows), chunk_rows=20)
    assert shuffled_events == sorted_events
    assert len(sorted_events) == 900


# Real data --------------------------------------------------------------------------------------


@pytest.mark.data
def test_every_die_casting_shot_is_told(test_data: Path) -> None:
    path = test_data / "diecasting" / "diecasting_20190102_20190312.csv.gz"
    reader = read_table(path, load_map(EXAMPLES / "diecasting.toml"))
    fails, last = 0, datetime.min.replace(tzinfo=UTC)
    kinds: set[type] = set()
    for event in reader:
        assert event.at >= last
        last = event.at
        if isinstance(event, Result):
            fails += event.outcome == "fail"
        elif isinstance(event, Measurement) and event.station == "melt":
            kinds.add(type(event.values["mold_code"]))
    assert reader.stats == TableStats(rows=72_041, measurements=4 * 72_041, results=72_041)
    assert fails == 3_207
    assert kinds == {str}


@pytest.mark.data
def test_every_secom_wafer_is_told_in_one_message_of_590_values(test_data: Path) -> None:
    path = test_data / "secom" / "secom_1552x590.csv.gz"
    reader = read_table(path, load_map(EXAMPLES / "secom.toml"))
    fails = empty = 0
    for event in reader:
        if isinstance(event, Measurement):
            assert len(event.values) == 590
            empty += sum(value is None for value in event.values.values())
        elif isinstance(event, Result):
            fails += event.outcome == "fail"
    assert reader.stats == TableStats(rows=1_552, measurements=1_552, results=1_552)
    assert fails == 98
    assert math.isclose(empty / (1_552 * 590), 0.045, abs_tol=0.001)
