"""One door for every form of history: the map's format chooses the reader.

``history_maps/`` holds one small map per mistake; its first line is the exact message.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from producers.bosch_map import BoschMap
from producers.long_map import LongMap
from producers.map import TableMap
from producers.tables import AnyMap, load_any_map, read_tables
from stream.codec import encode
from stream.errors import ConfigError
from stream.events import Measurement

MAPS = Path(__file__).parent / "history_maps"
EXAMPLES = Path(__file__).parents[2] / "docs" / "maps"
BAD_MAPS = sorted(path for path in MAPS.glob("*.toml") if not path.stem.startswith("good"))


@pytest.mark.parametrize("path", BAD_MAPS, ids=lambda path: path.stem)
def test_a_mistake_is_named_with_its_key_its_value_and_the_remedy(path: Path) -> None:
    message = path.read_text("utf-8").splitlines()[0].removeprefix("# ")
    with pytest.raises(ConfigError) as caught:
        load_any_map(path)
    assert str(caught.value) == f"{path}: {message}"


def test_the_format_decides_what_a_map_is() -> None:
    assert isinstance(load_any_map(MAPS / "good_long.toml"), LongMap)
    assert isinstance(load_any_map(MAPS / "good_bosch.toml"), BoschMap)
    counted = load_any_map(MAPS / "good_counted.toml")
    assert isinstance(counted, TableMap)
    assert counted.time.unit == timedelta(milliseconds=1)


LONG_MAP = """
format = "long"
line = "diecasting"

[part]
column = "id"

[time]
column = "timestamp"
zone = "Asia/Seoul"

[reading]
station = "station"
feature = "feature"
value = "value"

