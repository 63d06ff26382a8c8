"""``andon map``: maps of tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from andon.command import JsonOption, running, say
from andon.terminal import to_json
from producers.map_suggest import suggest_map
from stream.errors import ConfigError

map_app = typer.Typer(
    help="Maps: how a table becomes events.", no_args_is_help=True, rich_markup_mode="markdown"
)


@map_app.command("suggest")
def suggest(
    file: Annotated[Path, typer.Argument(help="A table: CSV (plain or .gz) or Parquet.")],
    to: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Write a new file instead of the standard output."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a first map of a table from its columns' names and what they hold.

    It loads and replays as it is, and is a draft: its comments say what was guessed. Which
    outcome is a fail, when it is known and when each station reports is for you to check.

    Examples:

    ```
    andon map suggest shots.csv.gz --out shots.toml
    andon replay shots.csv.gz --map shots.toml
    ```
    """
    with running():
        text = suggest_map(file)
        if to is None:
            # Its texts are escaped as TOML's are.
            typer.echo(to_json({"map": text.rstrip()}) if as_json else text.rstrip())
            return
        try:
            with to.open("x", encoding="utf-8") as written:
                written.write(text)
        except FileExistsError:
            raise ConfigError(
                f"--out {to}: the file exists, and somebody may have worked on it: give another"
            ) from None
        say({"out": str(to)}, as_json, "A first map is written to {out}: check it.")
