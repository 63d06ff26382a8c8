"""A suggested map loads, replays its file, and says what it guessed."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from bosch_files import write_bosch_files
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.bad_rows import BadRow
from producers.map_suggest import suggest_map
from producers.tables import load_any_map, read_tables
from stream.errors import ConfigError
from stream.events import Event, Measurement, Result


def suggested(path: Path) -> tuple[dict[str, Any], str]:
    text = suggest_map(path)
    return tomllib.loads(text), text


def replayed(text: str, *paths: Path) -> tuple[list[Event], list[BadRow]]:
    bad: list[BadRow] = []
    map_file = paths[0].with_suffix(".map.toml")
    map_file.write_text(text, encoding="utf-8")
    return list(read_tables(paths, load_any_map(map_file), on_bad=bad.append)), bad


def shots(folder: Path, **columns: list[object]) -> Path:
    rows = 60
    table: dict[str, list[object]] = {
        "serial_no": [f"P{n:04}" for n in range(rows)],
        "finished_at": [f"2026-01-05 08:{n:02}:00" for n in range(rows)],
        "oil_temp": [40.5 + n for n in range(rows)],
        "oil_pressure": [7 + n % 3 for n in range(rows)],
        "press_force": [None if n % 7 == 0 else 100.0 + n for n in range(rows)],
        "press_die_code": [8722 if n % 2 else 8412 for n in range(rows)],
        "press_clamped": ["yes" if n % 3 else "no" for n in range(rows)],
        "plant": ["Ulm"] * rows,
        "unused": [None] * rows,
        "remark": [f"note {n} of the shift" for n in range(rows)],
        "verdict": ["NOK" if n % 20 == 0 else "OK" for n in range(rows)],
        **columns,
    }
    path = folder / "shots of July.csv"
    pd.DataFrame(table).to_csv(path, index=False)
    return path


def test_part_time_and_result_are_found_and_the_map_replays(tmp_path: Path) -> None:
    path = shots(tmp_path)
    table, text = suggested(path)
    assert table["line"] == "shots-of-July"
    assert table["part"] == {"column": "serial_no"}
    assert table["time"] == {"column": "finished_at", "zone": "UTC"}
    assert "UTC is a guess" in text
    assert table["result"] == {
        "column": "verdict",
        "fail": ["NOK"],
        "pass": ["OK"],
        "delay": "1h",
    }
    assert '"OK" 57 times, "NOK" 3 times' in text
    events, bad = replayed(text, path)
    assert bad == []
    assert sum(isinstance(event, Result) for event in events) == 60


def test_columns_are_grouped_by_how_they_begin_and_know_their_kinds(tmp_path: Path) -> None:
    table, text = suggested(shots(tmp_path))
    assert table["station"] == [
        {"name": "oil", "features": ["oil_temp", "oil_pressure"], "offset": "0s"},
        {
            "name": "press",
            "features": ["press_force", "press_die_code", "press_clamped"],
            "categorical": ["press_die_code"],
            "boolean": ["press_clamped"],
            "offset": "0s",
        },
    ]
    assert '#   "oil_pressure": "7", "8", "9"' in text


def test_what_says_nothing_is_ignored_with_the_reason(tmp_path: Path) -> None:
    table, text = suggested(shots(tmp_path))
    assert table["ignore"] == ["plant", "unused", "remark"]
    assert '"plant",  # always the same' in text
    assert '"unused",  # always empty' in text
    assert '"remark",  # another text in every row' in text


def test_texts_that_mean_an_empty_cell_are_listed(tmp_path: Path) -> None:
    path = shots(tmp_path, oil_level=["NaN" if n % 4 == 0 else n for n in range(60)])
    path.write_text(path.read_text().replace(",,", ",n/a,"), encoding="utf-8")
    table, text = suggested(path)
    assert table["missing"] == ["NaN", "n/a"]
    assert replayed(text, path)[1] == []


@pytest.mark.parametrize(
    ("times", "time"),
    [
        (["2026-01-05T08:00:00Z"] * 60, {"column": "finished_at"}),
        (
            ["05.01.2026 08:00:00"] * 60,
            {"column": "finished_at", "format": "%d.%m.%Y %H:%M:%S", "zone": "UTC"},
        ),
        (
            [1_767_600_000_000 + n for n in range(60)],
            {"column": "finished_at", "unit": "1ms", "epoch": "1970-01-01T00:00:00Z"},
        ),
        (
            [1_767_600_000 + n for n in range(60)],
            {"column": "finished_at", "unit": "1s", "epoch": "1970-01-01T00:00:00Z"},
        ),
    ],
    ids=["iso with zone", "german", "epoch ms", "epoch s"],
)
def test_times_are_known_however_they_are_written(
    tmp_path: Path, times: list[object], time: dict[str, str]
) -> None:
    path = shots(tmp_path, finished_at=times)
    table, text = suggested(path)
    assert table["time"] == time
    assert replayed(text, path)[1] == []


def test_the_rarer_of_two_unknown_outcomes_is_taken_as_fail(tmp_path: Path) -> None:
    path = shots(tmp_path, verdict=[1.0 if n % 30 == 0 else 0.0 for n in range(60)])
    table, text = suggested(path)
    assert (table["result"]["fail"], table["result"]["pass"]) == ([1], [0])
    assert "the rarest is taken as fail" in text


def test_without_a_serial_number_parts_are_numbered(tmp_path: Path) -> None:
    path = shots(tmp_path, serial_no=["P1"] * 60)
    table, text = suggested(path)
    assert table["part"] == {"row_number": True}
    assert len({event.part for event in replayed(text, path)[0] if event.type == "result"}) == 60  # type: ignore[union-attr]


def test_a_station_of_many_features_is_written_with_a_pattern(tmp_path: Path) -> None:
    path = shots(tmp_path, **{f"f{n:03}": [n + m for m in range(60)] for n in range(100)})
    table, text = suggested(path)
    assert {"name": "f", "features": ["f*"], "offset": "0s"} in table["station"]
    [first] = [e for e in replayed(text, path)[0] if getattr(e, "station", "") == "f"][:1]
    assert isinstance(first, Measurement)
    assert len(first.values) == 100


def test_parquet_is_suggested_for_as_well(tmp_path: Path) -> None:
    path = tmp_path / "shots.parquet"
    table = pd.read_csv(shots(tmp_path), parse_dates=["finished_at"])
    table.to_parquet(path, index=False)
    found, text = suggested(path)
    assert found["time"] == {"column": "finished_at", "zone": "UTC"}
    assert replayed(text, path)[1] == []


def test_a_table_of_readings_gets_a_long_map(tmp_path: Path) -> None:
    path = tmp_path / "readings.csv"
    rows = ["part_id,time,machine,tag,value"]
    for part in range(40):
        at = f"2026-01-05T08:{part:02}:00Z"
        rows += [f"{part},{at},melt,temp,{700 + part}", f"{part},{at},melt,mold,M{part % 2}"]
        rows += [f"{part},{at},test,verdict,{'fail' if part % 9 == 0 else 'pass'}"]
    path.write_text("\n".join(rows), encoding="utf-8")
    table, text = suggested(path)
    assert table["format"] == "long"
    assert table["reading"] == {"station": "machine", "feature": "tag", "value": "value"}
    assert table["result"] == {"feature": "verdict", "fail": ["fail"], "pass": ["pass"]}
    assert table["station"] == [{"name": "*", "features": ["*"], "categorical": ["mold"]}]
    events, bad = replayed(text, path)
    assert (len(events), bad) == (80, [])


def test_columns_of_the_bosch_form_get_a_short_map(tmp_path: Path) -> None:
    made = write_bosch_files(tmp_path, 120)
    table, text = suggested(made.numeric)
    assert table == {
        "format": "bosch",
        "line": "train_numeric",
        "time": {"unit": "10h", "epoch": "2014-01-01T00:00:00Z"},
        "result": {"delay": "1d"},
    }
    events, bad = replayed(text, *made.paths)
    assert (len(events), bad) == (made.measurements + 120, [])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("serial,force\n1,2\n", r"no column holds times, .* \('serial', 'force', \.\.\.\)"),
        ("serial,at\n1,2026-01-05T08:00Z\n", "no column can be a feature"),
        ("at,tag,machine,value\n2026-01-05T08:00Z,t,m,1\n", "no column names the part"),
        ("", "no header"),
    ],
    ids=["no time", "no feature", "no part of readings", "empty"],
)
def test_what_no_map_can_help_is_said(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        suggest_map(path)


NAMES = st.text(st.characters(codec="utf-8", exclude_characters='",\r\n'), max_size=12)


@settings(max_examples=60, deadline=None)
@given(
    names=st.lists(NAMES.map(str.strip), min_size=1, max_size=6, unique=True),
    cells=st.lists(
        st.sampled_from(["1", "2.5", "", "yes", "no", "a b", "NaN", "2026-01-05", "-1"]),
        min_size=6,
        max_size=6,
    ),
)
def test_whatever_columns_are_called_the_map_loads_and_replays(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], cells: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("suggested")
    names = [name for name in names if name not in ("timestamp", "force")]
    path = folder / "t.csv"
    rows = [",".join(["timestamp", "force", *names])]
    for number in range(30):
        at = f"2026-01-05T08:{number:02}:00Z"
        row = [cells[(number + place) % 6] for place in range(len(names))]
        rows.append(",".join([at, str(number / 7), *row]))
    path.write_text("\n".join(rows), encoding="utf-8")
    events, _ = replayed(suggest_map(path), path)
    assert len(events) >= 30
