"""The commands on history: ``andon replay``, ``andon train`` and ``andon produce``."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from andon import desk
from andon.command import (
    ConfigOption,
    JsonOption,
    MapOption,
    MetricsPortOption,
    SpeedOption,
    read_settings,
    running,
    say,
)
from andon.log_history import Bound, read_bound
from andon.terminal import to_json
from stream.errors import ConfigError

SourceArgument = Annotated[
    list[Path] | None,
    typer.Argument(
        help="Tables (CSV, plain or .gz, or Parquet), or files of events (.jsonl).",
        show_default=False,
    ),
]
TopicOption = Annotated[
    str | None, typer.Option("--topic", help="Read this topic of the log instead of files.")
]
StartOption = Annotated[
    str | None, typer.Option("--start", help="First offset of each partition, or time with zone.")
]
StopOption = Annotated[
    str | None, typer.Option("--stop", help="Offset or time with zone to stop before.")
]
TrainedOption = Annotated[
    Path | None, typer.Option("--from-checkpoint", help="Start from what 'andon train' learnt.")
]
BudgetOption = Annotated[
    float | None, typer.Option(help="Another alarm budget: a share of parts, such as 0.02.")
]
ModelOption = Annotated[
    str | None, typer.Option(help="Another model: a name or a River import path.")
]


def replay(
    source: SourceArgument = None,
    map_file: MapOption = None,
    topic: TopicOption = None,
    start: StartOption = None,
    stop: StopOption = None,
    to: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results.")] = Path("out"),
    warm_up: Annotated[
        str | None,
        typer.Option("--warm-up", help="Learn before this time (with zone), report from it on."),
    ] = None,
    trained: TrainedOption = None,
    budget: BudgetOption = None,
    model: ModelOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run history through the detector and report how it would have done. Needs no log.

    Writes risks.jsonl (every scored event), alerts.jsonl, report.json and, if anything could not
    be used, bad.jsonl. Every figure is prequential: scored first, learnt when the result arrives.

    Examples:

    ```
    andon replay shots.csv.gz --map docs/maps/diecasting.toml --out out
    andon replay line.jsonl.gz --budget 0.02 --json | jq .overall.last.ap
    andon replay shots.csv --map shots.toml --warm-up 2026-02-01T00:00Z
    andon replay --topic andon.events --start 2026-01-05T00:00Z
    ```
    """
    overrides: dict[str, object] = {
        "alerts.budget": budget,
        "detector.model": model,
        "detector.trained": None if trained is None else str(trained),
    }
    with running() as end:
        settings = read_settings(config, overrides)
        summary, report = desk.replay(
            settings,
            source_of(source, map_file, topic, start, stop),
            to,
            warm_up_until=_time("--warm-up", warm_up),
            stop=end,
        )
        typer.echo(to_json(report, indent=2, sort_keys=True) if as_json else summary)


def train(
    source: SourceArgument = None,
    map_file: MapOption = None,
    topic: TopicOption = None,
    start: StartOption = None,
    stop: StopOption = None,
    to: Annotated[Path, typer.Option("--out", "-o", help="File for what was learnt.")] = Path(
        "state/trained.ckpt"
    ),
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Learn from history, so that a line's first day is not a cold one.

    Keeps each line's detector and operating point in a file that **andon watch** starts from
    (detector.trained in the settings), and **andon replay --from-checkpoint**.

    Examples:

    ```
    andon train shots.csv.gz --map docs/maps/diecasting.toml
    andon train --topic andon.events --out state/january.ckpt
    ```
    """
    with running() as end:
        summary, report = desk.train(
            read_settings(config), source_of(source, map_file, topic, start, stop), to, stop=end
        )
        typer.echo(to_json(report, indent=2, sort_keys=True) if as_json else summary)


def produce(
    source: SourceArgument = None,
    map_file: MapOption = None,
    topic: TopicOption = None,
    start: StartOption = None,
    stop: StopOption = None,
    to: Annotated[
        str | None, typer.Option("--to", help="Topic to write. [default: the events topic]")
    ] = None,
    speed: SpeedOption = None,
    metrics_port: MetricsPortOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put history onto the log, in the order in which it arrived.

    Examples:

    ```
    andon produce shots.csv.gz --map docs/maps/diecasting.toml
    andon produce line.jsonl.gz --speed 3600
    andon produce --topic andon.events --to andon.events.second-look
    ```
    """
    with running() as end:
        settings = read_settings(config, {"monitoring.port": metrics_port})
        result = desk.produce(
            settings, source_of(source, map_file, topic, start, stop), to, speed, stop=end
        )
        say(result, as_json, "{events:,} events put on {to}; {bad:,} cells or rows not usable")


def source_of(
    paths: list[Path] | None,
    map_file: Path | None,
    topic: str | None,
    start: str | None,
    stop: str | None,
) -> desk.Source:
    """What the options name: files, or a topic of the log."""
    return desk.Source(paths or (), map_file, topic, _bound(start), _bound(stop))


def _bound(text: str | None) -> Bound | None:
    return None if text is None else read_bound(text)


def _time(option: str, text: str | None) -> datetime | None:
    bound = _bound(text)
    if isinstance(bound, int):
        raise ConfigError(f"{option} {text} is an offset: give a time such as 2026-02-01T00:00Z")
    return bound
