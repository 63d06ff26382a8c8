"""docker-compose.yml and the Dockerfile as the tests read them."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
IMAGE = "andon:"
_DEFAULT = re.compile(r"\$\{([A-Z_]+):-([^}]*)\}")


@cache
def compose() -> dict[str, Any]:
    """The whole file, with the defaults of its variables."""
    text = _DEFAULT.sub(r"\2", (ROOT / "docker-compose.yml").read_text("utf-8"))
    read: dict[str, Any] = yaml.safe_load(text)
    return read


def services() -> dict[str, dict[str, Any]]:
    """All services by name."""
    found: dict[str, dict[str, Any]] = compose()["services"]
    return found


def andon_services() -> dict[str, dict[str, Any]]:
    """Those that run andon's image."""
    return {name: each for name, each in services().items() if each["image"].startswith(IMAGE)}


def mounts(service: dict[str, Any]) -> dict[str, str]:
    """What is mounted, a path of the repository or a volume's name, by its place inside."""
    parts = [each.split(":") for each in service.get("volumes", ())]
    return {inside: outside for outside, inside, *_ in parts}


def on_this_machine(service: dict[str, Any], value: str) -> str:
    """A path of the container as the repository's file that is mounted there."""
    outside = mounts(service).get(value, "")
    return str(ROOT / outside) if outside.startswith("./") else value


def environment(service: dict[str, Any]) -> dict[str, str]:
    """This process's environment without andon's own variables, and with the service's."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("ANDON_")}
    told = {name: on_this_machine(service, v) for name, v in service["environment"].items()}
    return own | told


def command(service: dict[str, Any]) -> list[str]:
    """The arguments of andon, with the files of the repository."""
    return [on_this_machine(service, argument) for argument in service["command"]]


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile: each instruction with what follows it."""
    text = (ROOT / "Dockerfile").read_text("utf-8")
    whole = re.sub(r"\\\n", " ", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE))
    lines = [line.split(None, 1) for line in whole.splitlines() if line.strip()]
    return [(word.upper(), rest.strip()) for word, rest in lines]
