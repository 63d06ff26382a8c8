"""What the documents name exists: settings, variables, metrics, commands, options, files; and what
exists is in the reference."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from alerts.line_wording_en import SENTENCES
from andon.command_reference import commands
from andon.endpoints import EndpointSection
from andon.environment import variable
from andon.metrics import METRICS, PROCESS
from andon.settings import Settings

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SECTIONS = {
    name: EndpointSection if name == "endpoints" else type(getattr(Settings(), name))
    for name in Settings.model_fields
}
KEYS = {f"{name}.{key}" for name, section in SECTIONS.items() for key in section.model_fields}
VARIABLES = {variable(*key.split(".")) for key in KEYS if not key.startswith("endpoints.")}
# Read beside the settings: which file they are in, all endpoints at once; and the tests' own.
OTHER_VARIABLES = {"ANDON_CONFIG", "ANDON_FULL", "ANDON_ENDPOINTS", "ANDON_TEST_KAFKA", "ANDON_XYZ"}
COMMANDS = dict(commands())
ALERT_TYPES = {kind for kind, _ in SENTENCES}
METRIC_NAMES = {metric.name for metric in METRICS} | set(PROCESS)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def page(path: str) -> str:
    return (ROOT / path).read_text("utf-8")


def test_every_setting_is_in_its_table_of_the_reference_and_no_other_is() -> None:
    told = set()
    for section, rows in re.findall(
        r"^### `\[+(\w+)\]+`\n(.*?)(?=^### |^<!-- reference: end)",
        page("docs/settings.md"),
        re.DOTALL | re.MULTILINE,
    ):
        told |= {f"{section}.{key}" for key in re.findall(r"^\| `(\w+)`", rows, re.MULTILINE)}
    assert told == KEYS


def test_every_metric_is_in_the_table_of_the_reference_and_no_other_is() -> None:
    told = set(re.findall(r"^\| `(\w+)` \|", page("docs/metrics.md"), re.MULTILINE))
    assert told == {metric.name for metric in METRICS}


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_a_page_names_only_settings_and_variables_that_exist(path: Path) -> None:
    text = path.read_text("utf-8")
    named = {
        key
        for key in re.findall(r"`([a-z_]+\.[a-z_]+)(?: = [^`]*)?`", text)
        if key.split(".")[0] in SECTIONS and not key.endswith((".py", ".md", ".toml"))
    }
    assert named <= KEYS | ALERT_TYPES
    variables = set(re.findall(r"\bANDON_[A-Z_]+\b", text))
    secrets = {each for each in variables if each.startswith("ANDON_SECRET_")}
    assert variables - secrets <= VARIABLES | OTHER_VARIABLES


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_a_page_names_only_metrics_that_exist(path: Path) -> None:
    named = set(re.findall(r"`((?:andon|process)_[a-z_]+)`", path.read_text("utf-8")))
    assert named <= METRIC_NAMES


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_the_links_of_a_page_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text("utf-8")):
        if target.startswith("https://"):
            continue
        file, _, heading = target.partition("#")
        found = (path.parent / file).resolve() if file else path
        assert found.exists(), target
        if heading:
            headings = re.findall(r"^#+ (.*)$", found.read_text("utf-8"), re.MULTILINE)
            assert heading in {anchor(each) for each in headings}, target


def anchor(heading: str) -> str:
    """A heading's anchor as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def typed(text: str) -> list[str]:
    """The command lines of andon in a page's console blocks and in its running text."""
    blocks = re.findall(r"^\$ (.*)$", text, re.MULTILINE)
    inline = [each.replace("\n", " ") for each in re.findall(r"`(andon [^`]+)`", text)]
    lines = [re.split(r" [|>#]| &", line)[0] for line in blocks + inline]
    return [line[line.index("andon ") :] for line in lines if re.match(r"(\S+=\S+ )?andon ", line)]


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_a_command_line_in_a_page_parses_though_it_is_not_run(path: Path) -> None:
    for line in typed(path.read_text("utf-8")):
        words = shlex.split(line)
        known = [one for one in COMMANDS if words[: len(one.split())] == one.split()]
        assert known, line
        command = max(known, key=len)
        given: list[Any] = words[len(command.split()) :]
        if hasattr(COMMANDS[command], "commands"):
            assert not given, line
        elif given:
            # Running text names options without their values: each must at least exist.
            there = {option for each in COMMANDS[command].params for option in each.opts}
            assert {word for word in given if word.startswith("-")} <= there, line


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_a_command_line_in_a_block_has_all_that_it_needs(path: Path) -> None:
    for line in typed("".join(re.findall(r"^\$ .*\n", path.read_text("utf-8"), re.MULTILINE))):
        words = shlex.split(line)
        command = max((o for o in COMMANDS if words[: len(o.split())] == o.split()), key=len)
        COMMANDS[command].make_context(command, words[len(command.split()) :])
