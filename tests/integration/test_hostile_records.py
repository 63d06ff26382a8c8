"""Hostile records on real logs: each in the dead letters with its reason and its origin.

And each time the next good record is processed.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from kafka import KafkaProducer
from kafka_broker import KafkaBroker
from poison import POISON, TEN_MEGABYTES, Poison
from small_line import QUICK, press
from workers import on_topic, own_topics, run_to_end, states_of

from stream.codec import encode
from stream.events import DeadLetter
from stream.kafka import KafkaConnection, KafkaLog
from stream.letter_bounds import KEY_BYTES
from stream.local import LocalLog
from stream.log import Log, Record, TopicSpec
from stream.worker import Outputs

HOSTILE = POISON | {"10 MB": TEN_MEGABYTES}
# A broker refuses records beyond a megabyte unless the topic allows them.
ROOM = str(12 * 1024 * 1024)


@pytest.fixture
def topics() -> Outputs:
    return own_topics()


@pytest.fixture
def local_log(tmp_path: Path) -> Iterator[LocalLog]:
    with closing(LocalLog(tmp_path / "andon.sqlite")) as opened:
        yield opened


@pytest.fixture
def kafka_log(broker: KafkaBroker) -> Iterator[KafkaLog]:
    with closing(KafkaLog(KafkaConnection((broker.bootstrap,)))) as opened:
        yield opened


@pytest.fixture
def careless(broker: KafkaBroker) -> Iterator[KafkaProducer]:
    """A producer of somebody else's, that sends whatever it is given."""
    with closing(
        KafkaProducer(
            bootstrap_servers=broker.bootstrap, max_request_size=int(ROOM), compression_type=None
        )
    ) as opened:
        yield opened


def create(log: Log, topics: Outputs) -> None:
    """The topics, the events' with room for what nobody should send; the dead letters' as usual."""
    log.create_topics(
        [
            TopicSpec(topics.events, extra={"max.message.bytes": ROOM}),
            TopicSpec(topics.alerts),
            TopicSpec(topics.dead_letters),
            TopicSpec(topics.risks),
        ]
    )


def good(number: int) -> bytes:
    return encode(press(f"P-{number}", number, 1.0))


def assert_all_answered(log: Log, topics: Outputs, sent: list[Poison]) -> None:
    """Good and hostile records took turns, beginning with a good one."""
    settings = replace(QUICK, topic=topics.events, group=topics.events)
    worker = run_to_end(log, settings, topics=topics)
    [letters] = on_topic(log, topics.dead_letters)
    for number, (poison, letter) in enumerate(zip(sent, letters, strict=True)):
        assert_origin(letter, topics, 2 * number + 1, poison)
    assert states_of(worker)["A"]["counts"] == {
        "measurement.first": len(sent) + 1,
    }
    [risks] = on_topic(log, topics.risks)
    offsets = [int(dict(record.headers)["andon.offset"]) for record in risks]
    assert offsets == [2 * number for number in range(len(sent) + 1)]
    again = run_to_end(log, settings, topics=topics)
    assert states_of(again) == states_of(worker)
    assert on_topic(log, topics.dead_letters) == [letters]


def assert_origin(letter: Record, topics: Outputs, offset: int, poison: Poison) -> None:
    said = DeadLetter.from_headers(letter.headers)
    assert (said.topic, said.partition, said.offset) == (topics.events, 0, offset)
    assert (said.stage, said.error) == (poison.stage, poison.error)
    assert said.message
    assert letter.key == poison.key
    whole = poison.value
    limit = QUICK.dead_letter_bytes
    assert letter.value == (None if whole is None else whole[:limit])
    if whole is not None and len(whole) > limit:
        assert (said.length, said.sha256) == (len(whole), hashlib.sha256(whole).hexdigest())
    else:
        assert (said.length, said.sha256) == (None, None)


def test_on_the_local_log_each_is_put_aside_and_the_next_good_record_is_processed(
    local_log: LocalLog, topics: Outputs
) -> None:
    create(local_log, topics)
    local_log.append(topics.events, b"A", good(0))
    for number, poison in enumerate(HOSTILE.values(), start=1):
        local_log.append(topics.events, poison.key, poison.value, partition=0)
        local_log.append(topics.events, b"A", good(number))
    local_log.flush()
    assert_all_answered(local_log, topics, list(HOSTILE.values()))


@pytest.mark.kafka
def test_on_a_real_broker_each_is_put_aside_and_the_next_good_record_is_processed(
    kafka_log: KafkaLog, careless: KafkaProducer, topics: Outputs
) -> None:
    create(kafka_log, topics)
    # The client takes no record without key and value: here the tombstone has a key.
    sends = [careless.send(topics.events, key=b"A", value=good(0), partition=0)]
    for number, poison in enumerate(HOSTILE.values(), start=1):
        sends.append(careless.send(topics.events, key=poison.key, value=poison.value, partition=0))
        sends.append(careless.send(topics.events, key=b"A", value=good(number), partition=0))
    careless.flush(60)
    assert [send.get(60).offset for send in sends] == list(range(len(sends)))
    assert_all_answered(kafka_log, topics, list(HOSTILE.values()))


@pytest.mark.kafka
def test_a_key_or_headers_of_megabytes_do_not_keep_the_dead_letter_from_being_written(
    kafka_log: KafkaLog, careless: KafkaProducer, topics: Outputs
) -> None:
    create(kafka_log, topics)
    # Nothing that compression could make small.
    noise = random.Random(1).randbytes(2_000_000)
    careless.send(topics.events, key=noise, value=b"no", partition=0)
    careless.send(
        topics.events,
        key=b"A",
        value=noise[:900_000],
        headers=[("short", b"1"), ("long", noise[:900_000])],
        partition=0,
    )
    careless.send(topics.events, key=b"A", value=good(0), partition=0)
    careless.flush(60)
    settings = replace(QUICK, topic=topics.events, group=topics.events, dead_letter_bytes=900_000)
    worker = run_to_end(kafka_log, settings, topics=topics)
    [[first, second]] = on_topic(kafka_log, topics.dead_letters)
    assert first.key == noise[:KEY_BYTES]
    assert second.value == noise[:900_000]
    assert [name for name, _ in second.headers if not name.startswith("andon.")] == ["short"]
    assert states_of(worker)["A"]["counts"] == {"measurement.first": 1}
