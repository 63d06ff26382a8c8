"""Bins of a column: where their edges lie, and the codes that they give."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import boosting_numpy
from models.boosting_bins import LARGEST, code, code_column, edges

EXTREMES = [np.nan, 0.0, -0.0, float(LARGEST), -float(LARGEST)]
NUMBERS = st.floats(-1e6, 1e6, width=32) | st.sampled_from(EXTREMES)
COLUMN = st.lists(NUMBERS, max_size=40).map(lambda values: np.array(values, np.float32))
NOTHING = np.empty(0, np.float32)


def test_half_of_the_edges_lie_among_the_fails():
    rng = np.random.default_rng(0)
    usual = rng.normal(size=3000).astype(np.float32)
    rare = rng.normal(8.0, 0.1, size=100).astype(np.float32)
    cut = edges(usual, rare, 64)
    assert np.sum((cut > 6.0) & (cut < np.inf)) == 31


def test_without_fails_bins_hold_equally_many_rows():
    values = np.arange(1000, dtype=np.float32)
    cut = edges(values, NOTHING, 64)
    held = np.bincount(np.searchsorted(cut, values))
    assert held.size == 33
    assert held.max() - held.min() <= 2


@settings(deadline=None, max_examples=50)
@given(COLUMN, COLUMN)
def test_edges_increase_and_few_values_are_all_told_apart(values, fails):
    cut = edges(values, fails, 64)
    finite = cut[cut < np.inf]
    assert (np.diff(finite) > 0).all()
    met = np.concatenate((values, fails))
    met = np.unique(met[~np.isnan(met)])
    if met.size <= 63:
        assert finite.tolist() == met.tolist()


@settings(deadline=None, max_examples=50)
@given(COLUMN, COLUMN)
def test_a_threshold_on_values_parts_rows_as_its_cut_on_codes(values, others):
    cut = edges(others, NOTHING, 16)
    codes, plain = np.zeros(values.size, np.uint8), np.zeros(values.size, np.uint8)
    code_column(values, cut, codes)
    boosting_numpy.code_column(values, cut, plain)
    assert codes.tolist() == plain.tolist() == [code(value, cut) for value in values]
    for b, edge in enumerate(cut):
        assert ((codes <= b) == (values <= edge)).all()


@pytest.mark.parametrize("bins", [4, 64, 128])
def test_a_missing_value_has_the_code_above_all_others(bins):
    cut = edges(np.arange(500, dtype=np.float32), NOTHING, bins)
    assert code(np.float32(np.nan), cut) == bins
    assert code(np.float32(1e9), cut) < bins
