"""The window's logistic regression: what it holds is all it knows."""

from __future__ import annotations

from copy import deepcopy
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import checks, preprocessing

from models.classifier import INTERCEPT, SlidingWindowLogistic, WindowLogistic
from models.window import WindowRule

REPLICATES = 2
NOWHERE = np.empty(0, np.int32)
NOTHING = np.empty((0, REPLICATES), np.float32)


class Label(NamedTuple):
    numbers: tuple[float, ...]
    flags: tuple[int, ...]
    fills: tuple[float, ...]  # of the first number, one a replicate; () where it was measured
    fail: bool
    at: float


def random_labels(count, seed=0, width=4, fail_rate=0.3):
    rng = np.random.default_rng(seed)
    labels = []
    for i in range(count):
        x = rng.normal(size=width).round(3)
        fail = bool(rng.random() < 1 / (1 + np.exp(-(2.0 * x[0] + np.log(fail_rate)))))
        flags = [f for f in (1, 2, 3) if rng.random() < (0.6 if fail and f == 1 else 0.2)]
        fills = tuple(rng.normal(size=REPLICATES)) if rng.random() < 0.3 else ()
        if fills:
            x[0] = 0.0
        labels.append(Label(tuple(x), tuple(flags), fills, fail, 60.0 * i))
    return labels


def learn(model: WindowLogistic, labels) -> WindowLogistic:
    for label in labels:
        model.grow(len(label.numbers), 4)
        dense = np.array(label.numbers, np.float32)
        flags = np.array([INTERCEPT, *label.flags], np.int32)
        places, fills = NOWHERE, NOTHING
        if label.fills:
            places, fills = np.zeros(1, np.int32), np.array([label.fills], np.float32)
        model.learn_row(dense, places, fills, flags, label.fail, label.at)
    return model


def inputs(model: WindowLogistic, m: int):
    """phi (rows, numbers + flags) of replicate ``m``, outcomes +-1 and alpha, oldest first."""
    ring, rows = model.ring, model.ring.held()
    width = model.v_dense.shape[1]
    phi = np.zeros((len(rows), width + model.v_flags.shape[1]))
    for at, i in enumerate(rows):
        phi[at, : ring.dense.shape[1]] = ring.dense[i]
        for k, j in enumerate(ring.fill_at[i]):
            if j >= 0:
                phi[at, j] += ring.fills[i, k, m]
        for f in ring.flag_at[i]:
            if f >= 0:
                phi[at, width + f] = 1.0
    return phi, ring.sign[rows].astype(float), ring.alpha[rows, m]


def both(dense, flags):
    return np.concatenate([dense, flags], axis=-1)


def shares(y):
    """U of each row."""
    return np.where(y > 0, 0.5 / max((y > 0).sum(), 1), 0.5 / max((y < 0).sum(), 1))


def fitted(phi, y, metric):
    """The weights that minimise 1/2 sum w^2 / G + sum U log(1 + exp(-y w'phi)), by Newton."""
    u, w = shares(y), np.zeros(phi.shape[1])

    def loss(w):
        return 0.5 * (w * w / metric).sum() + (u * np.logaddexp(0.0, -y * (phi @ w))).sum()

    for _ in range(200):
        p = 1.0 / (1.0 + np.exp(np.clip(y * (phi @ w), -500, 500)))
        gradient = w / metric - phi.T @ (u * y * p)
        hessian = np.diag(1.0 / metric) + phi.T @ ((u * p * (1 - p))[:, None] * phi)
        step = np.linalg.solve(hessian, gradient)
        size = 1.0
        while loss(w - size * step) > loss(w) and size > 1e-9:
            size *= 0.5
        w = w - size * step
        if np.abs(step).max() < 1e-13:
            break
    return w


def converged(model: WindowLogistic) -> WindowLogistic:
    rows = model.ring.held()
    for _ in range(3000):
        before = model.ring.alpha.copy()
        model.ascend(rows)
        if np.abs(model.ring.alpha - before).max() < 1e-16:
            break
    return model


