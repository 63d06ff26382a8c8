"""The figures that skill is reported in, and how they are computed from what parts earned.

A part's score is its last risk before its result, and its risk after each quarter of its events.
A part without a risk at one of these places is left out there, and counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from models.bootstrap import interval
from models.label_free import Expected, Waiting, expected
from models.ranking import (
    average_precision,
    brier_skill,
    calibration_slope,
    mcc,
    recall_at_budget,
    roc_auc,
)

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Skill:
    """How good the risks were at one place of the journey; None where it is undefined.

    ``parts`` and ``fails`` say on how many parts with a risk there the figures rest. ``auc``,
    ``ap``, ``brier_skill``, ``recall_at_budget`` and ``calibration_slope`` are those of
    `models.ranking`; the intervals are 95 % by the block bootstrap.
    """

    parts: int
    fails: int
    mean_risk: float | None
    auc: float | None
    ap: float | None
    brier_skill: float | None
    recall_at_budget: float | None
    calibration_slope: float | None
    auc_interval: tuple[float, float] | None = None
    ap_interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class Alarms:
    """What the alerts were worth at the live operating point, over the parts that got a risk.

    ``true_alarms`` failed and were flagged before their result, ``false_alarms`` passed and were
    flagged, ``missed`` failed and were not, ``left_alone`` passed and were not. ``flagged`` is the
    share of these parts that was flagged.
    """

    true_alarms: int
    false_alarms: int
    missed: int
    left_alone: int
    flagged: float | None
    precision: float | None
    recall: float | None
    mcc: float | None


@dataclass(frozen=True)
class Spread:
    """The middle of some values, and what nine in ten of them are above and below."""

    median: float
    p10: float
    p90: float


@dataclass(frozen=True)
class Lead:
    """How early true alarms came; None if there were none.

    ``stations``: scored events of the part after the alert; ``seen``: those up to and with it;
    ``minutes``: event time from the alert to the result.
    """

    stations: Spread | None
    seen: Spread | None
    minutes: Spread | None


@dataclass(frozen=True)
class Evaluation:
    """One line's figures, or those of several lines together.

    ``parts`` have a result that is pass or fail; ``without_risk`` of them were never given a risk
    and stand in no other figure. ``budget`` is the share of parts that may be flagged. ``q4`` is
    the last risk as well, without its intervals. ``expected`` is what the last risks of the same
    parts promised without their results (`models.label_free`).
    """

    parts: int
    fails: int
    without_risk: int
    budget: float
    alarms: Alarms
    last: Skill
    q1: Skill
    q2: Skill
    q3: Skill
    q4: Skill
    lead: Lead
    expected: Expected

    def to_dict(self) -> dict[str, Any]:
        """The figures as plain values, ready for JSON.

        >>> nobody = Scores.joined([])
        >>> evaluate(nobody, budget=0.02).to_dict()["alarms"]["missed"]
        0
        """
        return asdict(self)


class Scores(NamedTuple):
    """What parts earned, one column each, in the order of their results.

    ``risks`` (4, n) after each quarter of a part's events, NaN for none; ``fails`` (n,); the rest
    (n,) describes the first alert: ``flagged``, scored events ``seen`` and ``ahead``, ``minutes``
    to the result.
    """

    risks: Floats
    fails: Bools
    flagged: Bools
    seen: Floats
    ahead: Floats
    minutes: Floats

    @classmethod
    def joined(cls, several: Sequence[Scores]) -> Scores:
        """The parts of all of these, one after the other."""
        none = np.empty(0)
        empty = cls(np.empty((4, 0)), none.astype(bool), none.astype(bool), none, none, none)
        return cls(
            *(np.concatenate(column, axis=-1) for column in zip(empty, *several, strict=True))
        )


def evaluate(scores: Scores, *, budget: float, draws: int = 0, seed: int = 0) -> Evaluation:
    """All figures of these parts.

    Parameters
    ----------
    scores : what the parts earned
    budget : share of parts that may be flagged, 0 to 1
    draws : of the bootstrap behind the intervals at the last risk; 0 leaves the intervals out
    seed : of the bootstrap

    >>> six = Scores(risks=np.tile([0.1, 0.2, 0.9, 0.3, 0.8, np.nan], (4, 1)),
    ...              fails=np.array([0, 0, 1, 0, 1, 1], bool),
    ...              flagged=np.array([0, 0, 1, 1, 0, 0], bool),
    ...              seen=np.full(6, 2.0), ahead=np.full(6, 3.0), minutes=np.full(6, 40.0))
    >>> answer = evaluate(six, budget=0.2)
    >>> answer.last.auc, answer.last.parts, answer.without_risk
    (1.0, 5, 1)
    >>> answer.alarms.true_alarms, answer.alarms.missed, answer.lead.minutes.median
    (1, 1, 40.0)
    """
    quarters = [skill(risks, scores.fails, budget) for risks in scores.risks]
    known = ~np.isnan(scores.risks[-1])
    true = known & scores.fails & scores.flagged
    return Evaluation(
        parts=scores.fails.size,
        fails=int(scores.fails.sum()),
        without_risk=int((~known).sum()),
        budget=budget,
        alarms=_alarms(scores.fails[known], scores.flagged[known]),
        last=skill(scores.risks[-1], scores.fails, budget, draws, seed),
        q1=quarters[0],
        q2=quarters[1],
        q3=quarters[2],
        q4=quarters[3],
        lead=Lead(
            stations=_spread(scores.ahead[true]),
            seen=_spread(scores.seen[true]),
            minutes=_spread(scores.minutes[true]),
        ),
        expected=expected(Waiting(scores.risks[-1], scores.flagged), budget),
    )


def skill(risks: Floats, fails: Bools, budget: float, draws: int = 0, seed: int = 0) -> Skill:
    """The figures of the parts that have a risk, NaN standing for none; arguments as `evaluate`."""
    known = ~np.isnan(risks)
    p, y = risks[known], fails[known]
    return Skill(
        parts=y.size,
        fails=int(y.sum()),
        mean_risk=float(p.mean()) if y.size else None,
        auc=roc_auc(p, y),
        ap=average_precision(p, y),
        brier_skill=brier_skill(p, y),
        recall_at_budget=recall_at_budget(p, y, budget),
        calibration_slope=calibration_slope(p, y),
        auc_interval=interval(roc_auc, p, y, draws=draws, seed=seed) if draws else None,
        ap_interval=interval(average_precision, p, y, draws=draws, seed=seed) if draws else None,
    )


def _alarms(fails: Bools, flagged: Bools) -> Alarms:
    tp, fp = int((fails & flagged).sum()), int((~fails & flagged).sum())
    fn, tn = int((fails & ~flagged).sum()), int((~fails & ~flagged).sum())
    return Alarms(
        true_alarms=tp,
        false_alarms=fp,
        missed=fn,
        left_alone=tn,
        flagged=_share(tp + fp, fails.size),
        precision=_share(tp, tp + fp),
        recall=_share(tp, tp + fn),
        mcc=mcc(tp, fp, fn, tn),
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _spread(values: Floats) -> Spread | None:
    if not values.size:
        return None
    p10, median, p90 = (float(v) for v in np.quantile(values, [0.1, 0.5, 0.9]))
    return Spread(median=median, p10=p10, p90=p90)
