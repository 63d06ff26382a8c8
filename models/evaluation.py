"""Prequential evaluation: a part is predicted, waits for its result, is scored, then learnt.

The evaluator sees a part when its result arrives, together with the risks that the detector had
given by then, so no figure knows more than the line did. Verification latency (the time until the
result) needs no care here: whoever joins results with predictions hands over the risks *as scored*.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from models.figures import Bools, Evaluation, Floats, Scores, evaluate

_PASS, _FAIL, _WITHDRAWN = 0, 1, 2


class AlertMark(NamedTuple):
    """The first alert about a part before its result.

    ``events_before`` and ``events_after`` count the part's scored events before and after the one
    that fired it; ``seconds_before_result`` is event time, negative if the plant's clocks disagree.
    """

    events_before: int
    events_after: int
    seconds_before_result: float


class Prequential:
    """Keeps what each part earned and answers with the figures, at any time.

    Parameters
    ----------
    budget : share of parts that may be flagged, 0 to 1, for the recall at this budget
    capacity : keep the latest ``capacity`` results only, so that memory stays bounded (about 300
        bytes a part); None keeps all

    Raises
    ------
    ValueError
        If ``budget`` or ``capacity`` is out of range.

    References
    ----------
    Dawid, "Present position and potential developments: the prequential approach", Journal of the
    Royal Statistical Society A 147 (1984). Gama, Sebastiao, Rodrigues, "On evaluating stream
    learning algorithms", Machine Learning 90 (2013).

    >>> referee = Prequential(budget=0.25)
    >>> referee.update("P-1", False, [None, 0.02, 0.03, 0.01])
    >>> referee.update("P-2", True, [0.05, 0.30, 0.60], AlertMark(1, 1, 1800.0))
    >>> referee.update("P-3", False, [0.04, 0.10])
    >>> referee.correct("P-3", True)
    >>> answer = referee.report()
    >>> answer.parts, answer.fails, answer.last.auc, answer.q1.parts
    (3, 2, 1.0, 2)
    >>> answer.alarms.recall, answer.lead.minutes.median
    (0.5, 30.0)
    """

    def __init__(self, *, budget: float, capacity: int | None = None) -> None:
        if not 0.0 <= budget <= 1.0:
            raise ValueError(f"budget must be a share of parts from 0 to 1, not {budget}")
        if capacity is not None and capacity < 1:
            raise ValueError(f"capacity must be 1 or more, or None to keep all, not {capacity}")
        self.budget = budget
        self.capacity = capacity
        self._count = 0
        self._row_of: dict[str, int] = {}
        self._names: list[str] = []
        self._outcomes = array("b")
        self._risks = [array("d") for _ in range(4)]
        self._seen, self._ahead, self._minutes = array("d"), array("d"), array("d")

    def __contains__(self, part: str) -> bool:
        """Whether a result of this part is still kept, withdrawn or not."""
        return part in self._row_of

    def update(
        self,
        part: str,
        outcome: bool,
        risks: Sequence[float | None],
        alert: AlertMark | None = None,
    ) -> None:
        """Score a part whose result has arrived.

        A part that comes again (a new generation of its serial number) is another part; from then
        on `correct` and `withdraw` mean the newer one.

        Parameters
        ----------
        part : serial number
        outcome : true for a fail
        risks : after each scored event of the part, in order, 0 to 1; None while untrained
        alert : the first alert about the part, if one came before this result

        Raises
        ------
        ValueError
            If a risk is not from 0 to 1, or the alert's time is not finite.
        """
        places = quarters(risks)
        if alert is None:
            marks = (math.nan, math.nan, math.nan)
        else:
            minutes = alert.seconds_before_result / 60.0
            if not math.isfinite(minutes):
                raise ValueError(f"the alert about {part!r} has no finite time: {alert}")
            marks = (alert.events_before + 1.0, float(alert.events_after), minutes)
        row = self._count if self.capacity is None else self._count % self.capacity
        if row < len(self._names):
            if self._row_of.get(self._names[row]) == row:
                del self._row_of[self._names[row]]
            self._names[row] = part
            self._outcomes[row] = _FAIL if outcome else _PASS
        else:
            self._names.append(part)
            self._outcomes.append(_FAIL if outcome else _PASS)
        columns = (*self._risks, self._seen, self._ahead, self._minutes)
        for column, value in zip(columns, (*places, *marks), strict=True):
            if row < len(column):
                column[row] = value
            else:
                column.append(value)
        self._row_of[part] = row
        self._count += 1

    def correct(self, part: str, outcome: bool) -> None:
        """Give a part another outcome; its risks and its alert stay as they were scored.

        A part that is not kept (any more) changes nothing: ask with ``in`` first where it matters.
        """
        if part in self._row_of:
            self._outcomes[self._row_of[part]] = _FAIL if outcome else _PASS

    def withdraw(self, part: str) -> None:
        """Take a part out of the figures, its result having become "untested".

        A later `correct` puts it back; a part that is not kept (any more) changes nothing.
        """
        if part in self._row_of:
            self._outcomes[self._row_of[part]] = _WITHDRAWN

    def report(self, *, draws: int = 0, seed: int = 0) -> Evaluation:
        """The figures now.

        Parameters
        ----------
        draws : of the bootstrap behind the intervals; 0 leaves them out. 200 take about a second
            for 70,000 parts
        seed : of the bootstrap
        """
        return evaluate(self._scores(), budget=self.budget, draws=draws, seed=seed)

    def last_risks(self) -> tuple[Floats, Bools]:
        """The last risk and the outcome (true: a fail) of each tested part that had a risk.

        For figures that are wanted often: a `report` takes ten times as long.
        """
        risks, outcomes = np.array(self._risks[-1]), np.array(self._outcomes)
        kept = (outcomes != _WITHDRAWN) & ~np.isnan(risks)
        return risks[kept], outcomes[kept] == _FAIL

    @property
    def count(self) -> int:
        """How many results have come."""
        return self._count

    def judged(self, since: int) -> tuple[Floats, Bools, Bools]:
        """Last risk (NaN: none), fail and whether tested, of each part after the first ``since``.

        For an evaluation that keeps all; otherwise ``since`` counts what is kept.
        """
        outcomes = np.array(self._outcomes)[since:]
        return np.array(self._risks[-1])[since:], outcomes == _FAIL, outcomes != _WITHDRAWN

    def state(self) -> dict[str, Any]:
        """All that is kept, as it lies, as plain values and arrays."""
        return {
            "count": self._count,
            "names": list(self._names),
            "outcomes": np.array(self._outcomes, np.int8),
            "risks": np.array(self._risks, np.float64),
            "marks": np.array([self._seen, self._ahead, self._minutes], np.float64),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`; for a fresh one of the same capacity."""
        self._count, self._names = state["count"], list(state["names"])
        self._outcomes = array("b", state["outcomes"].tolist())
        self._risks = [array("d", row) for row in state["risks"].tolist()]
        self._seen, self._ahead, self._minutes = (
            array("d", row) for row in state["marks"].tolist()
        )
        self._row_of = {}
        rows = len(self._names)
        for number in range(self._count - rows, self._count):  # of a name the newest row counts
            row = number if self.capacity is None else number % self.capacity
            self._row_of[self._names[row]] = row

    def _scores(self) -> Scores:
        """What is kept of tested parts, the oldest result first."""
        oldest = 0 if self.capacity is None else self._count % self.capacity
        rows = np.roll(np.arange(len(self._names)), -oldest)
        outcomes = np.array(self._outcomes)
        rows = rows[outcomes[rows] != _WITHDRAWN]
        ahead = np.array(self._ahead)[rows]
        return Scores(
            risks=np.array(self._risks)[:, rows],
            fails=outcomes[rows] == _FAIL,
            flagged=~np.isnan(ahead),
            seen=np.array(self._seen)[rows],
            ahead=ahead,
            minutes=np.array(self._minutes)[rows],
        )


