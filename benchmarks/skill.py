"""Skill: how well risks rank parts, andon's models beside others on the same parts.

Prequential: a part's score is its last risk before its result, and its risk after each quarter of
its events; the result is learnt after that. Parts that any of the models compared gave no risk are
left out for all of them, and counted.

    python benchmarks/skill.py --write benchmarks/RESULTS.md
    python benchmarks/skill.py --models andon:logistic l2-window --families drift --parts 8000
    python benchmarks/skill.py --families diecasting --shots 72041 --masked 0.15 --json out.json
    python benchmarks/skill.py --without linear short long --families linear drift --parts 4000
    python benchmarks/skill.py --families diecasting --write out.md --section "skill: die casting"

Models: andon:MODEL (and andon:MODEL,KEY=VALUE for a setting of the detector), river-logistic,
river-logistic-undersampled, adaptive-forest, adaptive-tree, gaussian-nb, l1-window, l2-window,
lightgbm-window-3000, -6000, -15000 and -all (these six need the extra ``bench``), or the import
path of a River classifier. ``--without MEMBER`` sets the stack against itself without that member:
what the member earns is what the stack loses, what it costs is the difference in s. ``--cache
FOLDER`` keeps what each model said, so that another call computes only what is missing.
``ANDON_TEST_DATA`` names the folder of the die-casting data.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import re
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from contest import Run, run
from contestants import contestant, state_of
from results import circumstances, store
from skill_tables import Comparison, told
from sources import FAMILIES, SEEDS, SHOTS, Source, die_casting, try_shots

from models.comparison import Contest
from models.figures import Bools
from models.stack_member import MEMBERS

PARTS = 16_000
MODELS = (
    "andon:linear",
    "andon:logistic",
    "river-logistic",
    "river-logistic-undersampled",
    "adaptive-forest",
    "l1-window",
    "l2-window",
    "lightgbm-window-3000",
)
STACK = "andon:stack"
QUICK = ("andon:logistic", "river-logistic", "l2-window")
EXPLANATION = """\
Prequential: a part's score is its last risk before its result, which is then learnt. Parts that any
of the models gave no risk are left out for all of them, and counted. Medians over the seeds.
Differences are measured on the same parts; in brackets their 95 % intervals by the paired
moving-block bootstrap, which speak of these lines and not of others; s is processor time, that of
making the events included."""


def without(member: str) -> str:
    """The stack without a member, as a contestant's name."""
    return f"{STACK},members={'+'.join(name for name in MEMBERS if name != member)}"


def scored(source: Source, model: str, cache: Path, state: str) -> Run:
    """What a model said of a history, from the cache if it has been through it in this state."""
    key = hashlib.sha256(f"{source.key} {model} {state}".encode()).hexdigest()[:12]
    name = re.sub(r"[^\w.=,-]", "_", model)
    path = cache / f"{source.key}__{name}__{key}.npz"
    if path.exists():
        return Run.load(path)
    found = run(source.events(), contestant(model))
    found.save(path)
    print(f"{source.key}, {model}: {found.seconds:.0f} s", file=sys.stderr, flush=True)
    return found


def compared(
    runs: Sequence[dict[str, Run]],
    draws: int,
    against: str | None,
    left_out: frozenset[str] = frozenset(),
) -> Comparison:
    """The runs of one history each, with some parts learnt but not judged."""
    contests = []
    for of_source in runs:
        first, *others = of_source.values()
        for other in others:
            if not np.array_equal(first.parts, other.parts):
                raise ValueError("the models were judged on different parts: empty the cache")
        judged: Bools = np.array([part not in left_out for part in first.parts.tolist()], np.bool_)
        risks = {model: one.risks[:, judged] for model, one in of_source.items()}
        contests.append(Contest(first.fails[judged], risks))
    seconds = {model: sum(one[model].seconds for one in runs) for model in runs[0]}
    return Comparison(contests, seconds, draws, against)


def all_runs(
    sources: Iterable[Source], arguments: argparse.Namespace, cache: Path
) -> list[dict[str, Run]]:
    """Every model on every source, on as many processes as there are jobs."""
    pairs = [(source, model) for source in sources for model in arguments.models]
    if arguments.jobs == 1:
        found = [scored(*pair, cache, arguments.states[pair[1]]) for pair in pairs]
    else:
        fresh = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(arguments.jobs, mp_context=fresh) as pool:
            waiting = [
                pool.submit(scored, *pair, cache, arguments.states[pair[1]]) for pair in pairs
            ]
            found = [one.result() for one in waiting]
    count = len(arguments.models)
    return [
        dict(zip(arguments.models, found[at : at + count], strict=True))
        for at in range(0, len(found), count)
    ]


def simulated(
    name: str, arguments: argparse.Namespace, cache: Path
) -> tuple[str, dict[str, Comparison]]:
    """One family of simulated lines."""
    sources = [
        Source(name, seed, arguments.parts, arguments.features, arguments.masked)
        for seed in arguments.seeds
    ]
    found = compared(all_runs(sources, arguments, cache), arguments.draws, arguments.against)
    seeds = ", ".join(map(str, arguments.seeds))
    head = (
        f"### Simulated, family `{name}`, {arguments.features} features\n\n"
        f"{arguments.parts:,} parts each of the lines with seeds {seeds}{_masked(arguments)}."
    )
    return f"{head}\n\n{told(found)}", {sources[0].key: found}


