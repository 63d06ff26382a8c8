"""Who takes part, by name: andon with any of its models, River classifiers, batch models.

``andon:MODEL`` takes any name that ``detector.model`` takes, and with ``andon:MODEL,KEY=VALUE``
any other setting of the detector, e.g. ``andon:logistic,window_parts=3000`` or, of several values,
``andon:stack,members=linear+short``.
"""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import river_peers
import window_peers
from contest import Contestant, fingerprint

from models.columns import Layout
from models.detector import Detector, DetectorSettings
from models.linear_member import LinearMember
from stream.effects import Scored
from stream.events import Event, Measurement, Result
from stream.line import Line, LineSettings

ROOT = Path(__file__).parents[1]
WITHOUT_AHEAD = "andon-nothing-ahead"
PEERS = (*river_peers.NAMED, *window_peers.NAMED)


class NothingAhead(LinearMember):
    """The linear member for which a station not reached is missing and nothing more: its cells
    count with their mean. An ablation of what is known of the stations ahead."""

    def _derive(self, layout: Layout) -> None:
        super()._derive(layout)
        self._ahead[:] = 0.0


class AndonLine:
    """andon as a contestant: one line, its events as they are, without the way through bytes."""

    def __init__(self, settings: LineSettings, member: type[LinearMember] | None = None) -> None:
        self.line: Line | None = None
        self._settings = settings
        self._member = member
        self._answers: list[float | None] = []

    def measured(self, event: Measurement) -> None:
        """Score the part; what is late or a duplicate gets no answer."""
        scored = [effect for effect in self._apply(event) if isinstance(effect, Scored)]
        self._answers.append(scored[0].risk if scored else None)

    def tested(self, event: Result) -> None:
        """Learn the part."""
        self._apply(event)

    def other(self, event: Event) -> None:
        """Take in everything else as well."""
        self._apply(event)

    def risks(self) -> list[float | None]:
        """All answers so far."""
        return self._answers

    def _apply(self, event: Event) -> list[object]:
        if self.line is None:
            self.line = Line(event.line, self._settings)
            if self._member is not None:
                self.line.detector.member.__class__ = self._member
        return list(self.line.apply(event, _unnamed))


def _unnamed(rule: str, subject: str) -> str:
    return "0" * 32


def contestant(name: str) -> Contestant:
    """A fresh contestant of that name. Raises ValueError for what is none."""
    if name.startswith("andon:"):
        settings = line_settings(name)
        Detector(settings.detector)  # says at once what no line could be made with
        return AndonLine(settings)
    if name == WITHOUT_AHEAD:
        return AndonLine(line_settings("andon:linear"), NothingAhead)
    if name.startswith("lightgbm") and find_spec("lightgbm") is None:
        raise ValueError(f"{name!r} needs LightGBM: pip install -e '.[bench]'")
    if name in window_peers.NAMED:
        return window_peers.NAMED[name]()
    if name in river_peers.NAMED or "." in name:
        return river_peers.river_script(name)
    raise ValueError(
        f"{name!r} takes no part: use andon:MODEL, one of {', '.join(PEERS)}, or the import path "
        f"of a River classifier"
    )


def line_settings(name: str) -> LineSettings:
    """The settings of ``andon:MODEL,KEY=VALUE,...``: all parts are evaluated."""
    model, *others = name.removeprefix("andon:").split(",")
    detector = DetectorSettings(model=model)
    kinds = {
        field.name: type(getattr(detector, field.name)) for field in dataclasses.fields(detector)
    }
    for other in others:
        key, _, value = other.partition("=")
        if key not in kinds:
            raise ValueError(f"{name!r}: {key!r} is no setting of the detector: {', '.join(kinds)}")
        found = tuple(value.split("+")) if kinds[key] is tuple else kinds[key](value)
        detector = replace(detector, **{key: found})
    return replace(LineSettings(), detector=detector, evaluated_parts=None)


def state_of(name: str) -> str:
    """What a contestant's answers depend on besides the events: its settings and its code."""
    here = Path(__file__).parent
    if name == WITHOUT_AHEAD:
        return f"{WITHOUT_AHEAD} {state_of('andon:linear')}"
    if name.startswith("andon:"):
        code = fingerprint([ROOT / "models", ROOT / "stream", ROOT / "alerts"])
        return f"{line_settings(name)!r} {code}"
    if name.startswith("lightgbm"):
        libraries = ["lightgbm"]
    else:
        libraries = ["scikit-learn"] if name in window_peers.NAMED else ["river"]
    module = "window_peers.py" if name in window_peers.NAMED else "river_peers.py"
    code = fingerprint([here / "columns.py", here / module])
    return f"{[version(one) for one in libraries]} {code}"
