"""The broker is away for a while under steady load, and comes back.

A producer at 2,000 events/s, which waits when the log takes no more, and ``andon watch`` in a
process of its own. The broker is away for a minute, in the full form five times. The worker's
memory stays bounded, its first risk of a new event comes within 10 s of the broker's return, and
nothing is lost.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from fault_runs import assert_written, history, line_names, undisturbed
from forked_service import ForkedService
from kafka_broker import KafkaBroker
from local_logs import wait_until
from service_process import write_config
from workers import create_topics, own_topics

from andon.settings import load_settings
from stream.codec import encode
from stream.errors import LogUnavailable
from stream.events import Event
from stream.kafka import KafkaConnection, KafkaLog
from stream.log import Log, TopicPartition
from stream.worker import Outputs

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(3600)]

Record = Callable[[str, object], None]
PARTITIONS = 4
RATE = 2_000
BEFORE_S = 1.5
MOST_MIB = 64.0
"""How much more memory the worker may hold than before the broker went."""


class Producer:
    """Appends events at the rate from a thread; behind it, catches up as fast as it can."""

    def __init__(self, log: Log, topics: Outputs, events: Sequence[Event]) -> None:
        self.appended = 0
        self.error: BaseException | None = None
        self._work = (log, topics, events)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        log, topics, events = self._work
        began = time.monotonic()
        try:
            for event in events:
                early = began + self.appended / RATE - time.monotonic()
                if early > 0.005:
                    time.sleep(early)
                log.append(topics.events, event.line.encode(), encode(event))
                self.appended += 1
            log.flush()
        except BaseException as error:
            self.error = error

    def finish(self) -> None:
        self._thread.join(300)
        assert not self._thread.is_alive()
        if self.error is not None:
            raise self.error


def risks_on(log: Log, topics: Outputs) -> int:
    try:
        return sum(log.end(TopicPartition(topics.risks, at)) for at in range(PARTITIONS))
    except LogUnavailable:
        return -1


def test_a_broker_that_was_away_under_load_is_worked_with_again_and_nothing_is_lost(
    tmp_path: Path, fragile_broker: KafkaBroker, full: bool, record_property: Record
) -> None:
    away = 60.0
    told = []
    for number in range(5 if full else 1):
        folder = tmp_path / str(number)
        folder.mkdir()
        told.append(go_and_return(folder, fragile_broker, away))
    peak, grown, resumed = (max(each) for each in zip(*told, strict=True))
    record_property(
        "measured",
        f"away {len(told)} x {away:.0f} s at {RATE} events/s: the worker's peak "
        f"{peak:.0f} MiB, {grown:.0f} MiB more while away; resumed after {resumed:.1f} s at worst",
    )


def go_and_return(folder: Path, broker: KafkaBroker, away: float) -> tuple[float, float, float]:
    """Peak and growth of the worker in MiB, and the seconds until its first new risk."""
    topics = own_topics()
    config = write_config(folder, topics, PARTITIONS, kafka=broker.bootstrap)
    events = history(int(RATE * (BEFORE_S + away)), line_names(PARTITIONS))
    expected = undisturbed(load_settings(config, {}), topics, PARTITIONS, events)
    # How long a broker takes to start again is not the producer's matter.
    patient = KafkaConnection((broker.bootstrap,), delivery_timeout_s=away + 240.0)
    onlooking = KafkaConnection((broker.bootstrap,), answer_timeout_s=2.0)
    with (
        closing(KafkaLog(patient)) as log,
        closing(KafkaLog(onlooking)) as onlooker,
        ForkedService(config, "watch", "--quiet") as service,
    ):
        create_topics(log, PARTITIONS, topics)
        wait_until(lambda: service.running)
        producer = Producer(log, topics, events)
        wait_until(lambda: risks_on(onlooker, topics) > RATE * BEFORE_S / 4)
        before = risks_on(onlooker, topics)
        broker.kill()
        held = service.peak_mib()
        time.sleep(away)
        assert service.running, service.said
        peak = service.peak_mib()
        broker.restart()
        returned = time.monotonic()
        wait_until(lambda: risks_on(onlooker, topics) > before + 100)
        resumed = time.monotonic() - returned
        producer.finish()
        assert_written(onlooker, topics, expected.outputs, 240)
        top = service.peak_mib()
        service.terminate()
    assert peak - held < MOST_MIB
    assert resumed < 10.0
    return top, peak - held, resumed
