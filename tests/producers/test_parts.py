from __future__ import annotations

import numpy as np
from lines import TORQUE, small_spec

from producers.causes import Cell, Linear, ToolWear
from producers.draws import Draws
from producers.families import family
from producers.line_spec import Feature, Route
from producers.parts import LinePlan, PartBatch


def draw(spec, count: int = 20_000) -> PartBatch:  # type: ignore[no-untyped-def]
    return LinePlan(spec).draw(Draws("parts"), np.arange(count))


def test_values_are_standard_and_correlate_as_their_shares_say():
    spec = small_spec(
        Feature("x", loadings=(0.6,), own=0.5),
        Feature("y", loadings=(-0.5,), own=0.6),
        factors=1,
        wander=0.0,
    )
    batch = draw(spec)
    x, y = batch.value(Cell("B", "x")), batch.value(Cell("B", "y"))
    assert abs(x.std() - 1.0) < 0.02
    # -0.6 * 0.5 through the line's factor, 0.5 * 0.6 through the station's.
    assert abs(np.corrcoef(x, y)[0, 1]) < 0.03
    assert abs((x * batch.value(TORQUE)).mean()) < 0.03


def test_features_of_different_stations_correlate_through_the_line_factor():
    spec = family("linear")
    plan = LinePlan(spec)
    z = plan.draw(Draws("parts"), np.arange(6_000)).z
    correlation = np.corrcoef(z.T)
    wanted = plan._loadings @ plan._loadings.T
    first, last = plan.blocks[0].columns, plan.blocks[7].columns
    assert np.abs(wanted[first, last]).max() > 0.2
    # Waves that are slow compared with 6,000 parts leave their mark on the sample.
    assert np.abs(correlation[first, last] - wanted[first, last]).mean() < 0.05


def test_slow_waves_make_neighbours_alike():
    spec = small_spec(Feature("x", loadings=(0.9,)), factors=1, wander=0.5)
    x = draw(spec).value(Cell("B", "x"))
    means = x.reshape(-1, 20).mean(axis=1)
    assert means.std() > 2.0 / np.sqrt(20)


def test_routes_are_taken_with_their_probabilities():
    spec = small_spec(routes=(Route(0.7, ("A", "B", "C")), Route(0.3, ("A", "C"))))
    batch = draw(spec)
    assert abs(batch.visited("B").mean() - 0.7) < 0.012
    assert batch.visited("A").all()
    assert np.array_equal(batch.visited("B"), batch.route == 0)


def test_a_cause_at_a_skipped_station_contributes_nothing():
    cause = Linear(name="gap", cell=Cell("B", "gap"), weight=1.0)
    spec = small_spec(routes=(Route(0.5, ("A", "B", "C")), Route(0.5, ("A", "C"))), causes=(cause,))
    batch = draw(spec, 500)
    shares = batch.plan.contributions(batch)[:, 0]
    assert np.array_equal(shares != 0.0, batch.visited("B"))


def test_a_worn_tool_pushes_its_sensor_up():
    wear = ToolWear(name="wear", cell=TORQUE, life=100, weight=1.0, shift=3.0)
    torque = draw(small_spec(causes=(wear,))).value(TORQUE)
    by_age = torque.reshape(-1, 100)
    assert abs(by_age[:, 90:].mean() - by_age[:, :10].mean() - 2.7) < 0.1
