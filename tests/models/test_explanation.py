from __future__ import annotations

import pytest
from river import dummy, imblearn, linear_model, preprocessing, tree

from models.baselines import RareFails, factory
from models.calibration import logit
from models.explanation import (
    contributions,
    linear_weights,
    log_odds,
)

X = {"press.torque": 2.0, "press.force": -0.5, "oven.heat": 0.0}


def taught(name):
    """A model of fails with a high torque."""
    model = factory(name, 0)(0)
    for i in range(400):
        torque = (i * 37 % 41) / 10 - 2.0
        x = {"press.torque": torque, "press.force": (i * 17 % 19) / 10 - 1.0, "oven.heat": 0.1}
        model.learn_one(x, torque > 1.0)
    return model


def margin_by(model):
    return lambda x: log_odds(model.predict_proba_one(x)) or 0.0


@pytest.mark.parametrize("name", ["logistic", "river.linear_model.PAClassifier"])
def test_contributions_of_a_linear_model_add_up_to_its_margin(name):
    model = taught(name)
    by_input = contributions(X, model, margin_by(model))
    assert set(by_input) == set(X)
    total = sum(by_input.values()) + model.classifier.intercept
    assert total == pytest.approx(margin_by(model)(X), abs=1e-9)


def test_an_input_without_a_weight_contributes_nothing():
    model = taught("logistic")
    by_input = contributions({**X, "weld.new": 5.0}, model, margin_by(model))
    assert by_input["weld.new"] == 0.0


@pytest.mark.parametrize("name", ["forest", "river.linear_model.SoftmaxRegression"])
def test_any_other_model_is_asked_what_it_says_without_an_input(name):
    model = taught(name)
    by_input = contributions(X, model, margin_by(model))
    without = {key: value for key, value in X.items() if key != "press.torque"}
    lost = margin_by(model)(X) - margin_by(model)(without)
    assert by_input["press.torque"] == lost > 0.5
    assert max(by_input, key=by_input.get) == "press.torque"


def test_only_the_twenty_inputs_that_stand_out_most_are_taken_away():
    asked = []

    def margin(x):
        asked.append(x)
        return 0.0

    wide = {f"f{i:02}": float(i) for i in range(50)}
    by_input = contributions(wide, tree.HoeffdingTreeClassifier(), margin)
    assert sorted(by_input) == [f"f{i}" for i in range(30, 50)]
    assert len(asked) == 21


@pytest.mark.parametrize(
    "model",
    [linear_model.SoftmaxRegression(), linear_model.ALMAClassifier(), dummy.PriorClassifier()],
)
def test_only_models_whose_margin_is_weight_times_input_are_taken_as_linear(model):
    assert linear_weights(model) is None
    assert linear_weights(RareFails(linear_model.LogisticRegression())) == {}


@pytest.mark.parametrize("answer", [{}, {False: 1.0}, {True: float("nan"), False: 0.5}])
def test_no_opinion_is_no_number(answer):
    assert log_odds(answer) is None


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_an_opinion_has_finite_log_odds(p):
    assert log_odds({True: p, False: 1 - p}) == logit(p)


@pytest.mark.parametrize(
    "made",
    [
        preprocessing.StandardScaler() | linear_model.LogisticRegression(),
        imblearn.RandomUnderSampler(linear_model.LogisticRegression(), {True: 0.5, False: 0.5}, 1),
    ],
    ids=["pipeline", "wrapper"],
)
def test_what_ends_in_a_linear_model_is_explained_by_taking_inputs_away(made):
    model = RareFails(made)
    for i in range(400):
        model.learn_one({"torque": float(i % 10 == 0), "temp": float(i % 7)}, i % 10 == 0)
    told = contributions({"torque": 1.0, "temp": 3.0}, model, margin_by(model))
    assert told["torque"] > abs(told["temp"])
