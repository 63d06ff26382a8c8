"""``andon endpoints``: how deliveries stand, and how to take up those that stopped."""

from __future__ import annotations

from typing import Annotated

import typer

from andon import outbox_desk
from andon.command import ConfigOption, JsonOption, read_settings, running, say
from andon.mistakes import plain
from andon.terminal import to_json
from andon.text_table import table_text

endpoints_app = typer.Typer(
    help="The endpoints that alerts are delivered to.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)
NameArgument = Annotated[str, typer.Argument(help="The endpoint's name in the settings.")]


@endpoints_app.command("list")
def list_endpoints(
    exhausted: Annotated[
        bool, typer.Option("--exhausted", help="List the alerts that ran out of attempts.")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how deliveries to each endpoint stand.

    An alert is pending until its endpoint accepts it, and exhausted after the last attempt. A
    disabled endpoint (it answered 410) gets nothing until it is enabled.

    Examples:

    ```
    andon endpoints list
    andon endpoints list --exhausted --json
    ```
    """
    settings = read_settings(config)
    with running():
        if exhausted:
            alerts = outbox_desk.given_up(settings)
            if as_json:
                typer.echo(to_json([alert.to_dict() for alert in alerts]))
                return
            for alert in alerts:
                typer.echo(
                    f"{plain(alert.endpoint)}  {plain(alert.alert)}  {alert.attempts} attempts: "
                    f"{plain(alert.error)}"
                )
            typer.echo(f"{len(alerts):,} alerts ran out of attempts")
            return
        states = outbox_desk.endpoint_states(settings)
    if as_json:
        typer.echo(to_json([state.to_dict() for state in states]))
    elif not states:
        typer.echo("The settings have no [[endpoints]], and the outbox knows none.")
    else:
        typer.echo(_table(states), nl=False)


@endpoints_app.command("enable")
def enable_endpoint(
    name: NameArgument, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Deliver to a disabled endpoint again; it gets all that it missed.

    Example:

    ```
    andon endpoints enable mes
    ```
    """
    with running():
        enabled = outbox_desk.enable(read_settings(config), name)
    say(
        {"endpoint": name, "enabled": enabled},
        as_json,
        "{endpoint} is enabled again" if enabled else "{endpoint} was not disabled",
    )


@endpoints_app.command("requeue")
def requeue_alerts(
    name: NameArgument, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Queue the alerts that ran out of attempts at an endpoint again.

    Example:

    ```
    andon endpoints requeue mes
    ```
    """
    with running():
        count = outbox_desk.requeue(read_settings(config), name)
    say(
        {"endpoint": name, "requeued": count},
        as_json,
        "{requeued:,} alerts are queued for {endpoint} again",
    )


def _table(states: list[outbox_desk.EndpointState]) -> str:
    head = ["ENDPOINT", "ADDRESS", "STATE", *(name.upper() for name in outbox_desk.STATES)]
    rows = [
        [
            state.name,
            state.url or "not in the settings",
            "enabled" if state.disabled is None else f"disabled: {state.disabled}",
            f"{state.pending:,}",
            f"{state.delivered:,}",
            f"{state.exhausted:,}",
        ]
        for state in states
    ]
    return table_text(head, rows)
