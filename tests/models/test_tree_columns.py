"""What trees see of a part."""

from __future__ import annotations

import math

import numpy as np
import pytest

from models.features import FeatureCatalogue
from models.flags import Flags
from models.part_row import PartRow
from models.tree_columns import TreeColumns

PRESS = {"torque": 1.5, "mold": "a", "clamped": True}


@pytest.fixture
def catalogue() -> FeatureCatalogue:
    """Two stations whose features' kinds are settled; molds a and b."""
    made = FeatureCatalogue()
    for i in range(40):
        row = PartRow()
        for station, values in (
            ("press", {**PRESS, "mold": "ab"[i % 2], "torque": float(i)}),
            ("oven", {"heat": float(i)}),
        ):
            row, _ = made.encode(row, station, float(i), values)
            made.observe(row, station, values)
        made.close(row)
    return made


def seen(catalogue: FeatureCatalogue, **values) -> dict[str, tuple[float, bool, float]]:
    """What trees see of a part that has been at the press alone, by feature."""
    columns, flags = TreeColumns(), Flags()
    layout = catalogue.columns.layout()
    flags.grow(len(layout.numeric), 2)
    for mold in ("a", "b"):
        row, _ = catalogue.encode(PartRow(), "press", 0.0, {**PRESS, "mold": mold})
        flags.of(catalogue.grown(row), layout)
    columns.meet(layout.numeric, flags)
    row, _ = catalogue.encode(PartRow(), "press", 0.0, {**PRESS, **values})
    row = catalogue.grown(row)
    shown = columns.row(row, layout, flags, np.array([0.0, 0.25]))
    names = {}
    for column, source in enumerate(columns.source):
        cell = source if source >= 0 else flags.known[-1 - source].subject
        code = "" if source >= 0 else f"={flags.known[-1 - source].code}"
        names[catalogue.columns.origin[cell].feature + code] = tuple(x[column] for x in shown)
    return names


def test_numbers_are_raw_booleans_and_categories_are_zero_or_one(catalogue):
    found = seen(catalogue)
    assert found["torque"][0] == 1.5
    assert found["clamped"][0] == 1.0
    assert (found["mold=0"][0], found["mold=1"][0]) == (1.0, 0.0)


def test_what_was_dropped_is_missing_and_not_ahead(catalogue):
    found = seen(catalogue, torque=None, mold=None)
    for name in ("torque", "mold=0", "mold=1"):
        value, ahead, _ = found[name]
        assert math.isnan(value)
        assert not ahead


def test_a_station_not_reached_is_ahead_with_its_odds(catalogue):
    value, ahead, odds = seen(catalogue)["heat"]
    assert math.isnan(value)
    assert ahead
    assert odds == 0.25


def test_columns_keep_their_places_when_read_back(catalogue):
    columns, again, flags = TreeColumns(), TreeColumns(), Flags()
    numeric = catalogue.columns.layout().numeric
    columns.meet(numeric, flags)
    again.restore(columns.state(), len(numeric), len(flags))
    assert again.source == columns.source
    again.meet(numeric, flags)
    assert len(again) == len(columns)
