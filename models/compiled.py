"""How andon's numeric kernels are compiled.

A kernel is a plain function over arrays and numbers, which numba compiles once; the machine code is
kept beside the module, so that a process starts with it (`andon warm-up`).

Rules for floating point are never relaxed. A compiler that may reorder sums or fuse products does
so in one way where a kernel stands alone and in another where it is part of a bigger one, and of
the two copies a process runs the one that it happened to load first: the same event would get
risks that differ in the ninth digit. So what should be fused says so (`fused`), sums over many
numbers are written in lanes (`models.lanes`), and the same versions on the same family of CPU give
the same bits whatever was compiled, loaded or asked before.

Nor does a kernel count who holds which array: the caller does, and a slice that a kernel takes for
itself would cost two locked additions, more than most loops over it. A kernel that makes arrays, or
calls one that answers an array, must count, and is declared as such (`allocating_kernel`); numba
refuses to compile an array's making in any other.

With ``NUMBA_DISABLE_JIT=1`` in the environment kernels run as ordinary Python, for a debugger.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import numba
from numba import types
from numba.extending import intrinsic, overload

P = ParamSpec("P")
R = TypeVar("R")


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function that makes no arrays.

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
    return _made(function, allocates=False)


def allocating_kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function that makes arrays, for itself or to answer them.

    >>> import numpy as np
    >>> @allocating_kernel
    ... def halves(x):
    ...     out = np.empty(len(x))
    ...     for i in range(len(x)):
    ...         out[i] = 0.5 * x[i]
    ...     return out
    >>> halves(np.array([1.0, 3.0])).tolist()
    [0.5, 1.5]
    """
    return _made(function, allocates=True)


def fused(a: Any, b: Any, c: Any) -> Any:
    """a * b + c for numbers of one type, rounded once in a kernel (llvm.fma), twice in Python.

    >>> fused(2.0, 3.0, 1.0)
    7.0
    """
    return a * b + c


@intrinsic
def _fma(context: Any, a: Any, b: Any, c: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return a(a, b, c), code


@overload(fused, inline="always")
def _fused(a: Any, b: Any, c: Any) -> Any:
    def implementation(a: Any, b: Any, c: Any) -> Any:
        return _fma(a, b, c)  # type: ignore[call-arg]

    return implementation if a == b == c and isinstance(a, types.Float) else None


def _made(function: Callable[P, R], *, allocates: bool) -> Callable[P, R]:
    # Code typed into a prompt or a doctest has no file that its machine code could lie beside.
    keeps = Path(function.__code__.co_filename).is_file()
    # A division by zero is infinity, as in NumPy: a check for it would keep loops from vectors.
    options: dict[str, Any] = {"error_model": "numpy", "nogil": True, "_nrt": allocates}
    try:
        made = numba.njit(function, cache=keeps, **options)
    except RuntimeError:  # no folder that machine code can be kept in: it is made anew each time
        made = numba.njit(function, cache=False, **options)
    return cast("Callable[P, R]", made)
