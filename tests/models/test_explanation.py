from __future__ import annotations

import pytest
from river import dummy, linear_model, tree

from models.baselines import RareFails, factory
from models.calibration import logit
from models.columns import Input
from models.explanation import (
    by_subject,
    contributions,
    linear_weights,
    log_odds,
    strongest_reasons,
)
from models.features import FeatureCatalogue
from models.part_row import PartRow

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


# -- reasons -----------------------------------------------------------------------------------


@pytest.fixture
def line():
    """A catalogue of two stations, and a row with a high torque and a dropped force."""
    catalogue = FeatureCatalogue()
    for part in range(100):
        row = PartRow()
        press = {"torque": float(part % 9), "force": None if part % 5 == 0 else 1.0, "mold": "A"}
        for station, values in (("press", press), ("oven", {"heat": float(part % 7)})):
            row, _ = catalogue.encode(row, station, float(part), values)
            catalogue.observe(row, station, values)
        catalogue.close(row)
    row = PartRow()
    row, _ = catalogue.encode(row, "press", 0.0, {"torque": 14.0, "force": None, "mold": "A"})
    return catalogue, row


def strongest(line, by_input, count):
    return strongest_reasons(*line, by_subject(*line, by_input), count)


def test_the_strongest_cells_come_first_with_their_share_of_what_raised_the_risk(line):
    by_input = {"press.torque": 3.0, "press.force?": 1.0, "press.mold=A": -2.0}
    first, second = strongest(line, by_input, 3)
    assert (first.station, first.feature, first.value, first.share) == (
        "press",
        "torque",
        14.0,
        0.75,
    )
    assert first.expected == pytest.approx(4.0, abs=0.2)
    assert first.sigma == pytest.approx(3.9, abs=0.3)
    assert (second.feature, second.value, second.sigma, second.share) == ("force", None, None, 0.25)


def test_all_inputs_of_a_cell_are_one_reason(line):
    by_input = {"press.torque": 1.0, "press.torque!": 2.0, "press.torque?": 0.5, "press.mold=A": 3}
    reasons = strongest(line, by_input, 5)
    assert [(reason.feature, reason.share) for reason in reasons] == [
        ("torque", pytest.approx(3.5 / 6.5)),
        ("mold", pytest.approx(3 / 6.5)),
    ]


def test_a_station_passed_by_is_a_reason_without_a_feature(line):
    [reason] = strongest(line, {"oven?": 1.0}, 3)
    assert (reason.station, reason.feature, reason.value, reason.share) == ("oven", "", None, 1.0)


def test_what_lowers_the_risk_is_no_reason(line):
    assert strongest(line, {"press.torque": -1.0, "press.mold=A": 0.0}, 3) == ()


def test_no_more_reasons_than_asked_for_and_ties_in_the_order_of_names(line):
    by_input = {"press.torque": 1.0, "press.mold=A": 1.0, "press.force?": 1.0}
    reasons = strongest(line, by_input, 2)
    assert [reason.feature for reason in reasons] == ["force", "mold"]
    assert [reason.share for reason in reasons] == [pytest.approx(1 / 3)] * 2


def test_an_input_that_no_cell_explains_is_left_out(line):
    assert strongest(line, {"weld.gap": 9.0}, 3) == ()
    assert isinstance(line[0].origins(line[1])["press.torque"], Input)
