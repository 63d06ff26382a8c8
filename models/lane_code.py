"""The machine code of `models.lanes`: a lane vector is a vector of the compiler's from the start.

Left to itself, the compiler joins eight numbers into one instruction where an array keeps them side
by side, and where it does not find them, pairs what does not belong together. A sum over a row then
takes four times as long.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import box, intrinsic, models, register_model

LANES = 8
_INDEX = ir.IntType(32)


class LanesType(types.Type):
    """Eight singles or doubles, as ``number`` says."""

    def __init__(self, number: Any) -> None:
        self.number = number
        super().__init__(name=f"Lanes({number})")


@register_model(LanesType)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        number = manager.lookup(kind.number).get_value_type()
        super().__init__(manager, kind, ir.VectorType(number, LANES))


@box(LanesType)
def _tuple(kind: Any, v: Any, python: Any) -> Any:
    """To Python a kernel answers the eight numbers."""
    eight = types.UniTuple(kind.number, LANES)
    numbers = [python.builder.extract_element(v, _INDEX(m)) for m in range(LANES)]
    return python.box(eight, python.context.make_tuple(python.builder, eight, numbers))


_DOUBLES = LanesType(types.float64)


def _place(context: Any, builder: Any, kind: Any, array: Any, at: Any) -> tuple[Any, int]:
    """Where the array's eight numbers from place ``at`` on lie, and the bytes of each."""
    number = context.get_data_type(kind.dtype)
    first = context.make_array(kind)(context, builder, array).data
    eight = ir.VectorType(number, LANES).as_pointer()
    return builder.bitcast(builder.gep(first, [at]), eight), context.get_abi_sizeof(number)


def _without_gaps(kind: Any, dimensions: int) -> bool:
    return isinstance(kind, types.Array) and kind.layout == "C" and kind.ndim == dimensions


@intrinsic
def load(typing: Any, a: Any, i: Any) -> Any:
    """Row ``i`` of (rows, 8)."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        at = builder.mul(given[1], given[1].type(LANES))
        place, size = _place(context, builder, signature.args[0], given[0], at)
        return builder.load(place, align=size)

    return (LanesType(a.dtype)(a, types.intp), code) if _without_gaps(a, 2) else None


@intrinsic
def store(typing: Any, a: Any, i: Any, v: Any) -> Any:
    """Write row ``i`` of (rows, 8)."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        at = builder.mul(given[1], given[1].type(LANES))
        place, size = _place(context, builder, signature.args[0], given[0], at)
        builder.store(given[2], place, align=size)
        return context.get_dummy_value()

    fits = _without_gaps(a, 2) and LanesType(a.dtype) == v
    return (types.void(a, types.intp, v), code) if fits else None


@intrinsic
def take(typing: Any, a: Any, at: Any) -> Any:
    """Eight numbers of a row from place ``at`` on, as doubles."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        place, size = _place(context, builder, signature.args[0], *given)
        found = builder.load(place, align=size)
        doubles = context.get_value_type(_DOUBLES)
        return found if found.type == doubles else builder.fpext(found, doubles)

    return (_DOUBLES(a, types.intp), code) if _without_gaps(a, 1) else None


@intrinsic
def put(typing: Any, a: Any, at: Any, v: Any) -> Any:
    """Write them there."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        place, size = _place(context, builder, signature.args[0], *given[:2])
        builder.store(given[2], place, align=size)
        return context.get_dummy_value()

    fits = _without_gaps(a, 1) and LanesType(a.dtype) == v
    return (types.void(a, types.intp, v), code) if fits else None


@intrinsic
def every(typing: Any, x: Any) -> Any:
    """One number in all lanes."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        v = ir.Constant(context.get_value_type(signature.return_type), ir.Undefined)
        for lane in range(LANES):
            v = builder.insert_element(v, given[0], _INDEX(lane))
        return v

    return (LanesType(x)(x), code) if isinstance(x, types.Float) else None


@intrinsic
def lane(typing: Any, v: Any, m: Any) -> Any:
    """The number in lane ``m``."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return builder.extract_element(*given)

    return v.number(v, types.intp), code


@intrinsic
def across(typing: Any, v: Any) -> Any:
    """The sum of the lanes: of neighbours, then of neighbouring sums."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        sums = [builder.extract_element(given[0], _INDEX(m)) for m in range(LANES)]
        while len(sums) > 1:
            sums = [builder.fadd(a, b) for a, b in zip(sums[::2], sums[1::2], strict=True)]
        return sums[0]

    return v.number(v), code


def _of_two(instruction: str) -> Any:
    @intrinsic
    def of_two(typing: Any, a: Any, b: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            return getattr(builder, instruction)(*given)

        return (a(a, b), code) if a == b else None

    return of_two


added, less, times, divided = (_of_two(name) for name in ("fadd", "fsub", "fmul", "fdiv"))


@intrinsic
def greater(typing: Any, a: Any, b: Any) -> Any:
    """max(a, b), as Python's: a where one of them is no number."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        a, b = given
        return builder.select(builder.fcmp_ordered(">", b, a), b, a)

    return (a(a, b), code) if a == b else None


def _of_library(name: str, builder: Any, given: list[Any]) -> Any:
    """One of the compiler's own functions on lane vectors of one kind."""
    kind = given[0].type
    bits = 32 if kind.element == ir.FloatType() else 64
    of_kind = ir.FunctionType(kind, [kind] * len(given))
    function = cgutils.get_or_insert_function(
        builder.module, of_kind, f"llvm.{name}.v{LANES}f{bits}"
    )
    return builder.call(function, given)


@intrinsic
def plus_product(typing: Any, c: Any, a: Any, b: Any) -> Any:
    """c + a * b, rounded once."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        c, a, b = given
        return _of_library("fma", builder, [a, b, c])

    return (c(c, a, b), code) if c == a == b else None


@intrinsic
def less_product(typing: Any, c: Any, a: Any, b: Any) -> Any:
    """c - a * b, rounded once."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        c, a, b = given
        return _of_library("fma", builder, [builder.fneg(a), b, c])

    return (c(c, a, b), code) if c == a == b else None


@intrinsic
def root(typing: Any, a: Any) -> Any:
    """The square root."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return _of_library("sqrt", builder, list(given))

    return a(a), code
