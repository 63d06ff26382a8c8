"""Models beside each other: the same parts for all, and how far one is ahead of another.

A *contest* is one history that several models have been through. At each place of the journey a
part counts only if every model had given it a risk there; the others are left out, and counted. A
difference between two models is measured on the same resampled parts, and over several histories
it is the median of theirs, with the interval that this median has when every history is resampled.
Such an interval speaks of these histories, not of lines that nobody has looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

import numpy as np

from models.bootstrap import Metric, beaten_by, histories, middle
from models.figures import Bools, Floats, Skill, skill

LAST = 3
"""The place of a part's last risk, among the four quarters of its events: 0 to 3."""


class Difference(NamedTuple):
    """By how much a model beats a reference, in the median over the contests.

    ``interval`` is 95 % by the paired block bootstrap; ``ahead`` of the ``contests`` are won.
    """

    value: float
    interval: tuple[float, float] | None
    ahead: int
    contests: int


@dataclass(frozen=True)
class Contest:
    """What several models said of the parts of one history.

    Parameters
    ----------
    fails : (n,), true for a fail, in the order of the results
    risks : by model, (4, n) after each quarter of a part's events, NaN for none

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> fails = np.array([False, True, False, True])
    >>> sure = np.tile([0.1, 0.9, 0.2, np.nan], (4, 1))
    >>> blind = np.full((4, 4), 0.5)
    >>> contest = Contest(fails, {"sure": sure, "blind": blind})
    >>> contest.left_out(), contest.figures("sure").auc, contest.figures("blind").auc
    (1, 1.0, 0.5)
    """

    fails: Bools
    risks: Mapping[str, Floats]

    def __post_init__(self) -> None:
        for name, risks in self.risks.items():
            if risks.shape != (4, self.fails.size):
                raise ValueError(
                    f"the risks of {name!r} are {risks.shape}: four rows of {self.fails.size} "
                    f"parts are needed"
                )

    def common(self, place: int = LAST) -> Bools:
        """(n,), the parts that every model had given a risk at this place."""
        kept = np.ones(self.fails.size, dtype=np.bool_)
        for risks in self.risks.values():
            kept &= ~np.isnan(risks[place])
        return kept

    def left_out(self, place: int = LAST) -> int:
        """How many parts some model had given no risk at this place."""
        return int((~self.common(place)).sum())

    def figures(self, model: str, place: int = LAST, *, budget: float = 0.05) -> Skill:
        """The figures of one model, over the parts that all models share."""
        kept = self.common(place)
        return skill(self.risks[model][place][kept], self.fails[kept], budget)

    def pair(self, model: str, reference: str, place: int) -> tuple[Floats, Floats, Bools]:
        """The risks of two models and the outcomes, over the parts that all models share."""
        kept = self.common(place)
        ours, theirs = self.risks[model][place], self.risks[reference][place]
        return ours[kept], theirs[kept], self.fails[kept]


def difference(
    contests: Sequence[Contest],
    metric: Metric,
    model: str,
    reference: str,
    *,
    place: int = LAST,
    draws: int = 200,
    seed: int = 0,
) -> Difference | None:
    """By how much ``model`` beats ``reference``; None if that is undefined on every contest.

    ``draws`` 0 leaves the interval out.

    >>> fails = np.array([False, True] * 50)
    >>> risks = np.tile(np.where(fails, 0.9, 0.1), (4, 1))
    >>> contest = Contest(fails, {"right": risks, "wrong": 1.0 - risks})
    >>> from models.ranking import roc_auc
    >>> difference([contest], roc_auc, "right", "wrong", draws=20)
    Difference(value=1.0, interval=(1.0, 1.0), ahead=1, contests=1)
    """
    pairs = [contest.pair(model, reference, place) for contest in contests]
    found = [value for pair in pairs if (value := beaten_by(metric, *pair)) is not None]
    if not found:
        return None
    bounds = None
    if draws:
        # Histories of their own for each contest, the same for all of its models.
        resampled = [
            [
                beaten_by(metric, ours[rows], theirs[rows], fails[rows])
                for rows in histories(fails.size, draws=draws, seed=seed + number)
            ]
            for number, (ours, theirs, fails) in enumerate(pairs)
            if fails.size
        ]
        bounds = middle([_median(one) for one in zip(*resampled, strict=True)])
    return Difference(median(found), bounds, sum(value > 0 for value in found), len(found))


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None
