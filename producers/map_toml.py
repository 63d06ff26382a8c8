"""A map's TOML file, read and validated, with one message for the first mistake."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from producers.mistakes import first_mistake
from stream.errors import ConfigError

AnyTable = TypeVar("AnyTable", bound=BaseModel)


def read_toml(path: Path) -> dict[str, Any]:
    """The content of the TOML file ``path``; raises `ConfigError` if it is none."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: the map cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: the map is not UTF-8 text: save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: the map is not TOML: {error}") from None


def validated(
    path: Path,
    data: dict[str, Any],
    model: type[AnyTable],
    tables: Mapping[str, type[BaseModel]],
) -> AnyTable:
    """``data``, read from ``path``, as ``model``; `ConfigError` names the first mistake."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise ConfigError(f"{path}: {first_mistake(error, data, model, tables)}") from None
