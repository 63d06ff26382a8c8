"""Names made to steer terminals, to forge lines or to be markup, through every command."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from commands import Commands, Done
from plants import as_toml, create_plant, plant_events, put_plant, shape_map
from small_line import is_bad, part_events, part_result
from webhooks import SECRET

from alerts.delivery import Verdict
from alerts.outbox import Outbox
from alerts.receiver import Receiver
from alerts.source import AlertMessage, Position
from andon.terminal import out
from producers.event_file import write_events
from stream.codec import encode
from stream.events import Event, Measurement, Result
from stream.local import LocalLog

# In a name the wire contract lets pass: the control characters of ISO 6429's second set, marks that
# turn the direction of writing, line separators, markup of rich, emoji, chats, Markdown, HTML.
NAME = (
    "\x9b2J\x9d0;owned\x9c\u202etxet\u2066\u2028forged\u0085forged[bold]x[/nope] :skull: "
    "<!channel> @everyone [a](http://x) <b>"
)
# In a feature's name, a value, an id and a reason everything may be.
TEXT = "\x1b]0;owned\x07\x1b[2J\r\nforged\x08\x00" + NAME
PARTS = 320


def hostile(events: list[Event]) -> Iterator[Event]:
    """The events with every name and text replaced."""
    for event in events:
        line = f"{event.line}{NAME}"
        if isinstance(event, Measurement):
            values = {f"{name}{TEXT}": value for name, value in event.values.items()}
            values["mold" + TEXT] = TEXT
            changed = {"part": event.part + NAME, "station": event.station + NAME, "values": values}
            yield event.model_copy(update={"line": line, **changed})
        elif isinstance(event, Result):
            changed = {"part": event.part + NAME, "test": "EOL" + NAME, "reason": TEXT}
            yield event.model_copy(update={"line": line, **changed})


def history() -> Iterator[Event]:
    """Two lines, one of which learns its cause."""
    for number in range(PARTS):
        told: list[Event] = [*part_events(number, "B")] if number < 3 else []
        told += part_events(number, "A")
        if number >= 30:
            told.append(part_result(number - 30, number + 0.7, "A"))
        yield from hostile(told)


@dataclass
class Plant:
    """A log with hostile events, and the files to read them from."""

    andon: Commands
    folder: Path

    def shown(self, *arguments: str | Path, code: int | None = 0, **variables: str) -> Done:
        """What a command says; nothing in it may act."""
        done = self.andon(*arguments, **variables)
        assert code is None or done.code == code, done.err
        for text in (done.out, done.err):
            assert sorted({c for c in text if not c.isprintable()} - {"\n"}) == []
            assert [line for line in text.split("\n") if line.startswith("forged")] == []
        return done

    def both(self, *arguments: str | Path) -> tuple[str, Any]:
        """The same for a person and for a script."""
        return self.shown(*arguments).out, self.shown(*arguments, "--json").json


@pytest.fixture
def plant(andon: Commands, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Plant:
    write_events(folder / "history.jsonl", history())
    (folder / "andon.toml").write_text(
        "[detector]\nmin_fails = 3\nmin_passes = 20\n[alerts]\nbudget = 0.12\nmin_lift = 1.5\n"
        '[logging]\nformat = "console"\n[topics]\npartitions = 1\n'
    )
    return Plant(andon, folder)


def test_names_in_a_history_do_nothing_to_who_replays_trains_tunes_and_explains(
    plant: Plant,
) -> None:
    with (plant.folder / "history.jsonl").open("ab") as file:
        file.write(f'{{"type":"{TEXT}"}}\n'.encode())
    told, report = plant.both("replay", "history.jsonl", "--out", "run")
    assert "By line" in told
    assert ":skull:" in told
    assert "[bold]x[/nope]" in told
    assert set(report["lines"]) == {"A" + NAME, "B" + NAME}
    written = (plant.folder / "run" / "report.json").read_text("utf-8")
    assert all(c == "\n" or c.isprintable() for c in written)
    assert set(json.loads(written)["lines"]) == set(report["lines"])
    plant.both("train", "history.jsonl", "--out", "learnt.ckpt")
    plant.both("tune", "history.jsonl", "--count", "2", "--trials", "trials.jsonl")
    bad = next(number for number in range(250, PARTS) if is_bad(number))
    told, journey = plant.both("explain", f"P-{bad}{NAME}", "history.jsonl")
    assert r"press\x9b2J" in told
    assert journey["part"] == f"P-{bad}{NAME}"
    for wrong in (["P-none" + NAME], [f"P-{bad}{NAME}", "--line", "C" + NAME]):
        plant.shown("explain", *wrong, "history.jsonl", code=2)


def test_names_in_events_alerts_and_dead_letters_do_nothing_to_who_runs_the_plant(
    plant: Plant,
) -> None:
    folder = plant.folder
    with Receiver([SECRET]) as receiver:
        settings = (folder / "andon.toml").read_text()
        (folder / "andon.toml").write_text(
            f'{settings}[[endpoints]]\nname = "mes"\nurl = "{receiver.url}"\nallow_http = true\n'
            f'allow_networks = ["127.0.0.1=127.0.0.1/32"]\n'
            f"allow_ports = [{receiver.url.split(':')[2].strip('/')}]\n"
            f'secrets_env = ["ANDON_SECRET_MES"]\n'
        )
        plant.shown("produce", "history.jsonl")
        with closing(LocalLog(folder / "state" / "andon.sqlite")) as log:
            headers = [(TEXT, TEXT.encode())]
            log.append("andon.events", TEXT.encode(), TEXT.encode(), headers=headers)
            odd = next(hostile([part_result(0, 0)]))
            wrong = encode(odd).replace(b'"v":1', f'"v":"{NAME}"'.encode())
            log.append("andon.events", odd.line.encode(), wrong)
            log.flush()
        told = plant.shown("watch", "--until-end").out
        assert ":skull:" in told
        assert "[bold]x[/nope]" in told
        again = plant.shown("watch", "--until-end", "--json", ANDON_WORKER__GROUP="other").out
        alerts = [json.loads(line) for line in again.splitlines()]
        assert {alert["line"] for alert in alerts} == {"A" + NAME}
        told, status = plant.both("status")
        assert r"A\x9b2J" in told
        assert {line["line"] for line in status["lines"]} == {"A" + NAME, "B" + NAME}
        plant.shown("notify", "--drain", "30", code=None, ANDON_SECRET_MES=SECRET)
        assert {json.loads(one.body)["line"] for one in receiver.received} == {"A" + NAME}
    told, letters = plant.both("dead-letters", "list")
    places = [place for reason in letters["reasons"] for place in reason["examples"]]
    assert len(places) >= 2
    for place in places:
        plant.both("dead-letters", "show", place)
    for how in ("--dry-run", "--json"):
        plant.shown("dead-letters", "replay", "--dry-run", how, code=4)
    plant.shown("dead-letters", "list", "--reason", TEXT.replace("\x00", ""))
    plant.shown("produce", "--topic", "andon.events", "--to", "copy")


def test_names_in_a_plants_own_messages_do_nothing_to_who_looks_at_them(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(out, "width", 3_000)
    plan = shape_map("nested")
    (plant.folder / "plant.toml").write_text(as_toml(plan), "utf-8")
    with closing(LocalLog(plant.folder / "state" / "andon.sqlite")) as log:
        create_plant(log, plan)
        events = plant_events(3)
        put_plant(log, "nested", list(hostile([*events])))
        put_plant(log, "nested", [one.model_copy(update={"part": TEXT}) for one in events])
        log.append("plant.nested.results", TEXT.encode(), TEXT.encode(), timestamp=10**13)
        log.flush()
    told = plant.shown("ingest", "--map", "plant.toml", "--dry-run", "40").out
    assert "[bold]x[/nope] :skull:" in told
    plant.shown("ingest", "--map", "plant.toml", "--dry-run", "40", "--json")
    plant.both("ingest", "--map", "plant.toml", "--until-end")
    plant.both("dead-letters", "list")
    plant.shown("dead-letters", "replay", "--map", "plant.toml", "--dry-run", code=4)


def test_names_in_a_table_and_in_what_receivers_answer_do_nothing_to_who_reads(
    plant: Plant,
) -> None:
    cell = TEXT.replace("\x00", "").replace("\r\n", "")
    rows = [
        f"{n}{cell},2026-01-05T08:{n:02}Z,{n}.5,{cell if n == 7 else 1 + n % 3}" for n in range(40)
    ]
    head = f"serial,at,oil t{cell},oil p"
    (plant.folder / "table.csv").write_text("\n".join([head, *rows]), "utf-8", newline="")
    plant.shown("map", "suggest", "table.csv")
    plant.shown("map", "suggest", "table.csv", "--json")
    plant.shown("map", "suggest", "table.csv", "--out", "map.toml")
    plant.shown("produce", "table.csv", "--map", "map.toml", code=None)
    plant.shown("replay", "table.csv", "--map", "map.toml", code=None)
    (plant.folder / "other.toml").write_text('line = "A"\n[part]\ncolumn = "none"\n', "utf-8")
    plant.shown("replay", "table.csv", "--map", "other.toml", code=2)
    plant.shown("replay", f"none{cell.replace('/', '')[:60]}.jsonl", code=2)
    with Outbox(plant.folder / "state" / "outbox.sqlite") as outbox:
        sent = AlertMessage("a1", "part.at_risk", "high", b"{}", Position("alerts/0", 0))
        outbox.accept([("old" + NAME, sent)], {}, 0.0)
        [due] = outbox.due("old" + NAME, 0.0)
        outbox.record(due, Verdict("exhausted", reason=TEXT), 1.0)
    plant.both("endpoints", "list")
    told, _ = plant.both("endpoints", "list", "--exhausted")
    assert r"\x1b]0;owned" in told
    plant.both("status")
    plant.shown("simulate", "--parts", "3", "--line", "A" + NAME, "--out", "line.jsonl")
    plant.shown("check-config", ANDON_WORKER__GROUP="g" + NAME, code=None)
    plant.shown("check-config", "--json", ANDON_LOG__PATH=cell, code=None)
