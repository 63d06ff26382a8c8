"""The pause of one label: how long a result holds its line up, the whole stack learning.

A simulated line goes event by event through `stream.line.Line`, as a worker's would; timed is each
result (ledger, figures, the learning of all members, the imputation's step).

    python benchmarks/pause.py --write benchmarks/RESULTS.md
    python benchmarks/pause.py --parts 600 --members linear short

Wall time is what a line waits, on a machine that may do other things as well; processor time is
what andon itself takes. The first results are told apart: arrays are made then, and the imputation
makes its first fit. Measurements are timed as well, for comparison.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import andon.__main__  # noqa: F401  # asks NumPy for what the program asks it for, so it comes first

# isort: split

import numpy as np
import numpy.typing as npt
from contestants import AndonLine, line_settings
from results import circumstances, keep, table
from sources import FAMILIES, Source

from andon.garbage import FullCollections
from andon.warm_up import warm_up
from stream.events import Measurement, Result

BAR_MS, AIM_MS, FIRST = 50.0, 10.0, 200
Times = npt.NDArray[np.float64]


def timed(source: Source, model: str) -> tuple[Times, Times, Times]:
    """Milliseconds of each result, (n,): of wall time and of processor time; and of each
    measurement's processor time."""
    line = AndonLine(line_settings(model))
    wall, processor, measured = [], [], []
    for event in source.events():
        begun, used = time.perf_counter(), time.thread_time()
        if isinstance(event, Result):
            line.tested(event)
            wall.append(time.perf_counter() - begun)
            processor.append(time.thread_time() - used)
        elif isinstance(event, Measurement):
            line.measured(event)
            measured.append(time.thread_time() - used)
        else:
            line.other(event)
    return 1e3 * np.array(wall), 1e3 * np.array(processor), 1e3 * np.array(measured)


def row(name: str, times: Times, before: int = 0) -> list[str]:
    """Mean, p99 and the two longest of some milliseconds, and whose turn the longest was, when
    there were so many before."""
    longest = np.sort(times)[::-1]
    figures = [times.mean(), np.quantile(times, 0.99), longest[0], longest[min(1, times.size - 1)]]
    return [name, f"{times.size:,}", *(f"{figure:.2f}" for figure in figures),
            f"{before + int(times.argmax()) + 1:,}"]  # fmt: skip


def verdict(worst: float) -> str:
    """How the worst pause stands to bar and aim."""
    found = "aim reached" if worst <= AIM_MS else "reached" if worst <= BAR_MS else "missed"
    return f"Worst pause {worst:.1f} ms, the bar is {BAR_MS:.0f} ms (aim {AIM_MS:.0f}): {found}."


def main() -> None:
    """Time all results, tell the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--family", choices=FAMILIES, default="linear")
    parser.add_argument("--features", type=int, default=500, help="60 or 500; default 500")
    parser.add_argument("--parts", type=int, default=4_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--members", nargs="+", default=["linear", "short", "long"])
    parser.add_argument("--write", type=Path, help="keep the figures in this file")
    given = parser.parse_args()
    if given.parts <= FIRST:
        parser.error(f"--parts {given.parts}: give more than {FIRST}, which are told apart")
    model = f"andon:stack,members={'+'.join(given.members)}"
    # As `andon watch` begins: no result is the first to load a kernel, and Python's full
    # collections (100 to 200 ms with all that was loaded, 40 with what a line keeps) wait.
    warm_up(("stack",))
    with FullCollections():
        whole = Source(given.family, given.seed, given.parts, given.features)
        wall, processor, measured = timed(whole, model)
    head = ["milliseconds of", "events", "mean", "p99", "longest", "second", "longest is number"]
    rows = [
        row(f"processor time, the first {FIRST} results", processor[:FIRST]),
        row("processor time, later results", processor[FIRST:], FIRST),
        row(f"wall time, the first {FIRST} results", wall[:FIRST]),
        row("wall time, later results", wall[FIRST:], FIRST),
        row("processor time, measurements", measured),
    ]
    told = (
        f"## Pause of one label\n\n{circumstances(str(given.seed))}\n\n"
        f"Family `{given.family}`, {given.features} features, {given.parts:,} parts; members "
        f"{', '.join(given.members)}.\n\n{table(head, rows)}\n\n"
        f"Processor time: {verdict(float(processor.max()))} Wall time: {verdict(float(wall.max()))}"
    )
    keep(told, "pause", given.write)


if __name__ == "__main__":
    main()
