"""Do an alarm's reasons name where the trouble is? On simulated lines, whose causes are known.

Of the first alarms of parts that failed, the share whose three strongest reasons name a station of
a true cause: of any cause that spoke for the fail and that the part had met by then, and of the
strongest of these, which the first reason might name by itself. An alarm of a part that had met
none counts as one that names none. Beside it what as many of the visited stations, drawn at random,
would have named. A product of two features counts at the stations of both, a bad lot also where it
leaves its trace.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from itertools import product, repeat
from math import comb
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from results import circumstances, keep, table

from alerts.alert import Alert
from models.detector import DetectorSettings
from producers.families import family
from producers.simulator import SimulatedLine
from stream.codec import encode
from stream.effects import Raised
from stream.events import Measurement, Result
from stream.line import LineSettings
from stream.log import Record
from stream.task import Task, TaskSettings

FAMILIES = ("linear", "interaction", "drift", "mnar")
SEEDS = (31, 32, 33)
BAR = 0.8
REASONS = 3


class Named(NamedTuple):
    """Of one true alarm: whether its reasons name a station of any cause and of the strongest one,
    and whether the first reason names that; each beside how likely chance would."""

    any_cause: float
    any_by_chance: float
    main_cause: float
    main_by_chance: float
    first_reason: float
    first_by_chance: float


class FirstAlarm(NamedTuple):
    """The first alarm of a part, and the stations that it had visited by then."""

    alert: Alert
    visited: frozenset[str]


def first_alarms(line: SimulatedLine, parts: int, model: str) -> list[FirstAlarm]:
    """The first alarm of every part that has one."""
    settings = TaskSettings(line=LineSettings(detector=DetectorSettings(model=model)))
    task = Task(0, settings)
    found: dict[str, FirstAlarm] = {}
    visited: dict[str, set[str]] = defaultdict(set)
    key = line.spec.name.encode()
    for offset, event in enumerate(line.events(parts)):
        if isinstance(event, Measurement):
            visited[event.part].add(event.station)
        elif isinstance(event, Result):
            visited.pop(event.part, None)
        for effect in task.process(Record("t", 0, offset, key, encode(event))):
            if isinstance(effect, Raised) and effect.alert.type == "part.at_risk":
                part = str(effect.alert.part)
                found.setdefault(part, FirstAlarm(effect.alert, frozenset(visited[part])))
    return list(found.values())


def measured(name: str, model: str, seed: int, features: int, parts: int) -> list[Named]:
    """What each true alarm on one line names."""
    line = SimulatedLine(family(name, features=features), seed)
    causes = {cause.name: cause for cause in line.spec.causes}
    rows = []
    for alert, visited in first_alarms(line, parts, model):
        truth = line.truth(str(alert.part))
        if truth.outcome != "fail":
            continue
        met = [
            causes[each.name]
            for each in truth.causes
            if each.contribution > 0
            and visited.issuperset(cell.station for cell in causes[each.name].cells)
        ]
        named = [reason.station for reason in alert.reasons[:REASONS]]
        row: list[float] = []
        for those, reasons in ((met, named), (met[:1], named), (met[:1], named[:1])):
            guilty = {cell.station for cause in those for cell in cause.touches} & visited
            found = set(reasons)
            row += [bool(found & guilty), by_chance(len(visited), len(guilty), len(found))]
        rows.append(Named(*row))
    return rows


def by_chance(every: int, guilty: int, drawn: int) -> float:
    """How likely one of so many stations drawn is a guilty one.

    >>> by_chance(10, 5, 1), by_chance(10, 10, 2)
    (0.5, 1.0)
    """
    drawn = min(drawn, every)
    return 1.0 - comb(every - guilty, drawn) / comb(every, drawn)


def shares_row(name: str, model: str, alarms: list[Named]) -> list[str]:
    """A family's and a model's line of the table."""
    if not alarms:
        return [name, model, "0", *["-"] * len(Named._fields), "no true alarm"]
    shares = [sum(column) / len(alarms) for column in zip(*alarms, strict=True)]
    reached = [share >= BAR for share in shares[:4:2]]
    verdict = ["missed", "reached by any cause", "reached by both"][sum(reached)]
    return [name, model, f"{len(alarms)}", *(f"{share:.2f}" for share in shares), verdict]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one seed, few parts: seconds")
    parser.add_argument("--families", nargs="+", default=list(FAMILIES), help="of the lines")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS), help="of the lines")
    parser.add_argument("--features", type=int, default=60, help="of the lines")
    parser.add_argument("--parts", type=int, default=12_000, help="parts a line")
    parser.add_argument("--models", nargs="+", default=["linear", "stack"], help="detector.model")
    parser.add_argument("--jobs", type=int, default=1, help="lines at a time")
    parser.add_argument("--write", type=Path, help="the file that keeps the figures")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.families, chosen.seeds, chosen.parts = ["linear"], [1], 2_000
        chosen.models = ["linear"]
    where = circumstances(", ".join(map(str, chosen.seeds)) + "; their alarms are counted together")
    lines = list(product(chosen.models, chosen.families, chosen.seeds))
    with ProcessPoolExecutor(chosen.jobs, get_context("spawn")) as pool:
        models, names, seeds = zip(*lines, strict=True)
        size = (repeat(chosen.features), repeat(chosen.parts))
        told = pool.map(measured, names, models, seeds, *size)
        of_row: dict[tuple[str, str], list[Named]] = defaultdict(list)
        for (model, name, seed), alarms in zip(lines, told, strict=True):
            print(seed, *shares_row(name, model, alarms), file=sys.stderr)
            of_row[name, model] += alarms
    rows = [shares_row(*key, of_row[key]) for key in product(chosen.families, chosen.models)]
    head = ["family", "model", "true alarms"]
    for share in ("name a cause", "name the strongest", "the first reason names it"):
        head += [share, "by chance"]
    head.append(f"bar {BAR}")
    text = "\n\n".join(
        [
            "## Explanation",
            where,
            f"{chosen.parts:,} parts a line, {chosen.features} features; the {REASONS} strongest "
            f"reasons of each part's first alarm.",
            table(head, rows),
        ]
    )
    keep(text, "explanation", chosen.write)


if __name__ == "__main__":
    main()
