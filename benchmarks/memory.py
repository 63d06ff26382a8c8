"""Memory: that a million parts leave a line no larger than some hundred thousand, and what a part
weighs while it is on its way and while it waits for its result.

``python benchmarks/memory.py`` takes some minutes; ``--quick`` a few seconds, to see that it runs.
``--write FILE`` keeps the figures there.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import sys
import types
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import mean

from results import circumstances, keep, table

from producers.families import family
from producers.simulator import SimulatedLine
from stream.events import Event, Measurement, Result
from stream.journey import Journey
from stream.line import Line, LineSettings

SEED = 13
FOLLOWED = 20
OPEN_BAR, WAITING_BAR = 16 * 1024, 8 * 1024  # bytes a part
GROWTH_BAR = 1.1  # resident memory after the last part, over that once all bounds are reached
BEGUN = datetime(2026, 1, 5, 8, tzinfo=UTC)
_SHARED = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType)


def resident() -> float:
    """MiB of this process that are in memory: room that is reserved and not written is not."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def line_of(model: str) -> Line:
    settings = LineSettings()
    return Line("memory", replace(settings, detector=replace(settings.detector, model=model)))


def short_parts(count: int) -> Iterator[Event]:
    """Parts of two stations, three numbers and a name that never comes again; one in fifty fails,
    one in a hundred never gets its result."""
    rng = random.Random(SEED)
    for number in range(count):
        at, part = BEGUN + timedelta(seconds=30 * number), f"P-{number}"
        fail = rng.random() < 0.02
        torque = rng.gauss(26.0 if fail else 20.0, 2.0)
        press = {"torque": torque, "force": rng.gauss(100.0, 10.0), "lot": f"L{number}"}
        yield Measurement(line="memory", part=part, station="press", at=at, values=press)
        later = at + timedelta(seconds=20)
        oven = {"heat": None if rng.random() < 0.1 else rng.gauss(180.0, 5.0)}
        yield Measurement(line="memory", part=part, station="oven", at=later, values=oven)
        if number % 100:
            tested = at + timedelta(seconds=25)
            yield Result(line="memory", part=part, at=tested, outcome="fail" if fail else "pass")


def grown(model: str, stops: Sequence[int]) -> list[float]:
    """MiB after each of so many parts."""
    line, found, parts = line_of(model), [], 0
    for event in short_parts(stops[-1]):
        if isinstance(event, Measurement) and event.station == "press":
            if parts in stops:
                gc.collect()
                found.append(resident())
            parts += 1
        line.apply(event, identify=lambda rule, subject: f"{rule}{subject}")
    gc.collect()
    return [*found, resident()]


def weight(journey: Journey) -> int:
    """Bytes of all that a part alone holds on to: its arrays, texts and times."""
    seen, found = {id(journey)}, [journey]
    total = 0
    for thing in found:
        total += sys.getsizeof(thing)
        for other in gc.get_referents(thing):
            if id(other) not in seen and not isinstance(other, _SHARED):
                seen.add(id(other))
                found.append(other)
    return total


def weights(model: str, features: int, parts: int) -> tuple[list[int], list[int], int]:
    """Bytes of each part half way through the line, of the same parts when they wait for their
    result, and the imputation's rank."""
    simulated = SimulatedLine(family("linear", features=features), seed=SEED, remember=0)
    line = line_of(model)
    events = [it for it in simulated.events(parts) if isinstance(it, Measurement | Result)]
    followed = list(dict.fromkeys(event.part for event in events))[-FOLLOWED:]
    readings: dict[str, list[Measurement]] = {part: [] for part in followed}
    for event in events:
        if event.part not in readings:
            line.apply(event, identify=lambda rule, subject: f"{rule}{subject}")
        elif isinstance(event, Measurement):
            readings[event.part].append(event)
    found = []
    for begin, end in ((0.0, 0.5), (0.5, 1.0)):
        for each in readings.values():
            for event in each[int(begin * len(each)) : int(end * len(each))]:
                line.apply(event, identify=lambda rule, subject: f"{rule}{subject}")
        journeys = [line.ledger.find(part) for part in followed]
        found.append([weight(journey) for journey in journeys if journey is not None])
    member = getattr(line.detector.member, "linear", line.detector.member)
    return found[0], found[1], member.gaussian.rank


def verdict(what: str, found: float, bar: float, unit: str) -> str:
    """How one bar stands, said plainly.

    >>> verdict("a part", 14_800, 16_384, "bytes")
    'a part: 14,800 bytes, the bar is 16,384: reached'
    >>> verdict("a million over the half", 1.25, 1.1, "times")
    'a million over the half: 1.25 times, the bar is 1.1: missed'
    """
    said = f"{found:,.2f}" if isinstance(found, float) else f"{found:,}"
    reached = "reached" if found <= bar else "missed"
    return f"{what}: {said} {unit}, the bar is {bar:,}: {reached}"


def main() -> None:
    """Run it all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="tiny: only to see that it runs")
    parser.add_argument("--model", default="linear", help="linear or stack (default: linear)")
    parser.add_argument("--write", type=Path, help="keep the figures in this file")
    arguments = parser.parse_args()
    stops = (0, 500, 1_000, 2_000) if arguments.quick else (0, 100_000, 300_000, 1_000_000)
    features, parts = (60, 400) if arguments.quick else (500, 1_000)
    where = circumstances(f"{SEED}")
    sizes = grown(arguments.model, stops)  # first: nothing else has been in memory by then
    under_way, waiting, rank = weights(arguments.model, features, parts)
    growth = sizes[-1] / sizes[-2]
    rows = [
        [f"a part half way (the heaviest of {len(under_way)})", f"{max(under_way):,}"],
        ["the mean of them", f"{mean(under_way):,.0f}"],
        ["the same parts, waiting for their results (the heaviest)", f"{max(waiting):,}"],
        ["the mean of them", f"{mean(waiting):,.0f}"],
    ]
    resident_rows = [[f"{stop:,}", f"{size:,.0f}"] for stop, size in zip(stops, sizes, strict=True)]
    figures = {
        "a part on its way": (max(under_way), OPEN_BAR, "bytes"),
        "a part that waits for its result": (max(waiting), WAITING_BAR, "bytes"),
        f"{stops[-1]:,} parts over {stops[-2]:,}": (growth, GROWTH_BAR, "times the memory"),
    }
    missed = not arguments.quick and any(found > bar for found, bar, _ in figures.values())
    judged = "; ".join(verdict(what, *figure) for what, figure in figures.items())
    keep(
        f"""## Memory

{where}

Model `{arguments.model}`, {features} features, rank {rank}, 5 replicates: bytes of a part's arrays,
texts and times.

{table(["what", "bytes"], rows)}

Short parts through one line: MiB of the process that are in memory, so without what the window's
arrays reserve and have not written. The ledger keeps 200,000 outcomes, so all bounds are reached
by {stops[-2]:,} parts; from there it may grow by a tenth.

{table(["parts", "MiB"], resident_rows)}

{"Not judged in a quick run" if arguments.quick else judged[:1].upper() + judged[1:]}.
""",
        "memory",
        arguments.write,
    )
    if missed:
        sys.exit(1)


if __name__ == "__main__":
    main()
