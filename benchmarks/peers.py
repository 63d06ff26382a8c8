"""What andon is compared with: the script that somebody would write with River alone.

A dictionary of the part's values so far, a pipeline, every station event scored, every result
learnt. Numbers and booleans are taken as they are; text becomes a column per value, or is left out
where the pipeline could not take it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from river import base, forest, linear_model, preprocessing, stats

Values = dict[Any, Any]
Told = Callable[[str, float | None], None]


def plain_logistic(seed: int = 0) -> base.Classifier:
    """River's own example of a first model."""
    made = preprocessing.StandardScaler() | linear_model.LogisticRegression()
    return cast("base.Classifier", made)


def plain_forest(seed: int = 0) -> base.Classifier:
    """River's adaptive random forest. Majority-class leaves, because the default's Gaussians
    cannot be seeded, and two runs would differ."""
    return forest.ARFClassifier(n_models=10, seed=seed, leaf_prediction="mc")


def imputed(model: base.Classifier, features: Iterable[str]) -> base.Classifier:
    """The model behind River's imputer and scaler, for parts that have every key."""
    made = (
        preprocessing.StatImputer(*((name, stats.Mean()) for name in features))
        | preprocessing.StandardScaler()
        | model
    )
    return cast("base.Classifier", made)


class NaiveScript:
    """json.loads, a dictionary, a pipeline.

    ``blank`` is what a part's dictionary holds before anything is measured: all features as None
    for a pipeline with an imputer, nothing for one without. ``told`` hears of each score.
    """

    def __init__(
        self, model: base.Classifier, blank: Mapping[str, None], told: Told | None = None
    ) -> None:
        self.model = model
        self.blank = blank
        self.told = told
        self.parts: dict[str, Values] = {}

    def process(self, message: bytes) -> None:
        """One message of the events topic."""
        event = json.loads(message)
        if event["type"] == "measurement":
            values = self.parts.get(event["part"])
            if values is None:
                values = self.parts[event["part"]] = dict(self.blank)
            if self.blank:
                values.update(_numbers(event["station"], event["values"]))
            else:
                values.update(_columns(event["station"], event["values"]))
            answer = self.model.predict_proba_one(values)
            if self.told is not None:
                self.told(event["part"], answer.get(True) if answer else None)
        elif event["type"] == "result":
            values = self.parts.pop(event["part"], None)
            if values is not None and event["outcome"] != "untested":
                self.model.learn_one(values, event["outcome"] == "fail")


def _numbers(station: str, values: Mapping[str, Any]) -> Values:
    return {
        f"{station}.{name}": value for name, value in values.items() if not isinstance(value, str)
    }


def _columns(station: str, values: Mapping[str, Any]) -> Values:
    columns: Values = {}
    for name, value in values.items():
        if isinstance(value, str):
            columns[f"{station}.{name}={value}"] = 1.0
        elif value is not None:
            columns[f"{station}.{name}"] = float(value)
    return columns
