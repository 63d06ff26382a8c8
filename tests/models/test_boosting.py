"""Rolling boosting: trees over the window, always being renewed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import checks

from models.boosting import RollingBoosting
from models.ranking import roc_auc
from stream import checkpoint

WIDTH = 5


def small(**given) -> RollingBoosting:
    fixed = {"window": 200, "decay": 100.0, "trees": 12, "leaves": 5, "sample": 80, "bins": 16}
    return RollingBoosting(**{**fixed, **given})


def rows(count: int, seed: int = 0, turned: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Parts that fail where two numbers have the same sign; a fifth of cells is missing."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, WIDTH)).astype(np.float32)
    together = x[:, 0] * x[:, 1] > 0.4
    fail = (together != turned) if turned else together
    x[rng.random(x.shape) < 0.2] = np.nan
    return x, fail & (rng.random(count) < 0.9)


def taught(model: RollingBoosting, count: int = 400, **given) -> RollingBoosting:
    for x, fail in zip(*rows(count, **given), strict=True):
        model.learn(x, bool(fail))
    return model


NOWHERE = np.zeros(WIDTH, np.bool_)
CHANCE = np.full(WIDTH, 0.7)


def test_the_compiled_trees_are_those_of_the_plain_specification():
    compiled, plain = taught(small()), taught(small(backend="numpy"))
    x, _ = rows(60, seed=1)
    assert compiled.margins(x).tolist() == plain.margins(x).tolist()
    ahead = np.isnan(x[0])
    assert compiled.partial_margin(x[0], ahead, CHANCE) == plain.partial_margin(x[0], ahead, CHANCE)


def test_a_model_read_back_goes_on_bit_for_bit():
    going = taught(small())
    again = small()
    again.restore(checkpoint.loads(checkpoint.dumps(going.state())))
    for model in (going, again):
        taught(model, 150, seed=2)
    x, _ = rows(60, seed=1)
    assert going.margins(x).tolist() == again.margins(x).tolist()
    assert checkpoint.digest(going.state()) == checkpoint.digest(again.state())


def test_a_state_of_other_settings_is_refused_by_name():
    with pytest.raises(ValueError, match="learnt with trees=12, this model has trees=13"):
        small(trees=13).restore(taught(small(), 20).state())


def test_the_margins_kept_of_the_window_are_those_of_the_live_trees():
    model = taught(small(), 700)
    state = model.state()
    kept = model.bias + state["margin"]
    assert kept == pytest.approx(model.margins(state["x"].T), abs=1e-9)


def test_shares_add_up_to_the_margin():
    model = taught(small())
    for x in rows(30, seed=3)[0]:
        shares, rest = model.contributions(x)
        assert shares.sum() + rest == pytest.approx(model.margin(x), abs=1e-9)
        ahead = np.isnan(x)
        shares, rest = model.contributions(x, ahead, CHANCE)
        whole = model.partial_margin(x, ahead, CHANCE)
        assert shares.sum() + rest == pytest.approx(whole, abs=1e-9)


def test_with_nothing_ahead_a_part_under_way_is_a_part():
    model = taught(small())
    for x in rows(30, seed=3)[0]:
        assert model.partial_margin(x, NOWHERE, CHANCE) == pytest.approx(model.margin(x), abs=1e-12)


def test_with_everything_ahead_the_margin_lies_among_those_of_finished_parts():
    model = taught(small())
    unknown = np.full(WIDTH, np.nan, np.float32)
    margin = model.partial_margin(unknown, ~NOWHERE, np.ones(WIDTH))
    finished = model.margins(rows(300, seed=4)[0])
    assert finished.min() < margin < finished.max()


def test_it_learns_what_no_single_number_tells():
    model = taught(small(window=1000, trees=40), 1500)
    x, fail = rows(500, seed=5)
    assert roc_auc(model.margins(x), fail) > 0.8


def test_a_cause_that_turns_round_is_followed():
    model = taught(small(window=400, trees=40), 800)
    taught(model, 800, seed=6, turned=True)
    x, fail = rows(500, seed=7, turned=True)
    assert roc_auc(model.margins(x), fail) > 0.7


def test_a_new_column_is_missing_in_the_rows_before_it():
    model = taught(small())
    wide = np.append(rows(1, seed=8)[0][0], np.float32(3.0))
    before = model.margin(wide[:WIDTH])
    model.grow(WIDTH + 1)
    assert model.margin(wide) == before
    for i in range(200):
        model.learn(np.append(rows(1, seed=i)[0][0], np.float32(i % 2)), i % 2 == 0)
    assert model.margin(np.append(wide[:WIDTH], np.float32(0.0))) > model.margin(
        np.append(wide[:WIDTH], np.float32(1.0))
    )


@pytest.mark.parametrize("columns", [4 * WIDTH, 40 * WIDTH])  # within what is spared, and beyond
def test_columns_by_the_many_leave_what_was_learnt_as_it_was(columns):
    narrow, wide = taught(small()), taught(small())
    wide.grow(columns)
    x, _ = rows(60, seed=1)
    more = np.full((len(x), columns - WIDTH), np.nan, np.float32)
    assert wide.margins(np.hstack([x, more])).tolist() == narrow.margins(x).tolist()
    kept = wide.state()
    assert (kept["x"][:WIDTH] == narrow.state()["x"]).sum() == (~np.isnan(kept["x"])).sum()
    assert np.isnan(kept["x"][WIDTH:]).all()


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.sampled_from([np.inf, -np.inf, 1e308, -1e308, 5e-324, -0.0, np.nan, 1.0]),
        min_size=WIDTH,
        max_size=WIDTH,
    )
)
def test_no_value_makes_a_margin_that_is_not_finite(values):
    model = taught(small(trees=5), 60)
    for fail in (True, False) * 10:
        model.learn(np.array(values), fail)
    assert np.isfinite(model.margin(np.array(values)))
    assert np.isfinite(model.margins(rows(20)[0])).all()


@pytest.mark.parametrize(
    "check", list(checks.yield_checks(small())), ids=lambda check: check.__name__.strip("_")
)
def test_it_is_a_river_classifier(check):
    check(small())
