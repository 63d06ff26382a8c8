"""Skill: how well risks rank parts, andon's models beside plain River pipelines on the same parts.

Prequential: a part's score is its last risk before its result, which is then learnt. Parts that any
of the models compared gave no risk are left out for all of them, and counted.
``python benchmarks/skill.py`` takes about ten minutes on two cores; ``--quick`` some seconds, to
see that it runs. ``--write FILE`` keeps the figures there. ``ANDON_TEST_DATA`` names the folder of
the die-casting data; without it only simulated lines are compared.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from peers import NaiveScript, plain_forest, plain_logistic
from results import circumstances, keep, table

from models.bootstrap import interval
from models.ranking import average_precision, roc_auc
from producers.families import FAMILIES, family
from producers.map import load_map
from producers.simulator import SimulatedLine
from producers.tabular import read_table
from stream.codec import encode
from stream.effects import Scored
from stream.events import Event
from stream.log import Record
from stream.task import Task, TaskSettings

SEEDS = (101, 102, 103)  # seeds that no setting was chosen with
PARTS = 3000
SHOTS = 30_000  # of 72,041: the first month
FIRST = next(iter(FAMILIES))
EXPLANATION = """\
Prequential: a part's score is its last risk before its result, which is then learnt. Parts that any
of the models gave no risk are left out for all of them, and counted. In brackets: 95 % intervals by
the moving-block bootstrap."""
ROOT = Path(__file__).parents[1]
DIECASTING = Path("diecasting/diecasting_20190102_20190312.csv.gz")

Scores = dict[str, float]
Outcomes = dict[str, bool]
Run = Callable[[Iterable[Event]], Scores]


def andon_scores(events: Iterable[Event], model: str) -> Scores:
    """Each part's last risk before its result, from andon."""
    settings = TaskSettings()
    detector = replace(settings.line.detector, model=model)
    task = Task(0, replace(settings, line=replace(settings.line, detector=detector)))
    risks: Scores = {}
    tested: set[str] = set()
    for offset, event in enumerate(events):
        record = Record("andon.events", 0, offset, event.line.encode(), encode(event))
        for effect in task.process(record):
            if not isinstance(effect, Scored) or effect.part in tested:
                continue
            if effect.risk is not None:
                risks[effect.part] = effect.risk
        if event.type == "result":
            tested.add(event.part)
    return risks


def peer_scores(events: Iterable[Event], model: str) -> Scores:
    """The same from a script with a plain River pipeline; no answer is no score."""
    risks: Scores = {}
    tested: set[str] = set()

    def told(part: str, risk: float | None) -> None:
        if risk is not None and part not in tested:
            risks[part] = risk

    made = plain_logistic() if model == "logistic" else plain_forest(seed=1)
    script = NaiveScript(made, {}, told)
    for event in events:
        script.process(encode(event))
        if event.type == "result":
            tested.add(event.part)
    return risks


MODELS: dict[str, Run] = {
    "andon, logistic": partial(andon_scores, model="logistic"),
    "andon, forest": partial(andon_scores, model="forest"),
    "River StandardScaler, LogisticRegression": partial(peer_scores, model="logistic"),
    "River ARFClassifier of 10": partial(peer_scores, model="forest"),
}


@dataclass(frozen=True)
class Source:
    """A history to compare on: a simulated line, or a table with its map."""

    name: str
    seed: int = 0
    parts: int = 0
    features: int = 60
    table: Path | None = None

    def events(self) -> Iterator[Event]:
        """The events, the same at every call."""
        if self.table is None:
            line = SimulatedLine(family(self.name, features=self.features), self.seed, remember=0)
            return line.events(self.parts)
        return self._shots()

    def _shots(self) -> Iterator[Event]:
        table_map = load_map(ROOT / "docs" / "maps" / "diecasting.toml")
        known: set[str] = set()
        for event in read_table([self.table], table_map):  # type: ignore[list-item]
            part = getattr(event, "part", None)
            if part is not None and part not in known:
                if len(known) >= self.parts:
                    continue
                known.add(part)
            yield event


def outcomes(source: Source) -> Outcomes:
    """Whether each part failed, in the order of the results."""
    return {
        event.part: event.outcome == "fail"
        for event in source.events()
        if event.type == "result" and event.outcome != "untested"
    }


def scores(source: Source, model: str) -> Scores:
    """One run; in a process of its own."""
    found = MODELS[model](source.events())
    print(
        f"{source.name} {source.seed}, {model}: {time.process_time():.0f} s of this process so far",
        file=sys.stderr,
        flush=True,
    )
    return found


@dataclass(frozen=True)
class Figure:
    """One model on one history."""

    auc: float
    auc_interval: tuple[float, float]
    ap: float
    ap_interval: tuple[float, float]


