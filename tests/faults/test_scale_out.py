"""Three worker processes share twelve partitions with 24 lines on a real broker; one is killed.

Its lines go on elsewhere, and no line's risks change: the risks topic holds, byte for byte, what
one worker that nobody disturbs writes.
"""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest
from fault_runs import (
    STORES,
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
from workers import outputs, own_topics, put

from andon.settings import load_settings
from andon.state_file import read_states
from stream.kafka import KafkaLog
from stream.worker import Outputs

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(1800)]

PARTITIONS = 12
WORKERS = 3
LINES = 24
EVENTS = 12_000


def owners(folder: Path, topics: Outputs) -> dict[str, int]:
    """The process that works on each line, as the workers' state files tell."""
    states = read_states(folder / "state/status", topics.events, topics.events)
    return {line.name: state.pid for state in states for line in state.lines}


@pytest.mark.parametrize("store", STORES)
def test_lines_spread_over_three_workers_and_go_on_elsewhere_when_one_is_killed(
    tmp_path: Path, broker: KafkaBroker, kafka_log: KafkaLog, store: str
) -> None:
    topics = own_topics()
    names = line_names(PARTITIONS, LINES // PARTITIONS)
    events = history(EVENTS, names)
    more = "[monitoring]\ninterval_s = 0.5\n"
    # Half as long would do to miss the one that is killed; but a quarter of it is all that the
    # others have for the checkpoints of six or twelve partitions when they leave.
    config = configured(
        tmp_path, topics, PARTITIONS, broker.bootstrap, store, session_s=12.0, more=more
    )
    settings = load_settings(config, {})
    expected = undisturbed(settings, topics, PARTITIONS, events)
    create_all(kafka_log, settings, topics)
    with ExitStack() as stack:
        workers = [
            stack.enter_context(ForkedService(config, "watch", "--quiet")) for _ in range(WORKERS)
        ]
        put(kafka_log, events[: EVENTS // 2], topics)
        wait_until(lambda: spread(owners(tmp_path, topics)) == [LINES // WORKERS] * WORKERS)
        wait_until(lambda: is_finished(kafka_log, topics))
        assert set(owners(tmp_path, topics).values()) == {worker.pid for worker in workers}
        workers[0].kill()
        put(kafka_log, events[EVENTS // 2 :], topics)
        assert_written(kafka_log, topics, expected.outputs)
        alive = {worker.pid for worker in workers[1:]}
        wait_until(lambda: set(owners(tmp_path, topics).values()) == alive)
        assert sorted(owners(tmp_path, topics)) == sorted(names)
        for worker in workers[1:]:
            worker.terminate()
    assert outputs(kafka_log, topics) == expected.outputs
    assert_all_is_kept(settings, kafka_log, expected)


def spread(owned: dict[str, int]) -> list[int]:
    """How many lines each process works on."""
    return sorted(Counter(owned.values()).values())
