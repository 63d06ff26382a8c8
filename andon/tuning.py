"""Settings chosen by history: successive halving over a stated grid, judged on what came later.

The first part of the history chooses, prequentially: all candidates go through its first half, the
best third through all of it. The rest judges, once: the chosen settings beside the present ones,
with paired block-bootstrap intervals. Nothing is chosen on the events that it is judged on.

References: Jamieson, Talwalkar, "Non-stochastic best arm identification and hyperparameter
optimization", AISTATS 2016 (successive halving); Bergstra, Bengio, "Random search for
hyper-parameter optimization", JMLR 13 (2012).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import islice, product
from typing import Any, Literal, NamedTuple

import numpy as np

from andon.replay import Replay
from andon.trials import Trials
from andon.tuned import Tuned
from models.baselines import NATIVE
from models.comparison import Contest, difference
from models.detector import DetectorSettings
from models.ranking import average_precision, roc_auc
from models.stack_member import MEMBERS
from stream.errors import ConfigError
from stream.log import Record
from stream.task import TaskSettings

Candidate = dict[str, Any]
Measure = Literal["ap", "auc"]
Opened = Callable[[str], AbstractContextManager[Iterable[Record]]]
MEASURES = {"ap": average_precision, "auc": roc_auc}
CHOOSING = 0.6
"""The share of the events that chooses."""

_WINDOW: dict[str, tuple[Any, ...]] = {
    "window_parts": (1_500, 3_000, 6_000, 12_000),
    "window_fails": (50, 100, 200),
}
GRID_OWN = {
    "model": ("linear", "stack"),
    "members": (MEMBERS, ("linear", "short"), ("linear", "long"), ("short", "long")),
    **_WINDOW,
    "rank": (0, 5, 10, 20, 30),
}
GRID_RIVER = {**_WINDOW, "copies": (1, 3, 5)}


class Span(NamedTuple):
    """Events that are scored, from ``first`` to before ``last``; those before are learnt only."""

    name: str
    first: int
    last: int


@dataclass(frozen=True)
class Search:
    """What is tried: ``trials`` candidates drawn by ``seed``, the best by ``by``."""

    trials: int = 12
    seed: int = 0
    by: Measure = "ap"


def candidates(now: DetectorSettings, search: Search) -> list[Candidate]:
    """The settings to try, as what differs from ``now``, which is the first of them.

    >>> drawn = candidates(DetectorSettings(), Search(trials=3))
    >>> drawn[0], len(drawn), drawn == candidates(DetectorSettings(), Search(trials=3))
    ({}, 3, True)
    """
    grid = GRID_OWN if now.model in NATIVE else GRID_RIVER
    found: list[Candidate] = [{}]
    for values in product(*grid.values()):
        named = dict(zip(grid, values, strict=True))
        if named.get("model") == "linear":
            named.pop("members")  # it has none: members then say nothing
        changed = {key: value for key, value in named.items() if getattr(now, key) != value}
        if changed not in found:
            found.append(changed)
    drawn = np.random.default_rng(search.seed).permutation(len(found) - 1)[: search.trials - 1]
    return [{}, *(found[1 + at] for at in drawn.tolist())]


def spans(events: int) -> tuple[Span, Span, Span]:
    """The two spans that choose and the one that judges.

    >>> [(span.first, span.last) for span in spans(1000)]
    [(100, 300), (200, 600), (600, 1000)]
    """
    chosen = int(CHOOSING * events)
    return (
        Span("first half", chosen // 6, chosen // 2),
        Span("choosing", chosen // 3, chosen),
        Span("judging", chosen, events),
    )


def tuned(
    task: TaskSettings, partitions: int, events: int, opened: Opened, trials: Trials, search: Search
) -> Tuned | None:
    """Choose and judge; None if the records were cut off, ``trials`` keeping what is finished.

    ``opened`` is told what goes on and gives the records again.
    Raises `ConfigError` if the choosing part has too few fails to tell candidates apart.
    """
    halving, choosing, judging = spans(events)
    left = candidates(task.line.detector, search)
    for span, keep in ((halving, -(-len(left) // 3)), (choosing, 1)):
        scored = []
        for number, candidate in enumerate(left, start=1):
            told = f"{span.name}, {number} of {len(left)}"
            run = _run(task, partitions, events, opened, trials, span, candidate, told)
            if run is None:
                return None
            scored.append((_score(run, search.by), -number, candidate))
            if scored[0][0] == -math.inf:
                raise ConfigError(_too_few(task.line.detector, left[0], trials, span))
        ranked = sorted(scored, key=lambda one: one[:2], reverse=True)
        best = [candidate for _, _, candidate in ranked[:keep]]
        # The present settings always go on: the others are compared with them.
        left = best if {} in best or keep == 1 else [{}, *best]
    chosen = left[0]
    runs = {}
    for name, candidate in (("present", Candidate()), ("chosen", chosen)):
        run = _run(task, partitions, events, opened, trials, judging, candidate, f"judging {name}")
        if run is None:
            return None
        runs[name] = run
    contest = Contest(
        runs["present"][1], {name: np.tile(r, (4, 1)) for name, (r, _) in runs.items()}
    )
    return Tuned(
        chosen=chosen,
        figures={name: contest.figures(name) for name in runs},
        left_out=contest.left_out(),
        differences={
            name: difference([contest], measure, "chosen", "present", seed=search.seed)
            for name, measure in MEASURES.items()
        },
        by=search.by,
        tried=len(candidates(task.line.detector, search)),
    )


def _too_few(now: DetectorSettings, present: Candidate, trials: Trials, span: Span) -> str:
    """What a history lacks whose choosing part cannot tell candidates apart, and what to do."""
    known = trials.find(span.name, present) or {"fails": []}
    fails = sum(known["fails"])
    found = f"{len(known['fails']):,} results, {fails:,} of them fails"
    if not known["fails"]:
        remedy = "give a history with results of tests ('andon replay' tells what it holds)"
    else:
        remedy = (
            f"give a longer history, or lower detector.min_fails ({now.min_fails}) and "
            f"min_passes ({now.min_passes}), from which on a risk is given"
        )
    return (
        f"the first {CHOOSING:.0%} of the history has too few fails with a risk to choose by "
        f"({span.name}: {found}): {remedy}"
    )


Run = tuple[Any, Any]
"""Last risks (n,), NaN for none, and fails (n,), line after line."""


def _run(
    task: TaskSettings, partitions: int, events: int, opened: Opened, trials: Trials, span: Span,
    candidate: Candidate, told: str,
) -> Run | None:  # fmt: skip
    known = trials.find(span.name, candidate)
    if known is None:
        line = task.line
        line = replace(line, detector=replace(line.detector, **candidate))
        desk = Replay(replace(task, line=line), partitions, draws=0)
        seen = 0

        def counted(records: Iterator[Record], count: int) -> Iterator[Record]:
            nonlocal seen
            for record in islice(records, count):
                seen += 1
                yield record

        with opened(told) as opened_records:
            records = iter(opened_records)
            desk.run_records(counted(records, span.first), None)
            before = _judged(desk)
            desk.run_records(counted(records, span.last - span.first), None)
        if seen < span.last:
            return None
        risks, fails = [], []
        for name, found in desk.lines.items():
            kept, outcomes, tested = found.evaluation.judged(before.get(name, 0))
            risks += kept[tested].tolist()
            fails += outcomes[tested].tolist()
        known = {"risks": [None if math.isnan(r) else r for r in risks], "fails": fails}
        trials.add(span.name, candidate, known)
    plain = [math.nan if risk is None else risk for risk in known["risks"]]
    return np.array(plain, np.float64), np.array(known["fails"], np.bool_)


def _judged(desk: Replay) -> Mapping[str, int]:
    return {name: line.evaluation.count for name, line in desk.lines.items()}


def _score(run: Run, by: Measure) -> float:
    risks, fails = run
    kept = ~np.isnan(risks)
    found = MEASURES[by](risks[kept], fails[kept])
    return -math.inf if found is None else found
