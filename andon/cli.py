"""The command line: parses, and calls the rest. Results go to standard output, all else to error.

Exit codes: 0 done; 1 failed; 2 a setting, map or argument that cannot work; 3 the log; 130 Ctrl-C.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from alerts.alert import Alert
from alerts.wording import headline
from andon import __version__, services
from andon.logs import configure_logging
from andon.schemas import write_schemas
from andon.settings import Settings, load_settings
from andon.show_demo import show_demo
from andon.terminal import out
from stream.errors import AndonError, ConfigError

app = typer.Typer(
    name="andon",
    help="Streaming detection of conformity-test failures on production lines.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
topics_app = typer.Typer(help="The topics of the log.", no_args_is_help=True)
app.add_typer(topics_app, name="topics")

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="Settings file. [default: $ANDON_CONFIG or andon.toml]"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]
SourceArgument = Annotated[
    list[Path], typer.Argument(help="CSV files (plain or .gz), or files of events (.jsonl).")
]
MapOption = Annotated[
    Path | None,
    typer.Option("--map", "-m", help="TOML map of the CSV columns; docs/maps has examples."),
]
SpeedOption = Annotated[
    float | None,
    typer.Option(help="How many times real speed. [default: as fast as it goes]"),
]


def main() -> None:
    """Run the command line; errors become one line and an exit code."""
    try:
        app(standalone_mode=True)
    except AndonError as error:
        for line in str(error).splitlines():
            typer.echo(f"andon: {line}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader of our output has gone, as `head` does: nothing more to say, nothing wrong.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def _settings(config: Path | None, **overrides: Any) -> Settings:
    settings = load_settings(config, os.environ, overrides.pop("overrides", None))
    configure_logging(settings.logging.level, settings.logging.format)
    return settings


@contextmanager
def _as_errors() -> Iterator[None]:
    """An operating-system error in words: which file, what is wrong."""
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"{error.filename or 'a file'}: {error.strerror or error}: check its path and rights"
        ) from error


@app.callback(invoke_without_command=True)
def andon(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Streaming detection of conformity-test failures on production lines.

    Start with **andon demo**; then **andon replay** your own history; then **andon watch** a line.
    """
    if version:
        typer.echo(f"andon {__version__}")
        raise typer.Exit


