"""Scale-out: one worker against two on the same lines, on a real broker.

``python benchmarks/scale_out.py`` takes some minutes and starts a broker of its own (Java and
Maven; or ``ANDON_TEST_KAFKA``); ``--quick`` half a minute, to see that it runs. ``--write FILE``
keeps the figures there.

24 lines of 100 features lie on twelve partitions. Each round, `andon watch` processes of a group of
their own wait on an empty topic until each has partitions; then all events are appended at once,
and it is timed until the last risk lies on the risks topic. Rounds of one and of two workers take
turns. A line is worked on by one process, which uses one core: what two workers can gain depends on
what of the machine the broker leaves them, so their CPU seconds are told as well.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import zip_longest
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from results import circumstances, keep, table
from speed import SEED, kafka_log

from andon.state_file import read_states
from andon.warm_up import warm_up
from producers.families import family
from producers.simulator import SimulatedLine
from stream.codec import encode
from stream.log import Log, TopicPartition, TopicSpec

PARTITIONS = 12
LINES = 24
FEATURES = 100
CONFIG = """
[log]
kind = "kafka"
[kafka]
bootstrap_servers = ["{servers}"]
[topics]
events = "{name}"
alerts = "{name}.alerts"
dead_letters = "{name}.dead-letters"
notices = "{name}.notices"
risks = "{name}.risks"
partitions = {partitions}
[worker]
group = "{name}"
[monitoring]
interval_s = 0.5
[logging]
level = "warning"
"""


def messages(parts: int) -> tuple[list[tuple[bytes, bytes]], int]:
    """Keys and values of all lines' events, which take turns, and how many are measurements."""
    told = [
        SimulatedLine(
            family("linear", features=FEATURES, line=f"line-{number}"), seed=SEED, remember=0
        ).events(parts)
        for number in range(LINES)
    ]
    events = [event for turn in zip_longest(*told) for event in turn if event is not None]
    measured = sum(event.type == "measurement" for event in events)
    return [(event.line.encode(), encode(event)) for event in events], measured


class Workers:
    """``andon watch`` processes of a group of their own."""

    def __init__(self, folder: Path, name: str, servers: str, count: int) -> None:
        self._folder, self._name = folder, name
        config = folder / "andon.toml"
        config.write_text(CONFIG.format(servers=servers, name=name, partitions=PARTITIONS))
        command = [sys.executable, "-m", "andon", "watch", "--config", str(config), "--quiet"]
        self._running = [
            subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=folder) for _ in range(count)
        ]

    def are_ready(self) -> bool:
        """Whether each has its share of the partitions."""
        states = read_states(self._folder / "state/status", self._name, self._name)
        held = [state.pid for state in states]
        share = PARTITIONS // len(self._running)
        return all(held.count(process.pid) == share for process in self._running)

    def cpu_s(self) -> float:
        """Seconds of CPU that they have used so far."""
        ticks = 0
        for process in self._running:
            fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *error: object) -> None:
        for process in self._running:
            process.terminate()
        for process in self._running:
            process.wait(30)


def wait(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Return when ``condition()`` holds; RuntimeError after so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} within {seconds:.0f} s")
        time.sleep(0.02)


def one_round(
    log: Log,
    servers: str,
    told: Sequence[tuple[bytes, bytes]],
    measured: int,
    count: int,
) -> tuple[float, float]:
    """Seconds from the first append to the last risk, and CPU seconds of the workers in them."""
    name = f"scale-{uuid.uuid4().hex[:8]}"
    kinds = ("", ".alerts", ".dead-letters", ".notices", ".risks")
    log.create_topics([TopicSpec(f"{name}{kind}", PARTITIONS, None) for kind in kinds])

    def all_scored() -> bool:
        places = (TopicPartition(f"{name}.risks", number) for number in range(PARTITIONS))
        return sum(log.end(at) for at in places) >= measured

    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        workers = stack.enter_context(Workers(folder, name, servers, count))
        wait(workers.are_ready, 120, "the workers did not share the partitions")
        began, used = time.perf_counter(), workers.cpu_s()
        for key, value in told:
            log.append(name, key, value)
        log.flush()
        wait(all_scored, 600, "the workers did not score all measurements")
        return time.perf_counter() - began, workers.cpu_s() - used


def main() -> None:
    """Run the rounds and write them down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="tiny: only to see that it runs")
    parser.add_argument("--write", type=Path, help="keep the figures in this file")
    arguments = parser.parse_args()
    told, measured = messages(20 if arguments.quick else 250)
    where = circumstances(f"the lines' is {SEED}")
    warm_up(("linear",))
    with kafka_log() as (log, why):
        if log is None:
            text = f"KAFKA WAS NOT MEASURED: {why}"
        else:
            servers = log._connection.bootstrap_servers[0]
            rounds = 1 if arguments.quick else 3
            found: dict[int, list[tuple[float, float]]] = {1: [], 2: []}
            for number in range(rounds):
                for count in (1, 2) if number % 2 == 0 else (2, 1):
                    found[count].append(one_round(log, servers, told, measured, count))
            seconds = {count: median(s for s, _ in each) for count, each in found.items()}
            rows = [
                [
                    count,
                    f"{len(told) / seconds[count]:,.0f}",
                    f"{seconds[1] / seconds[count]:.2f}",
                    f"{median(cpu / s for s, cpu in each):.2f}",
                ]
                for count, each in found.items()
            ]
            text = (
                f"{LINES} lines of {FEATURES} features, {len(told):,} events on {PARTITIONS} "
                f"partitions, {why}, which shares the cores; medians of {rounds} interleaved "
                f"rounds.\n\n"
                f"{table(['workers', 'events/s', 'times one', 'cores the workers had'], rows)}\n\n"
                f"One line is one core: a line's events are worked on by one process at a time."
            )
    keep(f"## Scale-out\n\n{where}\n\n{text}\n", "scale-out", arguments.write)


if __name__ == "__main__":
    main()
