"""The settings file: which one it is, and its tables as they are written."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from andon.mistakes import plain
from stream.errors import ConfigError

DEFAULT_FILE = Path("andon.toml")
_FILE_BYTES = 1_000_000


def find_settings_file(path: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The file to read: the one given, that of ``ANDON_CONFIG``, ``andon.toml`` if it exists."""
    if path is not None:
        return path
    if environ.get("ANDON_CONFIG"):
        return Path(environ["ANDON_CONFIG"])
    return DEFAULT_FILE if DEFAULT_FILE.exists() else None


def read_settings_file(file: Path) -> dict[str, Any]:
    """The file's tables; raises `ConfigError` naming the file and what to do."""
    name = plain(str(file))
    try:
        with file.open("rb") as opened:
            content = opened.read(_FILE_BYTES + 1)
    except (OSError, ValueError) as fault:
        why = fault.strerror if isinstance(fault, OSError) else "not a path"
        raise ConfigError(
            f"{name}: the settings file cannot be read ({why}): "
            f"give another with --config or ANDON_CONFIG"
        ) from None
    if len(content) > _FILE_BYTES:
        raise ConfigError(f"{name}: more than {_FILE_BYTES} bytes: name a settings file")
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as fault:
        raise ConfigError(f"{name}: byte {fault.start} is not UTF-8: save it as UTF-8") from None
    except tomllib.TOMLDecodeError as fault:
        raise ConfigError(f"{name}: not TOML: {plain(str(fault))}: correct it there") from None
    except (ValueError, RecursionError):
        raise ConfigError(
            f"{name}: not TOML that can be read: a number is too long or tables lie too deep"
        ) from None
