"""The compiled linear member against its specification, over a stream with all that may happen."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest

from models.checks import check_a_state_read_back_goes_on_alike, check_scoring_changes_nothing
from models.detector import Detector, DetectorSettings, Verdict
from models.flags import CATEGORY, DROPPED, SATURATED, SKIPPED
from models.imputation_draws import draw_cells
from models.part_journeys import PartJourney, eventful_journeys
from models.part_row import PartRow
from stream import checkpoint

NUMBA = DetectorSettings(min_fails=3, min_passes=10, window_parts=120, window_fails=5)
NUMPY = replace(NUMBA, backend="numpy")
PARTS = 420


class Followed(NamedTuple):
    detector: Detector
    verdicts: list[Verdict]


def followed(settings: DetectorSettings, journeys: list[PartJourney]) -> Followed:
    detector, verdicts = Detector(settings), []
    for readings, fail in journeys:
        row = PartRow()
        for station, at, values in readings:
            row, _ = detector.encode(row, station, at, values)
            verdicts.append(detector.score(row))
            detector.observe(row, station, values)
        if fail is not None:
            detector.learn(row, fail, verdicts[-1].margin, readings[-1].at)
        detector.close(row)
    return Followed(detector, verdicts)


@pytest.fixture(scope="module")
def both() -> tuple[Followed, Followed]:
    journeys = eventful_journeys(PARTS, seed=3)
    return followed(NUMBA, journeys), followed(NUMPY, journeys)


def test_every_risk_is_that_of_the_specification(both):
    compiled, dense = (one.verdicts for one in both)
    assert [v.risk is None for v in compiled] == [v.risk is None for v in dense]
    pairs = [(a.risk, b.risk) for a, b in zip(compiled, dense, strict=True) if a.risk is not None]
    assert len(pairs) > 2 * PARTS
    # Float32 moves a risk by 1e-7 here; the worst seen on wide lines was 4e-7.
    assert max(abs(a - b) for a, b in pairs) < 1e-6


def test_intervals_and_sensitivities_are_those_of_the_specification(both):
    compiled, dense = (one.verdicts for one in both)
    for a, b in zip(compiled, dense, strict=True):
        if a.risk is not None:
            assert a.margin == pytest.approx(b.margin, abs=2e-5, rel=2e-5)
            assert a.interval == pytest.approx(b.interval, abs=5e-6)
            assert a.shifted == pytest.approx(b.shifted, abs=5e-6)


def test_the_stream_had_all_that_may_happen_and_the_window_moved(both):
    for detector, _ in both:
        kinds = {flag.kind for flag in detector.member.flags.known[1:]}
        assert kinds == {DROPPED, SATURATED, CATEGORY, SKIPPED}
        assert "paint" in detector.catalogue.columns.stations
        assert 100 <= detector.window <= 120 < detector.fails + detector.passes
        assert detector.window_fails >= 5


def test_the_learnt_models_are_the_same(both):
    compiled, dense = (one.detector.member for one in both)
    columns, r = len(compiled.catalogue.columns), compiled.gaussian.rank
    assert r == dense.gaussian.rank
    cells = compiled.gaussian.cells[:columns, :, :5]
    loadings = cells[:, :r].transpose(2, 0, 1)
    assert loadings == pytest.approx(dense.gaussian.model.loadings, abs=1e-4)
    weights = compiled.classifier.weights_dense[:, :columns]
    assert weights == pytest.approx(dense.classifier.weights_numbers, abs=1e-4)
    flags = compiled.classifier.weights_flags[:, : len(compiled.flags)]
    assert flags == pytest.approx(dense.classifier.weights_flags, abs=1e-4)


def test_contributions_are_those_of_the_specification(both):
    compiled, dense = (one.detector for one in both)
    for readings, _ in eventful_journeys(40, seed=9):
        rows = [PartRow(), PartRow()]
        for reading in readings:
            for at, detector in enumerate((compiled, dense)):
                rows[at], _ = detector.encode(rows[at], *reading)
            shares = [
                detector.member.contributions(detector.catalogue.grown(row))
                for detector, row in zip((compiled, dense), rows, strict=True)
            ]
            assert shares[0] == pytest.approx(shares[1], abs=2e-5)
            filled = [
                detector.member.fills(detector.catalogue.grown(row))
                for detector, row in zip((compiled, dense), rows, strict=True)
            ]
            assert list(filled[0]) == list(filled[1])
            for column, found in filled[0].items():
                assert found == pytest.approx(filled[1][column], rel=1e-4, abs=1e-4)


def test_draws_for_dropped_cells_are_the_same_numbers(both):
    compiled, dense = (one.detector for one in both)
    rows = [
        detector.catalogue.grown(
            detector.encode(PartRow(), "press", 0.0, {"torque": None, "force": 101.0})[0]
        )
        for detector in (compiled, dense)
    ]
    torque = next(o.column for o in dense.catalogue.columns.origin if o.feature == "torque")
    gaussian, number = compiled.member.gaussian, 77
    belief = gaussian.believe(rows[0], compiled.catalogue.columns.layout())
    drawn = np.zeros((1, 5), np.float32)
    draw_cells(
        np.array([torque], np.int32), belief.a, belief.rhs, gaussian.cells, gaussian.seed, number,
        5, drawn,
    )  # fmt: skip
    wanted = dense.member.gaussian.draw(rows[1], np.array([torque]), number)
    assert np.ptp(wanted) > 0.1
    assert drawn[0] == pytest.approx(wanted[:, 0], abs=1e-4)


def test_the_stack_has_a_specification_too():
    journeys = eventful_journeys(110)
    stack = replace(NUMBA, model="stack")
    compiled = followed(stack, journeys).verdicts
    dense = followed(replace(stack, backend="numpy"), journeys).verdicts
    pairs = [(a.risk, b.risk) for a, b in zip(compiled, dense, strict=True) if a.risk is not None]
    assert len(pairs) > 100
    assert max(abs(a - b) for a, b in pairs) < 1e-6


def test_asking_the_specification_changes_nothing():
    check_scoring_changes_nothing(lambda: Detector(NUMPY), eventful_journeys(120))


def test_a_specification_that_was_a_file_goes_on_alike():
    check_a_state_read_back_goes_on_alike(
        lambda: Detector(NUMPY),
        eventful_journeys(306),
        through=lambda state: checkpoint.loads(checkpoint.dumps(state)),
    )


def test_a_state_of_the_other_backend_is_refused():
    with pytest.raises(ValueError, match="of backend 'numpy', this detector's is 'numba'"):
        Detector(NUMBA).restore(Detector(NUMPY).state())


def test_an_unknown_backend_is_refused():
    with pytest.raises(ValueError, match="'cuda' is no backend: take 'numba' or 'numpy'"):
        Detector(replace(NUMBA, backend="cuda"))
