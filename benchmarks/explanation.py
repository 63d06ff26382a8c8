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
from collections import defaultdict
from itertools import product
from math import comb
from pathlib import Path
from statistics import median
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


class Shares(NamedTuple):
    """Of the true alarms: how many, and the shares that name a station of any cause and of the main
    one, and of it by the first reason; each beside the share that chance would name."""

    alarms: float
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


def measured(name: str, features: int, seed: int, parts: int, model: str) -> Shares:
    """The shares on one line."""
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
        rows.append(row)
    if not rows:
        return Shares(0, *6 * (float("nan"),))
    return Shares(len(rows), *(sum(column) / len(rows) for column in zip(*rows, strict=True)))


def by_chance(every: int, guilty: int, drawn: int) -> float:
    """How likely one of so many stations drawn is a guilty one.

    >>> by_chance(10, 5, 1), by_chance(10, 10, 2)
    (0.5, 1.0)
    """
    drawn = min(drawn, every)
    return 1.0 - comb(every - guilty, drawn) / comb(every, drawn)


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
    parser.add_argument("--write", type=Path, help="the file that keeps the figures")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.families, chosen.seeds, chosen.parts = ["linear"], [1], 2_000
        chosen.models = ["linear"]
    rows = []
    for name, model in product(chosen.families, chosen.models):
        each = [measured(name, chosen.features, seed, chosen.parts, model) for seed in chosen.seeds]
        middle = Shares(*(median(column) for column in zip(*each, strict=True)))
        reached = [share >= BAR for share in (middle.any_cause, middle.main_cause)]
        verdict = ["missed", "reached by any cause", "reached by both"][sum(reached)]
        rows.append(
            [name, model, f"{middle.alarms:.0f}", *(f"{x:.2f}" for x in middle[1:]), verdict]
        )
    head = ["family", "model", "true alarms"]
    for share in ("name a cause", "name the strongest", "the first reason names it"):
        head += [share, "by chance"]
    head.append(f"bar {BAR}")
    text = "\n\n".join(
        [
            "## Explanation",
            circumstances(", ".join(map(str, chosen.seeds)) + "; medians over them"),
            f"{chosen.parts:,} parts a line, {chosen.features} features; the {REASONS} strongest "
            f"reasons of each part's first alarm.",
            table(head, rows),
        ]
    )
    keep(text, "explanation", chosen.write)


if __name__ == "__main__":
    main()
