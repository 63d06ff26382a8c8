"""Brokers that stand still, die or break their records, and what is never logged."""

from __future__ import annotations

import io
import logging
import socket
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from group_reader import Reader, poll_until
from kafka_broker import KafkaBroker, free_ports
from kafka_topics import answers, fill, join, new_topic, unique, until, values

from andon.logs import configure_logging
from stream.errors import (
    LogError,
    LogUnavailable,
    SendFailed,
)
from stream.kafka import KafkaConnection, KafkaLog
from stream.log import TopicPartition, TopicSpec

pytestmark = pytest.mark.kafka


def test_what_is_not_acknowledged_in_time_fails_and_memory_stays_bounded(
    impatient: KafkaLog, fragile_broker: KafkaBroker
) -> None:
    topic = new_topic(impatient)
    fill(impatient, topic, 3)
    held: list[int] = []

    def append_many() -> None:
        for _ in range(5_000):
            impatient.append(topic, b"k", b"lost")
            held.append(impatient._producer.unacknowledged[0])

    fragile_broker.suspend()
    try:
        began = time.monotonic()
        with pytest.raises(SendFailed, match=r"has not acknowledged \d+ records") as caught:
            append_many()
        assert time.monotonic() - began < 10
        assert caught.value.retriable
        assert max(held) == 100
        assert fragile_broker.bootstrap in str(caught.value)
    finally:
        fragile_broker.resume()
    # Told once; what was dropped is not sent behind our back.
    impatient.append(topic, b"k", b"after")
    impatient.flush()
    found = values(impatient, topic)
    assert found[:3] == [b"0", b"1", b"2"]
    assert found[-1] == b"after"
    time.sleep(0.5)
    assert values(impatient, topic) == found


def test_a_flush_has_its_own_deadline_and_what_it_gave_up_is_not_sent_later(
    fragile_broker: KafkaBroker,
) -> None:
    patient = KafkaConnection((fragile_broker.bootstrap,), delivery_timeout_s=60.0)
    with closing(KafkaLog(patient)) as log:
        topic = new_topic(log)
        fill(log, topic, 1)
        fragile_broker.suspend()
        try:
            log.append(topic, b"k", b"on its way")
            time.sleep(0.1)
            for _ in range(10):
                log.append(topic, b"k", b"given up")
            began = time.monotonic()
            with pytest.raises(SendFailed, match="11 records"):
                log.flush(timeout=0.2)
            assert time.monotonic() - began < 5
        finally:
            fragile_broker.resume()
        log.flush()
        time.sleep(1.0)
        assert b"given up" not in values(log, topic)


def test_a_broker_that_stands_still_is_unavailable_in_bounded_time(
    impatient: KafkaLog, fragile_broker: KafkaBroker
) -> None:
    topic = new_topic(impatient)
    fill(impatient, topic, 1)
    at = TopicPartition(topic, 0)
    fragile_broker.suspend()
    try:
        for ask in (impatient.end, impatient.begin, lambda at: impatient.partitions(at.topic)):
            began = time.monotonic()
            with pytest.raises(LogUnavailable, match=fragile_broker.bootstrap):
                ask(at)
            assert time.monotonic() - began < 5
    finally:
        fragile_broker.resume()
    until(lambda: answers(lambda: impatient.end(at)) == 1)


def test_the_same_log_goes_on_after_its_broker_was_killed_and_restarted(
    impatient: KafkaLog, fragile_broker: KafkaBroker
) -> None:
    topic, group = new_topic(impatient), unique("group")
    at = TopicPartition(topic, 0)
    reader = Reader(impatient, [topic], group)
    fill(impatient, topic, 5)
    poll_until([reader], lambda: len(reader.seen) == 5)
    fragile_broker.kill()
    try:
        impatient.append(topic, b"k", b"lost")
        with pytest.raises(SendFailed):
            impatient.flush(timeout=0.5)
        for _ in range(5):
            assert reader.consumer.poll(0.1).records == ()
    finally:
        fragile_broker.restart()
    until(lambda: answers(lambda: impatient.end(at)) == 5)
    fill(impatient, topic, 5)
    offsets = [record.offset for record in impatient.read(at)]
    assert offsets == list(range(10))
    poll_until([reader], lambda: set(range(10)) <= {place[1] for place in reader.places()})


