"""A worker that sleeps for longer than its session, and wakes: another one has gone on meanwhile.

Two real processes on one log. The sleeper is frozen while it has nothing to write; a worker frozen
in the middle of a flush may repeat that flush's alerts, under the same ids. What it writes after it
has woken contradicts nothing: the topics hold, byte for byte, what an undisturbed run writes.
"""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from fault_runs import (
    OFFSET,
    STORES,
    Known,
    assert_all_is_kept,
    assert_written,
    configured,
    create_all,
    history,
    is_finished,
    line_names,
    undisturbed,
)
from forked_service import ForkedService
from kafka_broker import KafkaBroker
from local_logs import wait_until
from service_process import write_config
from workers import outputs, own_topics, put

from andon.settings import load_settings
from stream.events import Event
from stream.kafka import KafkaLog
from stream.local import LocalLog
from stream.log import Log
from stream.partitioner import partition_for
from stream.worker import Outputs

pytestmark = pytest.mark.timeout(1800)

PARTITIONS = 4
SLICE = 1_000


def slices(count: int) -> list[list[Event]]:
    events = history(SLICE * count, line_names(PARTITIONS))
    return [events[start : start + SLICE] for start in range(0, SLICE * count, SLICE)]


def undisturbed_slices(
    config: Path, topics: Outputs, parts: list[list[Event]]
) -> tuple[list[dict[str, Any]], Known]:
    """What is there after each slice of the history, and what the lines know in the end."""
    events = [event for told in parts for event in told]
    known = undisturbed(load_settings(config, {}), topics, PARTITIONS, events)
    ends: Counter[int] = Counter()
    written = []
    for told in parts:
        ends.update(partition_for(event.line.encode(), PARTITIONS) for event in told)
        written.append(
            {
                topic: [
                    [each for each in records if int(dict(each[2])[OFFSET]) < ends[partition]]
                    for partition, records in enumerate(partitions)
                ]
                for topic, partitions in known.outputs.items()
            }
        )
    assert written[-1] == known.outputs
    return written, known


def sleep_and_wake(config: Path, log: Log, topics: Outputs, times: int) -> None:
    parts = slices(2 * times + 1)
    expected, known = undisturbed_slices(config, topics, parts)
    settings = load_settings(config, {})
    create_all(log, settings, topics)
    with (
        ForkedService(config, "watch", "--quiet") as sleeper,
        ForkedService(config, "watch", "--quiet") as other,
    ):
        put(log, parts[0], topics)
        for time in range(times):
            asleep, awake = 2 * time + 1, 2 * time + 2
            assert_written(log, topics, expected[asleep - 1])
            wait_until(lambda: is_finished(log, topics))
            sleeper.freeze()
            put(log, parts[asleep], topics)
            assert_written(log, topics, expected[asleep])
            sleeper.thaw()
            put(log, parts[awake], topics)
        assert_written(log, topics, expected[-1])
        wait_until(lambda: is_finished(log, topics))
        sleeper.terminate()
        other.terminate()
    assert outputs(log, topics) == expected[-1]
    # Had a checkpoint of the sleeper's old epoch been taken up, the lines would know less.
    assert_all_is_kept(settings, log, known)


def test_on_the_local_log(tmp_path: Path, full: bool) -> None:
    topics = own_topics()
    with closing(LocalLog(tmp_path / "andon.sqlite")) as log:
        config = write_config(tmp_path, topics, PARTITIONS)
        sleep_and_wake(config, log, topics, 20 if full else 1)


@pytest.mark.kafka
@pytest.mark.parametrize("store", STORES)
def test_on_a_real_broker(
    tmp_path: Path, broker: KafkaBroker, kafka_log: KafkaLog, full: bool, store: str
) -> None:
    topics = own_topics()
    config = configured(tmp_path, topics, PARTITIONS, broker.bootstrap, store)
    sleep_and_wake(config, kafka_log, topics, 20 if full else 1)
