"""A line as plain values and arrays: what a checkpoint keeps of it."""

from __future__ import annotations

from collections import Counter

from models.plain_state import State
from stream.ledger_state import ledger_state, restore_ledger
from stream.line import Line


def line_state(line: Line) -> State:
    """All that a later effect of the line could depend on.

    Raises `models.plain_state.NoPlainState` for a model that cannot be taken apart.

    >>> from stream.line import LineSettings
    >>> from stream.testing import measurement
    >>> line, again = Line("A", LineSettings()), Line("A", LineSettings())
    >>> _ = line.apply(measurement("P-1", "press", 0, {"torque": 1.5}), lambda rule, subject: "")
    >>> restore_line(again, line_state(line))
    >>> [journey.part for journey in again.ledger.open_journeys()]
    ['P-1']
    """
    return {
        "detector": line.detector.state(),
        "ledger": ledger_state(line.ledger),
        "operating_point": line.operating_point.state(),
        "alarms": line.alarms.state(),
        "watch": line.watch.state(),
        "evaluation": line.evaluation.state(),
        "watermark": line.watermark.state(),
        "learnt_at": line.learnt_at,
        "began_with": line.began_with,
        "counts": dict(sorted(line.counts.items())),
    }


def restore_line(line: Line, state: State) -> None:
    """Give a line that has seen nothing yet, of the same settings, a `line_state`.

    The state is the line's from then on: its arrays go on learning.
    """
    line.detector.restore(state["detector"])
    columns = line.detector.catalogue.columns
    restore_ledger(line.ledger, state["ledger"], len(columns), len(columns.stations))
    line.operating_point.restore(state["operating_point"])
    line.watch.restore(state["watch"])
    line.alarms.restore(state["alarms"])
    line.evaluation.restore(state["evaluation"])
    line.watermark.restore(state["watermark"])
    line.learnt_at, line.began_with = state["learnt_at"], state["began_with"]
    line.counts = Counter(state["counts"])
