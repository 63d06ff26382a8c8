"""A notice: what the notifier has to say about itself, for ``andon.notices``."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from alerts.alert import iso

NoticeType = Literal["endpoint.disabled", "alert.exhausted"]


@dataclass(frozen=True)
class Notice:
    """An endpoint was disabled, or an alert ran out of attempts there.

    ``at`` is in seconds since 1970. The same news has the same ``id``, so that a notice told
    twice can be dropped; a disabled endpoint is news again for each alert that met with it.

    >>> Notice("alert.exhausted", "mes", "a1", "status 500", 0.0).to_json()[:45]
    b'{"id":"9b6d561288500acaf0f3685a2986a5a7","typ'
    """

    type: NoticeType
    endpoint: str
    alert: str
    reason: str
    at: float

    @property
    def id(self) -> str:
        """The stable id."""
        text = "|".join((self.type, self.endpoint, self.alert))
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def to_json(self) -> bytes:
        """The notice as it lies on the topic."""
        at = iso(datetime.fromtimestamp(self.at, UTC))
        return json.dumps(
            {
                "id": self.id,
                "type": self.type,
                "v": 1,
                "endpoint": self.endpoint,
                "alert": self.alert,
                "at": at,
                "reason": self.reason,
            },
            separators=(",", ":"),
        ).encode()
