"""How fast and in how much memory big histories are read: Bosch-shaped files, a million readings.

The Bosch-shaped files are of our own making (tests/support/bosch_files.py): 50 stations, 968
features, four cells of five empty, and parts in an order that has nothing to do with their dates,
so that everything is sorted on disk. Each history is read by a process of its own, which does
nothing else: that is the reader, from the files to events. Then another process replays it: the
reader, the codec and the detector with all its learning.

    python benchmarks/bosch.py --parts 100000 --write benchmarks/RESULTS.md
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from results import circumstances, keep, table

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from bosch_files import BoschFiles, write_bosch_files  # noqa: E402 its folder is named above

SEED = 1
READ = """
import sys, time
from pathlib import Path
from producers.tables import load_any_map, read_tables
wall, cpu = time.perf_counter(), time.process_time()
events = read_tables([Path(each) for each in sys.argv[2:]], load_any_map(Path(sys.argv[1])))
last, count = None, 0
for event in events:
    assert last is None or event.at >= last, "out of order"
    last = event.at
    count += 1
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
[most] = [row for row in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in row]
print(count, wall, cpu, int(most.split()[1]) // 1024, events.stats.rows, sep="|")
"""
REPLAY = """
import sys, time
from pathlib import Path
from andon.replay import Replay
from producers.tables import load_any_map, read_tables
from stream.task import TaskSettings
wall, cpu = time.perf_counter(), time.process_time()
events = read_tables([Path(each) for each in sys.argv[2:]], load_any_map(Path(sys.argv[1])))
report = Replay(TaskSettings(), draws=0).run(events, None)
count = sum(report.events.values())
assert not report.dead_letters, report.dead_letters
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
[most] = [row for row in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in row]
print(count, wall, cpu, int(most.split()[1]) // 1024, events.stats.rows, sep="|")
"""
LONG_MAP = """
format = "long"
line = "made-up"
part = {column = "id"}
time = {column = "at", zone = "UTC"}
reading = {station = "station", feature = "feature", value = "value"}
[[station]]
name = "*"
"""


def main() -> None:
    """Make the files, read them, say what it took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--parts", type=int, default=100_000, help="parts of the Bosch-shaped files"
    )
    parser.add_argument("--readings", type=int, default=1_000_000, help="rows of the long Parquet")
    parser.add_argument("--write", type=Path, help="keep the results in this file")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = write_bosch_files(folder, asked.parts, seed=SEED, lacking=0.01, remember=False)
        size = sum(path.stat().st_size for path in made.paths) >> 20
        bosch = read(ROOT / "docs" / "maps" / "bosch.toml", *made.paths)
        check(made, bosch)
        replayed = read(ROOT / "docs" / "maps" / "bosch.toml", *made.paths, script=REPLAY)
        check(made, replayed)
        long = folder / "readings.parquet"
        write_readings(long, asked.readings)
        map_file = folder / "long.toml"
        map_file.write_text(LONG_MAP, encoding="utf-8")
        readings = read(map_file, long)
        if readings[4] != asked.readings:
            raise SystemExit(f"{readings[4]:,} of {asked.readings:,} readings were read")
        again = read(map_file, long, script=REPLAY)
    rows = [
        [
            f"Bosch-shaped, {asked.parts:,} parts, {size:,} MiB, {made.empty:.0%} empty",
            *said(bosch),
        ],
        ["the same, replayed", *said(replayed)],
        [f"long Parquet, {asked.readings:,} readings, one row group", *said(readings)],
        ["the same, replayed", *said(again)],
    ]
    head = ["history", "rows", "events", "s", "CPU s", "events per CPU s", "peak MiB"]
    text = "\n\n".join(
        [
            "## Reading big histories",
            circumstances(str(SEED)),
            table(head, rows),
            "No row is lost: the counts of rows, parts, measurements and results are compared with "
            "what the generator wrote, and every event comes in the order of time.",
        ]
    )
    keep(text, "bosch", asked.write)


Figures = tuple[int, float, float, int, int]


def read(map_file: Path, *paths: Path, script: str = READ) -> Figures:
    """Events, seconds, CPU seconds, peak MiB and rows of a process that reads the history."""
    done = subprocess.run(
        [sys.executable, "-c", script, str(map_file), *map(str, paths)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    count, wall, cpu, most, rows = done.stdout.split("|")
    return int(count), float(wall), float(cpu), int(most), int(rows)


def check(made: BoschFiles, figures: Figures) -> None:
    """End the run if a row, a measurement or a result was lost."""
    events, rows = figures[0], figures[4]
    expected = made.measurements + made.parts
    if (events, rows) != (expected, made.rows):
        raise SystemExit(f"{events:,} events of {expected:,}, {rows:,} rows of {made.rows:,}")


def said(figures: Figures) -> list[str]:
    """A row of the table."""
    events, wall, cpu, most, rows = figures
    return [
        f"{rows:,}", f"{events:,}", f"{wall:.0f}", f"{cpu:.0f}", f"{events / cpu:,.0f}", f"{most:,}"
    ]  # fmt: skip


def write_readings(path: Path, rows: int) -> None:
    """Readings of parts of ten features each, in the order of time, in one row group."""
    number = np.arange(rows)
    part = number // 10
    columns = {
        "id": part,
        "at": pa.array(1_546_400_000 + 60 * part, pa.timestamp("s")),
        "station": pa.array(np.where(number % 10 < 5, "melt", "shot")),
        "feature": pa.array([f"f{each}" for each in number % 10]),
        "value": np.sin(number.astype(float)),
    }
    pq.write_table(pa.table(columns), path, row_group_size=rows)


if __name__ == "__main__":
    main()
