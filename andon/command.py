"""What the commands share: options, how a command runs, and how it ends.

Exit codes: 0 done; 1 failed; 2 a setting, map or argument that cannot work; 3 the log; 4 dead
letters that remain; 130 stopped by Ctrl-C and 143 by SIGTERM before the work was done. A command
that runs until it is stopped ends with 0.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from alerts.words import Language
from andon.logs import configure_logging
from andon.mistakes import plain
from andon.settings import Settings, load_settings
from andon.terminal import Stop, stopped_by_signals, to_json
from stream.errors import ConfigError

EXIT_CODES = {
    0: "done, or stopped when it was to run until stopped",
    1: "failed: alerts are left to deliver, an alert of the demo was not delivered, or a defect",
    2: "a setting, map or argument that cannot work",
    3: "the log did not do what was asked, or does not answer",
    4: "dead letters remain that are still no events",
    130: "stopped by Ctrl-C before the work was done",
    143: "stopped by SIGTERM before the work was done",
}

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
LanguageOption = Annotated[
    Language | None,
    typer.Option("--lang", help="en or fr. [default: alerts.language]"),
]
SpeedOption = Annotated[
    float | None,
    typer.Option(help="How many times real speed. [default: as fast as it goes]"),
]

MetricsPortOption = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=65535,
        help="Serve /metrics, /healthz and /readyz there. [default: monitoring.port]",
    ),
]


def read_settings(config: Path | None, overrides: dict[str, object] | None = None) -> Settings:
    """The settings, with logging set up as they say."""
    settings = load_settings(config, os.environ, overrides)
    configure_logging(settings.logging.level, settings.logging.format)
    return settings


@contextmanager
def running() -> Iterator[Stop]:
    """Run a command's work: gives what signals set, and turns the system's errors into words.

    Ends the program with 128 and the signal's number if the work was cut off.
    """
    with stopped_by_signals() as stop:
        try:
            yield stop
        except BrokenPipeError:
            raise
        except OSError as error:
            raise ConfigError(
                f"{error.filename or 'a file'}: {error.strerror or error}: check its path and "
                f"rights"
            ) from error
    if stop.cut:
        typer.echo("andon: stopped before the end", err=True)
        raise typer.Exit(128 + stop.number if stop.number else 1)


def say(result: dict[str, Any], as_json: bool, sentence: str) -> None:
    """Print a command's result: JSON for programs, else a sentence that names its fields."""
    if as_json:
        typer.echo(to_json(result))
        return
    told = {
        key: plain(each, len(each)) if isinstance(each, str) else each
        for key, each in result.items()
    }
    typer.echo(sentence.format(**told))
