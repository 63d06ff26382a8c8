"""The common messages, read quickly: measurements and results that are plainly good.

Nearly all that lies on the events log is well-formed, and decoding is the largest single cost of an
event outside the detector. A `QuickReader` reads such a message with compiled decoders that know
its shape; whatever is unusual in any way (another type of event, an unknown field, a value that is
refused or beyond a limit) gives None, and `stream.codec` then looks at it again with the wire
contract itself, which alone decides and alone finds the words for a refusal.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, Literal

import msgspec
from msgspec.structs import asdict
from pydantic import BaseModel

from stream.events import HIGHEST_REVISION, Measurement, Result
from stream.input_limits import NAME_CHARACTERS, TEXT_CHARACTERS, InputLimits

_BACKSLASH, _DELETE = ord("\\"), 0x7F
# Times that the wire contract takes and `datetime.fromisoformat` reads in the same way.
_TIME = re.compile(
    r"\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-](?:[01]\d|2[0-3]):\d\d)",
    re.ASCII,
)
_REFUSED = (msgspec.MsgspecError, UnicodeError, RecursionError)
_PRINTABLE = ("line", "part", "station", "test")
_Decode = Callable[[bytes], Any]
_Field = tuple[str, Any] | tuple[str, Any, Any]


class QuickReader:
    """Reads what is plainly good within the ``limits``.

    The message's length and its number of values are for the caller to check.

    >>> read = QuickReader(InputLimits()).read
    >>> body = b'{"type":"measurement","v":1,"line":"A","part":"P-1","station":"press",'
    >>> read(body + b'"at":"2026-01-05T08:00:00Z","values":{"torque":1.5}}').values
    {'torque': 1.5}
    >>> read(body + b'"at":"2026-01-05T08:00:00","values":{}}') is None    # no zone
    True
    """

    __slots__ = ("_hour", "_measurement", "_measurement_coded", "_result", "_result_coded")

    def __init__(self, limits: InputLimits) -> None:
        self._measurement, self._result = _decoders(limits, 1)
        # What is more than ASCII, or may be behind an escape, has up to four bytes a character.
        self._measurement_coded, self._result_coded = _decoders(limits, 4)
        self._hour = ""

    def read(self, value: bytes) -> Measurement | Result | None:
        """The event in a message, or None if it must be looked at closely."""
        kind: type[Measurement | Result] = Measurement
        given = _MEASURED
        coded = not value.isascii() or _BACKSLASH in value
        try:
            # In the order of the fields, as the wire contract would have left them.
            fields = asdict((self._measurement_coded if coded else self._measurement)(value))
        except _REFUSED:
            if b'"result"' not in value:
                return None
            kind, given = Result, _TESTED
            try:
                fields = asdict((self._result_coded if coded else self._result)(value))
            except _REFUSED:
                return None
        # No control character is otherwise left where the wire contract forbids it.
        if (coded or _DELETE in value) and not all(
            (fields.get(name) or "x").isprintable() for name in _PRINTABLE
        ):
            return None
        at: str = fields["at"]
        # In the hour that was met last, and written like "2026-01-05T08:00:03.120000Z", nothing is
        # left that `fromisoformat` takes and the wire contract does not.
        if at[:14] != self._hour or len(at) != 27 or at[19] != "." or at[26] != "Z":
            if not _TIME.fullmatch(at) or not "1001" <= at < "9999":
                return None
            self._hour = at[:14]
        try:
            fields["at"] = _fromisoformat(at)
        except ValueError:
            return None
        event = _new(kind)
        # What `model_construct` does, of a class whose fields are all given and checked.
        _set_dict(event, fields)
        _set_fields(event, given)
        _set_extra(event, None)
        _set_private(event, None)
        return event


@lru_cache(maxsize=16)
def _decoders(limits: InputLimits, width: int) -> tuple[_Decode, _Decode]:
    """Decoders of measurements and of results that check the limits as they go, for characters of
    at most ``width`` bytes. Their fields are in the order of the wire contract's classes.
    """
    most = min(limits.name_bytes // width, NAME_CHARACTERS)
    name = Annotated[str, msgspec.Meta(min_length=1, max_length=most)]
    most = min(limits.text_bytes // width, TEXT_CHARACTERS)
    text = Annotated[str, msgspec.Meta(max_length=most)]
    number = Annotated[float, msgspec.Meta(ge=-limits.magnitude, le=limits.magnitude)]
    measured: list[_Field] = [
        ("type", Literal["measurement"]),
        ("part", name),
        ("station", name),
        ("values", dict[name, bool | number | text | None]),
        ("id", name | None, None),
    ]
    tested: list[_Field] = [
        ("type", Literal["result"]),
        ("part", name),
        ("outcome", Literal["pass", "fail", "untested"]),
        ("test", name | None, None),
        ("reason", text | None, None),
        ("revision", Annotated[int, msgspec.Meta(ge=0, le=HIGHEST_REVISION)] | None, None),
    ]
    return _decoder(name, measured), _decoder(name, tested)


def _decoder(name: Any, fields: list[_Field]) -> _Decode:
    first: list[_Field] = [("v", Literal[1], 1), ("line", name), ("at", str)]
    shape = msgspec.defstruct(
        "Shape", first + fields, kw_only=True, forbid_unknown_fields=True, gc=False
    )
    return msgspec.json.Decoder(shape).decode


_fromisoformat = datetime.fromisoformat
_new = object.__new__
_set_dict = vars(BaseModel)["__dict__"].__set__
_set_fields = vars(BaseModel)["__pydantic_fields_set__"].__set__
_set_extra = vars(BaseModel)["__pydantic_extra__"].__set__
_set_private = vars(BaseModel)["__pydantic_private__"].__set__
# Shared: events are frozen.
_MEASURED, _TESTED = set(Measurement.model_fields), set(Result.model_fields)
