"""Eight numbers at once: the replicates of a model side by side.

The bootstrap's replicates do the same arithmetic on different numbers, so each replicate is a lane
of a vector register and five cost hardly more than one. An array keeps its lanes on the last axis,
``(..., 8)`` float32; a lane vector is a tuple of eight, which the compiler joins into one vector
instruction. Kernels read as if a lane vector were a number:

>>> import numpy as np
>>> rows = np.arange(16, dtype=np.float32).reshape(2, 8)
>>> total = added(load(rows, 0), load(rows, 1))
>>> float(total[0]), float(total[7])
(8.0, 22.0)
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from models.compiled import fused, kernel

LANES = 8
Lanes = tuple[Any, Any, Any, Any, Any, Any, Any, Any]
Array = npt.NDArray[np.float32]

ZERO = np.float32(0.0)
ONE = np.float32(1.0)


@kernel
def load(a: Array, i: int) -> Lanes:
    """Row ``i`` of an array (rows, 8)."""
    return (a[i, 0], a[i, 1], a[i, 2], a[i, 3], a[i, 4], a[i, 5], a[i, 6], a[i, 7])


@kernel
def across(v: Lanes) -> Any:
    """The sum of the lanes, always in the same order."""
    return ((v[0] + v[1]) + (v[2] + v[3])) + ((v[4] + v[5]) + (v[6] + v[7]))


@kernel
def store(a: Array, i: int, v: Lanes) -> None:
    """Write row ``i`` of an array (rows, 8)."""
    a[i, 0] = v[0]
    a[i, 1] = v[1]
    a[i, 2] = v[2]
    a[i, 3] = v[3]
    a[i, 4] = v[4]
    a[i, 5] = v[5]
    a[i, 6] = v[6]
    a[i, 7] = v[7]


@kernel
def same(x: Any) -> Lanes:
    """One number in all lanes."""
    y = np.float32(x)
    return (y, y, y, y, y, y, y, y)


@kernel
def added(a: Lanes, b: Lanes) -> Lanes:
    """a + b."""
    return (
        a[0] + b[0],
        a[1] + b[1],
        a[2] + b[2],
        a[3] + b[3],
        a[4] + b[4],
        a[5] + b[5],
        a[6] + b[6],
        a[7] + b[7],
    )


@kernel
def less(a: Lanes, b: Lanes) -> Lanes:
    """a - b."""
    return (
        a[0] - b[0],
        a[1] - b[1],
        a[2] - b[2],
        a[3] - b[3],
        a[4] - b[4],
        a[5] - b[5],
        a[6] - b[6],
        a[7] - b[7],
    )


@kernel
def times(a: Lanes, b: Lanes) -> Lanes:
    """a * b."""
    return (
        a[0] * b[0],
        a[1] * b[1],
        a[2] * b[2],
        a[3] * b[3],
        a[4] * b[4],
        a[5] * b[5],
        a[6] * b[6],
        a[7] * b[7],
    )


@kernel
def plus_product(c: Lanes, a: Lanes, b: Lanes) -> Lanes:
    """c + a * b."""
    return (
        fused(a[0], b[0], c[0]),
        fused(a[1], b[1], c[1]),
        fused(a[2], b[2], c[2]),
        fused(a[3], b[3], c[3]),
        fused(a[4], b[4], c[4]),
        fused(a[5], b[5], c[5]),
        fused(a[6], b[6], c[6]),
        fused(a[7], b[7], c[7]),
    )


@kernel
def less_product(c: Lanes, a: Lanes, b: Lanes) -> Lanes:
    """c - a * b."""
    return (
        fused(-a[0], b[0], c[0]),
        fused(-a[1], b[1], c[1]),
        fused(-a[2], b[2], c[2]),
        fused(-a[3], b[3], c[3]),
        fused(-a[4], b[4], c[4]),
        fused(-a[5], b[5], c[5]),
        fused(-a[6], b[6], c[6]),
        fused(-a[7], b[7], c[7]),
    )


@kernel
def scaled(a: Lanes, x: Any) -> Lanes:
    """a * x for one number x."""
    return times(a, same(x))


@kernel
def inverse(a: Lanes) -> Lanes:
    """1 / a."""
    return (
        ONE / a[0],
        ONE / a[1],
        ONE / a[2],
        ONE / a[3],
        ONE / a[4],
        ONE / a[5],
        ONE / a[6],
        ONE / a[7],
    )


@kernel
def inverse_root(a: Lanes, least: Any) -> Lanes:
    """1 / sqrt(max(a, least))."""
    least = np.float32(least)
    return (
        ONE / np.sqrt(max(a[0], least)),
        ONE / np.sqrt(max(a[1], least)),
        ONE / np.sqrt(max(a[2], least)),
        ONE / np.sqrt(max(a[3], least)),
        ONE / np.sqrt(max(a[4], least)),
        ONE / np.sqrt(max(a[5], least)),
        ONE / np.sqrt(max(a[6], least)),
        ONE / np.sqrt(max(a[7], least)),
    )


@kernel
def at_least(a: Lanes, least: Any) -> Lanes:
    """max(a, least)."""
    least = np.float32(least)
    return (
        max(a[0], least),
        max(a[1], least),
        max(a[2], least),
        max(a[3], least),
        max(a[4], least),
        max(a[5], least),
        max(a[6], least),
        max(a[7], least),
    )
