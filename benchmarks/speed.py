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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
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
TURN = 2000  # messages through the one and then through the other
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


class AndonTask:
    """andon: bytes in; risk, alerts and all learning out. ``told`` counts what was said."""

    def __init__(self, model: str) -> None:
        settings = TaskSettings()
        detector = replace(settings.line.detector, model=model)
        settings = replace(settings, line=replace(settings.line, detector=detector))
        self.task = Task(0, settings)
        self.told = 0

    def process(self, records: Sequence[Record]) -> None:
        for _, effects in self.task.process_all(records):
            self.told += len(effects)


def naive_script(names: Sequence[str], model: str) -> Callable[[Sequence[Record]], None]:
    """The peer, on the same bytes."""
    classifier = (
        linear_model.LogisticRegression()
        if model == "logistic"
        else forest.ARFClassifier(n_models=10, seed=SEED, leaf_prediction="mc")
    )
    script = NaiveScript(imputed(classifier, names), dict.fromkeys(names))

    def process(records: Sequence[Record]) -> None:
        for record in records:
            script.process(record.value or b"")

    return process


class Took(NamedTuple):
    """Seconds on the clock, and seconds in which this process really had a core."""

    wall: float
    cpu: float

    def and_then(self, other: Took) -> Took:
        """Both, one after the other."""
        return Took(self.wall + other.wall, self.cpu + other.cpu)


def timed(work: Callable[[], object]) -> Took:
    """How long it takes, with no garbage of others to collect."""
    gc.collect()
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
    """Run both so many times, in turns of some messages: the machine is as quick for the one as
    for the other, however its speed changes."""
    runs = [one_run(feed, model, peer_model, number % 2 == 0) for number in range(rounds)]
    events = len(feed.records)
    return Compared(
        median(events / ours.wall for ours, _ in runs),
        median(events / ours.cpu for ours, _ in runs),
        median(events / peer.wall for _, peer in runs),
        median(events / peer.cpu for _, peer in runs),
        median(ours.cpu / ours.wall for ours, _ in runs),
        median(peer.cpu / ours.cpu for ours, peer in runs),
    )


def one_run(feed: Feed, model: str, peer_model: str, ours_first: bool) -> tuple[Took, Took]:
    """Both from nothing over the whole feed; what each of them took."""
    ours, peer = AndonTask(model), naive_script(feed.names, peer_model)
    took = peer_took = Took(0.0, 0.0)
    for begin in range(0, len(feed.records), TURN):
        some = feed.records[begin : begin + TURN]
        for is_ours in (ours_first, not ours_first):
            gc.freeze()  # nobody looks through what the other one holds
            if is_ours:
                # A worker leaves Python's full collections to quiet times; a script does not.
                with FullCollections():
                    took = took.and_then(timed(partial(ours.process, some)))
            else:
                peer_took = peer_took.and_then(timed(partial(peer, some)))
    gc.unfreeze()
    # A speed at which events are passed over would be no speed.
    if ours.told < 0.95 * feed.measured:
        raise RuntimeError(f"only {ours.told} of {feed.measured} measurements were scored")
    return took, peer_took


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
        AndonTask("linear").process(Feed(250).records)
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
        f"scored, every result learnt; in memory, {pinned}; each run from nothing, both in "
        f"turns of {TURN:,} messages; medians of {rounds} runs. The linear model's runs last until "
        f"its window is full: a forest's trees grow with all that it learns."
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
