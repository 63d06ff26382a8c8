"""How much of the faults is tried: a little in every run, all of it with ``ANDON_FULL=1``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing

import pytest
from kafka_broker import KafkaBroker

from stream.kafka import KafkaConnection, KafkaLog

FULL = os.environ.get("ANDON_FULL") == "1"


@pytest.fixture(scope="session")
def full() -> bool:
    """Whether all of it is to be tried."""
    return FULL


@pytest.fixture
def kafka_log(broker: KafkaBroker) -> Iterator[KafkaLog]:
    with closing(KafkaLog(KafkaConnection((broker.bootstrap,)))) as opened:
        yield opened
