"""The labelled parts of a sliding window, as arrays, oldest first in a ring.

A row is what a linear model sees of a part: numbers, imputed numbers per replicate, and flags
(`models.dual_ascent` gives the shapes). More rows cost no copy: the arrays are made as long as the
window may get, and memory comes with the rows that are written. More columns or flags per part are
rarer, and copy the rows held.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Any

import numpy as np
import numpy.typing as npt

from models.compiled import kernel
from models.dual_ascent import Floats, Ints, Signs, Singles

FIRST_ROWS = 64
# Of one array: what a longer one needs beyond this is copied when it is needed.
RESERVED = 1 << 28


class LabelRing:
    """Rows, outcomes, times and dual numbers of the parts in a window.

    Parameters
    ----------
    replicates
        M of the fills and of alpha.
    most
        Rows that are ever held at once; more are held as well, but then the arrays are copied.

    Examples
    --------
    >>> ring = LabelRing(replicates=1)
    >>> empty = np.empty(0, np.int32)
    >>> for outcome in (True, False, False):
    ...     fills = np.empty((0, 1), np.float32)
    ...     at = ring.push(np.zeros(2, np.float32), empty, fills, empty, outcome, 0.0)
    >>> len(ring), ring.fails, ring.oldest
    (3, 1, 0)
    >>> ring.drop()
    >>> len(ring), ring.fails, ring.held().tolist()
    (2, 0, [1, 2])
    """

    def __init__(self, replicates: int, most: int = FIRST_ROWS) -> None:
        self.replicates = replicates
        self._most = most
        self._rows = FIRST_ROWS  # of the ring; the arrays may be longer
        self.dense: Singles = self._made((0,), np.float32)
        self.fill_at: Ints = self._made((4,), np.int32)
        self.fills: Singles = self._made((4, replicates), np.float32)
        self.flag_at: Ints = self._made((4,), np.int32)
        self.sign: Signs = self._made((), np.int8)
        self.at: Floats = self._made((), np.float64)
        self.alpha: Floats = self._made((replicates,), np.float64)
        self.fail_rows: deque[int] = deque()
        self._start = 0
        self._held = 0

    def __len__(self) -> int:
        return self._held

    @property
    def fails(self) -> int:
        """How many of the rows are fails."""
        return len(self.fail_rows)

    @property
    def oldest(self) -> int:
        """The oldest row's index."""
        return self._start

    def rows(self, number: int, count: int) -> list[int]:
        """The indices of ``count`` rows from the ``number``-th on, counted from the oldest, which
        follows the newest."""
        start, held, rows = self._start, self._held, self._rows
        return [(start + at % held) % rows for at in range(number, number + count)]

    def held(self) -> npt.NDArray[np.int32]:
        """The rows' indices, oldest first."""
        return ((self._start + np.arange(self._held)) % self._rows).astype(np.int32)

    def push(
        self,
        dense: Singles,
        fill_at: Ints,
        fills: Singles,
        flags: Ints,
        fail: bool,
        at: float,
        columns: int = 0,
    ) -> int:
        """Append a row; answers its index. ``columns`` is the room for numbers to make, if that is
        more than the row has."""
        self._make_room(max(len(dense), columns), len(fill_at), len(flags))
        i = (self._start + self._held) % self._rows
        self._held += 1
        write_row(
            i, dense, fill_at, fills, flags, self.dense, self.fill_at, self.fills, self.flag_at
        )
        self.sign[i] = 1 if fail else -1
        self.at[i] = at
        self.alpha[i] = 0.0
        if fail:
            self.fail_rows.append(i)
        return i

    def drop(self) -> None:
        """Let the oldest row go."""
        if self.sign[self._start] > 0:
            self.fail_rows.popleft()
        self._start = (self._start + 1) % self._rows
        self._held -= 1

    def _make_room(self, columns: int, fills: int, flags: int) -> None:
        if self._held == self._rows:
            self._lengthen()
        if columns > self.dense.shape[1]:
            self._widen("dense", columns)  # the caller's width, which it doubles
        if fills > self.fill_at.shape[1]:
            width = max(fills, 2 * self.fill_at.shape[1])
            self._widen("fill_at", width)
            self._widen("fills", width)
        if flags > self.flag_at.shape[1]:
            self._widen("flag_at", max(flags, 2 * self.flag_at.shape[1]))

    def _made(self, shape: tuple[int, ...], kind: npt.DTypeLike) -> Any:
        """Zeros for as many rows as may come, of which only what is written takes memory."""
        one = np.dtype(kind).itemsize * math.prod(shape)
        rows = max(self._rows, min(_power_of_two(self._most), RESERVED // max(one, 1)))
        return np.zeros((rows, *shape), kind)

    def _lengthen(self) -> None:
        """Twice the rows; those that lay before the oldest now follow the newest."""
        before, start = self._rows, self._start
        self._rows = 2 * before
        for name in _ARRAYS:
            array = getattr(self, name)
            if len(array) < self._rows:
                longer = self._made(array.shape[1:], array.dtype)
                longer[:before] = array[:before]
                setattr(self, name, longer)
                array = longer
            array[before : before + start] = array[:start]
        self.fail_rows = deque(i if i >= start else i + before for i in self.fail_rows)

    def _widen(self, name: str, width: int) -> None:
        """Room for wider rows; of those that are not held nothing is kept."""
        old = getattr(self, name)
        wider = self._made((width, *old.shape[2:]), old.dtype)
        for rows in self._stretches():
            wider[rows, : old.shape[1]] = old[rows]
            if name in _PLACES:
                wider[rows, old.shape[1] :] = -1
        setattr(self, name, wider)

    def _stretches(self) -> tuple[slice, slice]:
        """Where the rows held lie: to the end of the ring, and from its beginning."""
        end = self._start + self._held
        return slice(self._start, min(end, self._rows)), slice(0, max(end - self._rows, 0))

    def state(self) -> dict[str, Any]:
        """The rows, oldest first, as arrays."""
        order = self.held()
        return {name: getattr(self, name)[order] for name in _ARRAYS} | {"rows": self._rows}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        held = len(state["sign"])
        self._rows = state["rows"]
        for name in _ARRAYS:
            old = state[name]
            fresh = self._made(old.shape[1:], old.dtype)
            fresh[:held] = old
            setattr(self, name, fresh)
        self._start, self._held = 0, held
        self.fail_rows = deque(np.flatnonzero(self.sign[:held] > 0).tolist())


_ARRAYS = ("dense", "fill_at", "fills", "flag_at", "sign", "at", "alpha")
_PLACES = ("fill_at", "flag_at")  # -1: none


@kernel
def write_row(
    i: int,
    dense: Singles,
    fill_at: Ints,
    fills: Singles,
    flags: Ints,
    held_dense: Singles,
    held_fill_at: Ints,
    held_fills: Singles,
    held_flag_at: Ints,
) -> None:
    """Write row ``i``, and nothing of a row that was here before: equal states are equal bytes."""
    row, places, values, flag_at = held_dense[i], held_fill_at[i], held_fills[i], held_flag_at[i]
    for j in range(len(dense)):
        row[j] = dense[j]
    row[len(dense) :] = 0.0
    for k in range(len(places)):
        places[k] = fill_at[k] if k < len(fill_at) else -1
        for m in range(values.shape[1]):
            values[k, m] = fills[k, m] if k < len(fill_at) else 0.0
    for k in range(len(flag_at)):
        flag_at[k] = flags[k] if k < len(flags) else -1


def _power_of_two(least: int) -> int:
    return 1 << max(least - 1, 0).bit_length()
