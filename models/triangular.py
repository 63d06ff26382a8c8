"""Small symmetric systems, eight at a time: Cholesky factors, solves and inverses.

A symmetric matrix of ``r`` rows is packed: its lower triangle row after row, ``(r (r + 1) / 2, 8)``
float32, the lanes of `models.lanes` last. A factor L (A = L L') is packed likewise, with the
*inverses* of its diagonal on the diagonal, so that solving multiplies and never divides.

>>> import numpy as np
>>> a = np.repeat(np.array([[4.0], [2.0], [3.0]], np.float32), 8, axis=1)   # [[4, 2], [2, 3]]
>>> y = np.repeat(np.array([[8.0], [7.0]], np.float32), 8, axis=1)
>>> factorise(a, 2)
>>> forward(a, y)
>>> backward(a, y)
>>> [round(float(v), 4) for v in y[:, 0]]
[1.25, 1.5]
"""

from __future__ import annotations

from models.compiled import allocating_kernel, kernel
from models.lanes import (
    Array,
    Lanes,
    inverse_root,
    less_product,
    load,
    plus_product,
    same,
    store,
    times,
)

# A pivot below this is rounding: the systems here all have a ridge of 1 or more.
_LEAST_PIVOT = 1e-4


@kernel
def packed_size(r: int) -> int:
    """Rows of a packed symmetric matrix."""
    return r * (r + 1) // 2


@kernel
def set_identity(a: Array, r: int) -> None:
    """A := I."""
    a[:] = 0.0
    for i in range(r):
        store(a, i * (i + 1) // 2 + i, same(1.0))


@kernel
def factorise(a: Array, r: int) -> None:
    """A := its factor L, in place.

    Two rows at a time: they share what they read of the rows above, and their sums, each of which
    waits for its own last product, take turns.
    """
    for i in range(0, r - 1, 2):
        row, below = i * (i + 1) // 2, (i + 1) * (i + 2) // 2
        for j in range(i):
            other = j * (j + 1) // 2
            one, two = load(a, row + j), load(a, below + j)
            for k in range(j):
                shared = load(a, other + k)
                one = less_product(one, load(a, row + k), shared)
                two = less_product(two, load(a, below + k), shared)
            inverted = load(a, other + j)
            store(a, row + j, times(one, inverted))
            store(a, below + j, times(two, inverted))
        pivot, two, last = load(a, row + i), load(a, below + i), load(a, below + i + 1)
        for k in range(i):
            upper, lower = load(a, row + k), load(a, below + k)
            pivot = less_product(pivot, upper, upper)
            two = less_product(two, lower, upper)
            last = less_product(last, lower, lower)
        inverted = inverse_root(pivot, _LEAST_PIVOT)
        two = times(two, inverted)
        store(a, row + i, inverted)
        store(a, below + i, two)
        store(a, below + i + 1, inverse_root(less_product(last, two, two), _LEAST_PIVOT))
    if r % 2:
        _factorise_row(a, r - 1)


@kernel
def _factorise_row(a: Array, i: int) -> None:
    row = i * (i + 1) // 2
    for j in range(i):
        other = j * (j + 1) // 2
        value = load(a, row + j)
        for k in range(j):
            value = less_product(value, load(a, row + k), load(a, other + k))
        store(a, row + j, times(value, load(a, other + j)))
    pivot = load(a, row + i)
    for k in range(i):
        below = load(a, row + k)
        pivot = less_product(pivot, below, below)
    store(a, row + i, inverse_root(pivot, _LEAST_PIVOT))


@kernel
def forward(factor: Array, y: Array) -> None:
    """y := inverse(L) y, in place."""
    for i in range(y.shape[0]):
        row = i * (i + 1) // 2
        value = load(y, i)
        for k in range(i):
            value = less_product(value, load(factor, row + k), load(y, k))
        store(y, i, times(value, load(factor, row + i)))


@kernel
def forward_each(factor: Array, ys: Array, r: int, count: int) -> None:
    """`forward` of ``count`` right sides that lie one behind the other, four of them at a time.

    A sum alone would wait for its own last product at every step; four of them take turns.

    >>> import numpy as np
    >>> factor = np.repeat(np.array([[0.5], [1.0], [0.5]], np.float32), 8, axis=1)
    >>> ys = np.repeat(np.arange(10, dtype=np.float32)[:, None], 8, axis=1)
    >>> forward_each(factor, ys, 2, 5)
    >>> ys[:, 0].tolist()
    [0.0, 0.5, 1.0, 1.0, 2.0, 1.5, 3.0, 2.0, 4.0, 2.5]
    """
    fours = count // 4 * 4
    for at in range(0, fours * r, 4 * r):
        for i in range(r):
            row = i * (i + 1) // 2
            p, q = at + i, at + r + i
            u, v = q + r, q + 2 * r
            one, two, three, four = load(ys, p), load(ys, q), load(ys, u), load(ys, v)
            for k in range(i):
                shared, y = load(factor, row + k), at + k
                one = less_product(one, shared, load(ys, y))
                two = less_product(two, shared, load(ys, y + r))
                three = less_product(three, shared, load(ys, y + 2 * r))
                four = less_product(four, shared, load(ys, y + 3 * r))
            inverted = load(factor, row + i)
            store(ys, p, times(one, inverted))
            store(ys, q, times(two, inverted))
            store(ys, u, times(three, inverted))
            store(ys, v, times(four, inverted))
    for at in range(fours * r, count * r, r):
        forward(factor, ys[at : at + r])


@kernel
def backward(factor: Array, y: Array) -> None:
    """y := inverse(L') y, in place; after `forward` this solves A y = b."""
    # Row by row of L, which lie side by side, each taken out of all that is still to be solved.
    for i in range(y.shape[0] - 1, -1, -1):
        row = i * (i + 1) // 2
        value = times(load(y, i), load(factor, row + i))
        store(y, i, value)
        for k in range(i):
            store(y, k, less_product(load(y, k), load(factor, row + k), value))


@allocating_kernel
def solution(a: Array, y: Array) -> Array:
    """inverse(A) y; ``a`` and ``y`` stay as they are."""
    factor, solved = a.copy(), y.copy()
    factorise(factor, y.shape[0])
    forward(factor, solved)
    backward(factor, solved)
    return solved


@kernel
def invert_factor(factor: Array, r: int, out: Array) -> None:
    """out := inverse(L), packed, its diagonal as it is (not inverted)."""
    for i in range(r):
        row = i * (i + 1) // 2
        for j in range(i):
            value = same(0.0)
            for k in range(j, i):
                value = less_product(value, load(factor, row + k), load(out, k * (k + 1) // 2 + j))
            store(out, row + j, times(value, load(factor, row + i)))
        store(out, row + i, load(factor, row + i))


@kernel
def squared(low: Array, r: int, out: Array) -> None:
    """out := L' L for a packed lower triangular L; with `invert_factor` the inverse of A."""
    for i in range(r):
        for j in range(i + 1):
            value = same(0.0)
            for k in range(i, r):
                row = k * (k + 1) // 2
                value = plus_product(value, load(low, row + i), load(low, row + j))
            store(out, i * (i + 1) // 2 + j, value)


@kernel
def row_product(a: Array, i: int, y: Array) -> Lanes:
    """Row ``i`` of a packed symmetric matrix times y."""
    value = same(0.0)
    row = i * (i + 1) // 2
    for k in range(i + 1):
        value = plus_product(value, load(a, row + k), load(y, k))
    for k in range(i + 1, y.shape[0]):
        value = plus_product(value, load(a, k * (k + 1) // 2 + i), load(y, k))
    return value
