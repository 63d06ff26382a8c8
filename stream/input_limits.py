"""Bounds on one message, which hold whatever reads it, and what exceeding them is called.

Three are looked at before anything is decoded: the message's length, the depth of its brackets and
the number of its values. The others need the decoded event: the bytes of names and of texts, and
the magnitude of numbers. Every refusal has the stage *limit* and a word of its own:

==================== =====================================================
``too_long``         more bytes than ``message_bytes``
``too_deep``         brackets within brackets beyond ``depth``
``too_many_values``  more than ``values`` in all objects and lists together
``name_too_long``    a name beyond ``name_bytes`` in UTF-8
``text_too_long``    a text beyond ``text_bytes`` in UTF-8
``number_too_large`` a value whose magnitude is beyond ``magnitude``
==================== =====================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, final

from alerts.words import plain
from stream.events import Control, Event, Feedback, Measurement, Result

NAME_CHARACTERS = 256
TEXT_CHARACTERS = 1024

Stage = Literal["limit", "decode", "validate", "process"]

_NO_BRACKET = bytes(byte for byte in range(256) if byte not in b"[]{}")
_OPENING = frozenset(b"[{")


@final
class Rejected(NamedTuple):
    """Why a record is no event: the stage that said no, a word for counting, a sentence."""

    stage: Stage
    error: str
    message: str


def one_line(text: str) -> str:
    """What a `Rejected` says: at most 512 characters, all printable.

    >>> one_line("a\\nb")
    'a\\\\nb'
    """
    return plain(text[:600])[:512]


@dataclass(frozen=True)
class InputLimits:
    """The bounds on one message; ``magnitude`` is that of a measured number, the others count.

    Names and texts are bounded by the wire contract as well: by 256 and 1,024 characters.
    """

    message_bytes: int = 512 * 1024
    depth: int = 16
    values: int = 4096
    name_bytes: int = 256
    text_bytes: int = 1024
    magnitude: float = 1e12


DEFAULT_LIMITS = InputLimits()


def before_decoding(value: bytes, limits: InputLimits) -> Rejected | None:
    """The refusal of a message for its shape, told from its brackets, commas and quotes alone.

    Takes time in proportion to the message's bytes, whatever they are.

    >>> before_decoding(b'{"a":[[[1]]]}', InputLimits(depth=4)) is None
    True
    >>> before_decoding(b'{"a":[[[1]]]}', InputLimits(depth=3)).error
    'too_deep'
    >>> before_decoding(b'{"a":"[[[[,,,,"}', InputLimits(depth=1, values=1)) is None
    True
    """
    if len(value) > limits.message_bytes:
        return Rejected(
            "limit", "too_long", f"{len(value)} bytes; at most {limits.message_bytes} are read"
        )
    # Backslashes pair up from the left, as in JSON; what then stands between quotes is text.
    plain = value.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in value else value
    # A value has two texts at most, its name and itself.
    if plain.count(b'"') > 4 * (limits.values + 1):
        return _too_many(limits)
    outside = b"".join(plain.split(b'"')[::2])
    if outside.count(b",") + outside.count(b"{") + outside.count(b"[") > limits.values:
        return _too_many(limits)
    depth = 0
    for bracket in outside.translate(None, _NO_BRACKET):
        depth += 1 if bracket in _OPENING else -1
        if depth > limits.depth:
            return Rejected("limit", "too_deep", f"nested deeper than {limits.depth} levels")
        if depth < 0:  # not JSON: the decoder has the words for it
            break
    return None


def after_decoding(event: Event, limits: InputLimits) -> Rejected | None:
    """The refusal of an event for a name, a text or a number in it.

    >>> from datetime import UTC, datetime
    >>> hot = Measurement(line="A", part="P-1", station="oven", values={"t": 1e15},
    ...                   at=datetime(2026, 1, 5, tzinfo=UTC))
    >>> after_decoding(hot, InputLimits()).error
    'number_too_large'
    """
    names, texts = _named(event)
    if any(_bytes(name) > limits.name_bytes for name in names):
        return name_too_long(limits)
    if any(_bytes(text) > limits.text_bytes for text in texts):
        return text_too_long(limits)
    if isinstance(event, Measurement):
        for value in event.values.values():
            if isinstance(value, float) and not -limits.magnitude <= value <= limits.magnitude:
                return Rejected(
                    "limit",
                    "number_too_large",
                    f"a value's magnitude is beyond {limits.magnitude:g}",
                )
    return None


def name_too_long(limits: InputLimits) -> Rejected:
    """The refusal of a name."""
    return Rejected(
        "limit",
        "name_too_long",
        f"a name has more than {limits.name_bytes} bytes or {NAME_CHARACTERS} characters",
    )


def text_too_long(limits: InputLimits) -> Rejected:
    """The refusal of a text."""
    return Rejected(
        "limit",
        "text_too_long",
        f"a text has more than {limits.text_bytes} bytes or {TEXT_CHARACTERS} characters",
    )


def _too_many(limits: InputLimits) -> Rejected:
    return Rejected("limit", "too_many_values", f"more than {limits.values} values")


def _named(event: Event) -> tuple[list[str], list[str]]:
    """The names and the texts in an event."""
    names: list[str | None] = [event.line]
    texts: list[object] = []
    match event:
        case Measurement():
            names += [event.part, event.station, event.id, *event.values]
            texts += event.values.values()
        case Result():
            names += [event.part, event.test]
            texts.append(event.reason)
        case Feedback():
            names += [event.target, event.by]
        case Control():
            texts.append(event.value)
    return [n for n in names if n is not None], [t for t in texts if isinstance(t, str)]


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())
