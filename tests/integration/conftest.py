"""Logs on a real Kafka."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from kafka_broker import KafkaBroker
from kafka_topics import SESSION_S

from stream.kafka import KafkaConnection, KafkaLog


@pytest.fixture
def log(broker: KafkaBroker) -> Iterator[KafkaLog]:
    with closing(KafkaLog(KafkaConnection((broker.bootstrap,)))) as opened:
        yield opened


@pytest.fixture
def patient(fragile_broker: KafkaBroker) -> Iterator[KafkaLog]:
    """A log on the broker that tests break, which waits as long for it as a busy machine needs."""
    connection = KafkaConnection((fragile_broker.bootstrap,), session_timeout_s=SESSION_S)
    with closing(KafkaLog(connection)) as opened:
        yield opened


@pytest.fixture
def impatient(fragile_broker: KafkaBroker) -> Iterator[KafkaLog]:
    """A log on the broker that tests break, with short time-outs and a low cap."""
    opened = KafkaLog(
        KafkaConnection(
            (fragile_broker.bootstrap,),
            delivery_timeout_s=1.5,
            answer_timeout_s=1.0,
            session_timeout_s=SESSION_S,
            max_unacknowledged=100,
        )
    )
    with closing(opened):
        yield opened
