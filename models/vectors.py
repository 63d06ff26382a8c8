"""Eight doubles as one value of a kernel, for what is summed along rows of many numbers.

The compiler joins lanes (`models.lanes`) into vector instructions where an array keeps them side by
side. Along a row it does not find them, or pairs what does not belong together: a dot product then
takes four times as long. So here a vector is one from the start, and its lanes are added up in one
fixed order.

>>> row = np.arange(16.0)
>>> sums = plus_product(take(row, 0), take(row, 8), every(2.0))
>>> float(sums[1]), float(across(sums))
(19.0, 212.0)
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

WIDTH = 8
Row = Any  # of doubles or singles, without gaps between them
Vector = Any

_LANES = ir.VectorType(ir.DoubleType(), WIDTH)


def take(a: Row, at: int) -> Vector:
    """The eight numbers of a row from place ``at`` on; nobody checks that they lie in it."""
    return a[at : at + WIDTH].astype(np.float64)


def put(a: Row, at: int, v: Vector) -> None:
    """Write them there, into a row of doubles; nobody checks that they lie in it."""
    a[at : at + WIDTH] = v


def every(x: float) -> Vector:
    """One double in all lanes."""
    return np.full(WIDTH, x)


def times(a: Vector, b: Vector) -> Vector:
    """a * b."""
    return a * b


def added(a: Vector, b: Vector) -> Vector:
    """a + b."""
    return a + b


def plus_product(c: Vector, a: Vector, b: Vector) -> Vector:
    """c + a * b, rounded once in a kernel, twice in Python."""
    return c + a * b


def across(v: Vector) -> Any:
    """The sum of the lanes, always in the same order."""
    return ((v[0] + v[1]) + (v[2] + v[3])) + ((v[4] + v[5]) + (v[6] + v[7]))


class _VectorType(types.Type):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__(name="EightDoubles")


@register_model(_VectorType)
class _VectorModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _LANES)


_VECTOR = _VectorType()


def _place(context: Any, builder: Any, kind: Any, row: Any, at: Any) -> tuple[Any, int]:
    """Where eight numbers of a row lie, and how many bytes each of them takes."""
    number = context.get_data_type(kind.dtype)
    first = context.make_array(kind)(context, builder, row).data
    eight = ir.VectorType(number, WIDTH).as_pointer()
    return builder.bitcast(builder.gep(first, [at]), eight), context.get_abi_sizeof(number)


@intrinsic
def _take(typing: Any, a: Any, at: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        place, size = _place(context, builder, signature.args[0], *given)
        found = builder.load(place, align=size)
        return found if size == 8 else builder.fpext(found, _LANES)

    return _VECTOR(a, types.intp), code


@intrinsic
def _put(typing: Any, a: Any, at: Any, v: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        place, size = _place(context, builder, signature.args[0], *given[:2])
        builder.store(given[2], place, align=size)
        return context.get_dummy_value()

    return types.void(a, types.intp, v), code


@intrinsic
def _every(typing: Any, x: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        v = ir.Constant(_LANES, ir.Undefined)
        for lane in range(WIDTH):
            v = builder.insert_element(v, given[0], ir.IntType(32)(lane))
        return v

    return _VECTOR(types.float64), code


@intrinsic
def _times(typing: Any, a: Any, b: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return builder.fmul(*given)

    return a(a, b), code


@intrinsic
def _added(typing: Any, a: Any, b: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return builder.fadd(*given)

    return a(a, b), code


@intrinsic
def _plus_product(typing: Any, c: Any, a: Any, b: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        kind = ir.FunctionType(_LANES, [_LANES] * 3)
        fma = cgutils.get_or_insert_function(builder.module, kind, "llvm.fma.v8f64")
        return builder.call(fma, [given[1], given[2], given[0]])

    return c(c, a, b), code


@intrinsic
def _across(typing: Any, v: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        sums = [builder.extract_element(given[0], ir.IntType(32)(lane)) for lane in range(WIDTH)]
        while len(sums) > 1:
            sums = [builder.fadd(a, b) for a, b in zip(sums[::2], sums[1::2], strict=True)]
        return sums[0]

    return types.float64(v), code


overload(take)(lambda a, at: lambda a, at: _take(a, at))
overload(put)(lambda a, at, v: lambda a, at, v: _put(a, at, v))
overload(every)(lambda x: lambda x: _every(x))
overload(times)(lambda a, b: lambda a, b: _times(a, b))
overload(added)(lambda a, b: lambda a, b: _added(a, b))
overload(plus_product)(lambda c, a, b: lambda c, a, b: _plus_product(c, a, b))
overload(across)(lambda v: lambda v: _across(v))
