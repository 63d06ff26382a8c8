"""What a simulated line knows of its parts and never sends: why each passed or failed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from producers.causes import Cause
from producers.draws import FloatArray


class Contribution(NamedTuple):
    """One cause's share of a part's log-odds, and the cell that completes it."""

    name: str
    station: str
    feature: str
    contribution: float


@dataclass(frozen=True)
class PartTruth:
    """Why a part passed or failed: its causes, strongest first, and the true probability."""

    outcome: Literal["pass", "fail"]
    causes: tuple[Contribution, ...]
    fail_probability: float

    @property
    def main_cause(self) -> Contribution | None:
        """The cause that spoke most for a fail, None if none did.

        >>> PartTruth("fail", (Contribution("worn tool", "OP10", "load_pct", 2.1),), 0.4).main_cause
        Contribution(name='worn tool', station='OP10', feature='load_pct', contribution=2.1)
        >>> PartTruth("pass", (), 0.01).main_cause is None
        True
        """
        first = self.causes[0] if self.causes else None
        return first if first is not None and first.contribution > 0 else None


class Told(NamedTuple):
    """What is kept of a part until somebody asks."""

    failed: bool
    probability: float
    shares: FloatArray
    """[causes], in the order of the description."""


class Memory:
    """The truth about the parts emitted so far: of all, or of the last ``limit``."""

    def __init__(self, causes: Sequence[Cause], limit: int | None = None) -> None:
        self._causes = causes
        self._limit = limit
        self._told: OrderedDict[str, Told] = OrderedDict()

    def __len__(self) -> int:
        return len(self._told)

    def tell(self, part: str, told: Told) -> None:
        """Keep what is true of a part, forgetting the oldest one if there are too many."""
        self._told[part] = told
        if self._limit is not None and len(self._told) > self._limit:
            self._told.popitem(last=False)

    def truth(self, part: str) -> PartTruth:
        """What is true of ``part``; raises KeyError for one not emitted yet, or forgotten."""
        if (told := self._told.get(part)) is None:
            kept = "all parts" if self._limit is None else f"the last {self._limit} parts"
            raise KeyError(
                f"part {part!r} is not known: {kept} that were emitted are kept, {len(self)} now; "
                f"ask later, or raise 'remember'"
            )
        causes = [
            Contribution(cause.name, *cause.cells[-1], round(share, 4))
            for cause, share in zip(self._causes, told.shares.tolist(), strict=True)
            if share != 0.0
        ]
        causes.sort(key=lambda one: -one.contribution)
        outcome: Literal["pass", "fail"] = "fail" if told.failed else "pass"
        return PartTruth(outcome, tuple(causes), told.probability)
