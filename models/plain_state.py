"""The state of a classifier as plain values, without pickle.

A pickle can run anything when it is read, and its bytes change between versions. So a model's
state is taken apart by hand, for the models that we know inside out; any other says that it has no
plain state.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
from river import base, linear_model, optim

State = dict[str, Any]


class NoPlainState(ValueError):
    """A model whose state cannot be written without pickle."""


@runtime_checkable
class _Stateful(Protocol):
    def state(self) -> dict[str, Any]: ...

    def restore(self, state: dict[str, Any]) -> None: ...


class Opaque(Protocol):
    """Keeps models that have no plain state as bytes, and knows which bytes to trust."""

    def wrap(self, model: Any) -> bytes:
        """The model as bytes."""

    def unwrap(self, data: bytes) -> Any:
        """The model again."""


def plain_state(model: base.Classifier, opaque: Opaque | None = None) -> dict[str, Any]:
    """What the model has learnt; raises `NoPlainState` if it has none and nobody is ``opaque``.

    >>> model = linear_model.LogisticRegression(optimizer=optim.SGD(0.1))
    >>> model.learn_one({"torque": 1.0}, True)
    >>> again = linear_model.LogisticRegression(optimizer=optim.SGD(0.1))
    >>> again = restore_plain_state(again, plain_state(model))
    >>> again.predict_proba_one({"torque": 1.0}) == model.predict_proba_one({"torque": 1.0})
    True
    """
    try:
        return _plain(model)
    except NoPlainState:
        if opaque is None:
            raise
    return {"opaque": np.frombuffer(opaque.wrap(model), np.uint8)}


def _plain(model: base.Classifier) -> dict[str, Any]:
    if isinstance(model, _Stateful):
        return model.state()
    if type(model) is linear_model.LogisticRegression and type(model.optimizer) is optim.SGD:
        return {
            "weights": [[key, float(weight)] for key, weight in model.weights.items()],
            "intercept": float(model.intercept),
            "steps": model.optimizer.n_iterations,
        }
    raise NoPlainState(
        f"a {type(model).__name__} has no state that can be kept without pickle: use the model "
        f"'logistic', or start this one from the log's history"
    )


def restore_plain_state(
    model: base.Classifier, state: dict[str, Any], opaque: Opaque | None = None
) -> base.Classifier:
    """The model that a `plain_state` tells of, given a fresh one of the same kind.

    Raises `NoPlainState` if that takes somebody ``opaque``.
    """
    if "opaque" in state:
        if opaque is None:
            raise NoPlainState(
                "the state holds a pickled model: allow pickle and give the key that signed it"
            )
        kept: base.Classifier = opaque.unwrap(state["opaque"].tobytes())
        if type(kept) is not type(model):
            raise NoPlainState(
                f"the state holds a {type(kept).__name__}, not a {type(model).__name__}"
            )
        return kept
    if isinstance(model, _Stateful):
        model.restore(state)
        return model
    if type(model) is not linear_model.LogisticRegression:
        raise NoPlainState(f"a {type(model).__name__} takes no plain state")
    # In their old order: sums of floats depend on it.
    model._weights.update(dict(state["weights"]))
    model.intercept = state["intercept"]
    model.optimizer.n_iterations = state["steps"]
    return model
