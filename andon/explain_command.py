"""``andon explain``: one part's journey, from history."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from alerts.telling import explanation_text
from andon import desk
from andon.command import (
    ConfigOption,
    JsonOption,
    LanguageOption,
    MapOption,
    read_settings,
    running,
)
from andon.explaining import Asked
from andon.history_commands import (
    ModelOption,
    SourceArgument,
    StartOption,
    StopOption,
    TopicOption,
    TrainedOption,
    source_of,
)
from andon.terminal import out, plain_json


def explain(
    part: Annotated[str, typer.Argument(help="The part's serial number.", show_default=False)],
    source: SourceArgument = None,
    map_file: MapOption = None,
    topic: TopicOption = None,
    start: StartOption = None,
    stop: StopOption = None,
    line: Annotated[
        str | None,
        typer.Option("--line", help="The part's line. [default: the first it is met on]"),
    ] = None,
    generation: Annotated[
        int, typer.Option(min=0, help="How often the serial number had come before.")
    ] = 0,
    top: Annotated[
        int, typer.Option(min=1, max=100, help="Most readings told of each station.")
    ] = 5,
    snapshots: Annotated[
        Path | None,
        typer.Option(
            "--snapshots", help="Folder of snapshots of the line: the next part costs less."
        ),
    ] = None,
    trained: TrainedOption = None,
    model: ModelOption = None,
    language: LanguageOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell one part's journey: its risk after each station, what moved it, what was missing.

    Replays history up to the part's result, so that every figure is as of that moment: the risks
    are those of **andon replay** and **andon watch** with the same settings. That takes as long as
    a replay of the part's line up to there; with --snapshots it begins at the newest one before the
    part, and leaves one for every 20,000 events of the line. The JSON is described by
    docs/schemas/explanation.json.

    Examples:

    ```
    andon explain P-0001185 line.jsonl.gz
    andon explain 4711 shots.csv.gz --map docs/maps/diecasting.toml
    andon explain P-000123 --topic andon.events --line body-A --lang fr
    andon explain P-000123 --topic andon.events --snapshots state/snapshots
    andon explain P-0001185 line.jsonl.gz --json | jq '.steps[].risk'
    ```
    """
    overrides: dict[str, object] = {
        "alerts.language": language,
        "detector.model": model,
        "detector.trained": None if trained is None else str(trained),
    }
    with running() as end:
        settings = read_settings(config, overrides)
        told = desk.explain(
            settings,
            source_of(source, map_file, topic, start, stop),
            Asked(part, line, generation, top),
            snapshots,
            stop=end,
        )
        if told is None:
            return
        if as_json:
            typer.echo(plain_json(told.model_dump_json(indent=2)))
        else:
            out.print(explanation_text(told, settings.alerts.language))
