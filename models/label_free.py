"""Skill without results: what calibrated risks say about themselves (CBPE).

A risk of 0.2 that is calibrated promises one fail among five such parts. So the risks of parts
whose results have not arrived already tell how many of these will fail, how well the risks rank
them, and what the alerts about them are worth. Beside the realised figures of parts that do have a
result, the same estimate says whether such promises can be believed: where the two part, the risks
are no longer calibrated.

Confidence-based performance estimation cannot see what it has not been told: a new cause of
failure that no risk reflects leaves it unmoved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


class Waiting(NamedTuple):
    """Parts without a result: their last ``risks`` (n,), NaN for none, and whether ``flagged``."""

    risks: Floats
    flagged: Bools

    @classmethod
    def joined(cls, several: Sequence[Waiting]) -> Waiting:
        """The parts of all of these, one after the other."""
        nobody = cls(np.empty(0), np.empty(0, dtype=np.bool_))
        together = [nobody, *several]
        return cls(
            np.concatenate([one.risks for one in together]),
            np.concatenate([one.flagged for one in together]),
        )


@dataclass(frozen=True)
class Expected:
    """The figures that the risks promise; None where they leave one undefined.

    ``parts`` have a risk, ``fails`` of them are expected to fail. ``auc``, ``ap``, ``brier_skill``
    and ``recall_at_budget`` are the expected values of those of `models.ranking`; ``precision`` and
    ``recall`` are of the parts that were flagged.
    """

    parts: int
    fails: float
    auc: float | None
    ap: float | None
    brier_skill: float | None
    recall_at_budget: float | None
    precision: float | None
    recall: float | None

    def to_dict(self) -> dict[str, Any]:
        """The figures as plain values, ready for JSON."""
        return asdict(self)


def expected(waiting: Waiting, budget: float) -> Expected:
    """What the figures of these parts will be if their risks are calibrated.

    Every part is taken to fail by itself with the probability that its risk is. A ratio of two
    quantities that depend on the outcomes is estimated by the ratio of their expected values, which
    is close as soon as some fails are expected.

    Parameters
    ----------
    waiting : the parts; those without a risk are left out
    budget : share of parts that may be flagged, 0 to 1

    References
    ----------
    Kivimaki, Bialek, Nurminen, Kuberski, "Confidence-based estimators for predictive performance
    in model monitoring", arXiv (2024).

    >>> risks = np.array([0.1, 0.1, 0.5, 0.9, np.nan])
    >>> answer = expected(Waiting(risks, risks > 0.4), budget=0.25)
    >>> answer.parts, answer.fails, answer.precision, round(answer.recall, 3)
    (4, 1.6, 0.7, 0.875)
    >>> round(answer.auc, 3), round(answer.recall_at_budget, 4)
    (0.922, 0.5625)
    """
    known = ~np.isnan(waiting.risks)
    p, flagged = waiting.risks[known], waiting.flagged[known]
    if not p.size:
        return Expected(0, 0.0, None, None, None, None, None, None)
    steps = _steps(p)
    fails, variance = float(p.sum()), float((p * (1.0 - p)).sum())
    caught = float(p[flagged].sum())
    return Expected(
        parts=p.size,
        fails=fails,
        auc=_auc(steps),
        ap=_average_precision(steps),
        brier_skill=_brier_skill(p.size, fails, variance),
        recall_at_budget=_recall_at_budget(steps, budget),
        precision=caught / int(flagged.sum()) if flagged.any() else None,
        recall=caught / fails if fails else None,
    )


class _Steps(NamedTuple):
    """At each distinct risk, from the highest down: expected fails, their variance, parts."""

    fails: Floats
    variance: Floats
    parts: Floats


def _steps(p: Floats) -> _Steps:
    falling = np.sort(p)[::-1]
    last = np.flatnonzero(np.append(falling[1:] != falling[:-1], True))
    parts = np.diff(last, prepend=-1).astype(np.float64)
    risk = falling[last]
    return _Steps(parts * risk, parts * risk * (1.0 - risk), parts)


def _auc(steps: _Steps) -> float | None:
    """Expected pairs of a fail ranked above a pass, over expected pairs of a fail and a pass.

    A part is no pair with itself, which is what the variances take out.
    """
    fails, passes = steps.fails, steps.parts - steps.fails
    below = passes.sum() - np.cumsum(passes)
    right = fails @ below + 0.5 * float((fails * passes - steps.variance).sum())
    pairs = float(fails.sum() * passes.sum() - steps.variance.sum())
    return float(right) / pairs if pairs > 0.0 else None


def _average_precision(steps: _Steps) -> float | None:
    """At each risk the fails there times the fails from there up, whose chance is shared."""
    together = steps.fails * np.cumsum(steps.fails) + steps.variance
    total = float(steps.fails.sum())
    return float((together / np.cumsum(steps.parts)).sum()) / total if total > 0.0 else None


def _brier_skill(parts: int, fails: float, variance: float) -> float | None:
    """Of calibrated risks the Brier score is the mean of p (1 - p)."""
    climatology = fails / parts * (1.0 - fails / parts) - variance / parts**2
    return 1.0 - variance / parts / climatology if climatology > 0.0 else None


def _recall_at_budget(steps: _Steps, budget: float) -> float | None:
    room = budget * steps.parts.sum() - (np.cumsum(steps.parts) - steps.parts)
    taken = np.clip(room / steps.parts, 0.0, 1.0)
    total = float(steps.fails.sum())
    return float(taken @ steps.fails) / total if total > 0.0 else None
