"""The sections of the settings file: every key, its unit, its bounds and its default.

Only keys that something reads are here. A description names the unit, and becomes the text of
``docs/settings.md`` (`andon.reference`) and of the messages about mistakes (`andon.mistakes`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

MODEL_PATH = r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$"
BROKER = r"^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}$"


def _worded(pattern: str, allowed: str) -> tuple[StringConstraints, WithJsonSchema]:
    return StringConstraints(pattern=pattern), WithJsonSchema(
        {"type": "string", "allowed": allowed}
    )


def _path_text(value: object) -> object:
    if isinstance(value, str | Path):
        text = str(value)
        if not text.strip() or not text.isprintable() or not Path(text).name:
            raise ValueError("a path must be printable text that ends in a file's name: write one")
    return value


_OPTIONAL, _OPTIONAL_WORDS = _worded(
    r"^[^\x00-\x1f\x7f]{0,256}$", "text of at most 256 characters, which may be empty"
)
_FILLED, _FILLED_WORDS = _worded(r"^[^\x00-\x1f\x7f]{1,256}$", "text of 1 to 256 characters")
_TOPIC, _TOPIC_WORDS = _worded(
    r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,248}$",
    "1 to 249 letters, digits, '.', '_' or '-', not beginning with '.'",
)
_NO_TOPIC, _NO_TOPIC_WORDS = _worded(
    r"^([A-Za-z0-9_-][A-Za-z0-9._-]{0,248})?$",
    "empty, or 1 to 249 letters, digits, '.', '_' or '-', not beginning with '.'",
)
_MODEL, _MODEL_WORDS = _worded(
    MODEL_PATH, "a model's name or an import path such as 'river.linear_model.PAClassifier'"
)
_BROKER, _BROKER_WORDS = _worded(BROKER, "'host:port'")
# Upper case only: a secret that was pasted where its variable's name belongs must not pass.
_VARIABLE, _VARIABLE_WORDS = _worded(
    r"^[A-Z_][A-Z0-9_]{0,127}$", "the name of an environment variable, in capitals"
)

OptionalText = Annotated[str, _OPTIONAL, _OPTIONAL_WORDS]
Text = Annotated[str, _FILLED, _FILLED_WORDS]
TopicName = Annotated[str, _TOPIC, _TOPIC_WORDS]
OptionalTopicName = Annotated[str, _NO_TOPIC, _NO_TOPIC_WORDS]
ModelName = Annotated[str, _MODEL, _MODEL_WORDS]
Broker = Annotated[str, _BROKER, _BROKER_WORDS]
Variable = Annotated[str, _VARIABLE, _VARIABLE_WORDS]
FilePath = Annotated[
    Path,
    Strict(False),
    BeforeValidator(_path_text),
    WithJsonSchema({"type": "string", "allowed": "a path"}),
]


class Section(BaseModel):
    """What all sections have in common: frozen, strict about types, no unknown keys."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, validate_default=True
    )


class LogSection(Section):
    """Where the events and the alerts lie."""

    kind: Literal["local", "kafka"] = Field(
        "local", description="an SQLite file on this machine, or a Kafka cluster"
    )
    path: FilePath = Field(
        Path("state/andon.sqlite"),
        description="the SQLite file of the local log, relative to the working directory",
    )
    lease_seconds: float = Field(
        10.0,
        ge=1,
        le=600,
        description="seconds after which a silent worker's partitions go to others (local log)",
    )


class TopicsSection(Section):
    """The names and shape of the topics; all of them have the same number of partitions."""

    events: TopicName = Field("andon.events", description="what happens on the lines")
    alerts: TopicName = Field("andon.alerts", description="the alerts")
    dead_letters: TopicName = Field(
        "andon.dead-letters", description="records that could not be read, with the reason"
    )
    risks: OptionalTopicName = Field(
        "", description="every risk of every part; empty: they are not published"
    )
    notices: TopicName = Field(
        "andon.notices", description="what the notifier has to say of its endpoints"
    )
    partitions: int = Field(
        4, ge=1, le=1000, description="partitions of each topic; lines are spread over them"
    )
    retention_hours: float = Field(
        720.0, ge=0, le=1_000_000, description="hours that records are kept; 0: for ever"
    )

    @field_validator("alerts", "dead_letters", "risks", "notices")
    @classmethod
    def _names_differ(cls, name: str, info: ValidationInfo) -> str:
        for other, taken in info.data.items():
            if name and name == taken:
                raise ValueError(f"topics.{other} has the same name: give each topic its own")
        return name


class WorkerSection(Section):
    """The process that turns events into alerts."""

    group: Text = Field("andon", description="the consumer group; part of every alert's id")
    member: OptionalText = Field(
        "", description="a fixed identity that survives a quick restart; empty: a new one each time"
    )
    poll_records: int = Field(500, ge=1, le=10_000, description="most records taken by one poll")


class PartsSection(Section):
    """What counts as a part's result, and until when."""

    expire_hours: float = Field(
        168.0, gt=0, le=87_600, description="hours without an event after which a part is given up"
    )
    late_hours: float = Field(
        24.0,
        ge=0,
        le=87_600,
        description="hours after its result until a serial number counts as a new part",
    )
    label_test: OptionalText = Field(
        "", description="the test whose outcome decides; empty: a fail of any test"
    )


