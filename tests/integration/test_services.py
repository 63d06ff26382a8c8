"""`watch` and `notify` as real processes on SQLite, a real receiver at the end."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

import pytest
from service_process import Service
from small_line import small_line
from webhooks import SECRET, until

from alerts.receiver import Receiver
from producers.publish import publish
from stream.errors import TopicMissing
from stream.local import LocalLog
from stream.log import TopicPartition

pytestmark = pytest.mark.timeout(900)

VARIABLE = "ANDON_TEST_SECRET"
CONFIG = """
[log]
path = "andon.sqlite"
[notifier]
outbox = "outbox.sqlite"
[detector]
min_fails = 3
min_passes = 20
[alerts]
budget = 0.12
min_lift = 1.5
[logging]
level = "info"
format = "json"
[[endpoints]]
name = "mes"
url = "{url}"
secrets_env = ["{variable}"]
allow_http = true
allow_networks = ["127.0.0.1=127.0.0.1/32"]
"""


def configured(folder: Path, receiver: Receiver) -> Path:
    config = folder / "andon.toml"
    config.write_text(CONFIG.format(url=receiver.url, variable=VARIABLE))
    return config


def alerts_of(log: LocalLog) -> list[bytes]:
    """The alerts on the topic, as bytes."""
    return [
        record.value or b""
        for number in range(4)
        for record in log.read(TopicPartition("andon.alerts", number))
    ]


@pytest.fixture
def receiver() -> Receiver:
    return Receiver([SECRET])


def test_every_alert_is_delivered_once_and_signed_and_both_end_within_seconds(
    tmp_path: Path, receiver: Receiver
) -> None:
    with receiver:
        config = configured(tmp_path, receiver)
        with (
            Service(config, "watch", "--quiet") as watch,
            Service(config, "notify", **{VARIABLE: SECRET}) as notify,
            closing(LocalLog(tmp_path / "andon.sqlite")) as log,
        ):
            assert until(lambda: topics_exist(log), 120), watch.said
            for line in ("A", "B", "C"):
                publish(log, "andon.events", small_line(400, line))
            # 29 of each line's 40 fails come after the first 110 parts, when it has learnt.
            assert receiver.wait_for(30, 120), (watch.said, notify.said)
            assert until(lambda: everything_was_read(log), 120), watch.said
            assert until(lambda: len(receiver.received) == len(alerts_of(log)), 120), notify.said
            assert sorted(r.body for r in receiver.received) == sorted(alerts_of(log))
            assert {received.id for received in receiver.received} == {
                received.alert["id"] for received in receiver.received
            }
            began = time.monotonic()
            assert (watch.terminate(10), notify.terminate(10)) == (0, 0), (watch.said, notify.said)
            assert time.monotonic() - began < 10
        assert (receiver.duplicates, receiver.refused) == (0, 0)


def test_a_worker_that_is_rebuilding_ends_within_seconds_too(
    tmp_path: Path, receiver: Receiver
) -> None:
    with receiver, closing(LocalLog(tmp_path / "andon.sqlite")) as log:
        config = configured(tmp_path, receiver)
        with Service(config, "topics", "create") as creating:
            creating.finish()
        for line in ("A", "B", "C"):
            publish(log, "andon.events", small_line(3000, line))
        with Service(config, "watch", "--quiet") as watch:
            assert until(lambda: bool(alerts_of(log)), 120), watch.said
            assert not everything_was_read(log)
            assert watch.terminate(10) == 0, watch.said


def test_a_notifier_killed_in_mid_delivery_delivers_the_rest_after_its_restart(
    tmp_path: Path, receiver: Receiver
) -> None:
    with receiver, closing(LocalLog(tmp_path / "andon.sqlite")) as log:
        config = configured(tmp_path, receiver)
        with Service(config, "topics", "create") as creating:
            creating.finish()
        publish(log, "andon.events", small_line(1500))
        with Service(config, "watch", "--quiet", "--until-end") as watch:
            watch.finish()
        expected = alerts_of(log)
        assert len(expected) > 50
        with Service(config, "notify", **{VARIABLE: SECRET}) as notify:
            assert receiver.wait_for(5, 120), notify.said
            notify.kill()
        with Service(config, "notify", "--drain", "60", **{VARIABLE: SECRET}) as notify:
            notify.finish()
        assert sorted(r.body for r in receiver.received) == sorted(expected)
        # What was on its way when it was killed may come again, under the same id.
        assert receiver.duplicates <= 1


def topics_exist(log: LocalLog) -> bool:
    try:
        return log.partitions("andon.alerts") == 4
    except TopicMissing:
        return False


def everything_was_read(log: LocalLog) -> bool:
    stored = log.stored_offsets("andon", "andon.events")
    return all(
        stored.get(at, 0) == log.end(at)
        for at in (TopicPartition("andon.events", number) for number in range(4))
    )