@app.command()
def demo(
    seconds: Annotated[float, typer.Option(min=5, help="Wall time to spread the parts over.")] = 50,
    parts: Annotated[int, typer.Option(min=500, help="Parts to run down the line.")] = 6000,
    seed: Annotated[int, typer.Option(help="Another seed, other parts.")] = 5,
    forever: Annotated[bool, typer.Option("--forever", help="Go on until Ctrl-C.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Watch a simulated line being watched, from its stations to a webhook.

    One process, no broker: the simulated line at many times real speed, the detector learning,
    alerts as they fire, delivered over HTTP to a receiver that checks their signatures, and in
    the end an account of what was caught, how early, and what was missed. Takes about a minute.

    Examples:

        andon demo

        andon demo --seconds 20 --seed 7

        andon demo --json | jq .true_alarms
    """
    configure_logging("warning", "auto")
    if not show_demo(seed=seed, parts=None if forever else parts, seconds=seconds, as_json=as_json):
        raise typer.Exit(1)


@app.command()
def simulate(
    family: Annotated[str, typer.Option(help="demo, linear, interaction, drift or mnar.")] = "demo",
    features: Annotated[int, typer.Option(min=1, help="Features of the line.")] = 60,
    parts: Annotated[
        int | None, typer.Option(min=1, help="Parts to make. [default: without end]")
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed, other parts.")] = 1,
    line: Annotated[str | None, typer.Option(help="The line's name.")] = None,
    speed: SpeedOption = None,
    to: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Write a file (.jsonl, .jsonl.gz) instead of the log."),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Simulate a line with known causes of failure, onto the log or into a file.

    Examples:

        andon simulate --parts 5000 --out line.jsonl.gz

        andon simulate --line body-A --speed 60      (onto the log, a minute a second)
    """
    with _as_errors():
        result = services.simulate(
            _settings(config),
            family=family,
            features=features,
            parts=parts,
            seed=seed,
            line=line,
            speed=speed,
            to=to,
        )
    _say(result, as_json, "{events:,} events of {line} written to {to}")


@app.command()
def produce(
    source: SourceArgument,
    map_file: MapOption = None,
    speed: SpeedOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put history onto the log, in the order in which it arrived.

    Examples:

        andon produce shots.csv.gz --map docs/maps/diecasting.toml

        andon produce line.jsonl.gz --speed 3600
    """
    with _as_errors():
        result = services.produce(_settings(config), source, map_file, speed)
    _say(result, as_json, "{events:,} events put on {to}; {bad:,} cells or rows could not be used")


@app.command()
def watch(
    until_end: Annotated[
        bool, typer.Option("--until-end", help="Stop when all there is has been read.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Do not print alerts.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Watch the lines: read events, learn, publish alerts. Runs until Ctrl-C or SIGTERM.

    Prints every new alert, as a sentence or (--json) as one JSON object a line.

    Examples:

        andon watch

        andon watch --until-end --json > alerts.jsonl
    """
    show = None if quiet else (_print_json_alert if as_json else _print_alert)
    with _as_errors():
        services.watch(_settings(config), until_end=until_end, show=show)


@app.command()
def notify(
    drain: Annotated[
        float | None,
        typer.Option(min=0, help="Deliver what there is for so many seconds, then stop."),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Deliver alerts to the endpoints in the settings. Runs until Ctrl-C or SIGTERM.

    With --drain the exit code is 0 when nothing is left to deliver, else 1.

    Examples:

        andon notify

        andon notify --drain 30
    """
    with _as_errors():
        left = services.notify(_settings(config), os.environ, drain)
    if drain is not None:
        _say({"pending": left}, as_json, "{pending:,} alerts wait for a later attempt")
        if left:
            raise typer.Exit(1)


@app.command()
def replay(
    source: SourceArgument,
    map_file: MapOption = None,
    to: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results.")] = Path("out"),
    budget: Annotated[
        float | None, typer.Option(help="Another alarm budget: a share of parts, such as 0.02.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Another model: a name or a River import path.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run history through the detector and report how it would have done. Needs no log.

    Writes risks.jsonl (every scored event), alerts.jsonl, report.json and, if anything could not
    be used, bad.jsonl. Every figure is prequential: scored first, learnt when the result arrives.

    Examples:

        andon replay shots.csv.gz --map docs/maps/diecasting.toml --out out/diecasting

        andon replay line.jsonl.gz --budget 0.02 --json | jq .overall.last.ap
    """
    overrides = {"alerts.budget": budget, "detector.model": model}
    with _as_errors():
        settings = _settings(config, overrides=overrides)
        summary, report = services.replay(settings, source, map_file, to)
    typer.echo(json.dumps(report, indent=2, sort_keys=True) if as_json else summary)


@topics_app.command("create")
def create_topics(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Create the topics that the settings name; those that exist are left alone.

    Example:

        andon topics create
    """
    with _as_errors():
        created = services.create_topics(_settings(config))
    _say({"created": created}, as_json, "created: " + (", ".join(created) or "nothing was missing"))


@app.command("check-config")
def check_config(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Read the settings, name every mistake, and show what would be used, without secrets.

    Examples:

        andon check-config

        ANDON_ALERTS__BUDGET=0.02 andon check-config --json
    """
    settings = _settings(config)
    with _as_errors():
        shown = services.check(settings, os.environ)
    if as_json:
        typer.echo(json.dumps(shown, indent=2))
        return
    for section, values in shown.items():
        tables = values if isinstance(values, list) else [values]
        for table in tables:
            typer.echo(f"[[{section}]]" if isinstance(values, list) else f"[{section}]")
            for key, value in table.items():
                typer.echo(f"{key} = {json.dumps(value)}")
            typer.echo()
    typer.echo("The settings are sound.")


@app.command()
def schema(
    to: Annotated[Path, typer.Option("--out", "-o", help="Folder for the schemas.")] = Path(
        "docs/schemas"
    ),
    as_json: JsonOption = False,
) -> None:
    """Write the JSON Schemas of events, alerts and dead letters.

    Example:

        andon schema --out docs/schemas
    """
    with _as_errors():
        written = [str(path) for path in write_schemas(to)]
    _say({"written": written}, as_json, "\n".join(written))


def _say(result: dict[str, Any], as_json: bool, sentence: str) -> None:
    typer.echo(json.dumps(result) if as_json else sentence.format(**result))


def _print_alert(alert: Alert) -> None:
    out.print(headline(alert), markup=False)


def _print_json_alert(alert: Alert) -> None:
    sys.stdout.buffer.write(alert.to_json() + b"\n")
    sys.stdout.buffer.flush()
