"""Where a notifier's alerts come from: whatever yields them in order and can be told "taken"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, NamedTuple, Protocol

from pydantic import BaseModel, Field

MAX_BODY = 64 * 1024

# No dot, because the dot parts id, time and body in what is signed; and nothing that a header
# cannot carry.
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Position(NamedTuple):
    """A message's place: the name of an ordered stream (a topic's partition) and its offset."""

    stream: str
    offset: int


@dataclass(frozen=True, slots=True)
class AlertMessage:
    """One alert on its way out; ``body`` is the alert's bytes as they lie on the topic.

    Raises ValueError for an id that cannot be a ``webhook-id``, or a body above 64 KiB or not in
    UTF-8.
    """

    id: str
    type: str
    severity: str
    body: bytes = field(repr=False)
    position: Position

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise ValueError(
                f"alert id {self.id[:80]!r} at {self.position} cannot be a webhook-id: "
                f"1 to 64 letters, digits, hyphens or underscores are needed"
            )
        if len(self.body) > MAX_BODY:
            raise ValueError(
                f"alert {self.id} at {self.position} has {len(self.body)} bytes, "
                f"at most {MAX_BODY} are delivered"
            )
        try:
            self.body.decode()
        except UnicodeDecodeError:
            raise ValueError(f"alert {self.id} at {self.position} is not UTF-8") from None


class _Head(BaseModel):
    id: Annotated[str, Field(strict=True)]
    type: Annotated[str, Field(strict=True)]
    severity: Annotated[str, Field(strict=True)]


def read_message(body: bytes, position: Position) -> AlertMessage:
    """The message around an alert's bytes; needs only the fields that deliveries are decided on.

    Raises ValueError (pydantic's ValidationError for what is no alert).

    >>> read_message(b'{"id":"a1","type":"part.at_risk","severity":"high","new":1}',
    ...              Position("andon.alerts/0", 7))
    AlertMessage(id='a1', type='part.at_risk', severity='high', position=Position(stream='andon...
    """
    head = _Head.model_validate_json(body)
    return AlertMessage(head.id, head.type, head.severity, body, position)


class AlertSource(Protocol):
    """Alerts in the order of their streams, at least once each.

    What was polled and not taken when a process ends is polled again by the next one.
    """

    def poll(self, timeout: float) -> Sequence[AlertMessage]:
        """The next messages, waiting up to ``timeout`` seconds for the first; may be empty."""

    def taken(self, position: Position) -> None:
        """This message and all before it in its stream are safe and need not come again."""
