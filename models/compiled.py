"""Functions that numba compiles to machine code, with types that a checker can still follow."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

from numba import njit

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile on the first call, and keep the result beside the source for the next process.

    Without fast-math: a test for NaN stays a test, and no sum is reordered. A division by zero
    is infinity, as in NumPy: a check for it in a loop would keep the loop from being vectorised.

    >>> compiled(lambda x: x + 1.0)(2.0)
    3.0
    """
    return cast(Callable[P, R], njit(cache=True, nogil=True, error_model="numpy")(function))
