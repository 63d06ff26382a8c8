"""Eight numbers at once: the replicates of a model side by side.

The bootstrap's replicates do the same arithmetic on different numbers, so each replicate is a lane
of a vector register and five cost hardly more than one. An array keeps its lanes on the last axis,
``(..., 8)`` float32. Kernels read as if a lane vector were a number, and one of its lanes is had by
an index; in a kernel a vector is one of the compiler's (`models.lane_code`), in Python an array.

Rows of many numbers are gone through in the same way, eight of them at a time and as doubles
(`take`, `put`): sums over a row then have eight parts, added up in one fixed order (`across`).

Nobody checks that a row or a place lies within its array.

>>> rows = np.arange(16, dtype=np.float32).reshape(2, 8)
>>> total = added(load(rows, 0), load(rows, 1))
>>> float(total[0]), float(total[7]), float(across(total))
(8.0, 22.0, 120.0)
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np
import numpy.typing as npt
from numba.extending import overload

from models import lane_code
from models.lane_code import LANES as LANES
from models.lane_code import LanesType

_LINE = 64  # bytes
Lanes = Any
Array = npt.NDArray[np.float32]
Row = npt.NDArray[Any]


def lane_zeros(*shape: int) -> Array:
    """Zeros of this shape, which ends in 8, from an address at which the processor's lines begin.

    Elsewhere every other vector lies in two of them, and takes twice as long to be had.

    >>> lane_zeros(3, 8).ctypes.data % 64, lane_zeros(3, 8).tolist() == [[0.0] * 8] * 3
    (0, True)
    """
    size = 4 * math.prod(shape)
    room = np.zeros(size + _LINE, np.uint8)
    begin = -room.ctypes.data % _LINE
    return room[begin : begin + size].view(np.float32).reshape(shape)


def in_line(a: Array) -> Array:
    """A copy of the array that begins as `lane_zeros` does."""
    copy = lane_zeros(*a.shape)
    copy[:] = a
    return copy


def load(a: Any, i: int) -> Lanes:
    """Row ``i`` of an array (rows, 8)."""
    return a[i].copy()


def store(a: Any, i: int, v: Lanes) -> None:
    """Write row ``i`` of an array (rows, 8)."""
    a[i] = v


def take(a: Row, at: int) -> Lanes:
    """The eight numbers of a row from place ``at`` on, as doubles."""
    return a[at : at + LANES].astype(np.float64)


def put(a: Row, at: int, v: Lanes) -> None:
    """Write eight doubles into a row of doubles, from place ``at`` on."""
    a[at : at + LANES] = v


def same(x: Any) -> Lanes:
    """One number in all lanes, as a single."""
    return np.full(LANES, x, np.float32)


def every(x: float) -> Lanes:
    """One number in all lanes, as a double."""
    return np.full(LANES, x, np.float64)


def across(v: Lanes) -> Any:
    """The sum of the lanes, always in the same order."""
    return ((v[0] + v[1]) + (v[2] + v[3])) + ((v[4] + v[5]) + (v[6] + v[7]))


def added(a: Lanes, b: Lanes) -> Lanes:
    """a + b."""
    return a + b


def less(a: Lanes, b: Lanes) -> Lanes:
    """a - b."""
    return a - b


def times(a: Lanes, b: Lanes) -> Lanes:
    """a * b."""
    return a * b


def scaled(a: Lanes, x: Any) -> Lanes:
    """a * x for one number x."""
    return a * np.float32(x)


def plus_product(c: Lanes, a: Lanes, b: Lanes) -> Lanes:
    """c + a * b, rounded once in a kernel, twice in Python."""
    return c + a * b


def less_product(c: Lanes, a: Lanes, b: Lanes) -> Lanes:
    """c - a * b, rounded once in a kernel, twice in Python."""
    return c - a * b


def inverse(a: Lanes) -> Lanes:
    """1 / a."""
    return np.float32(1.0) / a


def inverse_root(a: Lanes, least: Any) -> Lanes:
    """1 / sqrt(max(a, least))."""
    return np.float32(1.0) / np.sqrt(np.maximum(a, np.float32(least)))


def at_least(a: Lanes, least: Any) -> Lanes:
    """max(a, least)."""
    return np.maximum(a, np.float32(least))


code: Any = lane_code
overload(load)(lambda a, i: lambda a, i: code.load(a, i))
overload(store)(lambda a, i, v: lambda a, i, v: code.store(a, i, v))
overload(take)(lambda a, at: lambda a, at: code.take(a, at))
overload(put)(lambda a, at, v: lambda a, at, v: code.put(a, at, v))
overload(same)(lambda x: lambda x: code.every(np.float32(x)))
overload(every)(lambda x: lambda x: code.every(np.float64(x)))
overload(across)(lambda v: lambda v: code.across(v))
overload(added)(lambda a, b: lambda a, b: code.added(a, b))
overload(less)(lambda a, b: lambda a, b: code.less(a, b))
overload(times)(lambda a, b: lambda a, b: code.times(a, b))
overload(scaled)(lambda a, x: lambda a, x: code.times(a, same(x)))
overload(plus_product)(lambda c, a, b: lambda c, a, b: code.plus_product(c, a, b))
overload(less_product)(lambda c, a, b: lambda c, a, b: code.less_product(c, a, b))
overload(inverse)(lambda a: lambda a: code.divided(same(1.0), a))
overload(at_least)(lambda a, least: lambda a, least: code.greater(a, same(least)))
overload(inverse_root)(
    lambda a, least: lambda a, least: code.divided(same(1.0), code.root(at_least(a, least)))
)


@overload(operator.getitem)
def _getitem(v, m):  # type: ignore[no-untyped-def]
    return (lambda v, m: code.lane(v, m)) if isinstance(v, LanesType) else None
