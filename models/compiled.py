"""How andon's numeric kernels are compiled.

A kernel is a plain function over arrays and numbers; `kernel` compiles it with numba, once, and
keeps the machine code beside the module, so that a process starts with it (`andon warm-up`).
Floating-point rules are relaxed only where results stay finite and NaN keeps its meaning: fused
multiply-add, reordered sums and signed zeros, never the assumption that there are no NaNs. The
same versions on the same family of CPU give the same bits.

With ``NUMBA_DISABLE_JIT=1`` in the environment the kernels run as ordinary Python, for a debugger.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

# Joins the lanes of `models.lanes` into vector instructions; it is off by default.
numba.config.SLP_VECTORIZE = 1  # type: ignore[attr-defined]

F = TypeVar("F", bound=Callable[..., Any])

_FAST = frozenset({"contract", "reassoc", "nsz"})


def kernel(function: F) -> F:
    """Compile a function over arrays, keeping the machine code for the next process.

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
    # Code typed into a prompt or a doctest has no file that its machine code could lie beside.
    keeps = Path(function.__code__.co_filename).is_file()
    fast = set(_FAST)
    try:
        made = numba.njit(function, cache=keeps, fastmath=fast, error_model="numpy")
    except RuntimeError:  # no folder that machine code can be kept in: it is made anew each time
        made = numba.njit(function, cache=False, fastmath=fast, error_model="numpy")
    return cast("F", made)
