"""The settings: one TOML file, ``ANDON_*`` variables above it, the command line above both.

The file is the one named on the command line, else by ``ANDON_CONFIG``, else ``andon.toml`` in the
working directory if there is one; without a file everything has its default. Paths in it are
relative to the working directory, as on the command line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, Strict, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from andon.checkpoint_section import CheckpointSection
from andon.endpoints import EndpointSection
from andon.environment import read_environment, unknown_variables, variable
from andon.kafka_section import KafkaSection
from andon.limits_section import LimitsSection
from andon.mistakes import (
    NEVER_SHOWN,
    SourceKind,
    Step,
    dotted,
    field_schema,
    plain,
    shown,
    unknown_key,
    wrong_value,
)
from andon.sections import (
    AlertsSection,
    DetectorSection,
    LoggingSection,
    LogSection,
    MonitoringSection,
    NotifierSection,
    PartsSection,
    TopicsSection,
    WorkerSection,
)
from andon.settings_file import find_settings_file, read_settings_file
from stream.errors import ConfigError


class Settings(BaseSettings):
    """Everything that can be set; made by `load_settings`, or from sections in a test.

    >>> Settings().alerts.budget
    0.05
    """

    model_config = SettingsConfigDict(frozen=True, extra="forbid", strict=True)

    log: LogSection = LogSection()
    kafka: KafkaSection = KafkaSection()
    topics: TopicsSection = TopicsSection()
    worker: WorkerSection = WorkerSection()
    checkpoint: CheckpointSection = CheckpointSection()
    limits: LimitsSection = LimitsSection()
    parts: PartsSection = PartsSection()
    detector: DetectorSection = DetectorSection()
    alerts: AlertsSection = AlertsSection()
    notifier: NotifierSection = NotifierSection()
    endpoints: Annotated[tuple[EndpointSection, ...], Strict(False)] = Field(())
    logging: LoggingSection = LoggingSection()
    monitoring: MonitoringSection = MonitoringSection()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what is given and nothing else: `load_settings` does the reading."""
        return (init_settings,)

    @field_validator("checkpoint")
    @classmethod
    def _checkpoints_fit_the_log(
        cls, checkpoint: CheckpointSection, info: ValidationInfo
    ) -> CheckpointSection:
        log, topics = info.data.get("log"), info.data.get("topics")
        if checkpoint.key_file is not None and checkpoint.key_env is not None:
            raise ValueError("checkpoint.key_file and checkpoint.key_env are both given: leave one")
        if checkpoint.allow_pickle and not checkpoint.has_key:
            raise ValueError(
                "checkpoint.allow_pickle is true and no key is named: give checkpoint.key_file or "
                "checkpoint.key_env"
            )
        if checkpoint.store != "topic":
            return checkpoint
        if log is not None and log.kind != "kafka":
            raise ValueError(
                "checkpoint.store is 'topic' and log.kind is not 'kafka': write 'directory'"
            )
        if topics is not None and checkpoint.topic in topics.model_dump().values():
            raise ValueError(
                f"checkpoint.topic {shown(checkpoint.topic)} is in [topics] as well: name a topic "
                f"of its own"
            )
        return checkpoint

    @field_validator("notifier")
    @classmethod
    def _notifier_is_apart(cls, notifier: NotifierSection, info: ValidationInfo) -> NotifierSection:
        worker, log = info.data.get("worker"), info.data.get("log")
        if worker is not None and notifier.group == worker.group:
            raise ValueError(
                f"notifier.group and worker.group are both {shown(worker.group)}: name two groups"
            )
        if log is not None and log.kind == "local" and notifier.outbox == log.path:
            raise ValueError(
                f"notifier.outbox and log.path are both {shown(str(log.path))}: name two files"
            )
        return notifier

    @field_validator("endpoints")
    @classmethod
    def _endpoint_names_differ(
        cls, endpoints: tuple[EndpointSection, ...]
    ) -> tuple[EndpointSection, ...]:
        names = [endpoint.name for endpoint in endpoints]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"endpoints: the name {shown(twice)} is used twice: give each its own")
        return endpoints

    def public(self) -> dict[str, Any]:
        """The settings as plain values that may be shown: of a URL scheme, host and port only."""
        found = self.model_dump(mode="json")
        for table, endpoint in zip(found["endpoints"], self.endpoints, strict=True):
            table["url"] = f"{endpoint.host}/..."
        return found

    def __repr__(self) -> str:
        return f"Settings({self.public()})"

    __str__ = __repr__


