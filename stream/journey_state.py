"""Journeys as plain values and arrays, packed: thousands of them in a few arrays.

A journey is what its events made of it; what can be made again from that (the belief in a part's
hidden factors) is left out, so that a journey that was read back says bit for bit what the one that
went on says. Cells count where something was read; one that is empty has no number.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from models.part_row import EMPTY, PartRow
from models.plain_state import State
from stream.journey import Alarm, Journey

Evidence = tuple[tuple[int, float], str]


def pack(journeys: Sequence[Journey]) -> State:
    """The state of some journeys, in their order.

    >>> from stream.testing import measurement
    >>> press = measurement("P-1", "press", 0, {"torque": 1.5})
    >>> journey = Journey("P-1", 0, 0, 0.0, 0.0)
    >>> _ = journey.add(press)
    >>> [again] = unpack(pack([journey]), features=0, stations=0)
    >>> again.add(press).value
    'duplicate'
    """
    stations = list(dict.fromkeys(name for journey in journeys for name in journey.stations))
    place = {name: number for number, name in enumerate(stations)}
    cells = [np.flatnonzero(journey.row.state != EMPTY) for journey in journeys]
    visits = [np.flatnonzero(~np.isnan(journey.row.visited_at)) for journey in journeys]
    rows = list(zip(journeys, cells, strict=True))
    margins = [_margins(journey) for journey in journeys]
    return {
        "part": [journey.part for journey in journeys],
        "stations": stations,
        "generation": _whole(journey.generation for journey in journeys),
        "number": _whole(journey.number for journey in journeys),
        "times": np.array(
            [(each.opened_at, each.touched_at, each.last_at) for each in journeys], np.float64
        ).reshape(-1, 3),
        "cells": _whole(len(each) for each in cells),
        "column": _joined(cells, np.int32),
        "code": _joined([each.row.state[at] for each, at in rows], np.uint8),
        "x": _joined([each.row.x[at] for each, at in rows], np.float64),
        "visits": _whole(len(each) for each in visits),
        "visited": _joined(visits, np.int32),
        "visited_at": _joined(
            [each.row.visited_at[at] for each, at in zip(journeys, visits, strict=True)], np.float64
        ),
        "readings": _whole(len(journey.stations) for journey in journeys),
        "station": _whole(place[name] for journey in journeys for name in journey.stations),
        "read_at": _joined([np.array(each.visited_at) for each in journeys], np.float64),
        "digest": _joined([np.array(each.digests) for each in journeys], np.int64),
        "scored": _whole(len(journey.risks) for journey in journeys),
        "risks": _joined([np.array(journey.risks) for journey in journeys], np.float64),
        "margins": _whole(len(each) for each in margins),
        "margin": _joined([np.array(each) for each in margins], np.float64),
        "stacked": np.array([isinstance(each.margin, tuple) for each in journeys], np.bool_),
        "alarms": [
            [number, _alarm(each.standing), _alarm(each.first_alarm)]
            for number, each in enumerate(journeys)
            if each.standing is not None or each.first_alarm is not None
        ],
        "ids": [[number, sorted(each.ids)] for number, each in enumerate(journeys) if each.ids],
        "tests": [
            [number, tests_state(each.tests)] for number, each in enumerate(journeys) if each.tests
        ],
    }


def unpack(state: State, features: int, stations: int) -> list[Journey]:
    """The journeys of a `pack`, with rows for so many features and stations."""
    found = []
    names = state["stations"]
    parts = zip(
        state["part"], state["generation"].tolist(), state["number"].tolist(),
        state["times"].tolist(), strict=True,
    )  # fmt: skip
    cells = _Cursor(state["cells"], state["column"], state["code"], state["x"])
    visits = _Cursor(state["visits"], state["visited"], state["visited_at"])
    readings = _Cursor(state["readings"], state["station"], state["read_at"], state["digest"])
    risks = _Cursor(state["scored"], state["risks"])
    margins = _Cursor(state["margins"], state["margin"])
    for i, (part, generation, number, (opened_at, touched_at, last_at)) in enumerate(parts):
        row = PartRow().grown(features, stations)
        column, code, x = cells.take(i)
        row.state[column], row.x[column] = code, x
        visited, at = visits.take(i)
        row.visited_at[visited] = at
        journey = Journey(part, generation, number, opened_at, touched_at, row, last_at=last_at)
        station, read_at, digest = readings.take(i)
        journey.recall([names[j] for j in station.tolist()], read_at.tolist(), digest.tolist())
        journey.risks = array("d", risks.take(i)[0].tolist())
        margin = tuple(margins.take(i)[0].tolist())
        if margin:
            journey.margin = margin if state["stacked"][i] else margin[0]
        found.append(journey)
    for i, standing, first in state["alarms"]:
        found[i].standing, found[i].first_alarm = _as_alarm(standing), _as_alarm(first)
    for i, ids in state["ids"]:
        found[i].ids.update(ids)
    for i, tests in state["tests"]:
        found[i].tests = tests_of(tests)
    return found


def tests_state(tests: dict[str, Evidence]) -> list[list[Any]]:
    """What is known of a part's tests, as plain values."""
    return [[name, revision, at, said] for name, ((revision, at), said) in tests.items()]


def tests_of(state: list[list[Any]]) -> dict[str, Evidence]:
    """The tests of a `tests_state`."""
    return {name: ((revision, at), said) for name, revision, at, said in state}


class _Cursor:
    """Arrays in which the items of one journey follow those of another."""

    def __init__(self, counts: npt.NDArray[np.int64], *arrays: npt.NDArray[Any]) -> None:
        self._ends = [0, *np.cumsum(counts).tolist()]
        self._arrays = arrays

    def take(self, i: int) -> list[npt.NDArray[Any]]:
        begin, end = self._ends[i], self._ends[i + 1]
        return [each[begin:end] for each in self._arrays]


def _margins(journey: Journey) -> tuple[float, ...]:
    margin = journey.margin
    if margin is None:
        return ()
    return margin if isinstance(margin, tuple) else (margin,)


def _alarm(alarm: Alarm | None) -> list[Any] | None:
    return None if alarm is None else list(alarm)


def _as_alarm(state: list[Any] | None) -> Alarm | None:
    return None if state is None else Alarm(*state)


def _whole(numbers: Iterable[int]) -> npt.NDArray[np.int64]:
    return np.array(list(numbers), np.int64)


def _joined(arrays: Sequence[npt.NDArray[Any]], kind: Any) -> npt.NDArray[Any]:
    return np.concatenate(arrays).astype(kind) if arrays else np.empty(0, kind)
