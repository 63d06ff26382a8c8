"""A plant's own messages: what ingest makes of them is what the line said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from lines import small_spec

from producers.ingest import Ingest, IngestSettings
from producers.ingest_map import load_ingest_map
from producers.plant_messages import encode_message, plant_topic, plant_topics, told_by_a_plant
from producers.publish import publish
from producers.simulator import SimulatedLine
from stream.codec import decode
from stream.events import Measurement, Result, Tick
from stream.log import TopicPartition, TopicSpec
from stream.memory import MemoryLog

MAP = Path(__file__).parents[2] / "deploy" / "compose" / "plant.toml"


def test_what_the_plant_says_becomes_the_events_of_its_line_again() -> None:
    events = list(told_by_a_plant(SimulatedLine(small_spec()).events(60)))
    log = MemoryLog()
    log.create_topics([TopicSpec(name) for name in (*plant_topics("plant"), "andon.events")])
    log.create_topics([TopicSpec("andon.dead-letters")])
    publish(log, lambda event: plant_topic("plant", event), events, encode=encode_message)
    Ingest(log, log, load_ingest_map(MAP), IngestSettings()).run(lambda: False, until_end=True)
    again = [
        decode(record.key, record.value) for record in log.read(TopicPartition("andon.events", 0))
    ]

    def said(event: Measurement | Result) -> dict[str, object]:
        what = json.loads(event.model_dump_json(exclude_none=True))
        return what | {"at": round(event.at.timestamp() * 1000)}

    got = [event for event in again if isinstance(event, Measurement | Result)]
    by_place = lambda event: json.dumps(said(event), sort_keys=True)  # noqa: E731
    assert sorted(map(by_place, got)) == sorted(map(by_place, events))
    assert list(log.read(TopicPartition("andon.dead-letters", 0))) == []


def test_a_plant_has_no_word_for_a_tick() -> None:
    told = list(SimulatedLine(small_spec()).events(60))
    tick = Tick(line="L", at=told[0].at)
    assert list(told_by_a_plant([tick, told[0]])) == [told[0]]
    with pytest.raises(ValueError, match="no message for a tick"):
        encode_message(tick)
