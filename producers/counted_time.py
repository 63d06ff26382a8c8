"""Times that are numbers: so many units since an epoch."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from producers.cells import BadCell, Clock, Moment, read_number
from producers.map import CountedTime

_MICROSECOND = timedelta(microseconds=1)


class ReadsTime(Protocol):
    """Whatever reads the times of a table."""

    def read(self, text: str) -> Moment:
        """The moment that ``text`` says; raises `producers.cells.BadCell`."""


class CountingClock:
    """Reads numbers as times, to the microsecond.

    >>> table = CountedTime(unit="10h", epoch="2014-01-01T00:00:00Z")
    >>> CountingClock(table).read("0.01").at.isoformat()
    '2014-01-01T00:06:00+00:00'
    """

    def __init__(self, table: CountedTime) -> None:
        self._start = table.start()
        self._microseconds = (table.unit or timedelta(0)) / _MICROSECOND

    def read(self, text: str) -> Moment:
        """The moment so many units after the epoch."""
        number = read_number(text)
        try:
            after = timedelta(microseconds=round(number * self._microseconds))
            return Moment(self._start + after, doubtful=False)
        except OverflowError:
            raise BadCell("a time outside the years 1 to 9999") from None


class _Remembering:
    """Reads a text once when it comes many times in a row, as in a table of single readings."""

    def __init__(self, clock: ReadsTime) -> None:
        self._clock = clock
        self._text: str | None = None
        self._moment: Moment | None = None

    def read(self, text: str) -> Moment:
        if self._moment is None or text != self._text:
            self._moment = None
            self._moment = self._clock.read(text)
            self._text = text
        return self._moment


def clock_of(table: CountedTime) -> ReadsTime:
    """The clock that reads times as ``table`` says they are written.

    >>> clock_of(CountedTime(zone="Asia/Seoul")).read("2019-01-02T09:00").at.isoformat()
    '2019-01-02T00:00:00+00:00'
    """
    return _Remembering(Clock(table) if table.unit is None else CountingClock(table))
