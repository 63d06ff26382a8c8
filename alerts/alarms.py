"""What people and the plant have said about alarms: acknowledged, shelved, out of service.

The life cycle follows ISA-18.2: an alarm is *active* until its condition has gone, *acknowledged*
when a person has seen it, *shelved* when a person has put it aside for a time, and *suppressed*
while its line is under maintenance or out of service. Shelving and suppression end by themselves.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

_KEPT = 10_000


@dataclass(slots=True)
class AlarmState:
    """One alarm: whether its condition holds, and what people did about it."""

    active: bool = True
    acknowledged: bool = False
    shelved_until: float | None = None
    verdict: str | None = None  # confirm, dismiss or pulled


class Alarms:
    """The alarms of one line, the most recent 10,000; times in seconds since 1970.

    >>> alarms = Alarms()
    >>> alarms.activate("a1")
    >>> alarms.respond("a1", "shelve", until=500.0)
    True
    >>> alarms.withheld("a1", at=400.0), alarms.withheld("a1", at=600.0)
    ('shelved', None)
    >>> alarms.suppress("maintenance", until=900.0)
    >>> alarms.withheld(None, at=800.0), alarms.withheld(None, at=901.0)
    ('maintenance', None)
    >>> alarms.respond("no such alarm", "acknowledge", until=None)
    False
    """

    def __init__(self) -> None:
        self._alarms: OrderedDict[str, AlarmState] = OrderedDict()
        self._suppressed: dict[str, float] = {}

    def activate(self, alarm: str) -> None:
        """The alarm's condition holds, for the first time or again."""
        state = self._alarms.setdefault(alarm, AlarmState())
        state.active = True
        if len(self._alarms) > _KEPT:
            self._alarms.popitem(last=False)

    def clear(self, alarm: str) -> None:
        """The alarm's condition has gone."""
        state = self._alarms.get(alarm)
        if state is not None:
            state.active = False

    def respond(self, alarm: str, act: str, until: float | None) -> bool:
        """A person's act; False if the alarm is not known (any more)."""
        state = self._alarms.get(alarm)
        if state is None:
            return False
        if act == "acknowledge":
            state.acknowledged = True
        elif act == "shelve":
            state.shelved_until = float("inf") if until is None else until
        elif act == "unshelve":
            state.shelved_until = None
        else:
            state.acknowledged, state.verdict = True, act
        return True

    def suppress(self, why: str, until: float | None) -> None:
        """The plant withholds the line's alarms until a time, or until it says another."""
        self._suppressed[why] = float("inf") if until is None else until

    def withheld(self, alarm: str | None, at: float) -> str | None:
        """Why an alert of this alarm may not go out at this time, None if it may."""
        for why, until in sorted(self._suppressed.items()):
            if at < until:
                return why
        state = None if alarm is None else self._alarms.get(alarm)
        shelved = state is not None and state.shelved_until is not None
        if state is not None and shelved and at < (state.shelved_until or 0.0):
            return "shelved"
        return None

    def find(self, alarm: str) -> AlarmState | None:
        """What is known of an alarm."""
        return self._alarms.get(alarm)

    def state(self) -> dict[str, Any]:
        """Everything, as plain values."""
        return {
            "alarms": [
                [name, one.active, one.acknowledged, one.shelved_until, one.verdict]
                for name, one in self._alarms.items()
            ],
            "suppressed": dict(sorted(self._suppressed.items())),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`, whatever was known before."""
        self._alarms = OrderedDict((name, AlarmState(*one)) for name, *one in state["alarms"])
        self._suppressed = dict(state["suppressed"])
