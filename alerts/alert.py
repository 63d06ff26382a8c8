"""The alert: one message on ``andon.alerts``, and the one thing every channel shows.

An *alert* is a message; an *alarm* is a condition with a life cycle that asks for a response
(ISA-18.2). Alerts of one condition share ``alarm``. An alert's ``id`` is made from the place in the
log of the event that caused it, never from a clock or a model's output, so that the same history
gives the same ids, and a receiver can drop what it has seen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_serializer

ALERT_MAJOR = 1
REASONS_BYTES = 5_000  # with the longest names everywhere an alert is still below 20,000
LONGEST_VALUE = 200
Severity = Literal["low", "medium", "high"]
Direction = Literal[
    "above", "below", "dropped", "saturated", "category", "passed_by", "ahead", "reached"
]


def iso(at: datetime) -> str:
    """ISO 8601 in UTC with milliseconds, the one form in which andon writes times.

    >>> iso(datetime(2026, 1, 5, 8, 0, 3, tzinfo=UTC))
    '2026-01-05T08:00:03.000Z'
    """
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def alert_id(group: str, topic: str, partition: int, offset: int, rule: str, subject: str) -> str:
    """The stable id of the alert that ``rule`` raises about ``subject`` at one place in the log.

    >>> len(alert_id("andon", "andon.events", 0, 42, "part.at_risk", "P-000123"))
    32
    """
    text = "|".join((group, topic, str(partition), str(offset), rule, subject, str(ALERT_MAJOR)))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Cell(_Value):
    """One feature of one station."""

    station: str
    feature: str


class Reason(_Value):
    """One cell, or one station, that moved the verdict.

    ``contribution`` is its share of all that raises the part's log-odds, ``amount`` what it adds to
    the calibrated log-odds of failing. ``expected`` and ``spread`` are the feature's recent mean
    and standard deviation, ``sigma`` how many spreads the value lies from the mean. ``direction``
    says what is to be seen: a number ``above`` or ``below`` its mean; ``dropped``, a reading that
    did not come; ``saturated``, one that is pinned at its sensor's limit; a ``category``; and, with
    an empty ``feature``, a station that was ``passed_by``, that lies ``ahead`` or that has been
    ``reached``. ``imputed`` says that the value is not known and counts as ``filled``, where the
    part's other readings let it be expected. ``value`` None is no reading, or an unknown category.
    """

    station: str
    feature: str
    value: float | bool | str | None = None
    expected: float | str | None = None
    sigma: float | None = None
    contribution: float
    spread: float | None = None
    direction: Direction | None = None
    imputed: bool = False
    filled: float | None = None
    amount: float | None = None


def fitting(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    """The first reasons that fit into an alert together, long names of categories cut.

    >>> long = Reason(station="S", feature="lot", value="x" * 500, contribution=1.0)
    >>> [kept] = fitting([long])
    >>> len(kept.value), kept.value[-1]
    (200, '…')
    >>> huge = Reason(station="\\U0001f600" * 256, feature="\\x01" * 256, contribution=1.0)
    >>> len(fitting([huge] * 10))
    1
    """
    kept: list[Reason] = []
    left = REASONS_BYTES
    for reason in reasons:
        if isinstance(reason.value, str) and len(reason.value) > LONGEST_VALUE:
            cut = reason.value[: LONGEST_VALUE - 1] + "…"
            reason = reason.model_copy(update={"value": cut})
        left -= len(reason.model_dump_json().encode())
        if left < 0:
            break
        kept.append(reason)
    return tuple(kept)


class Affected(_Value):
    """The parts that a line's alarm speaks of: how many, and which events of the log are theirs.

    ``what`` says what is counted: ``readings`` or ``expected_visits`` of the station,
    ``alarmed_parts``, ``results``, ``parts_without_result``, ``stations``. A program finds them
    again in the events or alerts of this line, and of this ``station`` if one is named, from
    ``since`` until the alert's ``at``.
    """

    count: Annotated[int, Field(ge=0)]
    what: str
    since: AwareDatetime | None = None
    station: str | None = None

    @field_serializer("since")
    def _write_time(self, since: datetime | None) -> str | None:
        return None if since is None else iso(since)


class Evidence(_Value):
    """What a verdict rests on, in cells; the kinds of missing are kept apart."""

    measured: int = 0
    imputed: int = 0
    dropped: int = 0
    saturated: int = 0
    not_reached: int = 0
    skipped: int = 0


class ModelInfo(_Value):
    """Which model said so: its name, how many results it has learnt, how many its window holds."""

    version: str
    trained_on: int
    window: int


class Alert(_Value):
    """One message to people and programs; under 20 kB as JSON.

    ``type`` is open: readers pass over types they do not know. ``log_odds`` is what the amounts of
    all cells, named or not, and the detector's intercept add up to; its logistic function is the
    risk before it is drawn to the middle for what the stations ahead may yet say. ``rests_on``
    names the imputed readings that a fragile verdict rests on most.

    >>> Alert(id="0" * 32, type="part.at_risk", alarm="a1", line="body-A", part="P-000123",
    ...       station="L3_S29", at=datetime(2026, 1, 5, 8, tzinfo=UTC), risk=0.31,
    ...       threshold=0.12, severity="high", reason="risk_above_threshold").to_json()[:44]
    b'{"id":"00000000000000000000000000000000","ty'
    """

    id: Annotated[str, Field(min_length=1, max_length=64)]
    type: Annotated[str, Field(pattern=r"^[a-z]+\.[a-z_]+$")]
    v: Annotated[int, Field(ge=1, le=ALERT_MAJOR)] = ALERT_MAJOR
    alarm: str
    line: str
    part: str | None = None
    station: str | None = None
    at: AwareDatetime
    risk: Annotated[float, Field(ge=0, le=1)] | None = None
    interval: tuple[float, float] | None = None
    fragile: bool | None = None
    threshold: float | None = None
    severity: Severity
    reason: str
    reasons: tuple[Reason, ...] = ()
    rests_on: tuple[Cell, ...] = ()
    log_odds: float | None = None
    evidence: Evidence | None = None
    model: ModelInfo | None = None
    affected: Affected | None = None
    parent: str | None = None
    supersedes: str | None = None

    @field_serializer("at")
    def _write_time(self, at: datetime) -> str:
        return iso(at)

    def to_json(self) -> bytes:
        """The alert as it lies on the topic: equal alerts are equal bytes."""
        return self.model_dump_json(exclude_none=True).encode()
