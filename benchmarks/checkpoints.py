"""Checkpoints: how long a partition stands still for one, and what of its state is written.

A window of 20,000 parts x 500 features of which 100 rows are new between two checkpoints, in a
folder and, with ``--kafka HOST:PORT``, on a topic. ``--quick`` is a small window, to see that it
runs; ``--write FILE`` keeps the figures there.

    python benchmarks/checkpoints.py --kafka 127.0.0.1:9092
"""

from __future__ import annotations

import argparse
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from statistics import median

import numpy as np
from results import circumstances, keep, table

from models.plain_state import State
from stream.checkpoint_directory import CheckpointDirectory
from stream.checkpoint_store import Checkpoint, CheckpointStore, Saved
from stream.log import TopicSpec

SEED = 17
NEW_ROWS = 100


def states(parts: int, features: int, count: int) -> Iterator[State]:
    """A window whose oldest rows are replaced, what is summed up over it, and open parts."""
    rng = np.random.default_rng(SEED)
    window = rng.normal(size=(parts, features)).astype(np.float32)
    names = [f"P-{number:06d}" for number in range(2_000)]
    rows = rng.normal(size=(len(names), 20)).astype(np.float32)
    for number in range(count):
        begin = number * NEW_ROWS % parts
        window[begin : begin + NEW_ROWS] = rng.normal(size=(NEW_ROWS, features))
        # Parts leave in the order in which they came: all rows move.
        names = [*names[NEW_ROWS:], *(f"P-{number}-{new:04d}" for new in range(NEW_ROWS))]
        rows = np.concatenate([rows[NEW_ROWS:], rng.normal(size=(NEW_ROWS, 20))]).astype(np.float32)
        yield {
            "window": window,
            "means": rng.normal(size=features),
            "weights": rng.normal(size=(5, features, 20)),
            "open": {"parts": names, "rows": rows},
        }


def measured(store: CheckpointStore, told: Iterator[State]) -> tuple[list[float], list[Saved]]:
    """Seconds and costs of each checkpoint."""
    epoch = store.claim(0)
    seconds, costs = [], []
    for sequence, state in enumerate(told):
        checkpoint = Checkpoint(epoch, sequence, sequence, state=state)
        began = time.perf_counter()
        costs.append(store.save(0, checkpoint))
        seconds.append(time.perf_counter() - began)
    return seconds, costs


def loading(store: CheckpointStore) -> float:
    """Seconds to claim and load."""
    began = time.perf_counter()
    store.claim(0)
    assert store.load(0) is not None
    return time.perf_counter() - began


def row(name: str, seconds: list[float], costs: list[Saved], load: float) -> list[str]:
    settled = slice(4, None)
    return [
        name,
        f"{costs[0].size / 1e6:.1f}",
        f"{1000 * max(seconds[:2]):.0f}",
        f"{1000 * median(seconds[settled]):.0f}",
        f"{1000 * max(seconds[settled]):.0f}",
        f"{median(cost.written for cost in costs[settled]) / 1e6:.2f}",
        f"{1000 * load:.0f}",
    ]


def in_a_folder(parts: int, features: int, count: int) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        store = CheckpointDirectory(Path(folder) / "checkpoints", "andon", "andon.events")
        seconds, costs = measured(store, states(parts, features, count))
        return row("folder", seconds, costs, loading(store))


def on_a_topic(parts: int, features: int, count: int, address: str) -> list[str]:
    from stream.checkpoint_topic import COMPACTION, CheckpointTopic
    from stream.kafka import KafkaConnection, KafkaLog

    connection = KafkaConnection((address,))
    name = f"bench.checkpoints.{uuid.uuid4().hex[:8]}"
    with closing(KafkaLog(connection)) as log:
        log.create_topics([TopicSpec(name, 1, compact=True, extra=COMPACTION)])
        with closing(CheckpointTopic(log, connection, name, "andon", "andon.events")) as store:
            seconds, costs = measured(store, states(parts, features, count))
        with closing(CheckpointTopic(log, connection, name, "andon", "andon.events")) as another:
            return row("topic", seconds, costs, loading(another))


def main() -> None:
    """Run it all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="tiny: only to see that it runs")
    parser.add_argument("--kafka", help="a broker, for the store on a topic")
    parser.add_argument("--write", type=Path, help="keep the figures in this file")
    given = parser.parse_args()
    parts, features, count = (1_000, 50, 8) if given.quick else (20_000, 500, 30)
    rows = [in_a_folder(parts, features, count)]
    if given.kafka:
        rows.append(on_a_topic(parts, features, count, given.kafka))
    head = ["store", "state, MB", "first, ms", "median, ms", "worst, ms", "written, MB", "load, ms"]
    keep(
        f"""## Checkpoints

{circumstances(f"{SEED}")}

A window of {parts:,} x {features}, {NEW_ROWS} new rows between two checkpoints, {count}
checkpoints; milliseconds that the task stands still. The first ones of an owner are written whole
(in a folder two, as two in a row share no file); median, worst and bytes are of those behind them.
To load is to claim the partition and to take the state up.

{table(head, rows)}
""",
        "checkpoints",
        given.write,
    )


if __name__ == "__main__":
    main()
