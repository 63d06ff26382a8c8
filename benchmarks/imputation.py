"""What fills a gap best, how fast, and whether its intervals hold: andon and what else is used.

Simulated lines with 60 and 500 features (`imputation_rows`), prequential: every row is filled
before it is learnt. Two kinds of gaps: cells masked whatever their value (family ``linear``), and
cells that the sensors of the family ``mnar`` lose by their own value. Errors are in spreads of the
feature over all its values, lost ones included. The floor knows the line's loadings: of
cells masked by chance, no filler that looks at one row at a time knows more.

    python benchmarks/imputation.py --write benchmarks/RESULTS.md
    python benchmarks/imputation.py --quick
    python benchmarks/imputation.py --seeds 1 2 --features 60
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
from imputation_peers import Andon, Filler, Iterative, Simple
from imputation_rows import BLOCK, Block, blocks
from results import circumstances, keep, table
from sources import SEEDS

WARM = 1_000  # rows that are not counted, and that scikit-learn is fitted to
ERROR_BAR, TIME_BAR, COVERAGE_BAR = 0.75, 0.3, (0.88, 0.92)
MASKED = 0.05
SCENES = {
    "linear": f"{100 * MASKED:.0f} % of the cells masked by chance (family `linear`)",
    "mnar": "cells lost by their own value (family `mnar`)",
}

FLOORS = {
    "linear": "floor: the line's loadings known",
    "mnar": "the line's loadings known, losses taken for chance",
}


class Figures(NamedTuple):
    """Of one filler on one line."""

    error: float
    coverage: float
    learn_ms: float
    impute_ms: float


@dataclass
class Tally:
    """Squared errors and hits, over the rows after the first."""

    squares: list[float] = field(default_factory=list)
    hits: list[float] = field(default_factory=list)


def fillers(columns: int, window: int | None) -> dict[str, Callable[[], Filler]]:
    """By name, as the table has them; scikit-learn's is fitted to ``window`` rows, or left out."""
    made: dict[str, Callable[[], Filler]] = {
        "mean": partial(Simple, columns, last=False),
        "last value": partial(Simple, columns, last=True),
    }
    if window is not None:
        made[f"scikit-learn IterativeImputer, last {window:,} rows"] = partial(Iterative, window)
    for selection in (False, True):
        for rank in (10, 20):
            name = f"andon, rank {rank}{', selection' if selection else ''}"
            made[name] = partial(Andon, rank, selection)
    return made


def run(make: Callable[[], Filler], stream: list[Block], warm: int) -> Figures:
    """One filler over one line's rows."""
    filler, tally = make(), Tally()
    spread = _spread(stream)
    for number, block in enumerate(stream):
        filled = filler.step(block)
        if number * BLOCK < warm:
            continue
        off = (filled.value - block.truth) / spread[block.gap_column]
        known = np.isfinite(off)
        tally.squares += np.square(off[known]).tolist()
        within = (filled.low <= block.truth) & (block.truth <= filled.high)
        tally.hits += within[np.isfinite(filled.low)].tolist()
    times = filler.times
    return Figures(
        float(np.sqrt(np.mean(tally.squares))),
        float(np.mean(tally.hits)) if tally.hits else float("nan"),
        1_000 * times.learn / times.rows,
        1_000 * times.impute / times.rows,
    )


def floor(stream: list[Block], warm: int) -> Figures:
    """The error that is left when the line's own loadings are known."""
    spread = _spread(stream)
    off = [
        (block.floor - block.truth) / spread[block.gap_column]
        for number, block in enumerate(stream)
        if number * BLOCK >= warm
    ]
    return Figures(float(np.sqrt(np.mean(np.square(np.concatenate(off))))), *3 * (float("nan"),))


def _spread(stream: list[Block]) -> np.ndarray:
    """Of each column over all its true values, hidden or not."""
    every = np.concatenate([block.cells for block in stream])
    begin = 0
    for block in stream:
        every[begin + block.gap_row, block.gap_column] = block.truth
        begin += len(block.cells)
    return np.nanstd(every, axis=0)


def measured(
    scene: str, features: int, seeds: list[int], rows: int, warm: int
) -> dict[str, Figures]:
    """The median over seeds of every filler's figures."""
    found: dict[str, list[Figures]] = defaultdict(list)
    for seed in seeds:
        masked = MASKED if scene == "linear" else 0.0
        stream = list(blocks(scene, features, seed, rows, masked))
        # The slow one has no other answer to losses by value than to losses by chance.
        window = warm if scene == "linear" else None
        for name, make in fillers(len(stream[0].names), window).items():
            found[name].append(run(make, stream, warm))
        found[FLOORS[scene]].append(floor(stream, warm))
    return {
        name: Figures(*(median(column) for column in zip(*each, strict=True)))
        for name, each in found.items()
    }


def figures_table(found: dict[str, Figures]) -> str:
    """The table of one scene."""
    head = ["filler", "error / spread", "90 % interval holds", "learn, ms/row", "impute, ms/row"]
    lines = [
        [name, *(_shown(value, digits) for value, digits in zip(each, (3, 3, 2, 2), strict=True))]
        for name, each in found.items()
    ]
    return table(head, lines)


def _shown(value: float, digits: int) -> str:
    return "" if np.isnan(value) else f"{value:.{digits}f}"


def verdict(name: str, each: Figures, best: Figures) -> str:
    """How the bars stand, said plainly."""
    low, high = COVERAGE_BAR
    explained = (1.0 - each.error**2) / (1.0 - best.error**2)
    said = [
        f"error {each.error:.3f}, the bar is {ERROR_BAR}: "
        + ("reached" if each.error <= ERROR_BAR else "missed")
        + f" (the floor is {best.error:.3f}; {100 * explained:.0f} % of what can be explained is)",
        f"{each.learn_ms:.2f} + {each.impute_ms:.2f} ms of the processor, the bar is {TIME_BAR} "
        "for each: " + ("reached" if max(each.learn_ms, each.impute_ms) <= TIME_BAR else "missed"),
        f"intervals hold {each.coverage:.3f}, the bar is {low} to {high}: "
        + ("reached" if low <= each.coverage <= high else "missed"),
    ]
    return f"{name}: " + "; ".join(said) + "."


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one seed, few rows: seconds")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS), help="of the lines")
    parser.add_argument("--features", type=int, nargs="+", default=[60, 500], help="of the lines")
    parser.add_argument("--rows", type=int, default=4_000, help="parts a line")
    parser.add_argument("--write", type=Path, help="the file that keeps the figures")
    chosen = parser.parse_args()
    warm = WARM
    if chosen.quick:
        chosen.seeds, chosen.features, chosen.rows, warm = [1], [24], 3 * BLOCK, 2 * BLOCK
    parts = [
        "## Imputation",
        circumstances(", ".join(map(str, chosen.seeds)) + "; medians over them"),
        f"{chosen.rows:,} rows a line, the first {warm:,} of which are not counted. Interval ends "
        "and times are those of the imputer alone, in milliseconds of the processor; "
        f"scikit-learn's are of whole blocks of {BLOCK} rows, refitted every {warm:,} rows.",
    ]
    for features in chosen.features:
        for scene, told in SCENES.items():
            found = measured(scene, features, chosen.seeds, chosen.rows, warm)
            parts += [f"### {features} features, {told}", figures_table(found)]
            if scene == "linear" and features == chosen.features[-1]:
                name = "andon, rank 20"
                parts.append(verdict(name, found[name], list(found.values())[-1]))
    keep("\n\n".join(parts), "imputation", chosen.write)


if __name__ == "__main__":
    main()
