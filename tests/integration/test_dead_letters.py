"""A wrong map on a real Kafka, mended: what it put aside gives the risks it would have given."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from dead_letters import wrong
from faulty_log import FaultyLog, at_calls
from ingest_process import IngestProcess
from kafka_broker import KafkaBroker
from kafka_topics import unique
from plants import (
    as_toml,
    create_plant,
    encoded,
    loaded,
    plant_events,
    put_plant,
    shape_map,
    values_on,
)

from andon import dead_letter_desk
from andon.dead_letter_replay import DeadLetterReplay, ReplaySettings
from andon.dead_letters import Wanted
from andon.replay import RISKS_FILE, Replay
from andon.settings import load_settings
from andon.terminal import Stop
from models.detector import DetectorSettings
from producers.event_file import read_events, write_events
from stream.kafka import KafkaConnection, KafkaLog
from stream.line import LineSettings
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


def risks(lines: list[bytes]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [json.loads(line) for line in lines]
    return found


def test_what_a_wrong_map_put_aside_is_replayed_once_and_gives_the_risks_it_would_have(
    log: KafkaLog, broker: KafkaBroker, tmp_path: Path
) -> None:
    prefix = unique("dead")
    topics = Outputs(f"{prefix}.events", f"{prefix}.alerts", f"{prefix}.letters", f"{prefix}.risks")
    names = (topics.events, topics.alerts, topics.dead_letters, topics.risks)
    log.create_topics([TopicSpec(name, PARTITIONS) for name in names])
    events = plant_events(PARTS)
    write_events(tmp_path / "history.jsonl", events)
    settings = TaskSettings(topic=topics.events, line=QUICK)
    history = read_events(tmp_path / "history.jsonl")
    Replay(settings, PARTITIONS, draws=0).run(history, tmp_path / "out")
    never_broken = risks((tmp_path / "out" / RISKS_FILE).read_bytes().splitlines())

    data = shape_map("nested", prefix, tick="0s")
    create_plant(log, data)
    count = put_plant(log, "nested", events, prefix)
    named = dict(zip(("events", "alerts", "dead_letters"), names, strict=False))
    process = IngestProcess(tmp_path, broker.bootstrap, named, wrong(data))
    assert process.run("--until-end")["dead_letters"] == count
    mended = tmp_path / "mended.toml"
    mended.write_text(as_toml(data), "utf-8")

    service = load_settings(tmp_path / "andon.toml", {})
    listing = dead_letter_desk.reasons(service, Wanted(), replayed=False, stop=Stop())
    assert {(one.error, one.topic) for one in listing.reasons} == {
        ("missing_path", topic["name"]) for topic in data["topic"]
    }
    assert sum(one.count for one in listing.reasons) == count
    place = listing.reasons[0].examples[0]
    assert dead_letter_desk.letter_at(service, place).said.error == "missing_path"

    # It dies after two batches and a part of the third.
    faulty = FaultyLog(log, on_flush=at_calls([3], KeyboardInterrupt), arrives=40)
    pure = ReplaySettings(topics.events, topics.dead_letters, batch_records=100)
    with suppress(KeyboardInterrupt):
        DeadLetterReplay(faulty, pure, Wanted(), loaded(data)).run(lambda: False)
    assert values_on(log, topics.events) == encoded(events)[:240]

    summary = dead_letter_desk.replay(service, Wanted(), mended, stop=Stop())
    assert (summary.replayed, summary.already, summary.remaining) == (count - 240, 240, 0)
    assert values_on(log, topics.events) == encoded(events)

    worker = Worker(
        log, topics, group=unique("group"), make_task=lambda number: Task(number, settings)
    )
    worker.run(lambda: False, until_end=True)
    watched = risks([value for value in values_on(log, topics.risks) if value])
    assert sum(risk["risk"] is not None for risk in watched) > 500
    assert watched == never_broken
