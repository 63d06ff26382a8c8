"""The command line: parses, and calls the rest. Results go to standard output, all else to error.

The exit codes are those of `andon.command`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import structlog
import typer

from alerts.alert import Alert
from alerts.wording import headline
from alerts.words import Language
from andon import __version__, services
from andon.checkpoints import TakeUp
from andon.command import (
    ConfigOption,
    JsonOption,
    MetricsPortOption,
    SpeedOption,
    read_settings,
    running,
    say,
)
from andon.dead_letter_commands import dead_letters_app
from andon.endpoint_commands import endpoints_app
from andon.explain_command import explain
from andon.history_commands import produce, replay, train
from andon.ingest_commands import ingest
from andon.logs import configure_logging
from andon.map_commands import map_app
from andon.mistakes import plain
from andon.receive_command import receive
from andon.schemas import write_schemas
from andon.show_demo import show_demo
from andon.status_command import status_command
from andon.terminal import out, plain_json, to_json
from andon.tune_command import tune
from andon.warm_up import warm_up_command
from stream.errors import AndonError, ConfigError

log = structlog.get_logger()

_LONGEST_ERROR = 4_000

app = typer.Typer(
    name="andon",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
topics_app = typer.Typer(
    help="The topics of the log.", no_args_is_help=True, rich_markup_mode="markdown"
)
app.add_typer(topics_app, name="topics")
app.add_typer(endpoints_app, name="endpoints")
app.add_typer(dead_letters_app, name="dead-letters")
app.add_typer(map_app, name="map")
app.command()(ingest)
app.command("warm-up")(warm_up_command)


def main() -> None:
    """Run the command line; every error becomes one line and an exit code."""
    try:
        app(standalone_mode=True)
    except AndonError as error:
        for line in str(error).split("\n"):
            typer.echo(f"andon: {plain(line, _LONGEST_ERROR)}", err=True)
        sys.exit(error.exit_code)
    except SystemExit as end:
        # Typer ends with 1 when the reader of our output has gone, as `head` does. Nothing is
        # wrong, and there is nothing more to say.
        if not isinstance(end.__context__, BrokenPipeError):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        if not sys.stderr.isatty():
            log.critical("andon.defect", exc_info=True)
        elif os.environ.get("ANDON_LOGGING__LEVEL", "").lower() == "debug":
            raise
        typer.echo(
            f"andon: {type(error).__name__}: {plain(str(error))}: this is a defect of andon; "
            f"ANDON_LOGGING__LEVEL=debug shows where",
            err=True,
        )
        sys.exit(1)


@app.callback(invoke_without_command=True)
def andon(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Streaming detection of conformity-test failures on production lines.

    Start with **andon demo**; then **andon replay** your own history; then **andon watch** a line.

    Examples:

    ```
    andon demo
    andon replay shots.csv.gz --map docs/maps/diecasting.toml
    andon watch
    ```
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
    language: Annotated[
        Language, typer.Option("--lang", help="The language of the alerts: en or fr.")
    ] = "en",
    as_json: JsonOption = False,
) -> None:
    """Watch a simulated line being watched, from its stations to a webhook.

    One process, no broker: the simulated line at many times real speed, the detector learning,
    alerts as they fire, delivered over HTTP to a receiver that checks their signatures, and in
    the end an account of what was caught, how early, and what was missed. Takes about a minute.

    Examples:

    ```
    andon demo
    andon demo --seconds 20 --seed 7
    andon demo --lang fr
    andon demo --json | jq .true_alarms
    ```
    """
    configure_logging("warning", "auto")
    with running() as stop:
        delivered = show_demo(
            seed=seed,
            parts=None if forever else parts,
            seconds=seconds,
            language=language,
            as_json=as_json,
            stop=stop,
        )
        stop.cut = stop.is_set() and not forever
    if not delivered:
        raise typer.Exit(1)


@app.command()
def simulate(
    family: Annotated[str, typer.Option(help="demo, linear, interaction, drift or mnar.")] = "demo",
    features: Annotated[
        int, typer.Option(min=1, max=10_000, help="Features of the line (demo has 60).")
    ] = 60,
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
    plant: Annotated[
        str | None,
        typer.Option(help="Write a plant's own messages, to topics with this prefix."),
    ] = None,
    metrics_port: MetricsPortOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Simulate a line with known causes of failure, onto the log or into a file.

    With --plant the line speaks as a plant that knows nothing of andon: on PREFIX.measurements
    and PREFIX.results, for **andon ingest** to read by a map.

    Examples:

    ```
    andon simulate --parts 5000 --out line.jsonl.gz
    andon simulate --line body-A --speed 60
    andon simulate --plant plant --speed 60
    ```
    """
    with running() as stop:
        result = services.simulate(
            read_settings(config, {"monitoring.port": metrics_port}),
            family=family,
            features=features,
            parts=parts,
            seed=seed,
            line=line,
            speed=speed,
            to=to,
            plant=plant,
            stop=stop,
        )
        say(result, as_json, "{events:,} events of {line} written to {to}")


