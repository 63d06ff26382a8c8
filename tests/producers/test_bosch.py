"""Bosch-shaped files: joined, in the order of their dates, with no row lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from bosch_files import BoschFiles, write_bosch_files

from producers import spill
from producers.bad_rows import BadRow
from producers.bosch import BoschStats, read_bosch
from producers.bosch_map import BoschMap
from producers.tables import load_any_map
from stream.errors import ConfigError
from stream.events import Event, Measurement

EXAMPLE = Path(__file__).parents[2] / "docs" / "maps" / "bosch.toml"
EPOCH = datetime(2014, 1, 1, tzinfo=UTC)
SIX_MINUTES = timedelta(minutes=6)


def bosch_map(**changes: Any) -> BoschMap:
    table: dict[str, Any] = {
        "format": "bosch",
        "line": "A",
        "time": {"unit": "10h", "epoch": "2014-01-01T00:00:00Z"},
        "result": {"delay": "1d"},
        **changes,
    }
    return BoschMap.model_validate(table)


def told(
    paths: list[Path], table: BoschMap | None = None
) -> tuple[list[Event], BoschStats, list[BadRow]]:
    bad: list[BadRow] = []
    reader = read_bosch(paths, table or bosch_map(), on_bad=bad.append)
    return list(reader), reader.stats, bad


def brief(events: list[Event]) -> list[tuple[datetime, str, str, object]]:
    return [
        (event.at, event.part, event.station, event.values)
        if isinstance(event, Measurement)
        else (event.at, event.part, "result", event.outcome)  # type: ignore[union-attr]
        for event in events
    ]


def written(made: BoschFiles) -> list[tuple[datetime, str, str, object]]:
    """What the generator wrote down, as events in no order."""
    said: list[tuple[datetime, str, str, object]] = [
        (EPOCH + at * SIX_MINUTES, part, station, values)
        for at, part, station, values in made.visits
    ]
    return said + [
        (EPOCH + at * SIX_MINUTES + timedelta(days=1), part, "result", outcome)
        for at, part, outcome in made.results
    ]


def files(folder: Path, **texts: str) -> list[Path]:
    paths = []
    for name, text in texts.items():
        paths.append(folder / f"{name}.csv")
        paths[-1].write_text(text, encoding="utf-8")
    return paths


@pytest.mark.parametrize("ascending", [True, False], ids=["ascending", "shuffled"])
def test_no_row_is_lost_and_all_is_told_by_date(tmp_path: Path, ascending: bool) -> None:
    made = write_bosch_files(tmp_path, 300, lacking=0.1, ascending=ascending)
    assert 0.79 < made.empty < 0.83
    events, stats, bad = told(made.paths)
    assert sorted(brief(events), key=repr) == sorted(written(made), key=repr)
    assert [event.at for event in events] == sorted(event.at for event in events)
    assert bad == []
    assert (stats.rows, stats.parts, stats.results) == (made.rows, 300, 300)
    assert stats.measurements == made.measurements
    assert stats.incomplete == 3 * 300 - made.rows > 0


def test_what_does_not_fit_in_memory_is_sorted_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = write_bosch_files(tmp_path, 150)
    events, _, _ = told(made.paths)
    sorts: list[spill.ExternalSort] = []

    class Small(spill.ExternalSort):
        def __init__(self) -> None:
            super().__init__(limit=2000)
            sorts.append(self)

    monkeypatch.setattr("producers.bosch.ExternalSort", Small)
    spilled, _, _ = told(made.paths)
    assert spilled == events
    assert sorts[0].runs > 5


def test_files_of_the_same_columns_are_read_one_after_the_other_and_may_be_parquet(
    tmp_path: Path,
) -> None:
    made = write_bosch_files(tmp_path, 60, ascending=True)
    events, _, _ = told(made.paths)
    parts = []
    for path in made.paths:
        table = pd.read_csv(path)
        for number, piece in enumerate((table[:25], table[25:])):
            parts.append(tmp_path / f"{path.stem}_{number}.parquet")
            piece.to_parquet(parts[-1], index=False)
    again, stats, bad = told(parts)
    assert again == events
    assert (stats.parts, stats.incomplete, bad) == (60, 0, [])


def test_a_station_reports_at_the_latest_of_its_dates(tmp_path: Path) -> None:
    paths = files(
        tmp_path,
        numeric="Id,L0_S0_F0,L0_S0_F2,L3_S33_F4,Response\n7,1,2,3,1\n",
        date="Id,L0_S0_D1,L0_S0_D3,L3_S33_D5\n7,0.02,0.05,0.04\n",
    )
    events, _, _ = told(paths)
    assert brief(events) == [
        (EPOCH + 4 * SIX_MINUTES, "7", "L3_S33", {"F4": 3.0}),
        (EPOCH + 5 * SIX_MINUTES, "7", "L0_S0", {"F0": 1.0, "F2": 2.0}),
        (EPOCH + 5 * SIX_MINUTES + timedelta(days=1), "7", "result", "fail"),
    ]


def test_a_date_without_a_value_is_a_dropped_reading_and_no_date_is_none_at_all(
    tmp_path: Path,
) -> None:
    paths = files(
        tmp_path,
        numeric="Id,L0_S0_F0,L0_S0_F2,L0_S0_F4,L0_S1_F6,Response\n7,1,,,,0\n",
        date="Id,L0_S0_D1,L0_S0_D3,L0_S1_D7\n7,1,1,2\n",
    )
    events, _, _ = told(paths)
    assert [values for *_, values in brief(events)] == [
        {"F0": 1.0, "F2": None},
        {"F6": None},
        "pass",
    ]


def test_what_has_no_date_cannot_be_told_and_is_listed(tmp_path: Path) -> None:
    numeric, date = files(
        tmp_path,
        numeric="Id,L0_S0_F0,L0_S1_F2,Response\n1,1,2,0\n2,1,2,0\n3,x,2,9\n,1,1,1\n5,1\n",
        date="Id,L0_S0_D1,L0_S1_D3\n1,1,\n2,,\n3,2,soon\n4,1,1\n",
    )
    events, stats, bad = told([numeric, date])
    assert [(part, station, said) for _, part, station, said in brief(events)] == [
        ("1", "L0_S0", {"F0": 1.0}),
        ("3", "L0_S0", {"F0": None}),
        ("1", "result", "pass"),
    ]
    assert sorted((each.path.stem, each.row, each.column or "", each.reason) for each in bad) == [
        ("date", 3, "L0_S1_D3", "not a number"),
        ("numeric", 1, "L0_S1_F2", "its station has no date"),
        ("numeric", 2, "", "no file has a date of this part"),
        ("numeric", 3, "L0_S0_F0", "not a number"),
        ("numeric", 3, "L0_S1_F2", "its station has no date"),
        ("numeric", 3, "Response", "listed neither in fail nor in pass"),
        ("numeric", 4, "", "column 'Id': no name: it needs 1 to 256 characters of UTF-8 without "
         "control characters"),
        ("numeric", 5, "", "2 cells, the header has 4"),
    ]  # fmt: skip
    assert stats == BoschStats(
        rows=9, bad_rows=2, parts=4, incomplete=1, undated=1, measurements=2, results=1,
        without_result=2, undated_cells=2, bad_cells=3,
    )  # fmt: skip


def test_features_of_a_file_that_the_map_calls_categorical_are_names(tmp_path: Path) -> None:
    paths = files(
        tmp_path,
        names="Id,L0_S0_F0\n1,8722\n",
        date="Id,L0_S0_D1\n1,1\n",
    )
    table = bosch_map(result=None, categorical_files=["names*"])
    assert brief(told(paths, table)[0])[0][-1] == {"F0": "8722"}
    assert brief(told(paths, bosch_map(result=None))[0])[0][-1] == {"F0": 8722.0}


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"n": "Id,L0_S0_F0,Response\n"}, "no file has dates, columns such as L3_S33_D3856"),
        ({"d": "Id,L0_S0_D1,Response\n"}, "no file has features, columns such as L3_S33_F3855"),
        ({"n": "Id,L0_S0_F0,L0_S0_D1\n"}, r"no file has result\.column = 'Response'"),
        ({"n": "L0_S0_F0\n"}, r"part\.column names column 'Id', which is missing"),
        (
            {"n": "Id,L0_S0_F0,Response\n", "d": "Id,L0_S0_D1,L0_S0_F0\n"},
            r"d\.csv: column 'L0_S0_F0' is in .*n\.csv as well",
        ),
        ({"n": "Id,L0_S0_F0,note,Response\n"}, "the map does not name 'note': "),
    ],
    ids=["no dates", "no features", "no result", "no part", "twice", "unmapped"],
)
def test_files_that_do_not_fit_are_refused_at_once(
    tmp_path: Path, texts: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        read_bosch(files(tmp_path, **texts), bosch_map())


def test_the_map_in_the_docs_reads_files_of_this_form(tmp_path: Path) -> None:
    table = load_any_map(EXAMPLE)
    assert isinstance(table, BoschMap)
    events, stats, _ = told(write_bosch_files(tmp_path, 20).paths, table)
    assert {event.line for event in events} == {"bosch"}
    assert stats.events == len(events)


def test_progress_reaches_the_size_of_all_files(tmp_path: Path) -> None:
    made = write_bosch_files(tmp_path, 50)
    heard: list[tuple[int, int]] = []
    list(read_bosch(made.paths, bosch_map(), progress=lambda *both: heard.append(both)))
    size = sum(path.stat().st_size for path in made.paths)
    assert heard == sorted(heard)
    assert heard[-1] == (size, size)
