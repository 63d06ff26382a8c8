"""River pipelines as somebody would write them who has River alone.

A dictionary of what has been measured of the part so far, a pipeline, every measurement scored,
every result learnt when it comes. What was dropped or not measured is no key: one NaN would make
every later answer of a linear model NaN. The Gaussians inside trees and naive Bayes carry a
generator that cannot be seeded; it is used to draw samples only, never for an answer.
"""

from __future__ import annotations

import importlib
import inspect
from typing import Any, cast

from columns import Columns
from river import base, forest, imblearn, linear_model, naive_bayes, preprocessing, tree

from stream.events import Event, Measurement, Result

SEED = 1
DESIRED = {False: 0.5, True: 0.5}
"""What `RandomUnderSampler` makes of the classes; ranks better than four passes to a fail."""


class RiverScript:
    """A River classifier as a contestant (`contest.Contestant`).

    It is not asked before its first label: some classifiers, forests among them, take their shape
    for good from the first input they meet, and a part's first station has few of the columns.
    """

    def __init__(self, model: base.Classifier) -> None:
        self.model = model
        self._columns = Columns()
        self._parts: dict[str, dict[str, dict[str, float]]] = {}
        self._answers: list[float | None] = []
        self._begun = False

    def measured(self, event: Measurement) -> None:
        """Score the part."""
        stations = self._parts.setdefault(event.part, {})
        stations[event.station] = self._columns.of(event.station, event.values)
        answer: dict[Any, float] = {}
        if self._begun:
            answer = self.model.predict_proba_one(_together(stations)) or {}
        self._answers.append(answer.get(True))

    def tested(self, event: Result) -> None:
        """Learn the part."""
        stations = self._parts.pop(event.part, None)
        if stations is not None and event.outcome != "untested":
            self.model.learn_one(_together(stations), event.outcome == "fail")
            self._begun = True

    def other(self, event: Event) -> None:
        """Nothing else is of interest."""

    def risks(self) -> list[float | None]:
        """All answers so far."""
        return self._answers


def _together(stations: dict[str, dict[str, float]]) -> dict[Any, float]:
    return {column: value for columns in stations.values() for column, value in columns.items()}


def logistic() -> base.Classifier:
    """River's own example of a first model."""
    made = preprocessing.StandardScaler() | linear_model.LogisticRegression()
    return cast("base.Classifier", made)


def undersampled_logistic() -> base.Classifier:
    """The same, seeing a few of the passes; the scaler sees all. Its probabilities are too high."""
    made = preprocessing.StandardScaler() | imblearn.RandomUnderSampler(
        classifier=linear_model.LogisticRegression(), desired_dist=DESIRED, seed=SEED
    )
    return cast("base.Classifier", made)


def adaptive_forest() -> base.Classifier:
    """River's adaptive random forest of ten trees with its defaults."""
    return forest.ARFClassifier(n_models=10, seed=SEED)


def adaptive_tree() -> base.Classifier:
    """River's adaptive Hoeffding tree with its defaults."""
    return tree.HoeffdingAdaptiveTreeClassifier(seed=SEED)


def gaussian_nb() -> base.Classifier:
    """River's Gaussian naive Bayes."""
    return naive_bayes.GaussianNB()


NAMED = {
    "river-logistic": logistic,
    "river-logistic-undersampled": undersampled_logistic,
    "adaptive-forest": adaptive_forest,
    "adaptive-tree": adaptive_tree,
    "gaussian-nb": gaussian_nb,
}


def river_script(name: str) -> RiverScript:
    """The contestant of that name, or of any River classifier that can be made without arguments.

    Raises ValueError for what is neither.
    """
    if name in NAMED:
        return RiverScript(NAMED[name]())
    module, _, cls = name.rpartition(".")
    try:
        made = getattr(importlib.import_module(module), cls)
    except (ImportError, AttributeError, ValueError):
        raise ValueError(
            f"{name!r} cannot be imported: give the import path of a River classifier"
        ) from None
    if not (inspect.isclass(made) and issubclass(made, base.Classifier)):
        raise ValueError(f"{name!r} is no River classifier: it must extend river.base.Classifier")
    return RiverScript(made(seed=SEED) if "seed" in inspect.signature(made).parameters else made())
