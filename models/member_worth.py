"""What a member of the stack earns: its say, its own ranking, and the loss without it.

A member can be switched off, so whoever runs a line must see whether one pays for its time. Its own
skill does not tell: two members that know the same earn nothing together that one would not.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.ranking import roc_auc

Floats = npt.NDArray[np.float64]


class MemberWorth(NamedTuple):
    """One member over the last results that the stack keeps.

    ``weight`` is its share of the log-odds' movement, 0 to 1: slope times the spread of its margin,
    over all members. ``roc_auc`` is that of its own margin, None until both outcomes have come.
    ``earns`` is the log loss a result, in nats, that the stack without it would have had more; it
    is prequential, both having predicted before they learnt. 0 or less: it does not earn its time.
    """

    name: str
    weight: float
    roc_auc: float | None
    earns: float | None


def member_worth(
    names: tuple[str, ...], slopes: tuple[float, ...], margins: Floats, fail: Floats, losses: Floats
) -> tuple[MemberWorth, ...]:
    """The worth of each member.

    Parameters
    ----------
    names, slopes : of the k members
    margins : (n, k), with which the parts were scored
    fail : (n,), 1 for a fail
    losses : (n, 1 + k), log loss of the stack, and of the stack without each member

    Examples
    --------
    >>> margins = np.array([[2.0, 0.0], [-2.0, 0.0]])
    >>> losses = np.array([[0.1, 0.7, 0.1], [0.1, 0.7, 0.1]])
    >>> one, other = member_worth(("a", "b"), (1.0, 1.0), margins, np.array([1.0, 0.0]), losses)
    >>> one.weight, one.roc_auc, round(one.earns, 3), other.weight, round(other.earns, 3)
    (1.0, 1.0, 0.6, 0.0, 0.0)
    """
    n = len(fail)
    moved = np.array(slopes) * margins.std(axis=0) if n else np.zeros(len(names))
    whole = float(moved.sum())
    gained = (losses[:, 1:] - losses[:, :1]).mean(axis=0) if n else None
    return tuple(
        MemberWorth(
            name,
            float(moved[j]) / whole if whole > 0.0 else 0.0,
            roc_auc(margins[:, j], fail > 0.0),
            None if gained is None else float(gained[j]),
        )
        for j, name in enumerate(names)
    )
