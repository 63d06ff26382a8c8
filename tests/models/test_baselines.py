from __future__ import annotations

import math
import random
import sys
import types

import pytest
from river import base, dummy, forest, linear_model, preprocessing

from models.baselines import MAX_WEIGHT, RIVER, RareFails, factory

NAN, INF = float("nan"), float("inf")


class Recorder(base.Classifier):
    """Takes no weights; remembers what it was taught."""

    def __init__(self):
        self.seen = []

    def learn_one(self, x, y):
        self.seen.append((dict(x), y))

    def predict_proba_one(self, x):
        return {True: 0.5, False: 0.5}


class Weighing(Recorder):
    def learn_one(self, x, y, w=1.0):
        self.seen.append((dict(x), y, w))


def taught(model, outcomes, x=None):
    for fail in outcomes:
        model.learn_one(x or {"torque": 1.0}, fail)
    return model


@pytest.mark.parametrize("share", [5, 20, 50])
def test_fails_and_passes_get_equal_say(share):
    model = taught(RareFails(Weighing()), [i % share == 0 for i in range(3000)])
    late = model.classifier.seen[1000:]
    fails = sum(w for _, fail, w in late if fail)
    passes = sum(w for _, fail, w in late if not fail)
    assert fails == pytest.approx(passes, rel=0.1)


def test_a_model_that_takes_no_weights_sees_a_fail_several_times():
    model = taught(RareFails(Recorder()), [i % 20 == 0 for i in range(3000)])
    fails = sum(fail for _, fail in model.classifier.seen)
    assert fails == pytest.approx(len(model.classifier.seen) / 2, rel=0.1)
    assert sum(not fail for _, fail in model.classifier.seen) == 2850


def test_the_weight_of_a_fail_is_bounded():
    model = taught(RareFails(Weighing()), [i % 1000 == 999 for i in range(4000)])
    assert max(w for _, fail, w in model.classifier.seen if fail) == MAX_WEIGHT


def test_a_line_that_mostly_fails_does_not_weigh_fails_down():
    model = taught(RareFails(Weighing()), [i % 10 != 0 for i in range(500)])
    assert {w for _, _, w in model.classifier.seen} == {1.0}


@pytest.mark.parametrize("value", [NAN, INF, -INF])
@pytest.mark.parametrize("name", RIVER)
def test_one_value_that_is_no_number_spoils_no_later_risk(name, value):
    model = factory(name, 0)(0)
    for i in range(100):
        torque = value if i == 50 else float(i % 10)
        model.learn_one({"torque": torque, "temp": 1.0}, i % 10 == 9)
    assert math.isfinite(model.predict_proba_one({"torque": 9.0, "temp": 1.0})[True])
    assert math.isfinite(model.predict_proba_one({"torque": value, "temp": 1.0})[True])


def test_values_whose_sum_overflows_are_kept():
    model = RareFails(Recorder())
    model.learn_one({"a": 1e308, "b": 1e308, "c": INF}, False)
    assert model.classifier.seen == [({"a": 1e308, "b": 1e308}, False)]


def test_a_part_without_inputs_gives_a_model_no_shape():
    """River's forests fix how many inputs their trees may look at by the first part they meet."""
    rng, model = random.Random(0), factory("forest", 0)(0)
    bare = forest.ARFClassifier(n_models=3, seed=0)
    for learner in (model, bare):
        for i in range(600):
            fail = i % 4 == 0
            x = {f"f{k}": rng.gauss(2.0 * fail, 1.0) for k in range(9)} if i >= 20 else {}
            learner.predict_proba_one(x)
            learner.learn_one(x, fail)
    good, bad = dict.fromkeys(x, 0.0), dict.fromkeys(x, 2.0)
    assert bare.predict_proba_one(good)[True] == bare.predict_proba_one(bad)[True]
    assert model.predict_proba_one(good)[True] < 0.3 < 0.7 < model.predict_proba_one(bad)[True]


@pytest.mark.parametrize("name", RIVER)
def test_an_untaught_model_answers_nothing(name):
    assert factory(name, 0)(0).predict_proba_one({"torque": 1.0}) == {}


def test_asking_an_untaught_model_leaves_it_untouched():
    model = factory("forest", 0)(0)
    model.predict_proba_one({"torque": 1.0})
    assert len(model.classifier) == 0


def probability(model):
    rng = random.Random(0)
    for i in range(300):
        fail = i % 5 == 0
        model.learn_one({"torque": rng.gauss(fail, 1.0), "temp": rng.gauss(0.0, 1.0)}, fail)
    return model.predict_proba_one({"torque": 1.0, "temp": 0.3})[True]


@pytest.mark.parametrize("name", [*RIVER, "river.tree.HoeffdingAdaptiveTreeClassifier"])
def test_a_model_made_again_with_its_seed_and_number_is_the_same(name):
    assert probability(factory(name, 7)(2)) == probability(factory(name, 7)(2))


def test_copies_and_seeds_of_a_forest_differ():
    made = {(seed, n): probability(factory("forest", seed)(n)) for seed in (0, 1) for n in (0, 1)}
    assert len(set(made.values())) == 4


