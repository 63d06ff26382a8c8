"""A broker for tests: started, or the tests skipped aloud, or failed where Kafka is required."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import pytest
from kafka_broker import KafkaBroker, KafkaUnavailable

NO_KAFKA = "KAFKA SUITE DID NOT RUN"


@contextlib.contextmanager
def running(broker: KafkaBroker) -> Iterator[KafkaBroker]:
    """The broker once it answers; ``ANDON_REQUIRE_KAFKA=1`` makes its absence a failure."""
    missing = ""
    try:
        broker.start()
    except KafkaUnavailable as reason:
        missing = f"{NO_KAFKA}: {reason}"
    try:
        if missing and os.environ.get("ANDON_REQUIRE_KAFKA") == "1":
            pytest.fail(f"{missing} (ANDON_REQUIRE_KAFKA=1)", pytrace=False)
        if missing:
            pytest.skip(missing)
        yield broker.wait_ready()
    finally:
        broker.close()
