"""Events per second: andon's task beside a naive script on the same messages, and the logs.

``python benchmarks/speed.py`` takes about ten minutes; ``--quick`` a few seconds, to see that it
runs. ``--write FILE`` keeps the figures there.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

from peers import NaiveScript, imputed
from results import circumstances, keep, table
from river import forest, linear_model

from andon.garbage import FullCollections
from andon.warm_up import warm_up
from producers.families import family
from producers.simulator import SimulatedLine
from stream.codec import encode
from stream.local import LocalLog
from stream.log import Log, Record, TopicPartition, TopicSpec
from stream.memory import MemoryLog
from stream.task import Task, TaskSettings

SEED = 11
FEATURES = 500
BAR = 30_000  # events a second that the linear model must reach
BAR_LOGISTIC, BAR_FOREST = 3.0, 7.0  # and how many times the naive scripts
LEAST_SHARE = 0.9  # of the core, for a run to count as undisturbed
TESTS = Path(__file__).parents[1] / "tests" / "support"


class Feed:
    """The messages of some parts of the simulated line, and the names of its features."""

    def __init__(self, parts: int, features: int = FEATURES) -> None:
        line = SimulatedLine(family("linear", features=features), seed=SEED, remember=0)
        events = list(line.events(parts))
        self.parts = parts
        self.stations = len(line.spec.stations)
        self.features = features
        self.records = [
            Record("andon.events", 0, offset, event.line.encode(), encode(event))
            for offset, event in enumerate(events)
        ]
        measured = [event for event in events if event.type == "measurement"]
        self.measured = len(measured)
        self.names = sorted(
            {f"{event.station}.{name}" for event in measured for name in event.values}
        )
        self.fails = sum(event.type == "result" and event.outcome == "fail" for event in events)


def andon_task(feed: Feed, model: str) -> Callable[[], None]:
    """andon: bytes in; risk, alerts and all learning out."""
    settings = TaskSettings()
    detector = replace(settings.line.detector, model=model)
    settings = replace(settings, line=replace(settings.line, detector=detector))
    task = Task(0, settings)

    def run() -> None:
        told = 0
        for _, effects in task.process_all(feed.records):
            told += len(effects)  # hardly any but the risks
        # A speed at which events are passed over would be no speed.
        if told < 0.95 * feed.measured:
            raise RuntimeError(f"only {told} of {feed.measured} measurements were scored")

    return run


def naive_script(feed: Feed, model: str) -> Callable[[], None]:
    """The peer, on the same bytes."""
    classifier = (
        linear_model.LogisticRegression()
        if model == "logistic"
        else forest.ARFClassifier(n_models=10, seed=SEED, leaf_prediction="mc")
    )
    script = NaiveScript(imputed(classifier, feed.names), dict.fromkeys(feed.names))

    def run() -> None:
        for record in feed.records:
            script.process(record.value or b"")

    return run


class Took(NamedTuple):
    """Seconds on the clock, and seconds in which this process really had a core."""

    wall: float
    cpu: float


def timed(work: Callable[[], None], around: AbstractContextManager[object] | None = None) -> Took:
    """How long it takes, with no garbage of others to collect, ``around`` it all."""
    gc.collect()
    with around or nullcontext():
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        return Took(time.perf_counter() - wall, time.process_time() - cpu)


class Compared(NamedTuple):
    """Medians of interleaved runs: events a second on the clock and per second of the core, of
    andon and the peer; andon's share of the core; and the ratio per second of the core."""

    ours: float
    ours_cpu: float
    peer: float
    peer_cpu: float
    share: float
    ratio: float


def compare(feed: Feed, model: str, peer_model: str, rounds: int) -> Compared:
    """Run both so many times, each time in the other order."""
    ours: list[Took] = []
    peer: list[Took] = []
    for number in range(rounds):
        runs = [(ours, andon_task, model), (peer, naive_script, peer_model)]
        for taken, make, name in runs if number % 2 == 0 else reversed(runs):
            # A worker leaves Python's full collections to quiet times; a script does not.
            around = FullCollections() if taken is ours else None
            taken.append(timed(make(feed, name), around))
    events = len(feed.records)
    return Compared(
        median(events / one.wall for one in ours),
        median(events / one.cpu for one in ours),
        median(events / one.wall for one in peer),
        median(events / one.cpu for one in peer),
        median(one.cpu / one.wall for one in ours),
        median(b.cpu / a.cpu for a, b in zip(ours, peer, strict=True)),
    )


def log_speed(log: Log, topic: str, feed: Feed, count: int) -> tuple[float, float]:
    """Records a second appended (acknowledged) and read back."""
    log.create_topics([TopicSpec(topic)])
    bodies = [(record.key, record.value) for record in feed.records]

    def append() -> None:
        for number in range(count):
            key, value = bodies[number % len(bodies)]
            log.append(topic, key, value, partition=0)
        log.flush()

    def read() -> None:
        found = sum(1 for _ in log.read(TopicPartition(topic, 0)))
        if found != count:
            raise RuntimeError(f"{found} of {count} records were read back")

    return count / timed(append).wall, count / timed(read).wall


@contextmanager
def kafka_log() -> Iterator[tuple[Log | None, str]]:
    """A Kafka log and what it runs on, or None and why there is none."""
    from stream.kafka import KafkaLog
    from stream.kafka_connection import KafkaConnection

    address = os.environ.get("ANDON_TEST_KAFKA")
    if address:
        log = KafkaLog(KafkaConnection((address,)))
        yield log, "a broker that was given"
        log.close()
        return
    sys.path.append(str(TESTS))
    from kafka_broker import KafkaBroker, KafkaUnavailable

    broker = KafkaBroker()
    try:
        try:
            broker.start()
        except KafkaUnavailable as reason:
            yield None, str(reason)
            return
        broker.wait_ready()
        log = KafkaLog(KafkaConnection((broker.bootstrap,)))
        yield log, "one broker on the same machine"
        log.close()
    finally:
        broker.close()