def shots(arguments: argparse.Namespace, cache: Path) -> tuple[str, dict[str, Comparison]]:
    """The die-casting history, if it is there."""
    source = die_casting(arguments.shots, arguments.masked)
    if source is None:
        told_why = "THE DIE-CASTING DATA WAS NOT COMPARED: set ANDON_TEST_DATA."
        return f"### Die casting\n\n{told_why}", {}
    runs = all_runs([source], arguments, cache)
    text = [
        f"### Die casting\n\nThe first {arguments.shots:,} shots of one plant in 2019 (KAMP), as "
        f"`docs/maps/diecasting.toml` tells them: result after two hours, try-out flag and counter "
        f"withheld{_masked(arguments)}. Try shots always fail."
    ]
    kept = {}
    tries = try_shots().intersection(next(iter(runs[0].values())).parts.tolist())
    ways = [("Try shots scored", source.key, frozenset[str]())]
    if tries:
        ways.append(
            ("Try shots learnt, but left out of the score", f"{source.key}-no-tries", tries)
        )
    for title, key, left_out in ways:
        kept[key] = compared(runs, arguments.draws, arguments.against, left_out)
        text.append(f"{title}. {told(kept[key])}")
    return "\n\n".join(text), kept


def _masked(arguments: argparse.Namespace) -> str:
    return f"; {arguments.masked:.0%} of the readings dropped at random" if arguments.masked else ""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--models", nargs="+", metavar="MODEL", help=f"default: {' '.join(MODELS)}")
    add(
        "--without", nargs="+", choices=MEMBERS, metavar="MEMBER",
        help="instead of --models: the stack against itself without each of these members",
    )  # fmt: skip
    add(
        "--families", nargs="+", choices=[*FAMILIES, "demo", "diecasting"],
        help="default: all but demo, and diecasting",
    )  # fmt: skip
    add("--seeds", nargs="+", type=int, help="of the simulated lines; default: 101 to 103")
    add("--parts", type=int, help=f"of each simulated line; default {PARTS:,}")
    add("--features", type=int, default=60, help="60 or 500; default 60")
    add("--shots", type=int, help="of die casting, the first so many; default all 72,041")
    add("--masked", type=float, default=0.0, help="share of readings dropped at random, 0 to 1")
    add("--against", metavar="MODEL", help="the reference; default: the best that is not andon's")
    add("--draws", type=int, help="of the bootstrap, 0 for no intervals; default 200")
    add("--jobs", type=int, choices=(1, 2), default=2, help="processes; default 2")
    add("--cache", type=Path, metavar="FOLDER", help="keeps what each model said")
    add("--code-version", metavar="TEXT", help="in the cache, stands for the state of the code")
    add("--json", type=Path, metavar="FILE", help="write all figures there")
    add("--write", type=Path, metavar="FILE", help="keep the tables in this file")
    add("--section", default="skill", metavar="NAME", help="of that file; default skill")
    add("--quick", action="store_true", help="tiny: only to see that it runs")
    given = parser.parse_args()
    quick = given.quick
    if given.without:
        if given.models or given.against:
            parser.error("--without names its own models: leave --models and --against out")
        given.models = [STACK, *map(without, dict.fromkeys(given.without))]
        given.against = STACK
    given.models = given.models or list(QUICK if quick else MODELS)
    given.families = given.families or [*(FAMILIES[:1] if quick else FAMILIES), "diecasting"]
    given.seeds = given.seeds or list(SEEDS[:1] if quick else SEEDS[:3])
    given.parts = given.parts or (1_200 if quick else PARTS)
    given.shots = given.shots or (1_500 if quick else SHOTS)
    given.draws = (20 if quick else 200) if given.draws is None else given.draws
    given.jobs = 1 if quick else given.jobs
    if not 0.0 <= given.masked < 1.0:
        parser.error(f"--masked {given.masked}: give a share from 0 to below 1")
    if given.against not in (None, *given.models):
        parser.error(f"--against {given.against}: it takes no part, name one of --models")
    for model in given.models:
        try:
            contestant(model)
        except ValueError as error:
            parser.error(f"--models: {error}")
    # Read once: the files may change while the code that was loaded runs on. A version that the
    # caller names stands for the code, whatever the files hold.
    given.states = {model: given.code_version or state_of(model) for model in given.models}
    return given


def main() -> None:
    """Compare on each history, and keep its table as soon as it is there."""
    arguments = _arguments()
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(variable, "1")  # for the processes that are started
    where = circumstances("as each table says; 1 for models that draw")
    title = arguments.section[:1].upper() + arguments.section[1:]
    page = f"## {title}\n\n{EXPLANATION}\n\n{where}"
    print(page, flush=True)
    figures = {}
    with TemporaryDirectory() as passing:
        cache = arguments.cache or Path(passing)
        for name in arguments.families:
            if name == "diecasting":
                text, found = shots(arguments, cache)
            else:
                text, found = simulated(name, arguments, cache)
            page += f"\n\n{text}"
            print(f"\n{text}", flush=True)
            store(page, arguments.section, arguments.write)
            figures.update({key: one.to_dict() for key, one in found.items()})
            if arguments.json is not None:
                arguments.json.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
