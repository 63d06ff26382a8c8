from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import checks, linear_model, preprocessing

from models.imputation import OnlineImputer
from stream.checkpoint import dumps, loads

SIZE, FACTORS, NOISE = 20, 3, 1.0
LOADINGS = np.random.default_rng(3).normal(size=(SIZE, FACTORS))
SPREAD = np.sqrt((LOADINGS**2).sum(axis=1) + NOISE**2)
NAMES = [f"{'press' if j < SIZE // 2 else 'weld'}.x{j:02d}" for j in range(SIZE)]


def rows(count: int, seed: int = 0, masked: float = 0.1):
    """Rows of correlated numbers around 50, and what is hidden in their gaps."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        z = LOADINGS @ rng.normal(size=FACTORS) + NOISE * rng.normal(size=SIZE)
        x = dict(zip(NAMES, (50.0 + 2.0 * z).tolist(), strict=True))
        hidden = {name: x[name] for name in NAMES if rng.random() < masked}
        yield {name: None if name in hidden else value for name, value in x.items()}, hidden


def trained(count: int = 400, **parameters) -> OnlineImputer:
    imputer = OnlineImputer(**parameters)
    for x, _ in rows(count):
        imputer.learn_one(x)
    return imputer


@pytest.fixture(scope="module")
def imputer() -> OnlineImputer:
    return trained(1200, rank=3, seed=1)


@pytest.fixture(scope="module")
def by_station() -> OnlineImputer:
    return trained(400, separator=".", rank=3, seed=1)


def oracle(x):
    """The conditional mean and spread of each gap from the true loadings."""
    seen = np.array([x.get(name) is not None for name in NAMES])
    z = np.array([(x[name] - 50.0) / 2.0 for name in np.array(NAMES)[seen]])
    full = LOADINGS @ LOADINGS.T + NOISE**2 * np.eye(SIZE)
    gain = np.linalg.solve(full[np.ix_(seen, seen)], full[seen]).T
    variance = np.diag(full - gain @ full[seen])
    return 50.0 + 2.0 * (gain @ z), 2.0 * np.sqrt(np.maximum(variance, 0.0))


# -- what fills a gap --------------------------------------------------------------------------


def test_gaps_are_filled_nearly_as_well_as_from_the_true_loadings(imputer):
    off, mine, known = [], [], []
    for x, hidden in rows(300, seed=9):
        filled, best = imputer.transform_one(x), oracle(x)[0]
        for name, value in hidden.items():
            j = NAMES.index(name)
            mine.append((filled[name] - value) / SPREAD[j])
            known.append((best[j] - value) / SPREAD[j])
            off.append((50.0 - value) / SPREAD[j])
    mine, known, off = (float(np.sqrt(np.mean(np.square(e)))) for e in (mine, known, off))
    assert mine < 1.04 * known < 0.7 * off


def test_ninety_percent_intervals_hold_ninety_percent(imputer):
    within = [
        low <= hidden[name] <= high
        for x, hidden in rows(700, seed=11)
        for name, (low, high) in imputer.interval(x, 0.90).items()
    ]
    assert len(within) > 1000
    assert 0.87 < np.mean(within) < 0.93


def test_a_wider_level_is_a_wider_interval(imputer):
    x, hidden = next(rows(1, seed=3, masked=0.5))
    half, most = imputer.interval(x, 0.5), imputer.interval(x, 0.99)
    assert half.keys() == most.keys() == hidden.keys()
    assert all(most[n][0] < half[n][0] < half[n][1] < most[n][1] for n in hidden)


@pytest.mark.parametrize("level", [0.0, 1.0, 90.0])
def test_a_level_is_a_probability(imputer, level):
    with pytest.raises(ValueError, match=r"it must lie between 0 and 1, such as 0\.90"):
        imputer.interval({}, level)


def test_completions_lie_around_the_filling_as_far_as_the_interval_says(imputer):
    x, hidden = next(rows(1, seed=5, masked=0.3))
    drawn = [done for number in range(300) for done in imputer.sample(x, number)]
    middle, reach = imputer.transform_one(x), imputer.interval(x, 0.90)
    for name in hidden:
        values = np.array([done[name] for done in drawn])
        low, high = reach[name]
        assert values.mean() == pytest.approx(middle[name], abs=0.1 * (high - low))
        assert np.mean((low <= values) & (values <= high)) == pytest.approx(0.9, abs=0.04)


def test_the_cells_of_one_completion_belong_together(imputer):
    x, _ = next(rows(1, seed=5))
    alike = LOADINGS @ LOADINGS.T / np.outer(SPREAD, SPREAD)
    one, other = np.unravel_index(np.argmax(np.triu(alike, 1)), alike.shape)
    only = {NAMES[j]: x[NAMES[j]] for j in range(3) if j not in (one, other)}
    pairs = [
        (done[NAMES[one]], done[NAMES[other]])
        for number in range(300)
        for done in imputer.sample(only, number)
    ]
    assert np.corrcoef(np.array(pairs).T)[0, 1] > 0.3


def test_there_is_a_completion_for_each_replicate_and_a_number_repeats_it(imputer):
    x, hidden = next(rows(1, seed=6, masked=0.3))
    done = imputer.sample(x, 4)
    assert len(done) == 5
    assert done == imputer.sample(x, 4)
    assert done != imputer.sample(x, 5)
    for completed in done:
        assert completed.keys() == x.keys()
        assert all(completed[name] == x[name] for name in x.keys() - hidden.keys())


# -- what is missing ---------------------------------------------------------------------------


@pytest.mark.parametrize("gap", [None, math.nan, math.inf, -math.inf, np.float64("nan"), 10**400])
def test_none_and_what_is_no_finite_number_are_gaps(imputer, gap):
    x, _ = next(rows(1, seed=7, masked=0.0))
    wanted = imputer.transform_one(x | {NAMES[3]: None})
    assert imputer.transform_one(x | {NAMES[3]: gap}) == wanted


def test_a_known_number_that_is_absent_is_filled(imputer):
    x, _ = next(rows(1, seed=7, masked=0.0))
    wanted = imputer.transform_one(x | {NAMES[3]: None})
    del x[NAMES[3]]
    assert imputer.transform_one(x) == wanted


def test_a_station_that_a_part_did_not_visit_is_not_filled(by_station):
    x, _ = next(rows(1, seed=7, masked=0.0))
    weld = {name: value for name, value in x.items() if name.startswith("weld.")}
    assert by_station.transform_one(weld).keys() == weld.keys()
    gone = weld.popitem()[0]
    assert by_station.transform_one(weld).keys() == weld.keys() | {gone}
    assert by_station.interval(weld).keys() == {gone}


def test_a_complete_row_passes_as_it_is_and_is_a_copy(imputer):
    x, _ = next(rows(1, seed=7, masked=0.0))
    done = imputer.transform_one(x)
    assert done == x
    assert done is not x


def test_texts_pass_and_truths_are_filled_with_a_truth():
    imputer, rng = OnlineImputer(rank=2), random.Random(0)
    for _ in range(400):
        force = rng.gauss(0.0, 1.0)
        imputer.learn_one({"mold": "A", "force": force, "tripped": force > 0.0})
    assert imputer.transform_one({"mold": "B", "force": 2.0, "tripped": None}) == {
        "mold": "B", "force": 2.0, "tripped": True,
    }  # fmt: skip
    assert imputer.transform_one({"mold": None, "force": -2.0})["mold"] is None
    assert imputer.transform_one({"force": -2.0})["tripped"] is False
    assert imputer.interval({"force": 2.0}) == {}
    assert {type(done["tripped"]) for done in imputer.sample({"force": 0.0})} == {bool}


def test_before_anything_is_known_a_gap_is_left_out_and_then_filled_with_the_mean():
    imputer = OnlineImputer()
    assert imputer.transform_one({"force": None, "mold": "A"}) == {"mold": "A"}
    imputer.learn_one({"force": 1.0})
    imputer.learn_one({"force": 4.0})
    assert imputer.transform_one({"force": None}) == {"force": 2.5}
    for _ in range(30):
        imputer.learn_one({"force": 2.5})
    assert imputer.transform_one({"force": None}) == {"force": pytest.approx(2.5)}


def test_a_feature_that_appears_mid_stream_is_filled_from_the_others():
    imputer = trained(300, rank=3)
    for x, _ in rows(600, seed=2):
        known = x[NAMES[0]]
        imputer.learn_one(x | {"late": None if known is None else known - 30.0})
    low, high = (
        imputer.transform_one({NAMES[0]: value, "late": None})["late"] for value in (46.0, 54.0)
    )
    assert low < high - 2.0


def test_features_beyond_the_most_pass_as_they_are():
    imputer = OnlineImputer(max_features=2)
    for number in range(60):
        imputer.learn_one({"a": float(number), "b": 1.0 * (number % 5), "c": 5.0})
    assert imputer.transform_one({"a": None, "b": 2.0, "c": 6.0})["c"] == 6.0


# -- River -------------------------------------------------------------------------------------


def estimator_checks():
    for parameters in ({}, {"separator": "_", "selection": True, "rank": 3}):
        model = OnlineImputer(**parameters)
        for check in checks.yield_checks(model):
            if check.__name__ not in model._unit_test_skips():
                marks = f"{check.__name__}-{'stations' if parameters else 'plain'}"
                yield pytest.param(model, check, id=marks)


@pytest.mark.parametrize(("model", "check"), list(estimator_checks()))
def test_it_keeps_rivers_laws(model, check):
    check(model.clone())


def accuracy(imputer) -> float:
    """Of a River pipeline that says whether a row's sum, gaps included, is above its mean."""
    pipeline = imputer | preprocessing.StandardScaler() | linear_model.LogisticRegression()
    right = []
    for number, (x, hidden) in enumerate(rows(1500, masked=0.3)):
        risk = pipeline.predict_proba_one(x)[True]
        assert math.isfinite(risk)
        above = sum((hidden[name] if v is None else v) - 50.0 for name, v in x.items()) > 0.0
        pipeline.learn_one(x, above)
        if number > 500:
            right.append((risk > 0.5) == above)
    return float(np.mean(right))


