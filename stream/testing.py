"""A kit for telling a line's day in a test: pipe events in, read what comes out, crash at will.

Ships with the product, so that a plant can test its own settings the same way.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from stream.codec import encode
from stream.effects import Effect, PutAside, Raised, Scored
from stream.events import Event, Measurement, Result, Tick, Value
from stream.line import Line
from stream.log import Record
from stream.task import Task, TaskSettings

MIDNIGHT = datetime(2026, 1, 5, tzinfo=UTC)


def at(minutes: float) -> datetime:
    """A time of the test day.

    >>> at(90).isoformat()
    '2026-01-05T01:30:00+00:00'
    """
    return MIDNIGHT + timedelta(minutes=minutes)


def measurement(
    part: str, station: str, minutes: float, values: dict[str, Value], line: str = "A"
) -> Measurement:
    """A measurement on the test day."""
    return Measurement(line=line, part=part, station=station, at=at(minutes), values=values)


def result(
    part: str,
    outcome: str,
    minutes: float,
    *,
    line: str = "A",
    test: str | None = None,
    revision: int | None = None,
) -> Result:
    """A result on the test day; ``outcome`` is pass, fail or untested."""
    return Result.model_validate(
        {
            "line": line,
            "part": part,
            "outcome": outcome,
            "at": at(minutes),
            "test": test,
            "revision": revision,
        }
    )


def tick(minutes: float, line: str = "A") -> Tick:
    """Nothing but time."""
    return Tick(line=line, at=at(minutes))


class TaskDriver:
    """A task with a log of its own.

    >>> driver = TaskDriver()
    >>> driver.pipe(measurement("P-1", "press", 0, {"torque": 1.5}))
    >>> [effect.part for effect in driver.read()]
    ['P-1']
    >>> driver.crash()                     # the task is gone; its log is not
    >>> driver.line("A").ledger.open_parts
    1
    """

    def __init__(self, settings: TaskSettings | None = None, partition: int = 0) -> None:
        self._settings = settings or TaskSettings()
        self._partition = partition
        self._records: list[Record] = []
        self._effects: list[Effect] = []
        self.task = Task(partition, self._settings)

    def pipe(self, *events: Event) -> None:
        """Append events and process them."""
        for event in events:
            self.pipe_bytes(event.line.encode(), encode(event))

    def pipe_bytes(self, key: bytes | None, value: bytes | None) -> None:
        """Append a raw record and process it."""
        record = Record(self._settings.topic, self._partition, len(self._records), key, value)
        self._records.append(record)
        self._effects += self.task.process(record)

    def crash(self) -> None:
        """Lose the task, and rebuild it from the log; what it says again is not read twice."""
        self.task = Task(self._partition, self._settings)
        for record in self._records:
            self.task.process(record)

    def read(self) -> list[Effect]:
        """The effects since the last call."""
        effects, self._effects = self._effects, []
        return effects

    def line(self, name: str) -> Line:
        """A line of the task."""
        return self.task.lines[name]


def risks(effects: Iterable[Effect]) -> list[float | None]:
    """The risks among effects."""
    return [effect.risk for effect in effects if isinstance(effect, Scored)]


def alert_types(effects: Iterable[Effect]) -> list[str]:
    """The types of the alerts among effects."""
    return [effect.alert.type for effect in effects if isinstance(effect, Raised)]


def refusals(effects: Iterable[Effect]) -> list[str]:
    """The reasons of the records put aside among effects."""
    return [effect.letter.error for effect in effects if isinstance(effect, PutAside)]
