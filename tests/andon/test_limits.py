"""The settings of [limits] hold wherever an event is read, not only in the worker."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import Commands
from small_line import part_result, press

from producers.event_file import write_events
from stream.events import Measurement

# Each bound, as it must be set to refuse exactly the second of the three parts below.
NARROW = {
    "magnitude": ("8", "number_too_large"),
    "name_bytes": ("16", "name_too_long"),
    "message_bytes": ("1024", "too_long"),
}


def refused_by(bound: str) -> Measurement:
    one = press("P-1", 1, 1.0)
    changed: dict[str, dict[str, object]] = {
        "magnitude": {"values": {"torque": 9.0}},
        "name_bytes": {"part": "P" * 17},
        "message_bytes": {"values": {f"f{n}": "x" * 250 for n in range(4)}},
    }
    return one.model_copy(update=changed[bound])


@pytest.mark.parametrize("bound", NARROW)
def test_what_is_beyond_a_bound_is_refused_by_every_command_that_reads_it(
    bound: str, andon: Commands, folder: Path
) -> None:
    setting, error = NARROW[bound]
    narrow = {f"ANDON_LIMITS__{bound.upper()}": setting}
    events = [press("P-0", 0, 1.0), refused_by(bound), press("P-2", 2, 1.0)]
    write_events(folder / "line.jsonl", [*events, part_result(0, 3), part_result(2, 3)])
    # Files of events.
    report = andon("replay", "line.jsonl", "--out", "run", "--json", **narrow).json
    assert report["events"] == {"measurement": 2, "result": 2}
    [bad] = (folder / "run" / "bad.jsonl").read_text().splitlines()
    assert json.loads(bad)["place"] == "line.jsonl, line 2"
    made = andon("produce", "line.jsonl", "--to", "narrow", "--json", **narrow).json
    assert (made["events"], made["bad"]) == (4, 1)
    unknown = andon("explain", events[1].part, "line.jsonl", **narrow)
    assert (unknown.code, "was measured nowhere" in unknown.err) == (2, True)
    # A topic, on which a producer without these bounds has put it.
    assert andon("produce", "line.jsonl", "--json").json["events"] == 5
    report = andon("replay", "--topic", "andon.events", "--out", "run", "--json", **narrow).json
    assert report["dead_letters"] == {error: 1}
    copied = andon("produce", "--topic", "andon.events", "--to", "copy", "--json", **narrow).json
    assert (copied["events"], copied["bad"]) == (4, 1)
    # The worker, and what it has put aside once more.
    assert andon("watch", "--until-end", **narrow).code == 0
    [letter] = andon("dead-letters", "list", "--json").json["reasons"]
    assert (letter["class"], letter["count"]) == (error, 1)
    again = andon("dead-letters", "replay", "--json", **narrow)
    assert (again.code, again.json["remaining"]) == (4, 1)
    assert andon("dead-letters", "replay", "--json").json["replayed"] == 1
