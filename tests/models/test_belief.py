"""A part's belief follows from its cells and the model, not from how it came about."""

from __future__ import annotations

import numpy as np
import pytest

from models.belief import visiting_order
from models.detector import Detector, DetectorSettings
from models.part_journeys import eventful_journeys, follow
from models.part_row import PartRow


@pytest.fixture(scope="module")
def detector():
    detector = Detector(DetectorSettings(min_fails=3, min_passes=10))
    follow(detector, eventful_journeys(420))
    return detector


def believed(detector, row):
    belief = detector.member.gaussian.believe(row, detector.catalogue.columns.layout())
    return belief.a.tobytes(), belief.rhs.tobytes()


def test_made_station_by_station_or_at_once_it_is_the_same_to_the_last_bit(detector):
    compared = 0
    for readings, _ in eventful_journeys(200, seed=5):
        row = detector.catalogue.grown(PartRow())
        believed(detector, row)
        for reading in readings:  # some in reverse order, some a station's second
            row, _ = detector.encode(row, *reading)
            step_by_step = believed(detector, row)
            row.belief = None
            assert believed(detector, row) == step_by_step
            compared += 1
    assert compared > 500


def test_it_is_that_of_the_normal_equations(detector):
    readings, _ = eventful_journeys(30, seed=6)[17]
    row = PartRow()
    for reading in readings:
        row, _ = detector.encode(row, *reading)
    row, gaussian = detector.catalogue.grown(row), detector.member.gaussian
    believed(detector, row)
    r, columns = gaussian.rank, len(row.x)
    cells = gaussian.cells[:columns].astype(np.float64)
    z = np.clip((row.x - gaussian.standard[:columns, 0]) * gaussian.standard[:columns, 1], -5, 5)
    for m in range(gaussian.replicates):
        w, mu, precision = cells[:, :r, m], cells[:, r, m], cells[:, r + 1, m]
        seen = ((row.state == 1) | (row.state == 3)) & (precision > 0)
        pull = w[seen] * precision[seen, None]
        a = np.eye(r) + pull.T @ w[seen]
        assert row.belief.a[:, m] == pytest.approx(a[np.tril_indices(r)], rel=1e-4, abs=1e-4)
        assert row.belief.rhs[:, m] == pytest.approx(pull.T @ (z - mu)[seen], rel=1e-4, abs=1e-4)


def test_visits_are_ordered_by_time_and_then_by_number():
    at = np.array([5.0, np.nan, 1.0, 5.0, np.nan, 3.0])
    assert visiting_order(at).tolist() == [2, 5, 0, 3]
    assert visiting_order(np.array([np.nan])).tolist() == []
