"""``andon dead-letters``: records that were put aside, why, and how to put them back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from andon import dead_letter_desk
from andon.command import ConfigOption, JsonOption, read_settings, running
from andon.dead_letter_events import Left, Made
from andon.dead_letter_view import letter_dict, letter_text
from andon.dead_letters import Wanted
from andon.log_history import read_bound
from andon.show_dead_letters import listing_text, outcome_dict, outcome_text, summary_text
from andon.terminal import to_json

SOME_REMAIN = 4

dead_letters_app = typer.Typer(
    help="Records that were put aside: why, what they say, and how to put them back.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)
ReasonOption = Annotated[
    list[str] | None,
    typer.Option("--reason", help="Only this class of error, such as not_json; may be repeated."),
]
TopicOption = Annotated[
    list[str] | None,
    typer.Option("--topic", help="Only records that came from this topic; may be repeated."),
]
SinceOption = Annotated[
    str | None,
    typer.Option("--since", help="First offset of each partition, or time with zone."),
]
UntilOption = Annotated[
    str | None, typer.Option("--until", help="Offset or time with zone to stop before.")
]
LimitOption = Annotated[
    int | None, typer.Option("--limit", min=1, help="At most so many letters, the first ones.")
]


@dead_letters_app.command("list")
def list_letters(
    reason: ReasonOption = None,
    topic: TopicOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    limit: LimitOption = None,
    replayed: Annotated[
        bool,
        typer.Option("--replayed", help="Count those replayed since; reads the events topic."),
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Count the dead letters by reason and by the topic that they came from.

    Disturbs nothing that runs. Each reason names a few places for **andon dead-letters show**. A
    letter that was replayed stays listed: a log forgets only by its retention.

    Examples:

    ```
    andon dead-letters list
    andon dead-letters list --topic plant.measurements --since 2026-01-05T08:00Z
    andon dead-letters list --json | jq '.reasons[] | {class, count}'
    ```
    """
    with running() as stop:
        settings = read_settings(config)
        wanted = _wanted(reason, topic, since, until, limit)
        found = dead_letter_desk.reasons(settings, wanted, replayed=replayed, stop=stop)
    if as_json:
        reasons = [one.to_dict() for one in found.reasons]
        count = sum(one.count for one in found.reasons)
        _print_json({"letters": count, "foreign": found.foreign, "reasons": reasons})
    else:
        typer.echo(listing_text(found.reasons, found.foreign))


@dead_letters_app.command("show")
def show_letter(
    place: Annotated[
        str, typer.Argument(help="PARTITION:OFFSET of the letter on the dead-letter topic.")
    ],
    most: Annotated[
        int, typer.Option("--bytes", min=0, help="Show so much of the value; 0: all.")
    ] = 4096,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one dead letter: its origin, its reason, its headers and its value.

    Control characters are shown as escapes, binary values in hexadecimal.

    Examples:

    ```
    andon dead-letters show 0:12
    andon dead-letters show 0:12 --json | jq -r .value.text
    ```
    """
    with running():
        letter = dead_letter_desk.letter_at(read_settings(config), place)
    if as_json:
        _print_json(letter_dict(letter))
    else:
        typer.echo(letter_text(letter, most))


@dead_letters_app.command("replay")
def replay_letters(
    map_file: Annotated[
        Path | None,
        typer.Option(
            "--map", "-m", help="TOML map of the plant's topics, mended; see andon ingest."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would become of them; write nothing.")
    ] = False,
    reason: ReasonOption = None,
    topic: TopicOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    limit: LimitOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put dead letters where they belong: as events on the events topic, each at most once.

    Records of a plant's topic are translated by the map; records of the events topic are read once
    more as the settings say now. What is still no event stays where it is, is counted by reason,
    and ends the command with 4. Killed at any point and started again, it goes on with what is
    missing. With --dry-run and --json: one object for each event and each item that stays, then
    the summary.

    Examples:

    ```
    andon dead-letters replay --map plant.toml --dry-run
    andon dead-letters replay --map plant.toml --topic plant.measurements
    andon dead-letters replay --reason too_long --json
    ```
    """

    def show(outcome: Made | Left) -> None:
        if as_json:
            _print_json(outcome_dict(outcome))
        else:
            typer.echo(outcome_text(outcome))

    with running() as stop:
        settings = read_settings(config)
        wanted = _wanted(reason, topic, since, until, limit)
        summary = dead_letter_desk.replay(
            settings, wanted, map_file, show=show if dry_run else None, stop=stop
        )
        events = settings.topics.events
        if as_json:
            _print_json({**summary.to_dict(), "to": events, "dry_run": dry_run})
        else:
            typer.echo(summary_text(summary, events, dry_run))
    if summary.remaining:
        raise typer.Exit(SOME_REMAIN)


def _wanted(
    reason: list[str] | None,
    topic: list[str] | None,
    since: str | None,
    until: str | None,
    limit: int | None,
) -> Wanted:
    return Wanted(
        frozenset(reason or ()),
        frozenset(topic or ()),
        None if since is None else read_bound(since),
        None if until is None else read_bound(until),
        limit,
    )


def _print_json(data: Any) -> None:
    typer.echo(to_json(data))
