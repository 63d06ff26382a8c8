"""Three plants with messages of their own, from their topics on a real Kafka to risks.

The same data, replayed from a file of events, gives the same risks.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from ingest_process import IngestProcess
from kafka_broker import KafkaBroker
from kafka_topics import unique, until
from plants import (
    SHAPES,
    create_plant,
    encoded,
    on_topic,
    plant_events,
    put_plant,
    shape_map,
    values_on,
)

from andon.replay import RISKS_FILE, Replay
from models.detector import DetectorSettings
from producers.event_file import read_events, write_events
from producers.source_place import GROUP_HEADER
from stream.events import DeadLetter
from stream.kafka import KafkaConnection, KafkaLog
from stream.line import LineSettings
from stream.local import LocalLog
from stream.log import TopicSpec
from stream.task import Task, TaskSettings
from stream.worker import Outputs, Worker

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(900)]

PARTS = 450
PARTITIONS = 2
QUICK = LineSettings(detector=DetectorSettings(min_fails=3, min_passes=20))


@pytest.fixture
def log(broker: KafkaBroker) -> Iterator[KafkaLog]:
    with closing(KafkaLog(KafkaConnection((broker.bootstrap,)))) as opened:
        yield opened


@pytest.fixture
def topics(log: KafkaLog) -> Outputs:
    """The topics of a worker, fresh."""
    name = unique("plant")
    made = Outputs(f"{name}.events", f"{name}.alerts", f"{name}.letters", f"{name}.risks")
    log.create_topics(
        [
            TopicSpec(each, PARTITIONS)
            for each in (made.events, made.alerts, made.dead_letters, made.risks)
        ]
    )
    return made


def process_for(
    folder: Path, broker: KafkaBroker, topics: Outputs, data: dict[str, Any]
) -> IngestProcess:
    names = {
        "events": topics.events,
        "alerts": topics.alerts,
        "dead_letters": topics.dead_letters,
        "partitions": PARTITIONS,
    }
    return IngestProcess(folder, broker.bootstrap, names, data)


def risks(lines: list[bytes]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [json.loads(line) for line in lines]
    return found


@pytest.mark.parametrize("shape", SHAPES)
def test_a_plants_own_topics_give_the_risks_of_its_history(
    shape: str, log: KafkaLog, broker: KafkaBroker, topics: Outputs, tmp_path: Path
) -> None:
    events = plant_events(PARTS)
    file = tmp_path / "history.jsonl"
    write_events(file, events)
    settings = TaskSettings(topic=topics.events, line=QUICK)
    Replay(settings, PARTITIONS, draws=0).run(read_events(file), tmp_path / "out")
    replayed = risks((tmp_path / "out" / RISKS_FILE).read_bytes().splitlines())

    prefix = unique("plant")
    data = shape_map(shape, prefix)
    create_plant(log, data)
    count = put_plant(log, shape, events, prefix)
    told = process_for(tmp_path, broker, topics, data).run("--until-end")
    assert (told["records"], told["events"], told["dead_letters"]) == (count, len(events), 0)
    assert values_on(log, topics.events) == encoded(events)

    worker = Worker(
        log, topics, group=unique("group"), make_task=lambda number: Task(number, settings)
    )
    worker.run(lambda: False, until_end=True)
    watched = risks([value for value in values_on(log, topics.risks) if value])
    assert sum(risk["risk"] is not None for risk in watched) > 500
    assert watched == replayed


def test_what_the_map_cannot_read_is_put_aside_with_its_origin_once(
    log: KafkaLog, broker: KafkaBroker, topics: Outputs, tmp_path: Path
) -> None:
    prefix = unique("plant")
    data = shape_map("nested", prefix, tick="0s")
    create_plant(log, data, partitions=3)
    measurements, results = f"{prefix}.nested.measurements", f"{prefix}.nested.results"
    header = {"line": "A", "ts": 1767592809930}
    unit = {"serial": "P-1"}
    bad: list[tuple[str, bytes | None, str]] = [
        (measurements, b"\xff\xfe", "not_json"),
        (measurements, None, "tombstone"),
        (measurements, b"[" * 100_000, "too_deep"),
        (
            measurements,
            json.dumps({"header": header, "payload": {"op": 10}}).encode(),
            "missing_path",
        ),
        (
            measurements,
            json.dumps(
                {"header": header, "payload": {"unit": unit, "op": 99, "values": {}}}
            ).encode(),
            "unknown_code",
        ),
        (
            results,
            json.dumps({"header": header, "payload": {"serial": "P", "verdict": "?"}}).encode(),
            "unknown_code",
        ),
    ]
    for topic, value, _ in bad:
        log.append(topic, b"k", value, partition=2, headers=[("plant", b"9")])
    log.flush()
    process = process_for(tmp_path, broker, topics, data)
    told = process.run("--until-end", "--member", "m")
    assert (told["events"], told["dead_letters"]) == (0, len(bad))
    assert process.run("--until-end", "--member", "m")["dead_letters"] == 0
    records = on_topic(log, topics.dead_letters)
    letters = [DeadLetter.from_headers(record.headers) for record in records]
    assert sorted((each.topic, each.error) for each in letters) == sorted(
        (topic, error) for topic, _, error in bad
    )
    assert {each.partition for each in letters} == {2}
    assert {dict(record.headers)["plant"] for record in records} == {b"9"}
    assert {record.key for record in records} == {b"k"}


def test_a_running_ingest_tells_what_comes_and_stops_at_sigterm(
    log: KafkaLog, broker: KafkaBroker, topics: Outputs, tmp_path: Path
) -> None:
    prefix = unique("plant")
    data = shape_map("nested", prefix, tick="1s")
    create_plant(log, data)
    process = process_for(tmp_path, broker, topics, data)
    process.start()
    try:
        events = plant_events(20)
        put_plant(log, "nested", events, prefix, start=int(time.time() * 1000))
        # A tick may come among the events, if those come more slowly than ticks.
        until(lambda: told_and_ticks(log, topics)[0] == encoded(events))
        before = len(told_and_ticks(log, topics)[1])
        until(lambda: len(told_and_ticks(log, topics)[1]) > before + 1)
        assert process.terminate() == 0
    finally:
        process.kill()
    told, ticks = told_and_ticks(log, topics)
    assert told == encoded(events)
    assert {tick["line"] for tick in ticks} == {"press-shop"}
    headers = [dict(record.headers) for record in on_topic(log, topics.events)]
    assert {each[GROUP_HEADER] for each in headers} == {data["group"].encode()}


def told_and_ticks(log: KafkaLog, topics: Outputs) -> tuple[list[bytes], list[dict[str, Any]]]:
    """What the plant said, and what is said while it is silent."""
    values = [value or b"" for value in values_on(log, topics.events)]
    is_tick = [json.loads(value)["type"] == "tick" for value in values]
    told = [value for value, tick in zip(values, is_tick, strict=True) if not tick]
    return told, [json.loads(v) for v, tick in zip(values, is_tick, strict=True) if tick]


def test_of_two_processes_one_works_and_the_other_takes_over(
    log: KafkaLog, broker: KafkaBroker, topics: Outputs, tmp_path: Path
) -> None:
    prefix = unique("plant")
    data = shape_map("nested", prefix, tick="0s")
    create_plant(log, data)
    events = plant_events(60)
    half = len(events) // 2
    folders = [tmp_path / name for name in ("first", "second")]
    for folder in folders:
        folder.mkdir()
    first, second = (process_for(folder, broker, topics, data) for folder in folders)
    try:
        first.start()
        until(lambda: "andon.ingest_reconciled" in first.log())
        second.start()
        until(lambda: "andon.ingest_stands_by" in second.log())
        put_plant(log, "nested", events[:half], prefix)
        until(lambda: values_on(log, topics.events) == encoded(events[:half]))
        assert first.terminate() == 0
        put_plant(log, "nested", events[half:], prefix, start=10**12 + half)
        until(lambda: len(values_on(log, topics.events)) >= len(events))
        assert second.terminate() == 0
    finally:
        first.kill()
        second.kill()
    assert values_on(log, topics.events) == encoded(events)


def test_the_plants_topics_may_lie_on_another_cluster_than_the_events(
    log: KafkaLog, broker: KafkaBroker, tmp_path: Path
) -> None:
    prefix = unique("plant")
    data = shape_map("nested", prefix, source={"bootstrap_servers": [broker.bootstrap]})
    create_plant(log, data)
    events = plant_events(30)
    put_plant(log, "nested", events, prefix)
    path = tmp_path / "andon.sqlite"
    process = IngestProcess(tmp_path, broker.bootstrap, {}, data, {"kind": "local", "path": path})
    assert process.run("--until-end", "--member", "m")["events"] == len(events)
    assert process.run("--until-end", "--member", "m")["events"] == 0
    with closing(LocalLog(path)) as local:
        assert values_on(local, "andon.events") == encoded(events)
