"""What each input adds to a River model's log-odds, and which cell or station it speaks of.

For a linear model the contributions are exact: weight times input. For any other, the inputs that
stand out most are taken away one at a time and the change in log-odds is read off (occlusion).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from river import base, linear_model

from models.calibration import logit
from models.features import FeatureCatalogue
from models.part_row import PartRow

_OCCLUDED = 20
# Of these, weight times input adds up to the log-odds, the intercept apart.
_LINEAR = (linear_model.LogisticRegression, linear_model.PAClassifier)


def linear_weights(model: base.Classifier) -> Mapping[str, float] | None:
    """The weights of a linear model, through its wrappers; None for any other.

    >>> from river import tree
    >>> linear_weights(linear_model.LogisticRegression())
    {}
    >>> linear_weights(tree.HoeffdingTreeClassifier()) is None
    True
    """
    inner: Any = getattr(model, "classifier", model)
    # Its own class: River's isinstance takes a pipeline for what it ends in.
    return inner.weights if issubclass(type(inner), _LINEAR) else None


def contributions(
    vector: dict[str, float], model: base.Classifier, margin_of: Callable[[dict[str, float]], float]
) -> dict[str, float]:
    """Each input's contribution to the log-odds of failing.

    ``margin_of`` answers the log-odds of an input vector.
    """
    weights = linear_weights(model)
    if weights is not None:
        return {key: float(weights.get(key, 0.0)) * value for key, value in vector.items()}
    whole = margin_of(vector)
    standing_out = sorted(vector, key=lambda key: (-abs(vector[key]), key))[:_OCCLUDED]
    return {
        key: whole - margin_of({k: v for k, v in vector.items() if k != key})
        for key in standing_out
    }


def by_subject(
    catalogue: FeatureCatalogue, row: PartRow, by_input: Mapping[str, float]
) -> dict[tuple[str, int], float]:
    """Named inputs' amounts as those of ("cell", column) and ("station", number), added up.

    An input that speaks of no cell of this part is left out.
    """
    origins, stations = catalogue.origins(row), catalogue.columns.stations
    found: dict[tuple[str, int], float] = {}
    for key in sorted(by_input):
        origin = origins.get(key)
        if origin is None:
            continue
        subject = (
            ("station", stations[origin.station].number)
            if origin.column is None
            else ("cell", origin.column)
        )
        found[subject] = found.get(subject, 0.0) + by_input[key]
    return found


def log_odds(probabilities: Mapping[base.typing.ClfTarget, float]) -> float | None:
    """The log-odds of True, None while a model has no opinion, or none that is a number.

    >>> log_odds({}) is None
    True
    """
    p = probabilities.get(True)
    return None if p is None or math.isnan(p) else logit(float(p))