class DetectorSection(Section):
    """What learns from results and scores parts."""

    model: ModelName = Field(
        "linear",
        description="linear or stack (andon's own), logistic, forest, or the import path of a "
        "River classifier or of a function that makes one",
    )
    members: Annotated[tuple[Literal["linear", "short", "long"], ...], Strict(False)] = Field(
        ("linear", "short", "long"),
        min_length=1,
        description="who takes part: linear, trees of short and of long memory (stack)",
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, description="seed of everything random")
    window_parts: int = Field(
        6000, ge=100, le=1_000_000, description="results that the model remembers"
    )
    window_hours: float = Field(
        0.0,
        ge=0,
        le=87_600,
        description="hours of results that the model remembers at most; 0: no such bound (linear)",
    )
    window_fails: int = Field(
        100, ge=1, le=100_000, description="fails that the window is extended to hold"
    )
    window_max_parts: int = Field(
        20_000,
        ge=100,
        le=1_000_000,
        description="results that an extended window holds at most (linear)",
    )
    copies: int = Field(
        3, ge=1, le=20, description="staggered models that keep the window of a River classifier"
    )
    replicates: int = Field(
        5, ge=1, le=8, description="draws of the multiple imputation, each with its model (linear)"
    )
    rank: int = Field(
        0,
        ge=0,
        le=40,
        description="hidden factors of the imputation; 0: 10 below 100 features, else 20 (linear)",
    )
    backend: Literal["numba", "numpy"] = Field(
        "numba",
        description="compiled kernels, or the slow specification of the same arithmetic (linear, "
        "stack)",
    )
    prior_rate: float = Field(
        0.0,
        ge=0,
        le=0.5,
        description="the line's usual fail rate, answered until there is enough to learn from; "
        "0: until then a risk is null",
    )
    min_fails: int = Field(
        10, ge=1, le=100_000, description="fails to learn from before the first risk is given"
    )
    min_passes: int = Field(
        50, ge=1, le=1_000_000, description="passes to learn from before the first risk is given"
    )
    trained: FilePath | None = Field(
        None, description="file made by 'andon train' to start from; left out: start untrained"
    )

    @field_validator("model")
    @classmethod
    def _model_is_known(cls, model: str) -> str:
        if "." in model:
            return model  # importing it is the detector's business, not the settings'
        from models.baselines import NAMES

        if model not in NAMES:
            raise ValueError(
                f"no such model: write one of {', '.join(NAMES)}, or an import path such as "
                f"'river.linear_model.PAClassifier'"
            )
        return model


class AlertsSection(Section):
    """When a risk is worth an alert."""

    budget: float = Field(0.05, gt=0, le=0.5, description="share of parts that may be alerted")
    min_lift: float = Field(
        2.0, ge=1, le=1000, description="least multiple of the line's fail rate worth an alert"
    )
    clear_ratio: float = Field(
        0.6, ge=0, le=1, description="share of the threshold below which an alarm clears"
    )
    reasons: int = Field(3, ge=0, le=10, description="most reasons that an alert names")
    drift: bool = Field(
        True, description="whether stations and risks whose level has moved are told (line.drift)"
    )
    drift_sigma: float = Field(
        1.0, ge=0.2, le=10, description="usual spreads that a level must move by to be told"
    )
    silent: bool = Field(
        True, description="whether stations that report no longer are told (station.silent)"
    )
    sensors: bool = Field(
        True, description="whether dead and pinned sensors are told (sensor.dead, sensor.saturated)"
    )
    degraded: bool = Field(
        True,
        description="whether lost skill and overdue results are told (detector.degraded)",
    )
    surge: bool = Field(
        True, description="whether alarming far above the budget is told (line.risk_surge)"
    )
    flood_alarms: int = Field(
        20,
        ge=0,
        le=100_000,
        description="part alarms that are a flood (alarm.flood), if three times the budget as "
        "well; while it lasts part alerts are withheld; 0: never",
    )
    flood_minutes: float = Field(
        10.0, gt=0, le=1440, description="minutes of event time in which they are counted"
    )
    language: Literal["en", "fr"] = Field(
        "en", description="the language of alerts and explanations: English or French"
    )


class NotifierSection(Section):
    """The process that delivers alerts to the endpoints."""

    group: Text = Field("andon-notifier", description="the consumer group on the alerts")
    outbox: FilePath = Field(
        Path("state/outbox.sqlite"),
        description="the SQLite file of what is to be delivered, relative to the working directory",
    )
    keep_days: float = Field(
        30.0, gt=0, le=3650, description="days that delivered alerts stay listed"
    )


class LoggingSection(Section):
    """What andon says about itself on standard error."""

    level: Literal["debug", "info", "warning", "error", "critical"] = Field(
        "info", description="the least severe line written"
    )
    format: Literal["auto", "json", "console"] = Field(
        "auto", description="auto: console on a terminal, JSON lines elsewhere"
    )


class MonitoringSection(Section):
    """What long-running commands tell whoever watches them: metrics, health, state."""

    host: Text = Field(
        "127.0.0.1", description="address that /metrics, /healthz and /readyz are served on"
    )
    port: int = Field(
        0, ge=0, le=65535, description="their port, without authentication; 0: not served"
    )
    interval_s: float = Field(
        5.0, ge=0.1, le=300, description="seconds between two pictures of lines and outbox"
    )
    heartbeat_s: float = Field(
        60.0, ge=1, le=3600, description="seconds without a turn of its loop: no longer healthy"
    )
    state: FilePath = Field(
        Path("state/status"),
        description="the folder in which workers write down what 'andon status' shows",
    )
