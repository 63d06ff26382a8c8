"""A ledger as plain values and arrays: open journeys, outcomes, the journeys kept with these."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Any

import numpy as np

from models.plain_state import State
from stream.journey import Journey
from stream.journey_state import Evidence, pack, tests_of, tests_state, unpack
from stream.ledger import Ledger, Outcome

_UNDECIDED = -1
_SAID = ("pass", "fail", "untested")


def ledger_state(ledger: Ledger) -> State:
    """All that a later event could meet.

    Journeys are packed in the order in which they were opened, so that what has not changed lies
    beside what lay beside it before; ``order`` is that in which they were touched.
    """
    journeys = sorted(ledger.open.values(), key=lambda journey: journey.number)
    place = {journey.part: number for number, journey in enumerate(journeys)}
    outcomes = list(ledger.decided.values())
    decided = {id(outcome): number for number, outcome in enumerate(outcomes)}
    # An outcome that was forgotten, or replaced by that of a later generation, still has its turn.
    recent = [decided.get(id(outcome), -1) for outcome in ledger.with_journey]
    return {
        "opened": ledger.opened,
        "evicted": ledger.evicted,
        "forgotten": ledger.forgotten,
        "open": pack(journeys),
        "order": np.array([place[part] for part in ledger.open], np.int64),
        "outcomes": _outcomes(outcomes),
        "recent": np.array(recent, np.int64),
        "recent_journeys": pack([_journey(outcomes[i]) for i in recent if i >= 0]),
    }


def restore_ledger(ledger: Ledger, state: State, features: int, stations: int) -> None:
    """Give a fresh ledger of the same settings a `ledger_state`; rows have so many features."""
    ledger.opened, ledger.evicted = state["opened"], state["evicted"]
    ledger.forgotten = state["forgotten"]
    journeys = unpack(state["open"], features, stations)
    ledger.open = OrderedDict((journeys[i].part, journeys[i]) for i in state["order"].tolist())
    outcomes = _as_outcomes(state["outcomes"])
    ledger.decided = OrderedDict((outcome.part, outcome) for outcome in outcomes)
    kept = iter(unpack(state["recent_journeys"], features, stations))
    ledger.with_journey = deque()
    for i in state["recent"].tolist():
        if i < 0:
            ledger.with_journey.append(Outcome("", 0, None, 0.0, {}, measured=False))
            continue
        journey = next(kept)
        journey.tests = outcomes[i].tests  # one dictionary: a correction is seen by both
        outcomes[i].journey = journey
        ledger.with_journey.append(outcomes[i])


def kept_journeys(ledger: Ledger) -> list[Journey]:
    """The journeys of outcomes that may still be corrected."""
    return [outcome.journey for outcome in ledger.with_journey if outcome.journey is not None]


def _journey(outcome: Outcome) -> Journey:
    if outcome.journey is None:
        raise RuntimeError(f"the journey of part {outcome.part!r} is lost")
    return outcome.journey


def _outcomes(outcomes: list[Outcome]) -> State:
    usual = [_usual(outcome.tests) for outcome in outcomes]
    return {
        "part": [outcome.part for outcome in outcomes],
        "generation": np.array([outcome.generation for outcome in outcomes], np.int64),
        "fail": np.array(
            [_UNDECIDED if each.fail is None else int(each.fail) for each in outcomes], np.int8
        ),
        "result_at": np.array([outcome.result_at for outcome in outcomes], np.float64),
        "measured": np.array([outcome.measured for outcome in outcomes], np.bool_),
        # One test without a name or revisions: nearly all. The others are written out.
        "said": np.array([-1 if one is None else _SAID.index(one[1]) for one in usual], np.int8),
        "said_at": np.array([0.0 if one is None else one[0] for one in usual], np.float64),
        "tests": [
            [number, tests_state(outcome.tests)]
            for number, (outcome, one) in enumerate(zip(outcomes, usual, strict=True))
            if one is None
        ],
    }


def _usual(tests: dict[str, Evidence]) -> tuple[float, str] | None:
    if len(tests) != 1 or "" not in tests:
        return None
    (revision, at), said = tests[""]
    return (at, said) if revision == -1 and said in _SAID else None


def _as_outcomes(state: State) -> list[Outcome]:
    columns: list[list[Any]] = [
        state[name].tolist()
        for name in ("generation", "fail", "result_at", "measured", "said", "said_at")
    ]
    found = []
    for part, generation, fail, result_at, measured, said, at in zip(
        state["part"], *columns, strict=True
    ):
        tests: dict[str, Evidence] = {} if said < 0 else {"": ((-1, at), _SAID[said])}
        decided = None if fail == _UNDECIDED else bool(fail)
        found.append(Outcome(part, generation, decided, result_at, tests, measured))
    for number, written in state["tests"]:
        found[number].tests = tests_of(written)
    return found
