"""Several sequences of the same parts, joined by their keys, each of them read once.

They hold the parts in one common order, which need not be that of the keys, and any of them may
lack any part. Where they differ, each is read ahead far enough to see who lacks what.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar

from producers.mistakes import shown
from stream.errors import ConfigError

T = TypeVar("T")


class _Ahead(Generic[T]):
    """One sequence, with what of it has been read ahead."""

    def __init__(self, items: Iterator[tuple[str, T]]) -> None:
        self._items = items
        self._last = -1
        self.ahead: deque[tuple[str, T]] = deque()
        self.ended = False
        self.ascending = True

    def read_ahead(self, count: int) -> None:
        while len(self.ahead) < count and not self.ended:
            item = next(self._items, None)
            if item is None:
                self.ended = True
                return
            self._watch(item[0])
            self.ahead.append(item)

    def head(self) -> str | None:
        return self.ahead[0][0] if self.ahead else None

    def keys(self) -> set[str]:
        return {key for key, _ in self.ahead}

    def _watch(self, key: str) -> None:
        if self.ascending:
            number = int(key) if key.isascii() and key.isdigit() and len(key) < 20 else -1
            self.ascending = number > self._last
            self._last = number


def lockstep(
    sequences: Sequence[Iterator[tuple[str, T]]], window: int = 1000
) -> Iterator[tuple[str, list[T | None]]]:
    """Each key with what every sequence has for it, None where it has nothing.

    Keys that are whole numbers in ascending order are joined whatever is lacking. In any other
    order, a sequence may lack up to ``window`` parts in a row. Raises `ConfigError` where the
    sequences have different orders.

    >>> numbers, dates = iter([("4", "n4"), ("6", "n6")]), iter([("4", "d4"), ("5", "d5")])
    >>> list(lockstep([numbers, dates]))
    [('4', ['n4', 'd4']), ('5', [None, 'd5']), ('6', ['n6', None])]
    """
    sides = [_Ahead(items) for items in sequences]
    while True:
        for side in sides:
            side.read_ahead(1)
        heads = {head for side in sides if (head := side.head()) is not None}
        if not heads:
            return
        key = heads.pop() if len(heads) == 1 else _next_key(sides, window)
        yield key, [side.ahead.popleft()[1] if side.head() == key else None for side in sides]


def _next_key(sides: Sequence[_Ahead[T]], window: int) -> str:
    """The key to come next where the heads differ."""
    for side in sides:
        side.read_ahead(window)
    if all(side.ascending for side in sides):
        return min((head for side in sides if (head := side.head()) is not None), key=int)
    keys = [side.keys() for side in sides]
    for number, side in enumerate(sides):
        head = side.head()
        if head is not None and all(
            other == number or _surely_lacks(sides[other], keys[other], head, keys[number])
            for other in range(len(sides))
            if sides[other].head() != head
        ):
            return head
    shown_heads = " and ".join(shown(head) for side in sides if (head := side.head()) is not None)
    raise ConfigError(
        f"the parts {shown_heads} stand in the same place of the files, which have different "
        f"orders or lack more than {window:,} parts in a row: sort all of them by their part"
    )


def _surely_lacks(side: _Ahead[T], keys: set[str], head: str, others: set[str]) -> bool:
    """Whether ``side`` lacks ``head``, the first of ``others``, as its keys ahead show."""
    return head not in keys and (side.ended or not keys.isdisjoint(others))
