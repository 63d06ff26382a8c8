"""Rolling boosting beside LightGBM that is trained again every 250 results, on die-casting shots.

Prequential: a shot is scored, and learnt 100 shots later. Compared are raw margins, on the same
shots, after the first tenth. ``python benchmarks/boosting.py`` takes about ten minutes on one core;
``--rows 10000`` one. ``ANDON_TEST_DATA`` names the folder of the data; LightGBM comes with
``pip install -e '.[bench]'``. ``--write FILE`` keeps the figures there.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import lightgbm
import numpy as np
import numpy.typing as npt
import pandas as pd
from results import circumstances, keep, table

from models.boosting import RollingBoosting
from models.bootstrap import interval
from models.ranking import average_precision, roc_auc

FILE = Path("diecasting/diecasting_20190102_20190312.csv.gz")
DELAY = 100
EVERY = 250
TRAINING = {
    "objective": "binary",
    "num_leaves": 15,
    "learning_rate": 0.1,
    "min_data_in_leaf": 10,
    "num_threads": 1,
    "seed": 1,
    "deterministic": True,
    "verbose": -1,
}
ROUNDS = 150

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Shots:
    """Die-casting shots in time order."""

    cells: npt.NDArray[np.float32]
    fail: Bools
    trial: Bools


@dataclass(frozen=True)
class Run:
    """Margins of all shots, and milliseconds of processor time of each score and each learning."""

    margins: Floats
    scoring: Floats
    learning: Floats


def read_shots(path: Path, rows: int) -> Shots:
    """Numbers as they are, product and state one-hot; the try-out flag and the counter withheld."""
    shots = pd.read_csv(path, nrows=rows)
    named = pd.get_dummies(shots[["mold_code", "working"]].astype(str))
    withheld = ["id", "timestamp", "mold_code", "working", "tryshot_signal", "count", "passorfail"]
    cells = pd.concat([shots.drop(columns=withheld), named], axis=1)
    return Shots(
        cells.to_numpy(np.float32),
        shots["passorfail"].to_numpy() == 1,
        shots["tryshot_signal"].to_numpy() == "D",
    )


def rolling(make: Callable[[], RollingBoosting], shots: Shots) -> Run:
    """One label at a time."""
    model, n = make(), shots.fail.size
    margins, scoring, learning = np.zeros(n), np.zeros(n), np.zeros(n)
    model.grow(shots.cells.shape[1])
    for i in range(n):
        begin = time.thread_time()
        if i >= DELAY:
            model.learn(shots.cells[i - DELAY], bool(shots.fail[i - DELAY]))
        learnt = time.thread_time()
        margins[i] = model.margin(shots.cells[i])
        scored = time.thread_time()
        learning[i], scoring[i] = learnt - begin, scored - learnt
    return Run(margins, 1e3 * scoring, 1e3 * learning)


def retrained(window: int, shots: Shots) -> Run:
    """LightGBM on the last ``window`` results, again after every 250."""
    n = shots.fail.size
    margins, scoring, learning = np.zeros(n), np.zeros(n), np.zeros(n)
    for arrived in range(0, n - DELAY, EVERY):
        labelled = slice(max(0, arrived - window), arrived)
        if len(set(shots.fail[labelled])) < 2:
            continue
        begin = time.thread_time()
        data = lightgbm.Dataset(shots.cells[labelled], shots.fail[labelled])
        model = lightgbm.train(TRAINING, data, ROUNDS)
        learning[arrived + DELAY - 1] = time.thread_time() - begin
        scored = slice(arrived + DELAY, arrived + DELAY + EVERY)
        begin = time.thread_time()
        margins[scored] = model.predict(shots.cells[scored], raw_score=True)
        scoring[scored] = (time.thread_time() - begin) / EVERY
    return Run(margins, 1e3 * scoring, 1e3 * learning)


MODELS: dict[str, Callable[[Shots], Run]] = {
    "rolling, short memory": partial(rolling, RollingBoosting.short_memory),
    "rolling, long memory": partial(rolling, RollingBoosting.long_memory),
    "LightGBM, last 3,000": partial(retrained, 3_000),
    "LightGBM, last 15,000": partial(retrained, 15_000),
}


def skill(runs: dict[str, Run], shots: Shots, judged: Bools, draws: int) -> str:
    """AP and AUC of each model, and its AP less that of the last, with a paired interval."""
    fails = shots.fail[judged]
    yardstick = runs[list(runs)[-1]].margins[judged]
    rows = []
    for name, run in runs.items():
        margins = run.margins[judged]

        def ahead(rows: Floats, fails: Bools, margins: Floats = margins) -> float:
            chosen = rows.astype(np.int64)
            return _ap(margins[chosen], fails) - _ap(yardstick[chosen], fails)

        ends = interval(ahead, np.arange(fails.size), fails, draws=draws, block=500)
        lead = ahead(np.arange(fails.size), fails)
        told = f"{lead:+.4f} ({ends[0]:+.4f} to {ends[1]:+.4f})" if ends else ""
        rows.append([name, f"{_ap(margins, fails):.4f}", f"{roc_auc(margins, fails):.4f}", told])
    text = table(["model", "AP", "AUC", f"AP less {list(runs)[-1]}'s"], rows)
    return f"{fails.size:,} shots, {fails.sum():,} fails.\n\n{text}\n"


def _ap(margins: Floats, fails: Bools) -> float:
    return average_precision(margins, fails) or 0.0


def cost(runs: dict[str, Run]) -> str:
    """Milliseconds of processor time a shot."""
    rows = []
    for name, run in runs.items():
        learning = run.learning[DELAY + 1 :]
        figures = [learning.mean(), np.quantile(learning, 0.99), learning.max()]
        figures += [run.scoring.mean(), np.quantile(run.scoring, 0.99)]
        rows.append([name, *(f"{figure:.3f}" for figure in figures)])
    head = ["model", "learn, mean", "p99", "longest", "score, mean", "p99"]
    return f"Milliseconds of processor time a shot:\n\n{table(head, rows)}\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run all, tell the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=72_041, help="shots, from the first")
    parser.add_argument("--models", nargs="*", choices=MODELS, default=list(MODELS))
    parser.add_argument("--draws", type=int, default=200, help="of the bootstrap")
    parser.add_argument("--write", type=Path, help="keep the figures in this file")
    given = parser.parse_args(arguments)
    folder = os.environ.get("ANDON_TEST_DATA")
    if not folder:
        sys.exit("ANDON_TEST_DATA must name the folder of the die-casting data")
    shots = read_shots(Path(folder) / FILE, given.rows)
    rolling(RollingBoosting.short_memory, Shots(*(part[:300] for part in vars(shots).values())))
    runs = {}
    for name in given.models:
        begun = time.process_time()
        runs[name] = MODELS[name](shots)
        print(f"{name}: {time.process_time() - begun:.0f} s", file=sys.stderr, flush=True)
    late = np.arange(shots.fail.size) >= shots.fail.size // 10
    told = [
        f"## Rolling boosting\n\n{circumstances('1')}\n",
        f"Die casting (KAMP), {shots.fail.size:,} shots; results {DELAY} shots late; scored after "
        f"the first tenth. In brackets: paired 95 % block-bootstrap intervals.\n",
        f"Try shots scored: {skill(runs, shots, late, given.draws)}",
        f"Try shots learnt, not scored: {skill(runs, shots, late & ~shots.trial, given.draws)}",
        cost(runs),
    ]
    keep("\n".join(told), "boosting", given.write)


if __name__ == "__main__":
    main()
