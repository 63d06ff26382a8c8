"""Three worker processes share twelve partitions with 24 lines on a real broker; one is killed.

Its lines go on elsewhere, and no line's risks change: the risks topic holds, byte for byte, what
one worker that nobody disturbs writes.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path

import pytest
from fault_runs import history, is_finished, line_names, undisturbed
from forked_service import ForkedService
from kafka_broker import KafkaBroker
from local_logs import wait_until
from service_process import write_config
from workers import create_topics, outputs, own_topics, put

from andon.settings import load_settings
from stream.kafka import KafkaLog

pytestmark = pytest.mark.kafka

PARTITIONS = 12
WORKERS = 3
LINES = 24
EVENTS = 6_000


def lines_by_worker(folders: list[Path]) -> list[set[str]]:
    """The lines that each worker holds, as its state file tells."""
    found = []
    for folder in folders:
        held: set[str] = set()
        for path in (folder / "state").glob("*.json"):
            held |= {line["line"] for line in json.loads(path.read_text()).get("lines", [])}
        found.append(held)
    return found


def test_lines_spread_over_three_workers_and_go_on_elsewhere_when_one_is_killed(
    tmp_path: Path, broker: KafkaBroker, kafka_log: KafkaLog
) -> None:
    topics = own_topics()
    names = line_names(PARTITIONS, LINES // PARTITIONS)
    events = history(EVENTS, names)
    folders = [tmp_path / f"worker-{number}" for number in range(WORKERS)]
    configs = []
    for folder in folders:
        folder.mkdir()
        configs.append(write_config(folder, topics, PARTITIONS, kafka=broker.bootstrap))
    expected = undisturbed(load_settings(configs[0], {}), topics, PARTITIONS, events)
    create_topics(kafka_log, PARTITIONS, topics)
    with ExitStack() as stack:
        workers = [stack.enter_context(ForkedService(c, "watch", "--quiet")) for c in configs]
        put(kafka_log, events[: EVENTS // 2], topics)
        wait_until(lambda: sum(map(len, lines_by_worker(folders))) == LINES)
        wait_until(lambda: is_finished(kafka_log, topics))
        before = lines_by_worker(folders)
        assert set.union(*before) == set(names)
        assert [len(each) for each in before] == [LINES // WORKERS] * WORKERS
        workers[0].kill()
        put(kafka_log, events[EVENTS // 2 :], topics)
        wait_until(lambda: outputs(kafka_log, topics) == expected.outputs)
        after = lines_by_worker(folders[1:])
        assert set.union(*after) == set(names)
        for worker in workers[1:]:
            worker.terminate()
    assert outputs(kafka_log, topics) == expected.outputs
