"""Are two models the same? Judged by what they are made of, never by their pickles' bytes.

A pickle's bytes differ with which equal strings happen to be one object. Here every value counts by
what it is; only objects that can change count as shared where they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from types import BuiltinFunctionType, FunctionType
from typing import Any

import numpy as np

_ATOMS = (bool, int, float, complex, str, bytes)


def structural_digest(value: Any) -> str:
    """The SHA-256 of what ``value`` is made of.

    Raises TypeError for an object that does not say what it is made of (`object.__reduce_ex__`).

    >>> from river import linear_model
    >>> one, other = linear_model.LogisticRegression(), linear_model.LogisticRegression()
    >>> structural_digest(one) == structural_digest(other)
    True
    >>> one.learn_one({"torque": 1.0}, True)
    >>> structural_digest(one) == structural_digest(other)
    False
    """
    walk = _Walk()
    walk.take(value)
    return walk.sum.hexdigest()


class _Walk:
    def __init__(self) -> None:
        self.sum = hashlib.sha256()
        self._met: dict[int, int] = {}
        self._alive: list[Any] = []  # an address is given out again when its object has gone

    def take(self, value: Any) -> None:
        if value is None or (isinstance(value, _ATOMS) and type(value) in _ATOMS):
            self._say(type(value).__name__, repr(value))
        elif isinstance(value, type | FunctionType | BuiltinFunctionType):
            self._say("name", f"{value.__module__}.{value.__qualname__}")
        elif id(value) in self._met:
            self._say("again", str(self._met[id(value)]))
        else:
            self._met[id(value)] = len(self._met)
            self._alive.append(value)
            self._take_apart(value)

    def _take_apart(self, value: Any) -> None:
        kind = type(value)
        if kind is np.ndarray and not value.dtype.hasobject:
            self._say("array", f"{value.dtype.str}{value.shape}")
            self.sum.update(np.ascontiguousarray(value).tobytes())
        elif kind is dict:
            self._all("dict", (each for item in value.items() for each in item))
        elif kind in (list, tuple):
            self._all(kind.__name__, value)
        elif kind in (set, frozenset):
            self._all(kind.__name__, sorted(structural_digest(each) for each in value))
        else:
            made = value.__reduce_ex__(4)
            if isinstance(made, str):
                self._say("name", f"{kind.__module__}.{made}")
                return
            maker, arguments, *rest = made
            self.take(maker)
            self.take(arguments)
            for part in rest:
                plain = part is None or isinstance(part, dict | tuple | list)
                self.take(part if plain or not isinstance(part, Iterable) else list(part))

    def _all(self, kind: str, values: Iterable[Any]) -> None:
        self._say("begin", kind)
        for each in values:
            self.take(each)
        self._say("end", kind)

    def _say(self, kind: str, text: str) -> None:
        self.sum.update(f"{kind}:{len(text)}:{text};".encode("utf-8", "surrogatepass"))
