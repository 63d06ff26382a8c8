"""What a cell of a table says: a number, a truth, a name, an outcome, a time.

A cell is a text without the spaces around it. Every reader raises `BadCell`, whose text is the
reason, when the cell says something else; none guesses.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter, ValidationError

from producers.duration import LONGEST, parse_duration
from producers.map import OutcomeMap, WrittenTime
from stream.events import Name

Outcome = Literal["pass", "fail", "untested"]
Value = float | bool | str
Reader = Callable[[str], Value]

_TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_LONGEST_TEXT = 1024
_NAME: TypeAdapter[str] = TypeAdapter(Name)


class BadCell(ValueError):
    """The cell does not say what its column is for."""


class NaiveTime(BadCell):
    """A time without a zone where the map names none."""


def read_number(text: str) -> float:
    """The finite number that ``text`` says, exactly rounded.

    >>> read_number("0.1"), read_number("-5e-324"), read_number("8722")
    (0.1, -5e-324, 8722.0)
    """
    try:
        number = float(text)
    except ValueError:
        raise BadCell("not a number") from None
    if not math.isfinite(number):
        raise BadCell("not a finite number")
    if "_" in text:
        raise BadCell("not a number")
    return number


def read_boolean(text: str) -> bool:
    """True for true, yes, 1; False for false, no, 0; capitals do not matter."""
    truth = _TRUTHS.get(text.lower())
    if truth is None:
        raise BadCell("neither true, yes, 1 nor false, no, 0")
    return truth


def read_category(text: str) -> str:
    """The text itself, as the wire takes it: UTF-8, at most 1,024 characters."""
    if len(text) > _LONGEST_TEXT:
        raise BadCell(f"longer than {_LONGEST_TEXT:,} characters")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise BadCell("not UTF-8 text") from None
    return text


def read_name(text: str) -> str:
    """The text as a name on the wire: a part, a line."""
    try:
        return _NAME.validate_python(text)
    except ValidationError:
        raise BadCell(
            "no name: it needs 1 to 256 characters of UTF-8 without control characters"
        ) from None


@lru_cache(maxsize=1024)
def read_delay(text: str) -> timedelta:
    """A duration as in `producers.duration`, or a number of seconds.

    >>> read_delay("1.5") == read_delay("1s 500ms")
    True
    """
    try:
        seconds = read_number(text)
    except BadCell:
        try:
            return parse_duration(text)
        except ValueError as error:
            raise BadCell(str(error)) from None
    if not 0 <= seconds <= LONGEST.total_seconds():
        raise BadCell("a delay lies between 0 and a hundred years")
    return timedelta(seconds=seconds)


class Outcomes:
    """Reads a result's cells as the map lists them, by text or by number.

    >>> table = OutcomeMap.model_validate({"fail": [1], "pass": ["OK"]})
    >>> Outcomes(table).read("1.0"), Outcomes(table).read("OK")
    ('fail', 'pass')
    """

    def __init__(self, table: OutcomeMap) -> None:
        self._texts: dict[str, Outcome] = {}
        self._numbers: dict[float, Outcome] = {}
        listed: tuple[tuple[Outcome, tuple[str | int | float, ...]], ...] = (
            ("fail", table.fails),
            ("pass", table.passes),
        )
        for outcome, values in listed:
            for value in values:
                if isinstance(value, str):
                    self._texts[value] = outcome
                else:
                    self._numbers[float(value)] = outcome
        self._untested = table.other == "untested"

    def read(self, text: str) -> Outcome:
        """The outcome that ``text`` stands for; `BadCell` if the map rejects it."""
        outcome = self._texts.get(text)
        if outcome is None and self._numbers:
            try:
                outcome = self._numbers.get(read_number(text))
            except BadCell:
                outcome = None
        if outcome is not None:
            return outcome
        if self._untested:
            return "untested"
        raise BadCell("listed neither in fail nor in pass")


class Moment(NamedTuple):
    """A time in UTC, and whether its local time happens twice or not at all."""

    at: datetime
    doubtful: bool


class Clock:
    """Reads the times of a table as UTC.

    Without ``format`` a time is ISO 8601. A time that carries a zone keeps it; a naive one is
    local time in the map's zone. Where clocks go back, an hour happens twice: its times are the
    earlier of the two. Where they go forward, an hour is missing: its times are read as if the
    clock had not yet been changed, so 02:30 becomes 03:30. Both are marked as doubtful (PEP 495).

    >>> clock = Clock(WrittenTime(zone="Europe/Berlin"))
    >>> at, doubtful = clock.read("2026-10-25T02:30")
    >>> at.isoformat(), doubtful
    ('2026-10-25T00:30:00+00:00', True)
    """

    def __init__(self, table: WrittenTime) -> None:
        self._zone = None if table.zone is None else ZoneInfo(table.zone)
        self._format = table.format

    def read(self, text: str) -> Moment:
        """The moment that ``text`` says; `NaiveTime` if it has no zone and the map names none."""
        try:
            if self._format is None:
                time = datetime.fromisoformat(text)
            else:
                time = datetime.strptime(text, self._format)  # noqa: DTZ007 the zone comes below
        except ValueError:
            wanted = "of ISO 8601" if self._format is None else f"of the form {self._format!r}"
            raise BadCell(f"not a time {wanted}") from None
        try:
            if time.tzinfo is not None:
                return Moment(time.astimezone(UTC), doubtful=False)
            if self._zone is None:
                raise NaiveTime("a time without a zone")
            return _from_local(time, self._zone)
        except OverflowError:
            raise BadCell("a time outside the years 1 to 9999") from None


def _from_local(time: datetime, zone: ZoneInfo) -> Moment:
    before = time.replace(tzinfo=zone).utcoffset() or timedelta(0)
    after = time.replace(tzinfo=zone, fold=1).utcoffset() or timedelta(0)
    return Moment((time - before).replace(tzinfo=UTC), doubtful=before != after)