def figure(found: Scores, truth: Outcomes, parts: Sequence[str], draws: int) -> Figure:
    """The figures over these parts, with 95 % block-bootstrap intervals."""
    risks = np.array([found[part] for part in parts])
    fails = np.array([truth[part] for part in parts], dtype=np.bool_)
    values = []
    for metric in (roc_auc, average_precision):
        value = metric(risks, fails)
        value = float("nan") if value is None else value
        nothing = (float("nan"), float("nan"))
        values += [value, interval(metric, risks, fails, draws=draws) or nothing]
    return Figure(*values)  # type: ignore[arg-type]


Runs = dict[Source, dict[str, Scores]]


def all_scores(pool: ProcessPoolExecutor, sources: Sequence[Source]) -> Runs:
    """Every model on every source."""
    runs = {
        (source, model): pool.submit(scores, source, model)
        for source in sources
        for model in MODELS
    }
    return {source: {model: runs[source, model].result() for model in MODELS} for source in sources}


def compare(runs: Runs, draws: int, left_out: frozenset[str] = frozenset()) -> str:
    """How many parts were judged, and a table of the models: the median over the sources."""
    figures: dict[str, list[Figure]] = {model: [] for model in MODELS}
    counted = []
    for source, found in runs.items():
        truth = outcomes(source)
        judged = [part for part in truth if part not in left_out]
        parts = [part for part in judged if all(part in found[model] for model in MODELS)]
        fails = sum(truth[part] for part in parts)
        counted.append(f"{len(parts):,} ({fails:,} fails; {len(judged) - len(parts):,} left out)")
        for model in MODELS:
            figures[model].append(figure(found[model], truth, parts, draws))
    rows = []
    for model, made in figures.items():
        ap = sorted((one.ap, one.ap_interval) for one in made)[len(made) // 2]
        auc = sorted((one.auc, one.auc_interval) for one in made)[len(made) // 2]
        rows.append([model, _with_interval(*ap), _with_interval(*auc)])
    head = ["model", "average precision", "ROC-AUC"]
    return f"Parts: {', '.join(counted)}.\n\n{table(head, rows)}"


def _with_interval(value: float, ends: tuple[float, float]) -> str:
    if value != value:
        return "undefined"
    return f"{value:.3f} ({ends[0]:.3f} to {ends[1]:.3f})"


def simulated(
    pool: ProcessPoolExecutor, name: str, seeds: Sequence[int], parts: int, draws: int
) -> str:
    """One family of simulated lines."""
    runs = all_scores(pool, [Source(name, seed, parts) for seed in seeds])
    return (
        f"### Simulated, family `{name}`\n\n"
        f"{parts:,} parts, 60 features; lines with seeds {', '.join(map(str, seeds))}: the median, "
        f"with the interval of the line that the median is of.\n\n{compare(runs, draws)}"
    )


def die_casting(pool: ProcessPoolExecutor, shots: int, draws: int) -> str:
    """The die-casting history, if it is there."""
    named = os.environ.get("ANDON_TEST_DATA")
    if not named:
        return "### Die casting\n\nTHE DIE-CASTING DATA WAS NOT COMPARED: set ANDON_TEST_DATA.\n"
    path = Path(named) / DIECASTING
    columns = pd.read_csv(path, usecols=["id", "tryshot_signal"], dtype=str)
    trials = frozenset(columns.loc[columns["tryshot_signal"] == "D", "id"].str.strip())
    runs = all_scores(pool, [Source("diecasting", parts=shots, table=path)])
    told = [
        "### Die casting\n",
        f"The first {shots:,} shots of one plant in 2019 (KAMP), as `docs/maps/diecasting.toml` "
        f"tells them: result after two hours, try-out flag and counter withheld. Try shots always "
        f"fail.",
    ]
    for title, left_out in (
        ("Try shots scored", frozenset[str]()),
        ("Try shots learnt, but left out of the score", trials),
    ):
        told.append(f"\n{title}. {compare(runs, draws, left_out)}")
    return "\n".join(told)


def main() -> None:
    """Compare on each history, and keep its table as soon as it is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "histories",
        nargs="*",
        choices=[*FAMILIES, "diecasting", []],
        help="families, or diecasting; all if none is named",
    )
    parser.add_argument("--quick", action="store_true", help="tiny: only to see that it runs")
    parser.add_argument("--write", type=Path, help="keep the figures in this file")
    arguments = parser.parse_args()
    quick = arguments.quick
    named = arguments.histories or ([FIRST, "diecasting"] if quick else [*FAMILIES, "diecasting"])
    draws = 20 if quick else 200
    where = circumstances("as each table says; 1 for the peer's forest")
    keep(f"## Skill\n\n{EXPLANATION}\n\n{where}", "skill", arguments.write)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for name in named:
            if name == "diecasting":
                text = die_casting(pool, 600 if quick else SHOTS, draws)
            else:
                seeds = SEEDS[:1] if quick else SEEDS
                text = simulated(pool, name, seeds, 600 if quick else PARTS, draws)
            keep(f"\n{text}", f"skill {name}", arguments.write)


if __name__ == "__main__":
    main()