def test_it_stands_before_a_scaler_and_a_model_in_a_pipeline():
    assert accuracy(OnlineImputer(rank=3)) > 0.75


def test_asking_changes_nothing(imputer):
    before = dumps(imputer.state())
    for x, _ in rows(5, seed=8, masked=0.4):
        imputer.transform_one(x)
        imputer.sample(x)
        imputer.interval(x)
    assert dumps(imputer.state()) == before


def test_names_need_not_be_texts():
    imputer = OnlineImputer(rank=2)
    for number in range(300):
        imputer.learn_one({0: float(number % 10), ("a", 1): 2.0 * (number % 10)})
    assert imputer.transform_one({0: 6.0})[("a", 1)] == pytest.approx(12.0, abs=1.5)


WILD = st.one_of(
    st.none(),
    st.floats(),
    st.booleans(),
    st.text(max_size=2),
    st.sampled_from([1e308, -1e308, 5e-324, 10**400, np.float32(3.0), np.True_]),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from([*NAMES[:6], "new"]), WILD), max_size=30))
def test_whatever_is_learnt_every_filling_is_finite(stream):
    imputer = trained(160, rank=2, replicates=2, selection=True)
    for x in stream:
        imputer.learn_one(x)
    for x, hidden in rows(30, seed=4, masked=0.3):
        imputer.learn_one(x)
        done = imputer.transform_one(x)
        assert all(math.isfinite(done[name]) for name in hidden)
        assert np.isfinite(list(imputer.interval(x).values())).all()


@pytest.mark.parametrize("count", [5, 100, 260])
@pytest.mark.parametrize("selection", [False, True])
def test_a_restored_imputer_goes_on_bit_for_bit(count, selection):
    parameters = {"rank": 3, "separator": ".", "selection": selection}
    imputer = trained(count, **parameters)
    again = OnlineImputer(**parameters)
    again.restore(loads(dumps(imputer.state())))
    for x, _ in rows(80, seed=6, masked=0.2):
        assert again.transform_one(x) == imputer.transform_one(x)
        assert again.sample(x) == imputer.sample(x)
        imputer.learn_one(x)
        again.learn_one(x)
    assert dumps(again.state()) == dumps(imputer.state())
