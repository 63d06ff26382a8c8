"""The labelled parts of a sliding window, as arrays, oldest first in a ring.

A row is what a linear model sees of a part: numbers, imputed numbers per replicate, and flags
(`models.dual_ascent` gives the shapes). The arrays grow with the line: more columns, flags per part
and rows, up to the window's bound; nothing is ever copied on a label but the label's own row.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
import numpy.typing as npt

from models.dual_ascent import Floats, Ints, Signs, Singles


class LabelRing:
    """Rows, outcomes, times and dual numbers of the parts in a window.

    Parameters
    ----------
    replicates
        M of the fills and of alpha.

    Examples
    --------
    >>> ring = LabelRing(replicates=1)
    >>> empty = np.empty(0, np.int32)
    >>> for outcome in (True, False, False):
    ...     at = ring.push(np.zeros(2, np.float32), empty, np.empty((0, 1)), empty, outcome, 0.0)
    >>> len(ring), ring.fails, ring.oldest
    (3, 1, 0)
    >>> ring.drop()
    >>> len(ring), ring.fails, ring.held().tolist()
    (2, 0, [1, 2])
    """

    def __init__(self, replicates: int) -> None:
        self.replicates = replicates
        self.dense: Singles = np.zeros((64, 0), np.float32)
        self.fill_at: Ints = np.full((64, 4), -1, np.int32)
        self.fills: Singles = np.zeros((64, 4, replicates), np.float32)
        self.flag_at: Ints = np.full((64, 4), -1, np.int32)
        self.sign: Signs = np.zeros(64, np.int8)
        self.at: Floats = np.zeros(64)
        self.alpha: Floats = np.zeros((64, replicates))
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

    def row(self, number: int) -> int:
        """The index of the ``number``-th row, counted from the oldest."""
        return (self._start + number) % len(self.sign)

    def held(self) -> npt.NDArray[np.int32]:
        """The rows' indices, oldest first."""
        return ((self._start + np.arange(self._held)) % len(self.sign)).astype(np.int32)

    def push(
        self,
        dense: Singles,
        fill_at: Ints,
        fills: Singles,
        flags: Ints,
        fail: bool,
        at: float,
    ) -> int:
        """Append a row; answers its index."""
        self._make_room(len(dense), len(fill_at), len(flags))
        i = (self._start + self._held) % len(self.sign)
        self._held += 1
        self.dense[i, : len(dense)] = dense
        self.dense[i, len(dense) :] = 0.0
        self.fill_at[i] = -1
        self.fill_at[i, : len(fill_at)] = fill_at
        self.fills[i] = 0.0  # nothing of a row that was here before: equal states are equal bytes
        self.fills[i, : len(fill_at)] = fills
        self.flag_at[i] = -1
        self.flag_at[i, : len(flags)] = flags
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
        self._start = (self._start + 1) % len(self.sign)
        self._held -= 1

    def _make_room(self, columns: int, fills: int, flags: int) -> None:
        if self._held == len(self.sign):
            self._unroll(2 * len(self.sign))
        if columns > self.dense.shape[1]:
            self.dense = _wider(self.dense, columns, 0)  # the caller's width, which it doubles
        if fills > self.fill_at.shape[1]:
            width = max(fills, 2 * self.fill_at.shape[1])
            self.fill_at = _wider(self.fill_at, width, -1)
            self.fills = _wider(self.fills, width, 0)
        if flags > self.flag_at.shape[1]:
            self.flag_at = _wider(self.flag_at, max(flags, 2 * self.flag_at.shape[1]), -1)

    def _unroll(self, rows: int) -> None:
        """Room for ``rows``, the oldest first."""
        order = self.held()
        for name in _ARRAYS:
            old = getattr(self, name)
            fresh = np.zeros((rows, *old.shape[1:]), old.dtype)
            fresh[: len(order)] = old[order]
            setattr(self, name, fresh)
        self.fail_rows = deque(np.flatnonzero(self.sign[: len(order)] > 0).tolist())
        self._start = 0

    def state(self) -> dict[str, Any]:
        """The rows, oldest first, as arrays."""
        order = self.held()
        return {name: getattr(self, name)[order] for name in _ARRAYS} | {"rows": len(self.sign)}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        held = len(state["sign"])
        for name in _ARRAYS:
            old = state[name]
            fresh = np.zeros((state["rows"], *old.shape[1:]), old.dtype)
            fresh[:held] = old
            setattr(self, name, fresh)
        self._start, self._held = 0, held
        self.fail_rows = deque(np.flatnonzero(self.sign[:held] > 0).tolist())


_ARRAYS = ("dense", "fill_at", "fills", "flag_at", "sign", "at", "alpha")


def _wider(a: Any, width: int, fill: int) -> Any:
    wider = np.full((len(a), width, *a.shape[2:]), fill, a.dtype)
    wider[:, : a.shape[1]] = a
    return wider
