"""Settings from the environment: ``ANDON_LOG__PATH`` is ``log.path``.

A variable holds text, so numbers, true and false are read from it; a list is written in JSON or
with commas between its items; ``ANDON_ENDPOINTS`` is a JSON list of tables.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsError

from andon.mistakes import unknown_key

PREFIX = "ANDON_"
NESTED = "__"
# What other parts of andon and its tests are told by variables of their own.
OTHER_VARIABLES = (
    "ANDON_CONFIG",
    "ANDON_FULL",
    "ANDON_TEST_DATA",
    "ANDON_TEST_KAFKA",
    "ANDON_REQUIRE_KAFKA",
)
SECRETS = "ANDON_SECRET_"


def variable(section: str, key: str = "") -> str:
    """The variable that overrides a key.

    >>> variable("log", "path")
    'ANDON_LOG__PATH'
    """
    return PREFIX + (f"{section}{NESTED}{key}" if key else section).upper()


def variables(settings: type[BaseSettings]) -> dict[str, tuple[str, ...]]:
    """Each variable that is read, with the place of its key."""
    places: dict[str, tuple[str, ...]] = {}
    for section, field in settings.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            places |= {variable(section, key): (section, key) for key in kind.model_fields}
        else:
            places[variable(section)] = (section,)
    return places


def unknown_variables(
    settings: type[BaseSettings], environ: Mapping[str, str], named: Iterable[str]
) -> list[str]:
    """One line for each ``ANDON_*`` variable that nothing reads.

    ``named`` are the variables that endpoints name for their secrets.
    """
    known = {*variables(settings), *OTHER_VARIABLES}
    passed = known.union(named)
    return [
        unknown_key("environment", name, "setting", _likely(name, known), PREFIX)
        for name in sorted(environ)
        if name.startswith(PREFIX) and not name.startswith(SECRETS) and name not in passed
    ]


def _likely(name: str, known: Iterable[str]) -> list[str]:
    """Known names without the prefix; of the same section if there is such a section."""
    bare = [each.removeprefix(PREFIX) for each in known]
    section = name.removeprefix(PREFIX).partition(NESTED)[0].upper()
    return [each for each in bare if each.partition(NESTED)[0] == section] or bare


def read_environment(settings: type[BaseSettings], environ: Mapping[str, str]) -> dict[str, Any]:
    """The sections that the environment speaks of, each value in its key's type if it has one.

    A value that cannot be read stays the text it is, for the validation to name its variable.
    """
    tables: dict[str, Any] = {}
    for name, place in variables(settings).items():
        if name not in environ:
            continue
        value: Any = environ[name]
        # What is left as text: an endless number, brackets too deep.
        with suppress(SettingsError, RecursionError):
            found = _OneVariable(settings, name, value)()
            for step in place:
                found = found.get(step, value)
            value = found
        if len(place) == 1:
            tables[place[0]] = value
        else:
            tables.setdefault(place[0], {})[place[1]] = value
    return tables


class _OneVariable(EnvSettingsSource):
    """Reads one variable, which is given to it instead of looked up in the process."""

    def __init__(self, settings: type[BaseSettings], name: str, text: str) -> None:
        self._given = {name.lower(): text}
        super().__init__(settings, env_prefix=PREFIX, env_nested_delimiter=NESTED)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return dict(self._given)

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """A list from JSON, else from its items between commas."""
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return [item.strip() for item in value.split(",")]