@pytest.mark.parametrize(
    ("path", "cls"),
    [
        ("river.linear_model.PAClassifier", linear_model.PAClassifier),
        ("river.dummy.PriorClassifier", dummy.PriorClassifier),
        ("river.forest.AMFClassifier", forest.AMFClassifier),
    ],
)
def test_any_river_classifier_can_be_named_by_its_import_path(path, cls):
    assert type(factory(path, 3)(0).classifier) is cls


def test_an_imported_model_that_takes_a_seed_gets_one():
    seeds = [factory("river.forest.AMFClassifier", 3)(n).classifier.seed for n in (0, 1)]
    assert seeds == [3, 1003]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (
            "logit",
            "'logit' is no model: use forest, linear, logistic, stack or the import path of a "
            "River classifier",
        ),
        (
            "river.tree.Oak",
            "'river.tree.Oak' is no model (AttributeError: module 'river.tree' has no attribute "
            "'Oak'): use forest, linear, logistic, stack or the import path of a River classifier",
        ),
        (
            "no.such.Module",
            "'no.such.Module' is no model (ModuleNotFoundError: No module named 'no'): use forest, "
            "linear, logistic, stack or the import path of a River classifier",
        ),
        (
            "..tree.Oak",
            "'..tree.Oak' is no model: use forest, linear, logistic, stack or the import path "
            "of a River classifier",
        ),
        (
            "",
            "'' is no model: use forest, linear, logistic, stack or the import path of a River "
            "classifier",
        ),
        (
            "river.stats.Mean",
            "'river.stats.Mean' is not a River classifier: it must extend river.base.Classifier, "
            "or be a function that makes one",
        ),
        (
            "river.evaluate.progressive_val_score",
            "'river.evaluate.progressive_val_score' cannot be made without dataset, model, metric: "
            "name a classifier whose arguments all have defaults, or a function of your own that "
            "fills them in",
        ),
        (
            "river.base.Classifier",
            "'river.base.Classifier' is abstract: name a classifier that extends it",
        ),
        (
            "river.ensemble.StackingClassifier",
            "'river.ensemble.StackingClassifier' cannot be made without models, meta_classifier: "
            "name a classifier whose arguments all have defaults, or a function of your own that "
            "fills them in",
        ),
    ],
)
def test_a_model_that_cannot_be_made_is_refused_with_the_reason(path, message):
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 - the whole text is compared
        factory(path, 0)
    assert str(refusal.value) == message


@pytest.fixture
def plant_models(monkeypatch):
    """A module of the user's own."""
    module = types.ModuleType("plant_models")
    monkeypatch.setitem(sys.modules, "plant_models", module)
    return module


def test_a_function_makes_a_pipeline_with_parameters_and_gets_a_seed(plant_models):
    seeds = []

    def scaled(seed):
        seeds.append(seed)
        return preprocessing.StandardScaler() | linear_model.LogisticRegression(l2=0.25)

    plant_models.scaled = scaled
    make = factory("plant_models.scaled", 3)
    first, second = make(0), make(1)
    assert seeds == [3, 1003]
    assert first.classifier["LogisticRegression"].l2 == 0.25
    for i in range(400):
        first.learn_one({"torque": float(i % 20 == 0)}, i % 20 == 0)
    assert first.predict_proba_one({"torque": 1.0})[True] > 0.5
    assert second.predict_proba_one({"torque": 1.0}) == {}


@pytest.mark.parametrize(
    ("makes", "message"),
    [
        (lambda: 5, "'plant_models.make' makes a int: it must make a River classifier, or a"),
        (preprocessing.StandardScaler, "'plant_models.make' is not a River classifier: it must"),
        (
            lambda: preprocessing.StandardScaler() | linear_model.LinearRegression(),
            "'plant_models.make' makes a Pipeline: it must make a River classifier, or a pipeline",
        ),
        (lambda: 1 / 0, "'plant_models.make' cannot be made: ZeroDivisionError: division by zero"),
    ],
)
def test_what_makes_no_classifier_is_refused_with_the_reason(plant_models, makes, message):
    plant_models.make = makes
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 - the whole text is compared
        factory("plant_models.make", 0)(0)
    assert str(refusal.value).startswith(message)


@pytest.mark.parametrize("text", ["import no_such_library", "def (", "raise SystemExit(5)"])
def test_a_module_that_cannot_be_imported_is_refused_with_its_own_error(
    text, tmp_path, monkeypatch
):
    (tmp_path / "broken_plant_models.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    why = r"is no model \((ModuleNotFoundError: .*no_such_library|SyntaxError: |SystemExit: 5)"
    with pytest.raises(ValueError, match=why):
        factory("broken_plant_models.Model", 0)


def test_a_model_without_probabilities_is_refused(plant_models):
    class Judge(base.Classifier):
        def learn_one(self, x, y):
            pass

        def predict_one(self, x):
            return True

    plant_models.Judge = Judge
    with pytest.raises(ValueError, match=r"'plant_models.Judge' answers no probabilities: name a"):
        factory("plant_models.Judge", 0)
