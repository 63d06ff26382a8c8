"""What risks promise without any result, for the page of a report (`models.label_free`)."""

from __future__ import annotations

from models.figures import Evaluation
from models.label_free import Expected


def promised(evaluation: Evaluation, waiting: Expected) -> list[str]:
    """The lines of a report that lay the estimate beside the realised figures.

    >>> from models.evaluation import Prequential
    >>> from models.label_free import Waiting, expected
    >>> promised(Prequential(budget=0.05).report(), expected(Waiting.joined([]), budget=0.05))
    []
    """
    last, alarms, own = evaluation.last, evaluation.alarms, evaluation.expected
    if not own.parts and not waiting.parts:
        return []
    realised = (last.auc, last.ap, last.recall_at_budget, last.brier_skill, alarms.precision)
    names = (
        "ROC-AUC",
        "Average precision",
        "Recall at budget",
        "Brier skill",
        "Flags that are right",
        "Fails that are caught",
    )
    columns = (
        (*realised, alarms.recall),
        *(
            (e.auc, e.ap, e.recall_at_budget, e.brier_skill, e.precision, e.recall)
            for e in (own, waiting)
        ),
    )
    rows = [
        ("", "realised", "promised", "still waiting"),
        ("Parts", *(f"{count:,}" for count in (last.parts, own.parts, waiting.parts))),
        ("Fails", f"{last.fails:,}", _fails(own), _fails(waiting)),
        *((name, *map(_decimal, row)) for name, *row in zip(names, *columns, strict=True)),
    ]
    return [
        *(f"{name:<23}{now:>10}{then:>10}{later:>15}" for name, now, then, later in rows),
        "(promised: what the same parts' risks said; where it is far from realised, do not believe",
        " what they say of the parts that wait for their result)",
    ]


def _fails(one: Expected) -> str:
    return f"{one.fails:,.1f}"


def _decimal(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
