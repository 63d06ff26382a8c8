"""Ingest on a real Kafka, killed at random points: every record once, in order.

The full number of kills and records (20 over 20,000) runs with ``ANDON_FULL=1``.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ingest_process import IngestProcess
from kafka_broker import KafkaBroker
from plants import create_plant, loaded, on_topic, plant_events, readings, shape_map

from producers.gathering import Gathering
from producers.ingest import Ingest
from producers.source_place import PLACES_HEADER, Place, places_of
from producers.translate_json import JsonTranslator, Told
from stream.events import DeadLetter
from stream.kafka import KafkaConnection, KafkaLog
from stream.log import Log, Record, TopicPartition, TopicSpec
from stream.memory import MemoryLog

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(600)]

FULL = os.environ.get("ANDON_FULL") == "1"
RECORDS = 20_000 if FULL else 5_000
KILLS = 20 if FULL else 4
AHEAD = 400
PARTITIONS = 3
BASE = 10**12
LINES = 3


def messages(count: int) -> list[tuple[str, bytes, bytes]]:
    """A plant with one reading a message, three lines, and a bad record now and then.

    Only every other part has a message that ends its visits.
    """
    told: list[tuple[str, bytes, bytes]] = []
    for event in plant_events(count // 50):
        number = int(event.part[2:])
        for message in readings(event):
            said: Any = message.value | {"ln": f"line-{number % LINES}"}
            if "tests" in said:
                said["tests"].append({"sn": event.part, "t": "yesterday", "ok": True, "on": "x"})
                if number % 7:
                    del said["tests"][1]
            elif number % 2:
                said.pop("last", None)
            value = json.dumps(said).encode()
            told.append((message.topic, message.key, value[:-1] if len(told) % 211 == 0 else value))
    assert len(told) >= count
    return told[:count]


def put(log: Log, some: list[tuple[str, bytes, bytes]], start: int, prefix: str) -> None:
    for number, (topic, key, value) in enumerate(some, start):
        log.append(topic.replace("plant", prefix, 1), key, value, timestamp=BASE + number)
    log.flush()


def plant_map(prefix: str) -> dict[str, Any]:
    return shape_map("readings", prefix, line={"path": "$.ln"}, tick="0s", gap="5min")


def expected(told: list[tuple[str, bytes, bytes]]) -> MemoryLog:
    """What an ingest makes of it that nobody disturbs."""
    log = MemoryLog()
    log.create_topics([TopicSpec("andon.events", PARTITIONS), TopicSpec("andon.dead-letters", 2)])
    create_plant(log, plant_map("plant"))
    put(log, told, 0, "plant")
    Ingest(log, log, loaded(plant_map("plant"))).run(lambda: False, until_end=True)
    return log


def events_by_partition(log: Log, topic: str) -> list[list[bytes | None]]:
    return [
        [record.value for record in log.read(TopicPartition(topic, number))]
        for number in range(log.partitions(topic))
    ]


def events_told_by(told: list[tuple[str, bytes, bytes]]) -> list[int]:
    """For each message how many events an ingest has told once it has read it."""
    translator = JsonTranslator(loaded(plant_map("plant")))
    gathering = Gathering(timedelta(minutes=5))
    counts, count = [], 0
    for number, (topic, key, value) in enumerate(told):
        for item in translator.translate(Record(topic, 0, number, key, value)):
            if isinstance(item, Told):
                count += len(gathering.add(item, Place(topic, 0, number), BASE + number))
        counts.append(count)
    return counts


def has_stored_an_offset(log: Log, data: dict[str, Any]) -> bool:
    stored = [log.stored_offsets(data["group"], topic["name"]) for topic in data["topic"]]
    return any(offset > 0 for offsets in stored for offset in offsets.values())


def letters(log: Log, topic: str, prefix: str) -> list[tuple[str, int, int, str]]:
    found = [DeadLetter.from_headers(record.headers) for record in on_topic(log, topic)]
    return sorted((f.topic.replace(prefix, "plant"), f.partition, f.offset, f.error) for f in found)


@pytest.fixture
def log(broker: KafkaBroker) -> Iterator[KafkaLog]:
    with closing(KafkaLog(KafkaConnection((broker.bootstrap,)))) as opened:
        yield opened


def test_killed_at_random_points_it_tells_every_record_once_and_in_order(
    log: KafkaLog, broker: KafkaBroker, tmp_path: Path
) -> None:
    chance = random.Random(5)
    prefix = f"kill-{chance.randrange(10**9)}-{time.time_ns()}"
    topics = {
        "events": f"{prefix}.events",
        "alerts": f"{prefix}.alerts",
        "dead_letters": f"{prefix}.dead-letters",
    }
    log.create_topics([TopicSpec(topics["events"], PARTITIONS), TopicSpec(topics["dead_letters"])])
    data = plant_map(prefix)
    create_plant(log, data)
    told = messages(RECORDS)
    wanted = expected(told)
    wanted_events = events_by_partition(wanted, "andon.events")
    events_by = events_told_by(told)
    process = IngestProcess(tmp_path, broker.bootstrap, topics, data)
    places = [TopicPartition(topics["events"], number) for number in range(PARTITIONS)]
    fed = 0
    try:
        points = sorted(chance.sample(range(AHEAD, RECORDS - AHEAD), KILLS))
        for number, point in enumerate(points):
            more = min(RECORDS, point + AHEAD)
            put(log, told[fed:more], fed, prefix)
            fed = max(fed, more)
            process.start("--member", "ingest-1")
            deadline = time.monotonic() + 120
            # Every other one dies after it has stored an offset, the others mostly before.
            while sum(map(log.end, places)) < events_by[point] or (
                number % 2 and not has_stored_an_offset(log, data)
            ):
                assert time.monotonic() < deadline, process.log()
                process.check_alive()
            time.sleep(chance.random() * 0.3)
            process.kill()
        put(log, told[fed:], fed, prefix)
        last = process.run("--member", "ingest-1", "--until-end")
    finally:
        process.kill()
    assert events_by_partition(log, topics["events"]) == wanted_events
    assert letters(log, topics["dead_letters"], prefix) == letters(
        wanted, "andon.dead-letters", "plant"
    )
    assert 0 < last["records"] < RECORDS, "the last process should have gone on, not begun anew"
    written = [
        place
        for record in on_topic(log, topics["events"])
        if PLACES_HEADER in dict(record.headers)
        for place in places_of(record, data["group"])
    ]
    assert len(written) == len(set(written))
