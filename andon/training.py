"""From history to live: what lines have learnt, kept in a file that `andon watch` starts from.

The file (a `stream.checkpoint`) holds each line's detector and operating point, by the line's name,
and the settings that shaped them. It holds no open journeys and no results: those come from the
log. The same file and the same log give the same risks, wherever and however often they are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from models.detector import DetectorSettings
from models.plain_state import NoPlainState, State
from stream import checkpoint
from stream.checkpoint import CheckpointError
from stream.errors import ConfigError
from stream.line import Line

_KIND = "andon.trained/3"
# What shapes the state: another value of one of these needs another training.
_SHAPING = (
    "model",
    "members",
    "window_parts",
    "window_hours",
    "window_fails",
    "window_max_parts",
    "copies",
    "replicates",
    "rank",
)


def save_trained(
    path: Path, lines: Mapping[str, Line], settings: DetectorSettings, source: str
) -> int:
    """Keep what ``lines`` have learnt; answers the file's size in bytes.

    Raises `ConfigError` for a model whose state cannot be kept without pickle, or no lines.
    """
    if not lines:
        raise ConfigError(f"{source} holds no events: there is nothing to learn from")
    try:
        learnt = {name: line.learnt() for name, line in sorted(lines.items())}
    except NoPlainState as error:
        raise ConfigError(f"detector.model = {settings.model!r}: {error}") from None
    state: dict[str, Any] = {
        "kind": _KIND,
        "settings": _shaping(settings),
        "source": source,
        "lines": learnt,
    }
    return checkpoint.write(path, state)


def load_trained(path: Path | None, settings: DetectorSettings) -> dict[str, State]:
    """What lines start from, by name; nothing without a file.

    Raises `CheckpointError` for a file that is no such thing, or was made by other settings.
    """
    if path is None:
        return {}
    state = checkpoint.read(path)
    if state.get("kind") != _KIND:
        raise CheckpointError(f"checkpoint {path} was not made by 'andon train': name one that was")
    for key, now in _shaping(settings).items():
        made = state["settings"][key]
        if made != now:
            raise CheckpointError(
                f"checkpoint {path} was trained with detector.{key} = {made!r}, and it is {now!r} "
                f"now: set it back, or train again"
            )
    lines: dict[str, State] = state["lines"]
    return lines


def _shaping(settings: DetectorSettings) -> dict[str, Any]:
    values = asdict(settings)
    # A list, as it comes back from a file; only a stack has members.
    values["members"] = list(settings.members) if settings.model == "stack" else []
    return {key: values[key] for key in _SHAPING}
