"""A line as plain values and arrays: what a checkpoint keeps of it."""

from __future__ import annotations

from array import array
from collections import Counter
from math import nan

from models.plain_state import Opaque, State
from stream.ledger_state import kept_journeys, ledger_state, restore_ledger
from stream.line import Line

MODEL, IMPUTATION, FIGURES = "model", "imputation", "figures"


def line_state(line: Line, opaque: Opaque | None = None) -> State:
    """All that a later effect of the line could depend on.

    Raises `models.plain_state.NoPlainState` for a model that cannot be taken apart, if nobody is
    ``opaque`` to keep it whole.

    >>> from stream.line import LineSettings
    >>> from stream.testing import measurement
    >>> line, again = Line("A", LineSettings()), Line("A", LineSettings())
    >>> _ = line.apply(measurement("P-1", "press", 0, {"torque": 1.5}), lambda rule, subject: "")
    >>> restore_line(again, line_state(line))
    >>> [journey.part for journey in again.ledger.open_journeys()]
    ['P-1']
    """
    return {
        "detector": line.detector.state(opaque),
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


def restore_line(
    line: Line,
    state: State,
    anew: frozenset[str] = frozenset(),
    opaque: Opaque | None = None,
) -> None:
    """Give a line that has seen nothing yet, of the same settings, a `line_state`.

    ``anew`` names what is left out (`stream.fingerprint`): the *model*, which then learns from the
    next results on, with it perhaps the *imputation*, or the *figures*. The state is the line's
    from then on: its arrays go on learning.
    """
    if MODEL in anew:
        line.detector.restore_features(state["detector"], IMPUTATION not in anew)
    else:
        line.detector.restore(state["detector"], opaque)
    columns = line.detector.catalogue.columns
    restore_ledger(line.ledger, state["ledger"], len(columns), len(columns.stations))
    if MODEL in anew:
        for journey in (*line.ledger.open.values(), *kept_journeys(line.ledger)):
            # Another model's, and no figure of this one's: how many there were is kept.
            journey.margin = None
            journey.risks = array("d", [nan]) * len(journey.risks)
    else:
        line.operating_point.restore(state["operating_point"])
    line.watch.restore(state["watch"])
    line.alarms.restore(state["alarms"])
    if FIGURES not in anew:
        line.evaluation.restore(state["evaluation"])
    line.watermark.restore(state["watermark"])
    if MODEL not in anew:
        line.learnt_at, line.began_with = state["learnt_at"], state["began_with"]
    line.counts = Counter(state["counts"])
