"""The reference of all commands, written from their own help.

``python -m andon.command_reference docs/commands.md`` renews that page between its marks; a test
fails when it differs from the commands.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from andon.cli import app
from andon.command import EXIT_CODES
from andon.reference import BEGIN, END

Command = Any  # a Click command; Typer keeps Click's classes to itself


def commands(command: Command | None = None, name: str = "andon") -> Iterator[tuple[str, Command]]:
    """Every command with its full name, groups before their members.

    >>> [name for name, command in commands()][:3]
    ['andon', 'andon ingest', 'andon warm-up']
    """
    command = get_command(app) if command is None else command
    yield name, command
    for child, found in getattr(command, "commands", {}).items():
        yield from commands(found, f"{name} {child}")


def examples(command: Command) -> list[str]:
    """The lines of the examples in a command's help."""
    _, _, rest = (command.help or "").partition("```")
    block, _, _ = rest.partition("```")
    return [line.strip() for line in block.splitlines() if line.strip()]


def command_reference() -> str:
    """The Markdown of all commands, and what their exit codes mean.

    >>> command_reference().splitlines()[0]
    '## `andon`'
    """
    parts = [_section(name, command) for name, command in commands()]
    rows = [f"| {code} | {meaning} |" for code, meaning in EXIT_CODES.items()]
    codes = ["## Exit codes", "", "| Code | Meaning |", "| --- | --- |", *rows]
    return "\n".join([*parts, *codes]) + "\n"


def renewed(page: str) -> str:
    """The page with the present reference between its two marks; ValueError without marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page lacks {BEGIN} or {END}: put both where the commands belong")
    return f"{before}{BEGIN}\n\n{command_reference()}\n{END}{after}"


def _section(name: str, command: Command) -> str:
    lines = [f"## `{name}`", "", inspect.cleandoc(command.help or ""), ""]
    rows = [_row(parameter) for parameter in command.params if parameter.name != "help"]
    if rows:
        lines += ["| Argument or option | Default | Meaning |", "| --- | --- | --- |", *rows, ""]
    return "\n".join(lines)


def _row(parameter: Any) -> str:
    meaning, _, said = (parameter.help or "").partition(" [default: ")
    if parameter.param_type_name == "argument":
        names = parameter.name.upper() + ("..." if parameter.nargs == -1 else "")
    else:
        names = ", ".join(parameter.opts)
    if parameter.required:
        default = "must be given"
    elif said:
        default = said.removesuffix("]")
    elif parameter.default in (None, False):
        default = "none" if parameter.default is None else "off"
    else:
        default = f"`{parameter.default}`"
    cells = [f"`{names}`", default, meaning]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    for given in sys.argv[1:]:
        Path(given).write_text(renewed(Path(given).read_text("utf-8")), "utf-8")
