"""River classifiers that can sit behind the detector's seam, by name or by import path.

Each is made safe for a line: a gate keeps non-finite values out (one NaN would make every later
probability of a linear model NaN), and rare fails are weighted up, because at 2 % fails a model
that always says "pass" is hard to beat otherwise. Weighting shifts the probabilities; the
detector's calibration takes the shift out again.
"""

from __future__ import annotations

import importlib
import inspect
import math
from collections.abc import Callable
from typing import Any

from river import base, compose, forest, linear_model, optim

from models.plain_state import plain_state, restore_plain_state

Features = dict[base.typing.FeatureName, Any]
Probabilities = dict[base.typing.ClfTarget, float]
MAX_WEIGHT = 50.0
_MEMORY = 5000.0


class RareFails(base.Classifier):
    """Gates out non-finite inputs and weights the rare class up to equal say.

    A part without any input is neither learnt nor answered before the first label: some models,
    River's forests among them, take their shape for good from the first input they meet, even to
    answer it.

    Parameters
    ----------
    classifier
        Any River classifier of two classes; True is the fail.

    Examples
    --------
    >>> model = RareFails(linear_model.LogisticRegression())
    >>> for i in range(200):
    ...     fails = i % 50 == 0
    ...     model.learn_one({"torque": 3.0 * fails, "temp": float("nan")}, fails)
    >>> model.predict_proba_one({"torque": 3.0})[True] > 0.5
    True
    >>> sorted(model.classifier.weights)
    ['torque']
    """

    def __init__(self, classifier: base.Classifier) -> None:
        self.classifier = classifier
        self._weighs = "w" in inspect.signature(classifier.learn_one).parameters
        self._fails = 1.0
        self._labels = 2.0
        self._owed = 0.0
        self._begun = False

    @property
    def _multiclass(self) -> bool:
        return False

    def learn_one(self, x: Features, y: base.typing.ClfTarget) -> None:
        """Learn one label; a fail counts as much as the passes between two fails."""
        finite = _finite(x)
        self._labels += 1.0 - self._labels / _MEMORY
        self._fails += float(bool(y)) - self._fails / _MEMORY
        if not finite and not self._begun:
            return
        self._begun = True
        weight = 1.0
        if y:
            weight = min(max(self._labels / max(self._fails, 1.0) - 1.0, 1.0), MAX_WEIGHT)
        if self._weighs:
            self.classifier.learn_one(finite, y, w=weight)  # type: ignore[call-arg]
            return
        # A model that takes no weights sees a fail several times instead.
        self._owed += weight
        while self._owed >= 1.0:
            self.classifier.learn_one(finite, y)
            self._owed -= 1.0

    def state(self) -> dict[str, Any]:
        """Everything, as plain values; the classifier must have a state."""
        return {
            "fails": self._fails,
            "labels": self._labels,
            "owed": self._owed,
            "begun": self._begun,
            "classifier": plain_state(self.classifier),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        self._fails, self._labels = state["fails"], state["labels"]
        self._owed, self._begun = state["owed"], state["begun"]
        restore_plain_state(self.classifier, state["classifier"])

    def predict_proba_one(self, x: Features, **kwargs: Any) -> Probabilities:
        """The classifier's answer, empty while it has none."""
        if not self._begun:
            return {}
        answer: Probabilities = self.classifier.predict_proba_one(_finite(x), **kwargs)
        return answer


def _finite(x: Features) -> Features:
    # A sum is finite only if every term is.
    if math.isfinite(sum(x.values())):
        return x
    return {key: value for key, value in x.items() if math.isfinite(value)}


def _logistic(seed: int) -> base.Classifier:
    return linear_model.LogisticRegression(optimizer=optim.SGD(0.003), l2=1e-4, intercept_lr=0.003)


def _forest(seed: int) -> base.Classifier:
    # Majority-class leaves: the default leaves hold a Gaussian with a generator that cannot be
    # seeded, so that two runs over the same history would differ.
    return forest.ARFClassifier(n_models=10, seed=seed, leaf_prediction="mc", grace_period=100)


_NAMED: dict[str, Callable[[int], base.Classifier]] = {"forest": _forest, "logistic": _logistic}

NATIVE = ("linear", "stack")
"""The models that are andon's own (`models.linear_member`, `models.stack_member`)."""

RIVER = tuple(sorted(_NAMED))
NAMES = tuple(sorted([*NATIVE, *_NAMED]))


def factory(model: str, seed: int) -> Callable[[int], base.Classifier]:
    """A maker of fresh models for `models.staggered.StaggeredWindow`.

    Parameters
    ----------
    model
        ``logistic``, ``forest``, or the import path of a River classifier whose arguments all
        have defaults, for example ``river.tree.HoeffdingAdaptiveTreeClassifier``, or of a function
        that makes a classifier, or a pipeline that ends in one.
    seed
        Seeds every copy, each differently, where the classifier or the function takes a seed.

    Raises
    ------
    ValueError
        The name is unknown, or the path names nothing that makes, without arguments, a River
        classifier that answers probabilities.

    Examples
    --------
    >>> type(factory("logistic", 0)(0).classifier).__name__
    'LogisticRegression'
    >>> factory("logit", 0)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    ValueError: 'logit' is no model: use forest, linear, logistic, stack or the import path ...
    """
    named = _NAMED.get(model)
    if named is not None:
        return lambda number: RareFails(named(seed + 1000 * number))
    maker = _imported(model)
    takes_seed = "seed" in inspect.signature(maker).parameters

    def make(number: int) -> base.Classifier:
        try:
            made = maker(seed=seed + 1000 * number) if takes_seed else maker()
        except Exception as error:  # somebody else's code
            raise ValueError(f"{model!r} cannot be made: {_told(error)}: mend it") from error
        _check_made(model, made)
        return RareFails(made)

    return make


def _imported(path: str) -> Callable[..., Any]:
    module, _, name = path.rpartition(".")
    why = ""
    found = None
    try:
        if module and not module.startswith("."):
            found = getattr(importlib.import_module(module), name)
    except (Exception, SystemExit) as error:  # importing runs somebody else's code
        why = f" ({_told(error)})"
    if found is None:
        raise ValueError(
            f"{path!r} is no model{why}: use {', '.join(NAMES)} or the import path of a River "
            f"classifier"
        )
    if inspect.isclass(found) and issubclass(found, base.Classifier):
        _check_class(path, found)
    elif not inspect.isfunction(found):
        raise ValueError(
            f"{path!r} is not a River classifier: it must extend river.base.Classifier, or be a "
            f"function that makes one"
        )
    wanted = [
        name
        for name, parameter in inspect.signature(found).parameters.items()
        if parameter.default is parameter.empty
        and name != "seed"
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    if wanted:
        raise ValueError(
            f"{path!r} cannot be made without {', '.join(wanted)}: name a classifier whose "
            f"arguments all have defaults, or a function of your own that fills them in"
        )
    maker: Callable[..., Any] = found
    return maker


def _check_class(path: str, cls: type) -> None:
    if inspect.isabstract(cls):
        raise ValueError(f"{path!r} is abstract: name a classifier that extends it")
    answers = getattr(cls, "predict_proba_one", None)
    if answers in (None, base.Classifier.predict_proba_one):
        raise ValueError(
            f"{path!r} answers no probabilities: name a classifier with predict_proba_one"
        )


def _check_made(path: str, made: Any) -> None:
    """Is it a classifier, or a pipeline that ends in one?"""
    steps = list(made.steps.values()) if isinstance(made, compose.Pipeline) else []
    last = steps[-1] if steps else made
    if not isinstance(last, base.Classifier):
        raise ValueError(
            f"{path!r} makes a {type(made).__name__}: it must make a River classifier, or a "
            f"pipeline that ends in one"
        )
    _check_class(path, type(last))


def _told(error: BaseException) -> str:
    """Somebody else's error on one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