@contextmanager
def one_core() -> Iterator[str]:
    """Keep this process, with whatever threads its libraries start, on one core."""
    if not hasattr(os, "sched_setaffinity"):
        yield "not pinned to a core"
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield "pinned to one core"
    finally:
        os.sched_setaffinity(0, before)


def task_report(linear: Feed, small: Feed, rounds: int) -> tuple[str, list[Compared]]:
    """The part about the task, and the figures of the linear model beside both scripts."""
    warm_up()
    with one_core() as pinned:
        # What is only loaded when it is first needed belongs to no run.
        andon_task(Feed(250), "linear")()
        runs = [
            (
                "linear",
                "logistic regression",
                linear,
                compare(linear, "linear", "logistic", rounds),
            ),
            (
                "linear",
                "adaptive forest of 10",
                linear,
                compare(linear, "linear", "forest", rounds),
            ),
            ("stack", "logistic regression", small, compare(small, "stack", "logistic", rounds)),
        ]
    rows = [
        [
            ours,
            peer,
            f"{len(feed.records):,}",
            f"{found.ours_cpu:,.0f} ({found.ours:,.0f})",
            f"{found.peer_cpu:,.0f} ({found.peer:,.0f})",
            f"{found.ratio:.2f}",
            f"{100 * found.share:.0f} %",
        ]
        for ours, peer, feed, found in runs
    ]
    head = ["andon", "peer", "events", "andon, events/s", "peer, events/s", "andon / peer",
            "share of core"]  # fmt: skip
    described = (
        f"{linear.features} features at {linear.stations} stations, "
        f"{linear.measured / linear.parts:.0f} measurements a part, "
        f"{100 * linear.fails / linear.parts:.1f} % fails (family `linear`). Every measurement is "
        f"scored, every result learnt; in memory, {pinned}; each run from nothing; medians of "
        f"interleaved runs ({rounds} of each). The linear model's runs last until its window is "
        f"full: a forest's trees grow with all that it learns."
    )
    text = f"""\
### Task: bytes in, risks and alerts out

{described}

andon: `stream.task.Task`, which decodes, keeps journeys and kinds of missing, imputes by five
bootstrap replicates, scores with an interval, learns imputation, classifier and calibration,
decides alarms and explains them; Python's full garbage collections wait, as they do in a worker
(`andon.garbage`). The peer: `json.loads`, a dictionary, River's StatImputer,
StandardScaler and the model, nothing else.

Events per second of the core's time, and in brackets on the clock; the two differ where other
processes took a share of the core.

{table(head, rows)}
"""
    return text, [found for _, _, _, found in runs]


def logs_report(feed: Feed, count: int) -> str:
    """The part about the logs."""
    rows = []
    said = ""
    with TemporaryDirectory() as folder:
        local = LocalLog(Path(folder) / "log.sqlite")
        for name, log in (("in memory", MemoryLog()), ("local (SQLite)", local)):
            rows.append([name, *log_speed(log, "speed", feed, count)])
            log.close()
    with kafka_log() as (kafka, why):
        if kafka is None:
            said = f"\nKAFKA WAS NOT MEASURED: {why}\n"
        else:
            topic = f"speed-{uuid.uuid4().hex[:8]}"
            rows.append([f"Kafka, {why}", *log_speed(kafka, topic, feed, count)])
    size = sum(len(record.value or b"") for record in feed.records) / len(feed.records)
    figures = [[name, f"{append:,.0f}", f"{read:,.0f}"] for name, append, read in rows]
    return f"""\
### Logs

{count:,} records of {size:.0f} bytes on one partition: appended until all were acknowledged, then
read back. One run.

{table(["log", "append, records/s", "read, records/s"], figures)}
{said}"""


def verdict(linear: Compared, forest: Compared) -> str:
    """Whether the bars were reached; a machine busy with other work is no judge of the clock."""
    said = []
    for name, found, bar in (("logistic", linear, BAR_LOGISTIC), ("forest", forest, BAR_FOREST)):
        word = "reached" if found.ratio >= bar else "MISSED"
        said.append(f"{bar:.0f} times the {name} script: {word} ({found.ratio:.2f})")
    word = "reached" if linear.ours >= BAR else "MISSED"
    if word == "MISSED" and linear.share < LEAST_SHARE:
        word = "NOT JUDGED, the machine was busy with other work"
    said.append(f"{BAR:,} events/s on the clock: {word} ({linear.ours:,.0f})")
    return "; ".join(said)


def main() -> None:
    """Run it all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="tiny: only to see that it runs")
    parser.add_argument("--write", type=Path, help="keep the figures in this file")
    arguments = parser.parse_args()
    quick = arguments.quick
    where = circumstances(f"the line's is {SEED}")
    linear, small = (Feed(40), Feed(20)) if quick else (Feed(6000), Feed(1000))
    tasks, found = task_report(linear, small, rounds=1 if quick else 3)
    logs = logs_report(linear, count=500 if quick else 50_000)
    judged = "not judged in a quick run" if quick else verdict(found[0], found[1])
    bars = f"The bars for the linear model: {judged}."
    keep(f"## Speed\n\n{where}\n\n{tasks}\n{bars}\n\n{logs}", "speed", arguments.write)
    if "MISSED" in judged:
        sys.exit(1)


if __name__ == "__main__":
    main()
