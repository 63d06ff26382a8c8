"""``andon ingest``: a plant's own topics onto the log."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from andon import ingest_desk
from andon.command import (
    ConfigOption,
    JsonOption,
    MetricsPortOption,
    read_settings,
    running,
    say,
)
from andon.terminal import plain_json
from andon.text_table import table_text
from producers.ingest_preview import Seen


def ingest(
    map_file: Annotated[
        Path, typer.Option("--map", "-m", help="TOML map of the topics; docs/ingest.md tells how.")
    ],
    dry_run: Annotated[
        int | None,
        typer.Option(
            min=1, max=100_000, help="Show what becomes of so many newest records; write nothing."
        ),
    ] = None,
    until_end: Annotated[
        bool, typer.Option("--until-end", help="Stop when all there is has been read.")
    ] = False,
    member: Annotated[
        str | None,
        typer.Option(help="A fixed name in the consumer group, for a restart without a wait."),
    ] = None,
    metrics_port: MetricsPortOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a plant's own topics onto the log as events. Runs until Ctrl-C or SIGTERM.

    Each record once, whatever happens to the process, in the order in which the records arrived;
    what the map cannot read goes to the dead letters. Of several processes with one map, one
    works and the others stand by.

    Examples:

    ```
    andon ingest --map plant.toml --dry-run 20
    andon ingest --map plant.toml --member ingest-1
    andon ingest --map plant.toml --until-end --json
    ```
    """
    with running() as stop:
        settings = read_settings(config, {"monitoring.port": metrics_port})
        if dry_run is not None:
            _show(ingest_desk.show(settings, map_file, dry_run), as_json)
            return
        result = ingest_desk.ingest(
            settings, map_file, member=member, until_end=until_end, stop=stop
        )
        sentence = (
            "{records:,} records became {events:,} events on {to}; {dead_letters:,} put aside"
        )
        say(result, as_json, sentence)


def _show(seen: list[Seen], as_json: bool) -> None:
    if as_json:
        for each in seen:
            sys.stdout.buffer.write(plain_json(each.to_json().decode()).encode() + b"\n")
        sys.stdout.buffer.flush()
        return
    head = ["SOURCE", "BECOMES", "LINE", "PART", "STATION", "AT", "WHAT IT SAYS"]
    typer.echo(table_text(head, [_row(each) for each in seen]), nl=False)
    rejected = sum(each.rejected is not None for each in seen)
    events = sum(each.event is not None for each in seen)
    passed = len(seen) - rejected - events
    typer.echo(f"{events:,} events, {rejected:,} rejected, {passed:,} passed over")


def _row(seen: Seen) -> list[str]:
    first = seen.places[0]
    source = f"{first.topic}/{first.partition}:{first.offset}"
    if first.item:
        source += f".{first.item}"
    if len(seen.places) > 1:
        source += f" +{len(seen.places) - 1}"
    if seen.rejected is not None:
        return [source, "rejected", "", "", "", "", seen.rejected.message]
    if seen.event is None:
        return [source, "passed over", "", "", "", "", ""]
    event = seen.event
    said = event.get("values")
    if said is None:
        keys = ("outcome", "test", "reason", "revision")
        said = {key: event[key] for key in keys if key in event}
    return [
        source,
        event["type"],
        event["line"],
        event["part"],
        event.get("station", ""),
        event["at"],
        json.dumps(said, ensure_ascii=False),
    ]
