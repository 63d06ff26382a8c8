"""The notifier's monitor: endpoints as the outbox has them, attempts as they were made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from scraped import notifier_registry, samples, value
from structlog.testing import capture_logs
from webhooks import message

from alerts.delivery import Verdict
from alerts.outbox import Outbox
from andon.alert_feed import AlertFeed
from andon.notifier_monitor import NotifierMonitor
from stream.errors import LogUnavailable
from stream.log import TopicPartition, TopicSpec
from stream.memory import MemoryLog

BODY = b'{"id":"a1","type":"part.at_risk","severity":"high"}'


class Desk:
    """A monitor on a feed and an outbox, without a notifier."""

    def __init__(self, outbox: Outbox) -> None:
        self.log = MemoryLog()
        self.log.create_topics([TopicSpec("andon.alerts", 2)])
        self.outbox = outbox
        self.feed = AlertFeed(self.log, "andon.alerts", "n")
        self.now = 0.0
        self.monitor = NotifierMonitor(
            self.log, self.feed, outbox, "n", ["mes"], clock=lambda: self.now
        )

    def lag(self) -> list[float | None]:
        return [
            value(self.monitor.registry, "andon_lag_records",
                  group="n", topic="andon.alerts", partition=str(number))
            for number in range(2)
        ]  # fmt: skip

    def outbox_alerts(self, endpoint: str, state: str) -> float | None:
        return value(self.monitor.registry, "andon_outbox_alerts", endpoint=endpoint, state=state)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with Outbox(tmp_path / "outbox.db") as outbox:
        yield Desk(outbox)


def test_before_its_first_turn_it_tells_of_no_endpoint(desk: Desk) -> None:
    assert desk.outbox_alerts("mes", "pending") is None
    assert desk.monitor.unready


def test_it_is_ready_once_its_group_has_given_it_partitions(desk: Desk) -> None:
    desk.monitor.turned()
    assert desk.monitor.unready == ("no partition of the alerts is assigned",)
    desk.feed.poll(1.0)
    desk.monitor.turned()
    assert desk.monitor.unready == ()


def test_the_lag_is_what_the_feed_has_not_given(desk: Desk) -> None:
    for _ in range(3):
        desk.log.append("andon.alerts", b"A", BODY, partition=1)
    desk.feed.poll(1.0)
    desk.monitor.turned()
    assert desk.lag() == [0, 3]
    while desk.feed.poll(0.1):
        pass
    desk.now = 5.0
    desk.monitor.turned()
    assert desk.lag() == [0, 0]


def test_a_picture_is_kept_for_its_interval(desk: Desk) -> None:
    desk.monitor.turned()
    assert desk.outbox_alerts("mes", "pending") == 0
    desk.outbox.accept([("mes", message(0))], {}, 0.0)
    desk.now = 4.9
    desk.monitor.turned()
    assert desk.outbox_alerts("mes", "pending") == 0
    desk.now = 5.0
    desk.monitor.turned()
    assert desk.outbox_alerts("mes", "pending") == 1


def test_disabled_and_exhausted_are_told_of_every_endpoint_in_the_outbox(desk: Desk) -> None:
    desk.outbox.accept([(name, message(n)) for name in ("mes", "old") for n in range(2)], {}, 0.0)
    first, second = desk.outbox.due("old", 0.0)
    desk.outbox.record(first, Verdict("exhausted"), 0.0)
    desk.outbox.record(second, Verdict("disabled"), 0.0)
    desk.monitor.turned()
    assert desk.outbox_alerts("old", "exhausted") == 1
    assert desk.outbox_alerts("old", "pending") == 1
    assert desk.outbox_alerts("mes", "pending") == 2
    for endpoint, expected in (("old", 1), ("mes", 0)):
        told = value(desk.monitor.registry, "andon_endpoint_disabled", endpoint=endpoint)
        assert told == expected


def test_a_log_that_is_away_leaves_the_lag_unknown_and_the_notifier_at_work(desk: Desk) -> None:
    desk.feed.poll(1.0)

    def away(at: TopicPartition) -> int:
        raise LogUnavailable("away")

    desk.log.end = away  # type: ignore[method-assign]
    with capture_logs() as logged:
        desk.monitor.turned()
    assert {entry["event"] for entry in logged} == {"andon.lag_unknown"}
    assert desk.lag() == [None, None]
    assert desk.outbox_alerts("mes", "pending") == 0


def test_a_real_notifier_s_attempts_are_counted(tmp_path: Path) -> None:
    registry = notifier_registry(tmp_path)
    delivered = [
        count
        for (name, labels), count in samples(registry).items()
        if name == "andon_delivery_attempts_total" and ("outcome", "delivered") in labels
    ]
    [seconds] = [
        count
        for (name, _), count in samples(registry).items()
        if name == "andon_delivery_attempt_seconds_count"
    ]
    assert delivered == [seconds]
    assert seconds > 0
