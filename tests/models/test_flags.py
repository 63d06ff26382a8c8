from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.columns import Layout
from models.flags import CATEGORY, DROPPED, NONE, SATURATED, SKIPPED, Flag, Flags
from models.part_row import DROPPED as CELL_DROPPED
from models.part_row import EMPTY, MEASURED, PartRow
from models.part_row import SATURATED as CELL_SATURATED

COLUMNS, STATIONS = 6, 3
# Columns 4 and 5 take names; two columns a station.
LAYOUT = Layout(
    np.array([0, 2, 4, 6], np.int32),
    np.arange(COLUMNS, dtype=np.int32),
    np.array([True] * 4 + [False] * 2),
    np.array([False] * 4 + [True] * 2),
    np.repeat(np.arange(STATIONS), 2),
)
CELLS = st.lists(
    st.sampled_from([EMPTY, MEASURED, CELL_DROPPED, CELL_SATURATED]),
    min_size=COLUMNS,
    max_size=COLUMNS,
)
CODES = st.lists(st.integers(-1, 63), min_size=COLUMNS, max_size=COLUMNS)
VISITS = st.lists(st.booleans(), min_size=STATIONS, max_size=STATIONS)
PART = st.tuples(CELLS, CODES, VISITS)


def row_of(cells, codes, visits) -> PartRow:
    return PartRow(
        np.array(codes, np.float64),
        np.array(cells, np.uint8),
        np.where(visits, 1.0, np.nan),
    )


def meant(cells, codes, visits) -> set[Flag]:
    flags = {Flag(DROPPED, j) for j, cell in enumerate(cells) if cell == CELL_DROPPED}
    flags |= {Flag(SATURATED, j) for j, cell in enumerate(cells) if cell == CELL_SATURATED}
    flags |= {Flag(SKIPPED, s) for s, visited in enumerate(visits) if not visited}
    return flags | {
        Flag(CATEGORY, j, codes[j]) for j in (4, 5) if cells[j] == MEASURED and codes[j] >= 0
    }


def fresh() -> Flags:
    flags = Flags()
    flags.grow(COLUMNS, STATIONS)
    return flags


@settings(max_examples=80, deadline=None)
@given(st.lists(PART, max_size=20))
def test_a_part_has_the_flags_of_its_cells_and_visits_and_the_intercept(parts):
    flags, numbers = fresh(), {}
    for part in parts:
        found = flags.of(row_of(*part), LAYOUT).tolist()
        assert found[0] == 0
        assert len(found) == len(set(found))
        assert {flags.known[number] for number in found[1:]} == meant(*part)
        for number in found[1:]:  # a flag keeps its number
            assert numbers.setdefault(flags.known[number], number) == number
    assert len(flags) == len(flags.station) == len(numbers) + 1


@given(st.lists(PART, max_size=20))
@settings(max_examples=40, deadline=None)
def test_flags_made_again_from_their_state_have_the_same_numbers(parts):
    flags, again = fresh(), Flags()
    for part in parts:
        flags.of(row_of(*part), LAYOUT)
    again.restore(flags.state(), LAYOUT)
    assert again.known == flags.known
    assert again.station.tolist() == flags.station.tolist()
    for part in parts:
        row = row_of(*part)
        assert again.of(row, LAYOUT).tolist() == flags.of(row, LAYOUT).tolist()


def test_a_flag_knows_the_station_that_it_speaks_of():
    flags = fresh()
    cells = [CELL_DROPPED, EMPTY, EMPTY, CELL_SATURATED, MEASURED, EMPTY]
    found = flags.of(row_of(cells, [0, 0, 0, 0, 7, 0], [True, True, False]), LAYOUT)
    stations = {flags.known[number].kind: int(flags.station[number]) for number in found[1:]}
    assert stations == {DROPPED: 0, SATURATED: 1, CATEGORY: 2, SKIPPED: 2}
    assert flags.station[0] == NONE


def test_making_room_gives_no_number():
    flags = fresh()
    number = flags.number(Flag(DROPPED, 1), station=0)
    flags.grow(20, 9)
    assert (len(flags.dropped), len(flags.skipped)) == (20, 9)
    assert flags.dropped[1] == number == 1
    assert (np.delete(flags.dropped, 1) == NONE).all()
    assert len(flags) == 2
