"""``andon status``."""

from __future__ import annotations

import typer

from andon.command import ConfigOption, JsonOption, read_settings, running
from andon.show_status import status_text
from andon.status import status
from andon.terminal import to_json


def status_command(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show how it goes: lines, lag, endpoints. Disturbs nothing that runs.

    Lag is what the log says; endpoints are what the outbox holds; lines are what workers with the
    same settings have written down on this machine, with the age of that. The last checkpoint of
    a line is the trained file that it began from, or none. What cannot be seen from here is
    unknown.

    Examples:

    ```
    andon status
    andon status --json | jq '.lag[].lag'
    ```
    """
    with running():
        told = status(read_settings(config))
        typer.echo(to_json(told) if as_json else status_text(told))
