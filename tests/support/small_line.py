"""A tiny line with one obvious cause of failure: every tenth part is pressed too hard and fails.

Two stations a part, a part a minute, the result half an hour after the part. A detector with
`QUICK` settings has learnt it after about 200 parts.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace

from alerts.alert import Alert
from models.detector import DetectorSettings
from stream.effects import Effect, Raised
from stream.events import Event, Measurement, Result
from stream.input_limits import InputLimits
from stream.line import AlarmSettings, LineSettings
from stream.task import TaskSettings
from stream.testing import TaskDriver, measurement, result

QUICK = TaskSettings(
    line=LineSettings(
        detector=DetectorSettings(min_fails=3, min_passes=20),
        alarms=AlarmSettings(budget=0.12, min_lift=1.5),
    )
)
EVERY = 10
RESULT_AFTER = 30
LEARNT = 300
HARD, SOFT = 9.0, 1.0


def with_line(settings: TaskSettings, **changes: object) -> TaskSettings:
    """The settings with another ledger, detector or alarm budget."""
    return replace(settings, line=replace(settings.line, **changes))  # type: ignore[arg-type]


def is_bad(number: int) -> bool:
    """Whether the part of this number fails."""
    return number % EVERY == EVERY - 1


def press(part: str, minutes: float, torque: float, line: str = "A") -> Measurement:
    """The station that decides."""
    return measurement(part, "press", minutes, {"torque": torque, "mold": "8722"}, line)


def oven(part: str, minutes: float, line: str = "A") -> Measurement:
    """The station that says nothing about the outcome."""
    return measurement(part, "oven", minutes, {"temp": 200.0 + minutes % 7}, line)


def part_events(number: int, line: str = "A", prefix: str = "P") -> list[Event]:
    """A part's two measurements, without its result."""
    part = f"{prefix}-{number}"
    torque = (HARD if is_bad(number) else SOFT) + 0.1 * (number % 3)
    return [press(part, number, torque, line), oven(part, number + 0.5, line)]


def small_line(parts: int, line: str = "A", start: int = 0, prefix: str = "P") -> Iterator[Event]:
    """The events of ``parts`` parts and, of all but the last ones, the results."""
    for number in range(start, start + parts):
        yield from part_events(number, line, prefix)
        tested = number - RESULT_AFTER
        if tested >= start:
            yield part_result(tested, number + 0.7, line, prefix)


def part_result(number: int, minutes: float, line: str = "A", prefix: str = "P") -> Result:
    """What the test says of a part."""
    outcome = "fail" if is_bad(number) else "pass"
    return result(f"{prefix}-{number}", outcome, minutes, line=line)


ANY_NUMBER = replace(QUICK, limits=InputLimits(magnitude=sys.float_info.max))
"""The small line's settings where every finite number is let in."""


def trained_driver(settings: TaskSettings = QUICK) -> TaskDriver:
    """A driver whose line A has learnt its cause from `LEARNT` parts; nothing left to read."""
    driver = TaskDriver(settings)
    driver.pipe(*small_line(LEARNT))
    assert alerts_of(driver.read()), "the small line should have taught the detector its cause"
    return driver


def alerts_of(effects: Iterable[Effect]) -> list[Alert]:
    """The alerts among effects."""
    return [effect.alert for effect in effects if isinstance(effect, Raised)]