def load_settings(
    path: Path | None,
    environ: Mapping[str, str],
    overrides: Mapping[str, object] | None = None,
) -> Settings:
    """The settings from file, environment and command line.

    Parameters
    ----------
    path
        The file; None looks for one (`find_settings_file`).
    environ
        The environment, usually ``os.environ``.
    overrides
        What the command line says, by dotted key (``{"log.path": "x.sqlite"}``) or in nested
        tables; None as a value means that it says nothing.

    Raises `ConfigError` with one line for each mistake in all three.

    >>> load_settings(None, {"ANDON_TOPICS__PARTITIONS": "8"}).topics.partitions
    8
    """
    file = find_settings_file(path, environ)
    written = {} if file is None else read_settings_file(file)
    sources: list[tuple[SourceKind, Mapping[str, Any]]] = [
        ("command line", _nested(overrides or {})),
        ("variable", read_environment(Settings, environ)),
        ("file", written),
    ]
    where = "settings" if file is None else plain(str(file))
    mistakes: list[str] = []
    merged: dict[str, Any] = {}
    for kind, tables in reversed(sources):
        for section, table in tables.items():
            place = {"file": where, "variable": variable(section)}.get(kind, kind)
            mistake = _section_mistake(place, section, table)
            if mistake:
                mistakes.append(mistake)
            elif isinstance(table, Mapping):
                merged[section] = {**merged.get(section, {}), **table}
            else:
                merged[section] = table
    mistakes += unknown_variables(Settings, environ, _named_variables(merged))
    try:
        settings = Settings(**merged)
    except ValidationError as refusal:
        details = refusal.errors(include_url=False)
        for detail in details:
            # A list with a wrong item is also reported as too short: one line is enough.
            if not any(_within(other["loc"], detail["loc"]) for other in details):
                mistakes.append(_field_mistake(detail, sources, where))
    if mistakes:
        # Out here and not in the handler: the validator's own report, which quotes values, some of
        # them secret, must not be chained to it.
        raise ConfigError("\n".join(mistakes))
    return settings


def _nested(overrides: Mapping[str, object]) -> dict[str, Any]:
    """Dotted keys as tables; what the command line does not say is left out."""
    tables: dict[str, Any] = {}
    for name, value in overrides.items():
        section, _, key = name.partition(".")
        given = {key: value} if key else value
        if isinstance(given, Mapping):
            known = tables.get(section)
            told = {k: v for k, v in given.items() if v is not None}
            tables[section] = {**known, **told} if isinstance(known, Mapping) else told
        elif given is not None:
            tables[section] = given
    return tables


def _section_mistake(where: str, section: str, table: object) -> str | None:
    if section not in Settings.model_fields:
        homes = [] if isinstance(table, Mapping) else _sections_with(section)
        if homes:
            return f"{where}: {plain(section)} stands outside a section: write it below {homes[0]}"
        return unknown_key(where, section, "section", Settings.model_fields)
    if section == "endpoints":
        if isinstance(table, list) and all(isinstance(each, Mapping) for each in table):
            return None
        return f"{where}: endpoints is no list of tables: write each as [[endpoints]]"
    if isinstance(table, Mapping):
        return None
    return f"{where}: {section} is no table: write [{section}], and its keys below"


def _sections_with(key: str) -> list[str]:
    models = {name: field.annotation for name, field in Settings.model_fields.items()}
    return [
        f"[{name}]" for name, model in models.items() if key in getattr(model, "model_fields", ())
    ]


def _within(inner: tuple[Step, ...], outer: tuple[Step, ...]) -> bool:
    return len(inner) > len(outer) and inner[: len(outer)] == outer


def _named_variables(merged: Mapping[str, Any]) -> Iterator[str]:
    checkpoint = merged.get("checkpoint")
    key_env = checkpoint.get("key_env") if isinstance(checkpoint, Mapping) else None
    if isinstance(key_env, str):
        yield key_env
    for endpoint in merged.get("endpoints", ()):
        names = endpoint.get("secrets_env")
        if isinstance(names, list | tuple):
            yield from (name for name in names if isinstance(name, str))
    kafka = merged.get("kafka", {})
    for key in ("sasl_password_env", "key_password_env"):
        if isinstance(kafka.get(key), str):
            yield kafka[key]


def _field_mistake(
    detail: ErrorDetails, sources: list[tuple[SourceKind, Mapping[str, Any]]], file: str
) -> str:
    """The line for one complaint of the validation."""
    place = detail["loc"]
    section, key = str(place[0]), dotted(place)
    kind = _said_by(place, sources)
    where = {"file": file, "variable": variable(section), "command line": "command line"}[kind]
    if kind == "variable" and section != "endpoints":
        where = variable(section, str(place[1])) if len(place) > 1 else "environment"
    reason = str(detail["ctx"]["error"]) if detail["type"] == "value_error" else ""
    model: type[BaseModel] = EndpointSection
    field = place[2:3]
    if section != "endpoints":
        annotation = Settings.model_fields[section].annotation
        model = annotation if isinstance(annotation, type) else model
        field = place[1:2]
    if not field:
        return f"{where}: {plain(reason or f'{key}: ' + detail['msg'])}"
    name = str(field[0])
    if detail["type"] == "extra_forbidden":
        prefix = key[: -len(name)] if key.endswith(name) else ""
        return unknown_key(where, key, "key", model.model_fields, prefix)
    schema = field_schema(model, name)
    if detail["type"] == "missing":
        return f"{where}: {key} is missing: add it ({schema['description']})"
    if isinstance(place[-1], int) and "items" in schema:
        schema = schema["items"]
    hidden = name in NEVER_SHOWN and detail["input"]
    value = "text (not shown)" if hidden else shown(detail["input"])
    return wrong_value(kind, where, key, value, schema, reason)


def _said_by(
    place: tuple[Step, ...], sources: list[tuple[SourceKind, Mapping[str, Any]]]
) -> SourceKind:
    """The strongest source that says something of this place."""
    for kind, tables in sources:
        table = tables.get(str(place[0]))
        if table is not None and (
            len(place) == 1 or place[0] == "endpoints" or (place[1] in table)
        ):
            return kind
    return "file"
