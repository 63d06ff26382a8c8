"""Every command explains itself, and the page of commands is what they say."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from commands import Commands

from andon.command_reference import commands, examples, renewed

ALL = dict(commands())
LEAVES = {name: command for name, command in ALL.items() if not hasattr(command, "commands")}
PAGE = Path(__file__).parents[2] / "docs" / "commands.md"


@pytest.mark.parametrize("name", LEAVES)
def test_a_command_says_what_it_does_and_gives_an_example(name: str) -> None:
    found = examples(LEAVES[name])
    assert (LEAVES[name].help or "").splitlines()[0].endswith(".")
    assert found
    assert re.match(rf"([A-Z_]+=\S+ )?{name}\b", found[0])


@pytest.mark.parametrize("name", ALL)
def test_every_option_is_explained(name: str) -> None:
    assert [p.name for p in ALL[name].params if not getattr(p, "help", None)] == []


@pytest.mark.parametrize("name", LEAVES)
def test_an_example_can_be_typed_as_it_stands(name: str) -> None:
    for line in examples(LEAVES[name]):
        words = shlex.split(re.split(r"[|>]", line)[0])
        words = words[words.index("andon") :]
        meant = max((one for one in LEAVES if words[: len(one.split())] == one.split()), key=len)
        given: list[Any] = words[len(meant.split()) :]
        LEAVES[meant].make_context(meant, given)  # raises for what the command does not know


@pytest.mark.parametrize("name", ALL)
def test_help_shows_each_example_on_a_line_of_its_own(andon: Commands, name: str) -> None:
    done = andon(*name.split()[1:], "--help")
    assert done.code == 0
    lines = [line.strip() for line in done.out.splitlines()]
    assert [example for example in examples(ALL[name]) if example not in lines] == []


def test_the_page_of_commands_is_what_the_commands_say() -> None:
    page = PAGE.read_text("utf-8")
    assert page == renewed(page), "run: python -m andon.command_reference docs/commands.md"


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="the page lacks"):
        renewed("# Commands\n")
