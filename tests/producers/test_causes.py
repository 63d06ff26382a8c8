from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from producers.causes import (
    BadLot,
    BoolArray,
    Cause,
    Cell,
    Interaction,
    Linear,
    StationDrift,
    Threshold,
    ToolWear,
)
from producers.draws import FloatArray, IntArray

A, B, LOT = Cell("OP10", "torque"), Cell("OP20", "gap"), Cell("OP10", "lot")


@dataclass
class FiveParts:
    """Five parts whose third one skipped OP20."""

    index: IntArray = field(default_factory=lambda: np.arange(5))

    def value(self, cell: Cell) -> FloatArray:
        return np.array([-2.0, -1.0, 0.0, 1.0, 2.0]) * (1.0 if cell == A else -3.0)

    def level(self, cell: Cell) -> IntArray:
        return self.index // 2

    def visited(self, station: str) -> BoolArray:
        return np.array([True, True, station != "OP20", True, True])


def odds(cause: Cause) -> list[float]:
    return cause.log_odds(FiveParts()).tolist()


def test_a_linear_cause_adds_its_weight_for_each_spread():
    assert odds(Linear(name="l", cell=A, weight=0.5)) == [-1.0, -0.5, 0.0, 0.5, 1.0]


def test_a_threshold_is_silent_up_to_its_limit():
    assert odds(Threshold(name="t", cell=A, limit=1.0, weight=3.0)) == [0, 0, 0, 0, 3]


def test_a_negative_threshold_works_below_it():
    assert odds(Threshold(name="t", cell=A, limit=-1.0, weight=3.0)) == [3, 0, 0, 0, 0]


def test_an_interaction_is_the_product_of_two_features():
    cause = Interaction(name="i", first=A, second=B, weight=0.1)
    assert odds(cause) == pytest.approx([-1.2, -0.3, 0.0, -0.3, -1.2])


def test_a_skipped_station_has_no_say():
    always = Linear(name="always", cell=B, weight=1.0)
    parts = FiveParts()
    parts.value = lambda cell: np.ones(5)  # type: ignore[method-assign]
    assert always.log_odds(parts).tolist() == [1.0, 1.0, 0.0, 1.0, 1.0]


def test_a_cause_works_only_while_it_is_active():
    cause = Linear(name="l", cell=A, weight=1.0, since=1, until=4)
    assert odds(cause) == [0.0, -1.0, 0.0, 1.0, 0.0]


def test_a_tool_wears_moves_its_sensor_and_is_changed():
    wear = ToolWear(name="w", cell=A, life=4, weight=2.0, shift=4.0, onset=0.5)
    assert wear.wear(np.arange(5)).tolist() == [0.0, 0.25, 0.5, 0.75, 0.0]
    assert odds(wear) == [0.0, 0.0, 0.0, 1.0, 0.0]
    (trace,) = wear.traces(FiveParts())
    assert trace.cell == A
    assert trace.shift.tolist() == [-2.0, -1.0, 0.0, 1.0, -2.0]


def test_a_bad_lot_spoils_its_own_parts_and_shows_a_symptom():
    lot = BadLot(name="b", cell=LOT, weight=1.5, levels=(1,), symptom=B, shift=2.0)
    assert odds(lot) == [0.0, 0.0, 1.5, 1.5, 0.0]
    (trace,) = lot.traces(FiveParts())
    assert (trace.cell, trace.shift.tolist()) == (B, [0.0, 0.0, 2.0, 2.0, 0.0])
    assert lot.touches == (LOT, B)


def test_lots_are_bad_with_their_share_whoever_asks_and_when():
    lot = BadLot(name="b", cell=LOT, weight=1.0, share=0.3, salt="x")
    bad = lot.is_bad(np.arange(2_000))
    assert abs(bad.mean() - 0.3) < 0.04
    assert np.array_equal(lot.is_bad(np.arange(2_000)[::-1].copy()), bad[::-1])
    other = BadLot(name="b", cell=LOT, weight=1.0, share=0.3, salt="y")
    assert not np.array_equal(other.is_bad(np.arange(2_000)), bad)


def test_a_station_goes_astray_over_its_ramp_and_is_repaired():
    drift = StationDrift(name="d", cell=A, since=1, until=4, ramp=2, weight=1.0, shift=3.0)
    assert odds(drift) == [0.0, 0.5, 1.0, 1.0, 0.0]
    (trace,) = drift.traces(FiveParts())
    assert trace.shift.tolist() == [0.0, 1.5, 3.0, 3.0, 0.0]
