from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.belief import PRECISION, PSI
from models.features import FeatureCatalogue
from models.low_rank import BEGIN, PUBLISH, LowRankGaussian
from models.part_row import DROPPED, PartRow
from stream.checkpoint import dumps, loads

STATIONS, EACH, FACTORS = ("press", "weld", "oven"), 4, 3
LOADINGS = np.random.default_rng(9).normal(size=(len(STATIONS) * EACH, FACTORS))
NOISE = 0.7


class Line:
    """A line whose numbers share three factors, and what a Gaussian learns of it."""

    def __init__(self, seed: int = 0, stations=STATIONS, **parameters) -> None:
        self.rng = np.random.default_rng(seed)
        self.stations = list(stations)
        self.catalogue = FeatureCatalogue()
        self.gaussian = LowRankGaussian(**parameters)
        self.later: dict[str, np.ndarray] = {}

    def part(self, dropped: float = 0.1) -> list[tuple[str, dict[str, float | None]]]:
        z = LOADINGS @ self.rng.normal(size=FACTORS) + NOISE * self.rng.normal(size=len(LOADINGS))
        readings = []
        for number, station in enumerate(self.stations):
            own = 20.0 + 3.0 * z[(number % 3) * EACH : (number % 3 + 1) * EACH]
            gone = self.rng.random(EACH) < dropped
            readings.append(
                (station, {f"f{i}": None if gone[i] else float(own[i]) for i in range(EACH)})
            )
        return readings

    def row(self, readings) -> PartRow:
        row = PartRow()
        for at, (station, values) in enumerate(readings):
            row, _ = self.catalogue.encode(row, station, float(at), values)
        return self.catalogue.grown(row)

    def learn(self, readings) -> PartRow:
        catalogue, row = self.catalogue, PartRow()
        for at, (station, values) in enumerate(readings):
            row, _ = catalogue.encode(row, station, float(at), values)
            catalogue.observe(row, station, values)
        catalogue.close(row)
        layout = catalogue.columns.layout()
        self.gaussian.grow(layout)
        row = catalogue.grown(row)
        self.gaussian.close(row, layout, catalogue.scale)
        return row

    def run(self, parts: int, dropped: float = 0.1) -> Line:
        for _ in range(parts):
            self.learn(self.part(dropped))
        return self

    def assert_finite(self) -> None:
        for name in ("cells", "blocks", "standard"):
            assert np.isfinite(getattr(self.gaussian, name)).all(), name


def likenesses(gaussian: LowRankGaussian, lane: int) -> np.ndarray:
    """The correlations that a replicate believes in."""
    w = gaussian.cells[: gaussian.columns, : gaussian.rank, lane].astype(float)
    full = w @ w.T + np.diag(gaussian.cells[: gaussian.columns, gaussian.rank + PSI, lane])
    spread = np.sqrt(np.diag(full))
    return full / np.outer(spread, spread)


@pytest.fixture(scope="module")
def learnt() -> Line:
    return Line(rank=3, seed=2).run(1500)


def test_the_lines_correlations_are_learnt_by_every_replicate(learnt):
    full = LOADINGS @ LOADINGS.T + NOISE**2 * np.eye(len(LOADINGS))
    spread = np.sqrt(np.diag(full))
    for lane in range(5):
        off = np.abs(likenesses(learnt.gaussian, lane) - full / np.outer(spread, spread))
        assert off.mean() < 0.06


def test_bootstrap_replicates_differ(learnt):
    first, second = likenesses(learnt.gaussian, 0), likenesses(learnt.gaussian, 1)
    assert 0.001 < np.abs(first - second).mean() < 0.1