@app.command()
def watch(
    until_end: Annotated[
        bool, typer.Option("--until-end", help="Stop when all there is has been read.")
    ] = False,
    from_scratch: Annotated[
        bool,
        typer.Option("--from-scratch", help="Pass over checkpoints: read the events again."),
    ] = False,
    migrate: Annotated[
        bool,
        typer.Option("--migrate", help="Take over what other settings have learnt, as it goes."),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Do not print alerts.")] = False,
    metrics_port: MetricsPortOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Watch the lines: read events, learn, publish alerts. Runs until Ctrl-C or SIGTERM.

    Prints every new alert, as a sentence or (--json) as one JSON object a line. With
    **checkpoint.store** set, it goes on where it was; a checkpoint that does not fit the topic or
    the settings is refused by name, and --from-scratch or --migrate say what to do instead.

    Examples:

    ```
    andon watch
    andon watch --until-end --json > alerts.jsonl
    andon watch --from-scratch
    ```
    """
    if from_scratch and migrate:
        raise ConfigError("--from-scratch and --migrate are both given: remove one")
    with running() as stop:
        settings = read_settings(config, {"monitoring.port": metrics_port})
        said = _print_json_alert if as_json else _printer(settings.alerts.language)
        show = None if quiet else said
        take_up = TakeUp(from_scratch, migrate)
        services.watch(settings, until_end=until_end, show=show, stop=stop, take_up=take_up)


@app.command()
def notify(
    drain: Annotated[
        float | None,
        typer.Option(min=0, help="Deliver what there is for so many seconds, then stop."),
    ] = None,
    metrics_port: MetricsPortOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Deliver alerts to the endpoints in the settings. Runs until Ctrl-C or SIGTERM.

    With --drain the exit code is 0 when nothing is left to deliver, else 1.

    Examples:

    ```
    andon notify
    andon notify --drain 30
    ```
    """
    with running() as stop:
        settings = read_settings(config, {"monitoring.port": metrics_port})
        left = services.notify(settings, os.environ, drain, stop=stop)
    if drain is not None:
        say({"pending": left}, as_json, "{pending:,} alerts wait for a later attempt")
        if left:
            raise typer.Exit(1)


app.command()(receive)
app.command("status")(status_command)


app.command()(replay)
app.command()(explain)
app.command()(train)
app.command()(tune)
app.command()(produce)


@topics_app.command("create")
def create_topics(
    also: Annotated[
        list[str] | None,
        typer.Option(help="Another topic to create, with as many partitions; may be repeated."),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create the topics that the settings name; those that exist are left alone.

    Examples:

    ```
    andon topics create
    andon topics create --also plant.measurements --also plant.results
    ```
    """
    with running():
        created = services.create_topics(read_settings(config), also or [])
    say({"created": created}, as_json, "created: " + (", ".join(created) or "nothing was missing"))


@app.command("check-config")
def check_config(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Read the settings, name every mistake, and show what would be used, without secrets.

    Examples:

    ```
    andon check-config
    ANDON_ALERTS__BUDGET=0.02 andon check-config --json
    ```
    """
    settings = read_settings(config)
    with running():
        shown = services.check(settings, os.environ)
    if as_json:
        typer.echo(to_json(shown, indent=2))
        return
    for section, values in shown.items():
        tables = values if isinstance(values, list) else [values]
        for table in tables:
            typer.echo(f"[[{section}]]" if isinstance(values, list) else f"[{section}]")
            for key, value in table.items():
                typer.echo(f"{key} = {to_json(value)}")
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

    ```
    andon schema --out docs/schemas
    ```
    """
    with running():
        written = [str(path) for path in write_schemas(to)]
    say({"written": written}, as_json, "\n".join(written))


def _printer(language: Language) -> Callable[[Alert], None]:
    return lambda alert: out.print(headline(alert, language))


def _print_json_alert(alert: Alert) -> None:
    sys.stdout.buffer.write(plain_json(alert.to_json().decode()).encode() + b"\n")
    sys.stdout.buffer.flush()
