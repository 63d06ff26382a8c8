"""A station's reading in numbers, and the kernels that take it through a line in as few calls.

One call from Python into a kernel costs a microsecond or two, as much as many a kernel computes.
So what follows a reading is two calls: `read_station` writes the cells, brings the part's belief up
to them and scores the part; `observe_reading`, once the part has been judged, learns from them
what needs no result.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from models.belief import Ints as Ints32
from models.belief import update
from models.compiled import kernel
from models.dual_ascent import Singles
from models.kinds import Kind
from models.lanes import Array
from models.part_margin import score
from models.part_row import DROPPED, EMPTY, MEASURED, SATURATED, Codes, Floats, PartRow
from models.routes import observe_visit
from models.scale import Ints, at_limit, observe_value

# Comparing an array with an enum's member is slow.
_CATEGORICAL = int(Kind.CATEGORICAL)
_GAP_STEP = 1.0 / 500.0
UNKNOWN = -1
ALL = -1  # instead of a station: the belief is made of all that were visited
NO_COLUMNS: Ints = np.empty(0, np.int64)
NO_VALUES: Floats = np.empty(0)


class Reading(NamedTuple):
    """What one station's reading writes into which cells of a part's row.

    ``station`` is the station's number, UNKNOWN if the line has none of that name yet; ``x`` holds
    the raw values of ``columns``, NaN for those that were dropped; ``wrong`` names the features
    whose value was of a wrong kind.
    """

    row: PartRow
    station: int
    columns: Ints
    x: Floats
    wrong: tuple[str, ...] = ()


@kernel
def write_cells(
    columns: Ints, values: Floats, kind: Codes, figures: Floats, x: Floats, state: Codes
) -> None:
    """Write a reading into a part's cells; NaN says dropped."""
    for at in range(len(columns)):
        j, value = columns[at], values[at]
        if math.isnan(value):
            state[j] = DROPPED
            continue
        x[j] = value
        pinned = kind[j] != _CATEGORICAL and at_limit(figures, j, value)
        state[j] = SATURATED if pinned else MEASURED


@kernel
def read_station(
    columns: Ints,
    values: Floats,
    station: int,
    x: Floats,
    state: Codes,
    visited_at: Floats,
    a: Array,
    rhs: Array,
    kind: Codes,
    figures: Floats,
    blocks: Array,
    first: Ints32,
    member: Ints32,
    standard: Floats,
    cells: Array,
    slopes: Array,
    ahead: Array,
    flag_weights: Array,
    category_row: Ints32,
    category: Ints32,
    odds_ahead: Floats,
    visit_rate: Floats,
    replicates: int,
    room: Array,
    z: Singles,
    out: Floats,
) -> None:
    """`write_cells`, `models.belief.update` and `models.part_margin.score`, one after the other.

    ``station`` is the one that is read, or ALL for a belief of an older model.
    """
    write_cells(columns, values, kind, figures, x, state)
    update(station, x, state, visited_at, standard, cells, blocks, first, member, a, rhs)
    score(
        x, state, visited_at, a, rhs, standard, cells, slopes, ahead, flag_weights,
        category_row, category, odds_ahead, visit_rate, replicates, room, z, out,
    )  # fmt: skip


@kernel
def observe_cells(
    columns: Ints,
    x: Floats,
    state: Codes,
    kind: Codes,
    drop_rate: Floats,
    figures: Floats,
    beginning: Floats,
) -> None:
    """Learn from a reading's cells: how often they are dropped, and their scale."""
    for at in range(len(columns)):
        j = columns[at]
        if j >= len(state) or state[j] == EMPTY:
            continue  # its kind was settled after the part was encoded
        drop_rate[j] += _GAP_STEP * ((state[j] == DROPPED) - drop_rate[j])
        if state[j] != DROPPED and kind[j] != _CATEGORICAL:
            observe_value(figures, beginning, j, x[j])


@kernel
def observe_reading(
    columns: Ints,
    station: int,
    x: Floats,
    state: Codes,
    visited_at: Floats,
    kind: Codes,
    figures: Floats,
    drop_rate: Floats,
    beginning: Floats,
    before: Floats,
) -> None:
    """Learn from a reading: who came before whom, how often cells are dropped, their scale."""
    if station >= len(visited_at):
        return  # encoded while its station was unknown: nothing of it is in the row
    observe_visit(before, visited_at, station)
    observe_cells(columns, x, state, kind, drop_rate, figures, beginning)
