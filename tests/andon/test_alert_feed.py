"""The alert log as the notifier reads it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from alerts.source import AlertMessage
from andon.alert_feed import AlertFeed
from stream.local import LocalLog
from stream.log import TopicSpec

TOPIC = "andon.alerts"


@pytest.fixture
def log(tmp_path: Path) -> Iterator[LocalLog]:
    made = LocalLog(tmp_path / "log.sqlite")
    made.create_topics([TopicSpec(TOPIC, 2)])
    yield made
    made.close()


@pytest.fixture
def feed(log: LocalLog) -> Iterator[AlertFeed]:
    made = AlertFeed(log, TOPIC, "notifier")
    yield made
    made.close()


def tell(log: LocalLog, *names: str, partition: int = 0) -> None:
    for name in names:
        body = f'{{"id":"{name}","type":"part.at_risk","severity":"high"}}'.encode()
        log.append(TOPIC, b"A", body, partition=partition)
    log.flush()


def read(feed: AlertFeed, until: Callable[[], bool] | None = None) -> list[AlertMessage]:
    """All there is."""
    found: list[AlertMessage] = []
    deadline = time.monotonic() + 30
    while feed.behind():
        assert time.monotonic() < deadline
        found += feed.poll(0.1)
    return found


def test_alerts_come_in_order_from_the_first_that_is_retained(
    log: LocalLog, feed: AlertFeed
) -> None:
    tell(log, "a1", "a2", "a3")
    tell(log, "b1", partition=1)
    found = read(feed)
    assert [one.id for one in found if one.position.stream == f"{TOPIC}/0"] == ["a1", "a2", "a3"]
    assert {one.id for one in found} == {"a1", "a2", "a3", "b1"}


def test_what_was_taken_does_not_come_again_and_what_was_not_does(
    log: LocalLog, feed: AlertFeed
) -> None:
    tell(log, "a1", "a2", "a3")
    feed.taken(read(feed)[1].position)
    feed.close()
    later = AlertFeed(log, TOPIC, "notifier")
    assert [one.id for one in read(later)] == ["a3"]
    later.close()


def test_a_feed_is_behind_until_it_has_joined_and_whenever_alerts_came(
    log: LocalLog, feed: AlertFeed
) -> None:
    assert feed.behind()
    assert read(feed) == []
    assert not feed.behind()
    tell(log, "a1")
    assert feed.behind()


def test_a_record_that_is_no_alert_is_logged_and_passed_over(
    log: LocalLog, feed: AlertFeed
) -> None:
    log.append(TOPIC, b"A", b"not JSON", partition=0)
    log.append(TOPIC, b"A", None, partition=0)
    tell(log, "a1")
    with capture_logs() as logged:
        assert [one.id for one in read(feed)] == ["a1"]
    assert [(line["event"], line["offset"]) for line in logged] == [
        ("andon.alert_unreadable", 0),
        ("andon.alert_unreadable", 1),
    ]
