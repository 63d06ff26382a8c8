"""End to end on a real broker: a worker's throughput beside the same events in memory, and how long
an alert takes from the append of its event.

``python benchmarks/end_to_end.py`` takes about three minutes and starts a broker of its own (Java
and Maven; or ``ANDON_TEST_KAFKA``); ``--quick`` some seconds, to see that it runs. ``--write FILE``
keeps the figures there.

Throughput: bytes in, risks and alerts out, from the topic to the acknowledged alerts, by a worker
in this process; in memory the same records go through the same task. The two are interleaved.
Latency: another process paces the events at half of that throughput, `andon watch` runs in a
process of its own, and the broker's own times of an event and of its alert are compared.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
from results import circumstances, keep, table
from speed import SEED, Feed, kafka_log, timed

from andon.warm_up import warm_up
from stream.log import Log, Record, TopicPartition, TopicSpec
from stream.task import Task, TaskSettings
from stream.worker import Outputs, Worker

WARM_SECONDS = 10.0
CONFIG = """
[log]
kind = "kafka"
[kafka]
bootstrap_servers = ["{servers}"]
[topics]
events = "{topics.events}"
alerts = "{topics.alerts}"
dead_letters = "{topics.dead_letters}"
notices = "{topics.events}.notices"
partitions = 1
[worker]
group = "{topics.events}"
[logging]
level = "warning"
"""


def fresh_topics(log: Log) -> Outputs:
    """Topics of one partition that nobody has used."""
    name = f"e2e-{uuid.uuid4().hex[:8]}"
    topics = Outputs(name, f"{name}.alerts", f"{name}.dead-letters")
    log.create_topics(
        [TopicSpec(each, 1, None) for each in (name, topics.alerts, topics.dead_letters)]
    )
    log.create_topics([TopicSpec(f"{name}.notices", 1, None)])
    return topics


def append(log: Log, topic: str, records: Sequence[Record]) -> None:
    """Put the records on the topic, acknowledged."""
    for record in records:
        log.append(topic, record.key, record.value, partition=0)
    log.flush()


def on_the_broker(log: Log, topics: Outputs, group: str) -> None:
    """A worker from the beginning of the topic to its end."""
    worker = Worker(
        log,
        topics,
        group=group,
        make_task=lambda partition: Task(partition, TaskSettings(topic=topics.events)),
    )
    worker.run(lambda: False, until_end=True)


def in_memory(records: Sequence[Record]) -> None:
    """The same records through a task."""
    task = Task(0, TaskSettings())
    for _ in task.process_all(records):
        pass


def throughput(log: Log, records: Sequence[Record], rounds: int) -> tuple[float, float, float]:
    """Events a second on the broker and in memory, and the median of the rounds' ratios."""
    topics = fresh_topics(log)
    append(log, topics.events, records)
    broker, memory = [], []
    for number in range(rounds):
        # The alerts of the round before are there already: each round has topics of its own.
        outputs = fresh_topics(log)
        outputs = Outputs(topics.events, outputs.alerts, outputs.dead_letters)
        runs = [
            (broker, lambda out=outputs, n=number: on_the_broker(log, out, f"{out.alerts}.{n}")),
            (memory, lambda: in_memory(records)),
        ]
        for taken, work in runs if number % 2 == 0 else reversed(runs):
            taken.append(len(records) / timed(work).wall)
    ratio = median(b / m for b, m in zip(broker, memory, strict=True))
    return median(broker), median(memory), ratio


def latency(
    log: Log, servers: str, records: Sequence[Record], rate: float, folder: Path
) -> list[float]:
    """Milliseconds from the append of an event to that of its alert, at ``rate`` events/s."""
    topics = fresh_topics(log)
    config = folder / "andon.toml"
    config.write_text(CONFIG.format(servers=servers, topics=topics))
    watch = subprocess.Popen(
        [sys.executable, "-m", "andon", "watch", "--config", str(config), "--quiet"],
        stdout=subprocess.DEVNULL,
        cwd=folder,
        env=None,
    )
    try:
        time.sleep(WARM_SECONDS)
        began = time.perf_counter()
        for number, record in enumerate(records):
            behind = began + number / rate - time.perf_counter()
            if behind > 0.002:
                log.flush()
                time.sleep(behind)
            log.append(topics.events, record.key, record.value, partition=0)
        log.flush()
        time.sleep(3.0)
    finally:
        watch.terminate()
        watch.wait(30)
    appended = {r.offset: r.timestamp for r in log.read(TopicPartition(topics.events, 0))}
    found = []
    for alert in log.read(TopicPartition(topics.alerts, 0)):
        offset = int(dict(alert.headers)["andon.offset"])
        found.append(float(alert.timestamp - appended[offset]))
    return found


def main() -> None:
    """Run both and write them down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="tiny: only to see that it runs")
    parser.add_argument("--write", type=Path, help="keep the figures in this file")
    arguments = parser.parse_args()
    feed = Feed(60 if arguments.quick else 1500)
    where = circumstances(f"the line's is {SEED}")
    warm_up(("linear",))
    with kafka_log() as (log, why), TemporaryDirectory() as folder:
        if log is None:
            text = f"KAFKA WAS NOT MEASURED: {why}"
        else:
            servers = log._connection.bootstrap_servers[0]
            rounds = 1 if arguments.quick else 3
            broker, memory, ratio = throughput(log, feed.records, rounds)
            late = latency(log, servers, feed.records, broker / 2, Path(folder))
            rows = [
                ["events/s, in memory", f"{memory:,.0f}"],
                ["events/s, from topic to acknowledged alerts", f"{broker:,.0f}"],
                ["ratio, broker / memory", f"{ratio:.2f}"],
            ]
            if late:
                p50, p99 = np.quantile(late, [0.5, 0.99])
                rows += [
                    [f"append to alert at {broker / 2:,.0f} events/s, median", f"{p50:.0f} ms"],
                    [f"the same, p99 of {len(late)} alerts", f"{p99:.0f} ms"],
                ]
            text = (
                f"{feed.features} features at {feed.stations} stations, {len(feed.records):,} "
                f"events of one line on one partition, {why}; medians of {rounds} interleaved "
                f"rounds.\n\n{table(['what', 'figure'], rows)}"
            )
    keep(f"## End to end\n\n{where}\n\n{text}\n", "end to end", arguments.write)


if __name__ == "__main__":
    main()
