"""Events per second: andon's task beside a naive script on the same messages, and the logs.

``python benchmarks/speed.py`` takes about five minutes; ``--quick`` a few seconds, to see that it
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
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from peers import NaiveScript, imputed
from results import circumstances, keep, table
from river import forest, linear_model

from producers.families import family
from producers.simulator import SimulatedLine
from stream.codec import encode
from stream.effects import Scored
from stream.local import LocalLog
from stream.log import Log, Record, TopicPartition, TopicSpec
from stream.memory import MemoryLog
from stream.task import Task, TaskSettings

SEED = 11
FEATURES = 500
BAR = 3000  # events a second that the linear model must reach
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
        scored = 0
        for record in feed.records:
            for effect in task.process(record):
                scored += isinstance(effect, Scored)
        # A speed at which events are passed over would be no speed.
        if scored < 0.9 * feed.measured:
            raise RuntimeError(f"only {scored} of {feed.measured} measurements were scored")

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


def timed(work: Callable[[], None]) -> float:
    """Seconds that it takes, with no garbage of others to collect."""
    gc.collect()
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def compare(feed: Feed, model: str, rounds: int) -> tuple[float, float, float]:
    """Events a second of andon and of the peer, and the ratio: medians of interleaved runs."""
    ours, naive = [], []
    for number in range(rounds):
        runs = [(ours, andon_task), (naive, naive_script)]
        for speeds, make in runs if number % 2 == 0 else reversed(runs):
            speeds.append(len(feed.records) / timed(make(feed, model)))
    ratios = [a / b for a, b in zip(ours, naive, strict=True)]
    return median(ours), median(naive), median(ratios)


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

    return count / timed(append), count / timed(read)


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


def task_report(linear: Feed, small: Feed, rounds: int) -> tuple[str, float]:
    """The part about the task, and andon's speed with the linear model."""
    with one_core() as pinned:
        fast = compare(linear, "logistic", rounds)
        slow = compare(small, "forest", rounds)
    rows = [
        [name, f"{len(feed.records):,}", f"{ours:,.0f}", f"{naive:,.0f}", f"{ratio:.2f}"]
        for name, feed, (ours, naive, ratio) in [
            ("logistic regression", linear, fast),
            ("adaptive forest of 10", small, slow),
        ]
    ]
    described = (
        f"{linear.features} features at {linear.stations} stations, "
        f"{linear.measured / linear.parts:.0f} measurements a part, "
        f"{100 * linear.fails / linear.parts:.1f} % fails (family `linear`). Every measurement is "
        f"scored, every result learnt; in memory, {pinned}; each run from nothing; medians of "
        f"interleaved runs ({rounds} of each)."
    )
    text = f"""\
### Task: bytes in, risks and alerts out

{described}

andon: `stream.task.Task` with its River models, which also keeps apart the kinds of missing,
weights rare fails, keeps a window by three staggered copies, calibrates, decides alarms and
explains them. The peer: `json.loads`, a dictionary, River's StatImputer, StandardScaler and the
model, nothing else.

{table(["model", "events", "andon, events/s", "peer, events/s", "andon / peer"], rows)}
"""
    return text, fast[0]


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


def main() -> None:
    """Run it all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="tiny: only to see that it runs")
    parser.add_argument("--write", type=Path, help="keep the figures in this file")
    arguments = parser.parse_args()
    quick = arguments.quick
    where = circumstances(f"the line's is {SEED}")
    linear, small = (Feed(40), Feed(20)) if quick else (Feed(2000), Feed(400))
    tasks, speed = task_report(linear, small, rounds=1 if quick else 5)
    logs = logs_report(linear, count=500 if quick else 50_000)
    verdict = f"The bar for the linear model is {BAR:,} events/s: " + (
        "not judged in a quick run." if quick else "reached." if speed >= BAR else "MISSED."
    )
    keep(f"## Speed\n\n{where}\n\n{tasks}\n{verdict}\n\n{logs}", "speed", arguments.write)
    if not quick and speed < BAR:
        sys.exit(1)


if __name__ == "__main__":
    main()