def test_the_model_is_published_with_every_25th_part():
    line = Line()
    versions = [line.run(1).gaussian.version for _ in range(3 * PUBLISH)]
    assert versions == [count // PUBLISH for count in range(1, 3 * PUBLISH + 1)]


def test_nothing_is_told_of_the_factors_before_the_first_fit():
    line = Line().run(BEGIN - 1)
    rank = line.gaussian.rank
    assert not line.gaussian.cells[:, :rank].any()
    assert (line.gaussian.cells[:12, rank + PRECISION, :5] == 1.0).all()
    line.run(1)
    assert line.gaussian.cells[:12, : line.gaussian.rank, :5].any(axis=(1, 2)).all()


@pytest.mark.parametrize(("wanted", "features", "rank"), [(0, 60, 10), (0, 120, 20), (7, 60, 7)])
def test_the_rank_follows_the_width_unless_it_is_given(wanted, features, rank):
    line = Line(rank=wanted, replicates=1)
    for _ in range(BEGIN):
        line.learn([("wide", {f"f{i}": float(line.rng.normal()) for i in range(features)})])
    assert line.gaussian.rank == rank


def test_a_belief_that_is_added_to_is_the_one_that_is_rebuilt(learnt):
    readings = learnt.part(0.2)
    layout, gaussian = learnt.catalogue.columns.layout(), learnt.gaussian
    grown = learnt.row([])
    gaussian.believe(grown, layout)
    for number, (station, values) in enumerate(readings):
        grown, _ = learnt.catalogue.encode(grown, station, float(number), values)
        gaussian.believe(grown, layout, learnt.catalogue.columns.stations[station].number)
    fresh = gaussian.believe(learnt.row(readings), layout)
    assert grown.belief is not None
    assert grown.belief.a.tobytes() == fresh.a.tobytes()
    assert grown.belief.rhs.tobytes() == fresh.rhs.tobytes()


def test_rework_rebuilds_the_belief(learnt):
    readings = learnt.part(0.0)
    layout, gaussian = learnt.catalogue.columns.layout(), learnt.gaussian
    row = learnt.row(readings)
    gaussian.believe(row, layout)
    again = ("weld", {f"f{i}": 20.0 + i for i in range(EACH)})
    row, _ = learnt.catalogue.encode(row, again[0], 9.0, again[1])
    reworked = gaussian.believe(row, layout)
    fresh = gaussian.believe(learnt.row([readings[0], readings[2], again]), layout)
    assert reworked.rhs.tobytes() == fresh.rhs.tobytes()


def test_a_belief_of_an_older_version_is_rebuilt(learnt):
    line = Line(rank=3).run(200)
    layout = line.catalogue.columns.layout()
    row = line.row(line.part())
    before = line.gaussian.believe(row, layout).rhs.copy()
    line.run(PUBLISH)
    after = line.gaussian.believe(row, layout)
    assert (after.rhs != before).any()
    row.belief = None
    assert line.gaussian.believe(row, layout).rhs.tobytes() == after.rhs.tobytes()


def test_a_station_that_opens_mid_stream_is_learnt():
    line = Line(rank=3).run(300)
    line.stations.append("late")  # measures what the press measures
    readings = line.part()
    assert readings[-1][0] == "late"
    line.run(900)
    line.assert_finite()
    rank = line.gaussian.rank
    late = line.catalogue.columns.stations["late"].columns
    press = line.catalogue.columns.stations["press"].columns
    found = likenesses(line.gaussian, 0)
    assert (line.gaussian.cells[list(late.values()), rank + PRECISION, 0] > 0.0).all()
    assert np.mean([found[late[name], press[name]] for name in late]) > 0.5


def test_a_feature_that_never_changes_is_no_evidence():
    line = Line(rank=3)
    for _ in range(400):
        readings = line.part()
        readings[0][1]["f0"] = 7.0
        line.learn(readings)
    line.assert_finite()
    constant = line.catalogue.columns.stations["press"].columns["f0"]
    assert line.gaussian.standard[constant, 1] == 0.0
    assert np.abs(line.gaussian.cells[constant, : line.gaussian.rank, :5]).max() < 0.05


def test_a_line_of_a_single_feature_learns_its_mean():
    line = Line(rank=0)
    for _ in range(300):
        line.learn([("press", {"f0": float(line.rng.normal(5.0, 1.0))})])
    line.assert_finite()
    assert np.abs(line.gaussian.cells[0, line.gaussian.rank, :5]).max() < 0.3


WILD = st.sampled_from([1e308, -1e308, 1e12, 5e-324, -0.0, None, 0.0])


@settings(max_examples=15, deadline=None)
@given(st.lists(st.lists(WILD, min_size=12, max_size=12), min_size=1, max_size=40))
def test_wild_values_leave_the_model_finite(parts):
    line = Line(rank=3, replicates=2).run(160)
    for values in parts:
        line.learn(
            [
                (station, {f"f{i}": values[number * EACH + i] for i in range(EACH)})
                for number, station in enumerate(STATIONS)
            ]
        )
    line.run(60)
    line.assert_finite()
    belief = line.gaussian.believe(line.row(line.part()), line.catalogue.columns.layout())
    assert np.isfinite(belief.a).all()
    assert np.isfinite(belief.rhs).all()


@pytest.mark.parametrize("parts", [10, 149, 175, 333])
def test_a_restored_model_goes_on_bit_for_bit(parts):
    line = Line(rank=3).run(parts)
    other = Line(rank=3)
    other.catalogue.restore(loads(dumps(line.catalogue.state())))
    other.gaussian.restore(loads(dumps(line.gaussian.state())))
    other.rng = np.random.default_rng()
    other.rng.bit_generator.state = line.rng.bit_generator.state
    assert dumps(line.run(60).gaussian.state()) == dumps(other.run(60).gaussian.state())


def test_what_is_kept_for_the_first_fit_is_not_changed_by_its_owner():
    line = Line(rank=3)
    for _ in range(40):
        row = line.learn(line.part())
    kept = dumps(line.gaussian.state())
    line.catalogue.encode(row, "press", 99.0, {"f0": 1e6})
    row.state[:] = DROPPED
    assert dumps(line.gaussian.state()) == kept


@pytest.mark.parametrize("replicates", [0, 9])
def test_there_are_one_to_eight_replicates(replicates):
    with pytest.raises(ValueError, match=f"replicates is {replicates}: it must be 1 to 8"):
        LowRankGaussian(replicates)