def report_together(
    lines: Mapping[str, Prequential], *, draws: int = 0, seed: int = 0
) -> Evaluation:
    """The figures of several lines' parts as if they were one line's.

    The lines stand one after the other in the order of their names, so that the answer does not
    depend on which line spoke first, and the bootstrap's blocks hold neighbours of one line.
    Pooling compares risks across lines: a line that fails more often than another, and whose risks
    say so, raises the ROC-AUC above that of each line alone.

    Raises
    ------
    ValueError
        If there is no line, or their budgets differ.

    >>> lines = {"body-A": Prequential(budget=0.1), "body-B": Prequential(budget=0.1)}
    >>> lines["body-A"].update("P-1", True, [0.2])
    >>> lines["body-B"].update("P-1", False, [0.1])
    >>> report_together(lines).last.auc
    1.0
    """
    budgets = sorted({line.budget for line in lines.values()})
    if len(budgets) != 1:
        raise ValueError(f"lines to report together need one budget, these have {budgets}")
    scores = Scores.joined([lines[name]._scores() for name in sorted(lines)])
    return evaluate(scores, budget=budgets[0], draws=draws, seed=seed)


def quarters(risks: Sequence[float | None]) -> tuple[float, float, float, float]:
    """The latest risk after each quarter of a part's events, rounded up; NaN if there was none.

    The fourth is the last risk. Raises ValueError if one of them is not from 0 to 1.

    >>> quarters([None, 0.02, 0.03, 0.01, 0.04])
    (0.02, 0.03, 0.01, 0.04)
    """
    first, second, third, last = (_risk_after(risks, -(-len(risks) * q // 4)) for q in (1, 2, 3, 4))
    return first, second, third, last


def _risk_after(risks: Sequence[float | None], events: int) -> float:
    """The latest risk known after so many events, NaN if there was none."""
    for risk in reversed(risks[:events]):
        if risk is not None:
            if not 0.0 <= risk <= 1.0:
                raise ValueError(f"a risk must be a probability from 0 to 1, not {risk}")
            return risk
    return math.nan
