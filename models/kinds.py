"""A feature's kind: numeric, boolean or categorical, fixed by its first 20 non-null values."""

from __future__ import annotations

from enum import IntEnum

VOTES = 20
Value = float | bool | str | None


class Kind(IntEnum):
    """What a feature's values are."""

    UNSETTLED = 0
    NUMERIC = 1
    BOOLEAN = 2
    CATEGORICAL = 3


def kind_of(value: float | bool | str) -> Kind:
    """The kind of one value.

    >>> [kind_of(v).name for v in (12.5, True, "8722")]
    ['NUMERIC', 'BOOLEAN', 'CATEGORICAL']
    """
    if isinstance(value, bool):
        return Kind.BOOLEAN
    return Kind.CATEGORICAL if isinstance(value, str) else Kind.NUMERIC


class KindVote:
    """Counts the first values' kinds; the most frequent wins, a tie goes to the wider kind.

    >>> vote = KindVote()
    >>> [vote.cast(1.0) for _ in range(20)][-1]
    <Kind.NUMERIC: 1>
    """

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts = [0, 0, 0, 0]

    def cast(self, value: float | bool | str) -> Kind:
        """Count one value; answers the settled kind, or UNSETTLED while votes are few."""
        self._counts[kind_of(value)] += 1
        if sum(self._counts) < VOTES:
            return Kind.UNSETTLED
        order = (Kind.CATEGORICAL, Kind.NUMERIC, Kind.BOOLEAN)
        return max(order, key=lambda kind: self._counts[kind])

    def state(self) -> list[int]:
        """The counts, by kind."""
        return list(self._counts)

    def restore(self, state: list[int]) -> None:
        """Go on from a `state`."""
        self._counts = list(state)