[result]
feature = "passorfail"
fail = [1]
pass = [0]
delay = "2h"
"""


def long_map(wide: TableMap, folder: Path) -> Path:
    """The wide map of the die casting, said of the same history in single readings."""
    path = folder / "long.toml"
    text = LONG_MAP
    for station in wide.stations:
        text += f'\n[[station]]\nname = "{station.name}"\n'
        text += f"features = {json.dumps(station.features)}\n"
        text += f"categorical = {json.dumps(station.categorical)}\n"
        text += f'offset = "{station.offset.seconds}s"\n'
    path.write_text(text, encoding="utf-8")
    return path


def as_readings(shots: pd.DataFrame, wide: TableMap) -> pd.DataFrame:
    """One row a reading, feature by feature: an order that has nothing to do with time."""
    stations = {feature: one.name for one in wide.stations for feature in one.features}
    names = [*stations, "passorfail"]
    texts = shots[names].map(lambda cell: None if pd.isna(cell) else str(cell))
    table = pd.concat([shots[["id", "timestamp"]], texts], axis=1)
    melted = table.melt(["id", "timestamp"], names, var_name="feature", value_name="value")
    melted["station"] = melted["feature"].map(stations).fillna("test")
    return melted


def told(paths: Sequence[Path], table: AnyMap) -> tuple[int, str]:
    """How many events, and a digest of all of them as they lie on the log."""
    digest, count = hashlib.sha256(), 0
    for event in read_tables(paths, table):
        digest.update(encode(event) + b"\n")
        count += 1
    return count, digest.hexdigest()


Forms = dict[str, tuple[list[Path], AnyMap]]


def in_parquet(shots: pd.DataFrame, folder: Path) -> Forms:
    """The same history in wide and in long Parquet."""
    wide = load_any_map(EXAMPLES / "diecasting.toml")
    assert isinstance(wide, TableMap)
    typed = shots.assign(timestamp=pd.to_datetime(shots["timestamp"]))
    typed.to_parquet(folder / "wide.parquet", index=False)
    melted = as_readings(typed, wide)
    melted.to_parquet(folder / "melted.parquet", index=False)
    return {
        "parquet wide": ([folder / "wide.parquet"], wide),
        "parquet long": ([folder / "melted.parquet"], load_any_map(long_map(wide, folder))),
    }


def in_text(shots: pd.DataFrame, folder: Path) -> Forms:
    """The same history in CSV, packed or not, in one file or two, wide and long."""
    wide = load_any_map(EXAMPLES / "diecasting.toml")
    assert isinstance(wide, TableMap)
    text, packed = folder / "shots.csv", folder / "shots.csv.gz"
    shots.to_csv(text, index=False)
    packed.write_bytes(gzip.compress(text.read_bytes()))
    halves = [folder / "first.csv", folder / "second.csv"]
    for half, share in zip(halves, (shots[:300], shots[300:]), strict=True):
        share.to_csv(half, index=False)
    by_time = as_readings(shots, wide).sort_values(["timestamp", "id"], kind="stable")
    by_time.to_csv(folder / "by_time.csv.gz", index=False)
    return {
        "csv": ([text], wide),
        "csv.gz": ([packed], wide),
        "two files": (halves, wide),
        "csv long, by time": (
            [folder / "by_time.csv.gz"],
            load_any_map(long_map(wide, folder)),
        ),
    }


def made_up_shots(rows: int) -> pd.DataFrame:
    """Shots like those of the die casting: ties in time, empty cells, names that are numbers."""
    rng = np.random.default_rng(3)
    wide = load_any_map(EXAMPLES / "diecasting.toml")
    assert isinstance(wide, TableMap)
    start = pd.Timestamp("2019-01-02T16:45:06")
    ticks = np.cumsum(rng.integers(0, 40, rows))
    shots = pd.DataFrame({"id": range(rows)})
    shots["timestamp"] = [(start + pd.Timedelta(seconds=int(s))).isoformat() for s in ticks]
    for feature in (feature for one in wide.stations for feature in one.features):
        shots[feature] = np.round(rng.normal(100, 20, rows), int(rng.integers(0, 4)))
        shots.loc[rng.random(rows) < 0.1, feature] = np.nan
    shots["mold_code"] = rng.choice([8722.0, 8412.0, np.nan], rows)
    shots["working"] = rng.choice(["running", "stopped"], rows)
    whole = [feature for one in wide.stations if one.name == "mould" for feature in one.features]
    shots.loc[rng.random(rows) < 0.2, whole] = np.nan
    for left_out in wide.ignore:
        shots[left_out] = 1
    shots["passorfail"] = (rng.random(rows) < 0.1).astype(int)
    return shots


def test_csv_parquet_wide_and_parquet_long_tell_the_same_events(tmp_path: Path) -> None:
    shots = made_up_shots(800)
    # Tables of numbers that a tool without nulls has saved write whole numbers as 8722.0.
    shots["mold_code"] = shots["mold_code"].map(lambda code: "" if pd.isna(code) else f"{code:.0f}")
    shots["mold_code"] = shots["mold_code"].replace("", np.nan)
    forms = {**in_text(shots, tmp_path), **in_parquet(shots, tmp_path)}
    digests = {name: told(*form) for name, form in forms.items()}
    assert len(set(digests.values())) == 1, digests
    count, _ = digests["csv"]
    assert 800 * 4 < count < 800 * 5


def test_a_number_that_is_a_name_has_no_decimal_point_in_parquet(tmp_path: Path) -> None:
    path = tmp_path / "wide.parquet"
    made_up_shots(50).to_parquet(path, index=False)
    events = read_tables([path], load_any_map(EXAMPLES / "diecasting.toml"))
    melted = (event for event in events if isinstance(event, Measurement))
    names = {event.values["mold_code"] for event in melted if event.station == "melt"}
    assert names == {"8722", "8412", None}


@pytest.mark.data
@pytest.mark.timeout(900)
def test_the_die_casting_is_told_alike_whatever_file_it_lies_in(
    test_data: Path, tmp_path: Path
) -> None:
    shots = pd.read_csv(test_data / "diecasting" / "diecasting_20190102_20190312.csv.gz")
    forms = in_parquet(shots, tmp_path)
    original = told(
        [test_data / "diecasting" / "diecasting_20190102_20190312.csv.gz"],
        load_any_map(EXAMPLES / "diecasting.toml"),
    )
    assert original[0] == 5 * 72_041
    assert {name: told(*form) for name, form in forms.items()} == dict.fromkeys(forms, original)


READ = """
import sys
from pathlib import Path
from producers.tables import load_any_map, read_tables
events = read_tables([Path(sys.argv[1])], load_any_map(Path(sys.argv[2])))
count = sum(1 for _ in events)
[most] = [row for row in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in row]
print(count, events.stats.rows, int(most.split()[1]) // 1024)
"""


def peak(path: Path, map_file: Path) -> tuple[int, int, int]:
    """Events, rows and the most memory, in MiB, of a process that reads ``path``."""
    done = subprocess.run(
        [sys.executable, "-c", READ, str(path), str(map_file)],
        capture_output=True, text=True, check=True, timeout=280,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    count, rows, most = map(int, done.stdout.split())
    return count, rows, most


def write_readings(path: Path, rows: int, *, backwards: bool = False) -> None:
    """Readings of parts of ten features each, one row group, in time order or against it."""
    number = np.arange(rows)[:: -1 if backwards else 1]
    part = number // 10
    pq.write_table(
        pa.table(
            {
                "id": part,
                "timestamp": pa.array(1_546_400_000 + 60 * part, pa.timestamp("s")),
                "station": pa.array(np.where(number % 10 < 5, "melt", "shot")),
                "feature": pa.array([f"f{each}" for each in number % 10]),
                "value": np.sin(number.astype(float)),
            }
        ),
        path,
    )


def test_a_million_readings_are_read_in_bounded_memory(tmp_path: Path) -> None:
    map_file = tmp_path / "long.toml"
    map_file.write_text(LONG_MAP + '\n[[station]]\nname = "*"\n', encoding="utf-8")
    write_readings(tmp_path / "few.parquet", 20_000)
    write_readings(tmp_path / "many.parquet", 1_000_000)
    _, _, few = peak(tmp_path / "few.parquet", map_file)
    count, rows, many = peak(tmp_path / "many.parquet", map_file)
    assert (count, rows) == (200_000, 1_000_000)
    # Fifty times the rows, and about as much memory.
    assert many < few + 60
    assert many < 300


def test_readings_in_the_reverse_order_of_time_are_read_in_bounded_memory(tmp_path: Path) -> None:
    map_file = tmp_path / "long.toml"
    map_file.write_text(LONG_MAP + '\n[[station]]\nname = "*"\n', encoding="utf-8")
    write_readings(tmp_path / "t.parquet", 300_000, backwards=True)
    count, rows, most = peak(tmp_path / "t.parquet", map_file)
    assert (count, rows) == (60_000, 300_000)
    assert most < 300


PAGE = Path(__file__).parents[2] / "docs" / "maps.md"
WRITTEN = re.findall(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


@pytest.mark.parametrize("text", WRITTEN, ids=lambda text: text.split("\n")[0][:24])
def test_the_maps_written_in_the_docs_load(tmp_path: Path, text: str) -> None:
    path = tmp_path / "written.toml"
    path.write_text(text, encoding="utf-8")
    table = load_any_map(path)
    assert table.line == "body-A"
    assert table.result is not None


def test_the_docs_write_out_a_wide_and_a_long_map() -> None:
    assert [('format = "long"' in text) for text in WRITTEN] == [False, True]


@pytest.mark.parametrize("rows", [0, 1])
def test_a_table_of_no_rows_tells_nothing(tmp_path: Path, rows: int) -> None:
    path = tmp_path / "wide.parquet"
    made_up_shots(10)[:rows].to_parquet(path, index=False)
    count, _ = told([path], load_any_map(EXAMPLES / "diecasting.toml"))
    assert (count > 0) == (rows > 0)