# -- what it has learnt ------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    count=st.integers(1, 90),
    parts=st.integers(1, 40),
    min_fails=st.integers(0, 6),
)
def test_after_every_label_v_is_the_sum_over_the_window(seed, count, parts, min_fails):
    model = WindowLogistic(WindowRule(parts, min_fails=min_fails, max_parts=60), REPLICATES)
    for label in random_labels(count, seed):
        learn(model, [label])
        for m in range(REPLICATES):
            phi, y, alpha = inputs(model, m)
            v = both(model.v_dense[m], model.v_flags[m])
            assert v == pytest.approx((alpha * y) @ phi, abs=1e-9)
            assert (alpha >= 0.0).all()


def test_run_to_the_end_it_is_the_fit_of_the_window_made_afresh():
    model = converged(learn(WindowLogistic(WindowRule(100, min_fails=5), 2), random_labels(300)))
    metric = both(model.metric_dense, model.metric_flags)
    for m in range(REPLICATES):
        phi, y, _ = inputs(model, m)
        assert len(y) == 100
        w = both(model.weights_dense[m], model.weights_flags[m])
        assert np.abs(w).max() > 0.5
        assert w == pytest.approx(fitted(phi, y, metric), abs=1e-6)


def test_its_few_steps_a_label_stay_close_to_the_end():
    model = learn(WindowLogistic(WindowRule(100, min_fails=5), 2), random_labels(300))
    phi, _, _ = inputs(model, 0)
    said = phi @ both(model.weights_dense[0], model.weights_flags[0])
    converged(model)
    meant = phi @ both(model.weights_dense[0], model.weights_flags[0])
    assert np.corrcoef(said, meant)[0, 1] > 0.99


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_a_part_that_left_has_no_influence_at_all(one, other):
    shared = random_labels(150, seed=7)
    models = [
        learn(WindowLogistic(WindowRule(100, min_fails=0), REPLICATES), past + shared)
        for past in (random_labels(50, one), random_labels(50, other, fail_rate=3.0))
    ]
    a, b = (both(converged(it).weights_dense, it.weights_flags) for it in models)
    assert a == pytest.approx(b, abs=1e-6)
    assert flag_rates(models[0]) == pytest.approx(flag_rates(models[1]), abs=1e-12)


def flag_rates(model):
    return model.sum_flags.sum(axis=0) / len(model.ring)


def test_flags_are_counted_over_the_windows_parts():
    labels = random_labels(200)
    model = learn(WindowLogistic(WindowRule(60, min_fails=0), REPLICATES), labels)
    for flag in (1, 2, 3):
        share = np.mean([flag in label.flags for label in labels[-60:]])
        assert flag_rates(model)[flag] == pytest.approx(share)
    assert flag_rates(model)[INTERCEPT] == 1.0


def test_inputs_that_appear_mid_stream_are_learnt():
    model = learn(WindowLogistic(WindowRule(200, min_fails=5), REPLICATES), random_labels(100))
    rng = np.random.default_rng(1)
    wide = []
    for i, label in enumerate(random_labels(300, seed=2)):
        late = float(rng.normal()) + (2.0 if label.fail else 0.0)
        wide.append(label._replace(numbers=(*label.numbers, late), at=6000.0 + 60.0 * i))
    learn(model, wide)
    assert model.weights_dense[:, 4].min() > 0.5
    for m in range(REPLICATES):
        phi, y, alpha = inputs(model, m)
        assert both(model.v_dense[m], model.v_flags[m]) == pytest.approx((alpha * y) @ phi)


def test_making_room_for_inputs_changes_no_weight_that_was_there():
    model = learn(WindowLogistic(WindowRule(100, min_fails=5), REPLICATES), random_labels(120))
    dense, flags = model.weights_dense.copy(), model.weights_flags.copy()
    model.grow(50, 20)
    assert (model.weights_dense[:, :4] == dense).all()
    assert (model.weights_flags[:, :4] == flags).all()
    assert not model.weights_dense[:, 4:].any()


