from __future__ import annotations

import numpy as np

from models.part_row import EMPTY, MEASURED, PartRow


def test_a_row_grows_by_empty_cells_and_stations_not_visited():
    row = PartRow(np.array([1.5]), np.array([MEASURED], np.uint8), np.array([60.0]))
    grown = row.grown(features=3, stations=2)
    assert grown.x[0] == 1.5
    assert grown.state.tolist() == [MEASURED, EMPTY, EMPTY]
    assert grown.visited_at[0] == 60.0
    assert np.isnan(grown.visited_at[1])


def test_a_row_wide_enough_stays_itself():
    row = PartRow().grown(2, 2)
    assert row.grown(2, 2) is row
    assert row.grown(1, 0) is row


def test_cells_and_stations_grow_apart():
    row = PartRow().grown(2, 0).grown(1, 3)
    assert (len(row.x), len(row.state), len(row.visited_at)) == (2, 2, 3)
