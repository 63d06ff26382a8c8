"""What a task wants done: values, which only the worker turns into writes."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import orjson

from alerts.alert import Alert, iso
from stream.events import DeadLetter


class Scored(NamedTuple):
    """One scored event; ``risk`` is None while the detector is untrained."""

    line: str
    part: str
    station: str
    at: datetime
    risk: float | None
    trained: bool
    interval: tuple[float, float] | None = None

    def to_json(self) -> bytes:
        """The risk as it lies on ``andon.risks`` and in ``risks.jsonl``.

        >>> from datetime import UTC
        >>> at = datetime(2026, 1, 5, tzinfo=UTC)
        >>> Scored("A", "P-1", "press", at, None, False).to_json()[:30]
        b'{"line":"A","part":"P-1","stat'
        """
        return orjson.dumps({**self._asdict(), "at": iso(self.at)})


class Raised(NamedTuple):
    """An alert to publish."""

    alert: Alert


class PutAside(NamedTuple):
    """A record that is no event: its dead letter, and what of it is kept."""

    letter: DeadLetter
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


Effect = Scored | Raised | PutAside
