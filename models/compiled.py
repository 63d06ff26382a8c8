"""How andon's numeric kernels are compiled.

A kernel is a plain function over arrays and numbers, which numba compiles once; the machine code is
kept beside the module, so that a process starts with it (`andon warm-up`). The same versions on the
same family of CPU give the same bits.

`kernel` relaxes floating-point rules where results stay finite and NaN keeps its meaning: fused
multiply-add, reordered sums and signed zeros, never the assumption that there are no NaNs.
`compiled` relaxes none: its results equal those of the plain Python.

With ``NUMBA_DISABLE_JIT=1`` in the environment both run as ordinary Python, for a debugger.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import numba

# Joins the lanes of `models.lanes` into vector instructions; it is off by default.
numba.config.SLP_VECTORIZE = 1  # type: ignore[attr-defined]

P = ParamSpec("P")
R = TypeVar("R")

_RELAXED = frozenset({"contract", "reassoc", "nsz"})


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile with relaxed rules for sums.

    >>> import numpy as np
    >>> @kernel
    ... def total(x):
    ...     s = 0.0
    ...     for i in range(len(x)):
    ...         s += x[i]
    ...     return s
    >>> total(np.array([1.0, 2.0]))
    3.0
    """
    return _made(function, fastmath=set(_RELAXED))


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile with exact rules: no sum is reordered.

    >>> compiled(lambda x: x + 1.0)(2.0)
    3.0
    """
    return _made(function)


def _made(function: Callable[P, R], **options: Any) -> Callable[P, R]:
    # Code typed into a prompt or a doctest has no file that its machine code could lie beside.
    keeps = Path(function.__code__.co_filename).is_file()
    # A division by zero is infinity, as in NumPy: a check for it would keep loops from vectors.
    options |= {"error_model": "numpy", "nogil": True}
    try:
        made = numba.njit(function, cache=keeps, **options)
    except RuntimeError:  # no folder that machine code can be kept in: it is made anew each time
        made = numba.njit(function, cache=False, **options)
    return cast("Callable[P, R]", made)