def test_how_far_an_input_may_move_grows_with_its_evidence_and_ends_where_it_is_past_doubt():
    rng = np.random.default_rng(3)
    differs = np.array([0.0, 0.4, 2.0, 6.0])  # between the outcomes, in spreads
    labels = []
    for i in range(400):
        fail = i % 4 == 0
        x = rng.normal(size=4) + differs * fail
        labels.append(Label(tuple(x), (), (), fail, 60.0 * i))
    model = learn(WindowLogistic(WindowRule(400), REPLICATES), labels)
    nothing, little, much, most = model.metric_dense[:4]
    assert 0.0 < nothing < little < much
    assert most == pytest.approx(much)


# -- what it holds -----------------------------------------------------------------------------


def test_a_window_of_hours_lets_go_what_is_older():
    model = WindowLogistic(WindowRule(parts=0, hours=1.0, min_fails=0), REPLICATES)
    learn(model, random_labels(200))  # a label a minute
    ages = (199 * 60.0 - model.ring.at[model.ring.held()]) / 60.0
    assert ages.max() == 60.0
    assert len(model.ring) == 61


def test_a_window_is_extended_until_it_holds_enough_fails():
    labels = [label._replace(fail=i % 20 == 0) for i, label in enumerate(random_labels(400))]
    model = learn(WindowLogistic(WindowRule(50, min_fails=10), REPLICATES), labels)
    assert model.ring.fails == 10
    assert 180 <= len(model.ring) <= 200


def test_max_parts_bounds_the_window_whatever_happens():
    labels = [label._replace(fail=False) for label in random_labels(300)]
    model = learn(WindowLogistic(WindowRule(50, min_fails=10, max_parts=80), REPLICATES), labels)
    assert (len(model.ring), model.ring.fails) == (80, 0)


def test_a_model_made_again_from_its_state_goes_on_bit_for_bit():
    labels, rule = random_labels(260), WindowRule(100, min_fails=5)
    model = learn(WindowLogistic(rule, REPLICATES), labels[:180])
    again = WindowLogistic(rule, REPLICATES)
    again.restore(deepcopy(model.state()))  # its arrays go on learning here
    for one in (model, again):
        learn(one, labels[180:])
    assert (model.weights_dense == again.weights_dense).all()
    assert (model.weights_flags == again.weights_flags).all()


# -- as a River classifier ---------------------------------------------------------------------

RIVER = SlidingWindowLogistic(WindowRule(parts=200, min_fails=20))
PIPELINE = preprocessing.StandardScaler() | RIVER


@pytest.mark.parametrize(
    "check", list(checks.yield_checks(PIPELINE)), ids=lambda check: check.__name__.strip("_")
)
def test_it_passes_rivers_own_checks(check):
    check(PIPELINE.clone())


def test_untrained_it_has_no_opinion_and_asking_teaches_nothing():
    model = SlidingWindowLogistic()
    assert model.predict_proba_one({"torque": 1.0}) == {False: 0.5, True: 0.5}
    assert model.core.labels == 0
    assert model._numbers == {}


def test_texts_are_flags_and_unknown_ones_say_nothing():
    model = SlidingWindowLogistic(WindowRule(parts=100, min_fails=5))
    for i in range(200):
        model.learn_one({"mold": "bad" if i % 4 == 0 else "good"}, i % 4 == 0)
    asked = {mold: model.predict_proba_one({"mold": mold})[True] for mold in ("bad", "good", "new")}
    assert asked["good"] < 0.2 < asked["new"] < 0.9 < asked["bad"]


def test_values_that_are_no_numbers_are_left_out():
    model = SlidingWindowLogistic(WindowRule(parts=100, min_fails=5))
    for i in range(100):
        x = {"torque": float("nan") if i % 3 else 1e308, "temp": float(i % 5)}
        model.learn_one(x, i % 5 == 4)
    said = model.predict_proba_one({"torque": float("inf"), "temp": 4.0})[True]
    assert 0.5 < said <= 1.0
