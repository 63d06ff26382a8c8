"""``andon tune``: settings of the detector chosen by history."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from andon import desk
from andon.command import ConfigOption, JsonOption, MapOption, read_settings, running
from andon.history_commands import (
    SourceArgument,
    StartOption,
    StopOption,
    TopicOption,
    source_of,
)
from andon.mistakes import plain
from andon.terminal import to_json
from andon.tuning import Measure, Search


def tune(
    source: SourceArgument = None,
    map_file: MapOption = None,
    topic: TopicOption = None,
    start: StartOption = None,
    stop: StopOption = None,
    trials: Annotated[
        Path, typer.Option("--trials", help="File of finished trials; the same one goes on.")
    ] = Path("state/trials.jsonl"),
    count: Annotated[
        int, typer.Option("--count", min=2, max=200, help="Settings to try, the present included.")
    ] = 12,
    by: Annotated[
        Measure, typer.Option("--by", help="What is best: ap (average precision) or auc.")
    ] = "ap",
    seed: Annotated[int, typer.Option(min=0, help="Which settings are drawn.")] = 0,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Choose window, rank, model and members by history, and say whether they are worth it.

    The first 60 % of the events choose, the rest judges the choice once, beside the present
    settings. Stopped by Ctrl-C, the same command goes on where it was; one with another --count
    or --by takes the trials that are finished. What it prints belongs under [detector] of the
    settings file, of which there is one, instead of the keys of the same names.

    Each setting is a replay: 12 of them take as long as about 8 replays of the whole history, and
    a stack's take longer.

    Examples:

    ```
    andon tune shots.csv.gz --map docs/maps/diecasting.toml
    andon tune line.jsonl.gz --count 24 --by auc --trials state/line.jsonl
    andon tune line.jsonl.gz --json | jq -r 'select(.better).toml'
    ```
    """
    with running() as end:
        found = desk.tune(
            read_settings(config),
            source_of(source, map_file, topic, start, stop),
            trials,
            Search(count, seed, by),
            stop=end,
        )
        if found is None:
            typer.echo(
                f"finished trials are kept: the same command goes on ({plain(str(trials))})",
                err=True,
            )
        else:
            typer.echo(to_json(found.to_dict(), indent=2) if as_json else found.told())
