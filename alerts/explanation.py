"""A part's whole journey, told: its risk after every station, what moved it, what was missing.

What ``andon explain --json`` prints; ``docs/schemas/explanation.json`` is written from these.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_serializer

from alerts.alert import Cell, Evidence, Reason, Severity, iso

EXPLANATION_MAJOR = 1


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Timed(_Told):
    at: AwareDatetime

    @field_serializer("at")
    def _write_time(self, at: datetime) -> str:
        return iso(at)


class MissingCell(Cell):
    """A cell that counts as dropped or saturated, and why.

    ``null``: the station reported no reading; ``dead``: nor had it for so many parts before that
    the sensor counts as dead; ``kind``: the value was of another kind than the
    feature's; ``limit``: the value is pinned at its sensor's limit.
    """

    why: Literal["null", "dead", "kind", "limit"]


class Missing(_Told):
    """What was not known of the part, and why.

    ``dropped`` and ``saturated`` are readings; ``left_out`` readings that a visited station did not
    speak of; ``skipped`` stations that the part was taken past, ``not_reached`` stations that
    probably still lay ahead.
    """

    dropped: tuple[MissingCell, ...] = ()
    saturated: tuple[MissingCell, ...] = ()
    left_out: tuple[Cell, ...] = ()
    skipped: tuple[str, ...] = ()
    not_reached: tuple[str, ...] = ()


class AlertNote(_Told):
    """An alert that was raised of the part."""

    id: str
    type: str
    severity: Severity
    reason: str


class Step(_Timed):
    """One scored event of the part.

    ``risk``, ``interval`` and ``threshold`` are null while the detector is untrained. ``log_odds``
    are the calibrated log-odds of failing. They moved by ``learnt`` since the event before, because
    the detector has learnt of other parts, and by the amounts of ``moved`` and ``others`` because
    of this event: before the first one, the part is one of which nothing is known. ``moved`` holds
    the strongest moves to either side; the ``amount`` of each is how far it moved the log-odds, and
    its ``contribution`` the share of all movement.
    """

    station: str
    again: bool = False
    risk: Annotated[float, Field(ge=0, le=1)] | None = None
    interval: tuple[float, float] | None = None
    trained: bool
    threshold: float | None = None
    fragile: bool | None = None
    rests_on: tuple[Cell, ...] = ()
    log_odds: float | None = None
    learnt: float | None = None
    moved: tuple[Reason, ...] = ()
    others: float | None = None
    dropped: tuple[MissingCell, ...] = ()
    saturated: tuple[MissingCell, ...] = ()
    evidence: Evidence
    alerts: tuple[AlertNote, ...] = ()


class Outcome(_Timed):
    """What the conformity test said."""

    outcome: Literal["pass", "fail", "untested"]
    test: str | None = None
    reason: str | None = None


class Explanation(_Told):
    """A part's journey down its line, as of each of its events.

    ``generation`` says how often the serial number had come onto the line before. ``missing`` is
    that of the last event; ``result`` is null if none came. ``read_from`` is the first offset that
    was read of the line's partition: above 0, what the line had learnt before is not in the risks.

    >>> Explanation(line="A", part="P-7", model="linear", source="x.jsonl", steps=()).result is None
    True
    """

    v: Annotated[int, Field(ge=1, le=EXPLANATION_MAJOR)] = EXPLANATION_MAJOR
    line: str
    part: str
    generation: int = 0
    model: str
    source: str
    steps: tuple[Step, ...]
    missing: Missing = Missing()
    result: Outcome | None = None
    read_from: Annotated[int, Field(ge=0)] = 0