def test_a_record_that_is_broken_on_disk_stops_the_reader_instead_of_spinning(
    impatient: KafkaLog, fragile_broker: KafkaBroker
) -> None:
    topic, group = new_topic(impatient), unique("group")
    at = TopicPartition(topic, 0)
    impatient.append(topic, b"k", b"good")
    impatient.flush()
    impatient.append(topic, b"k", b"to be broken")
    impatient.flush()
    fragile_broker.stop()
    try:
        flip_last_byte(fragile_broker.data / f"{topic}-0" / f"{0:020}.log")
    finally:
        fragile_broker.restart()
    until(lambda: answers(lambda: impatient.end(at)) == 2)
    with pytest.raises(LogError, match="crc"):
        list(impatient.read(at))
    member = impatient.consumer([topic], group)
    member.start(join(member), 0)
    with pytest.raises(LogError, match=rf"{topic}\[0\] cannot be read.*crc"):
        until(lambda: len(member.poll(1.0).records) > 1)
    began = time.monotonic()
    with pytest.raises(LogError, match="cannot be read"):
        member.poll(1.0)
    assert time.monotonic() - began < 0.5
    member.close()
    behind = impatient.consumer([topic], group)
    behind.start(join(behind), 2)
    fill(impatient, topic, 1)
    until(lambda: [r.offset for r in behind.poll(1.0).records] == [2])


def flip_last_byte(path: Path) -> None:
    content = bytearray(path.read_bytes().rstrip(b"\x00"))
    content[-1] ^= 0xFF
    with path.open("r+b") as file:
        file.write(content)


def test_a_log_under_a_wrong_address_is_unavailable_soon_and_leaves_nothing_behind() -> None:
    [port] = free_ports(1)
    threads = threading.active_count()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        addresses = [f"127.0.0.1:{port}", f"127.0.0.1:{silent.getsockname()[1]}"]
        for address in addresses:
            log = KafkaLog(KafkaConnection((address,), answer_timeout_s=0.5))
            for use in (
                lambda log: log.partitions("t"),
                lambda log: log.create_topics([TopicSpec("t")]),
                lambda log: log.append("t", b"k", b"v"),
                lambda log: log.consumer(["t"], "g"),
            ):
                began = time.monotonic()
                with pytest.raises(LogUnavailable, match=f"{address}.*bootstrap_servers"):
                    use(log)
                assert time.monotonic() - began < 5
            log.close()
    until(lambda: threading.active_count() <= threads, seconds=5)


def test_no_secret_and_no_payload_is_logged_even_at_debug(
    broker: KafkaBroker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    connection = KafkaConnection(
        (broker.bootstrap,),
        security={"sasl_plain_password": "CANARY-secret", "ssl_password": "CANARY-secret"},
    )
    assert "CANARY" not in repr(connection)
    with closing(KafkaLog(connection)) as log:
        topic, group = new_topic(log), unique("group")
        log.append(topic, b"CANARY-key", b"CANARY-value", headers=[("CANARY-name", b"CANARY-h")])
        log.flush()
        reader = Reader(log, [topic], group)
        poll_until([reader], lambda: len(reader.seen) == 1)
        assert values(log, topic) == [b"CANARY-value"]
    # The client does log, so an empty hand would prove nothing.
    assert any(record.name.startswith("kafka") for record in caplog.records)
    assert "CANARY" not in caplog.text


def test_payloads_that_a_client_made_to_speak_tells_at_debug_do_not_reach_andons_log(
    broker: KafkaBroker, caplog: pytest.LogCaptureFixture
) -> None:
    heard = io.StringIO()
    configure_logging("debug", "json", heard)
    caplog.set_level(logging.DEBUG)
    theirs = [name for name in logging.root.manager.loggerDict if name.startswith("kafka.")]
    try:
        for name in theirs:
            logging.getLogger(name).setLevel(logging.DEBUG)
        with closing(KafkaLog(KafkaConnection((broker.bootstrap,)))) as log:
            topic = new_topic(log)
            log.append(topic, b"CANARY-key", b"CANARY-value")
            log.flush()
            assert values(log, topic) == [b"CANARY-value"]
    finally:
        for name in theirs:
            logging.getLogger(name).setLevel(logging.NOTSET)
    assert "CANARY" in caplog.text
    assert heard.getvalue() == ""
