"""The logs that tests run on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from local_logs import ShiftedClock
from log_contract import NewTopic, OpenLog, unique

from stream.local import LocalLog
from stream.log import Log, TopicSpec
from stream.memory import MemoryLog


@pytest.fixture(params=["memory", "local", pytest.param("kafka", marks=pytest.mark.kafka)])
def open_log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpenLog]:
    """Opens the same log once more, as another process would."""
    in_memory = MemoryLog()
    with ExitStack() as closing:

        def opened() -> Log:
            log: Log
            if request.param == "memory":
                log = in_memory
            elif request.param == "local":
                # As patient with a silent member as Kafka is.
                log = LocalLog(tmp_path / "andon.db", lease_seconds=30.0)
            else:
                from stream.kafka import KafkaConnection, KafkaLog

                bootstrap = request.getfixturevalue("broker").bootstrap
                log = KafkaLog(KafkaConnection(bootstrap_servers=(bootstrap,)))
            closing.callback(log.close)
            return log

        yield opened


@pytest.fixture
def log(open_log: OpenLog) -> Log:
    return open_log()


@pytest.fixture
def new_topic(log: Log) -> NewTopic:
    """Creates a topic under a name that nobody has used before."""

    def create(partitions: int = 1) -> str:
        name = unique("topic")
        assert log.create_topics([TopicSpec(name, partitions)]) == [name]
        return name

    return create


@pytest.fixture
def topic(new_topic: NewTopic) -> str:
    return new_topic()


@pytest.fixture
def group() -> str:
    return unique("group")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "andon.db"


@pytest.fixture
def clock() -> ShiftedClock:
    return ShiftedClock()


@pytest.fixture
def local_log(path: Path, clock: ShiftedClock) -> Iterator[LocalLog]:
    """A local log under a clock that the test may move."""
    opened = LocalLog(path, clock=clock)
    yield opened
    opened.close()
