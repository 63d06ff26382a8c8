"""The figures of a comparison, as plain values and as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from results import table

from models.comparison import LAST, Contest, Difference, difference
from models.ranking import average_precision, roc_auc

QUARTERS = ("a quarter", "half", "three quarters")
METRICS = {"auc": roc_auc, "ap": average_precision}
WORDS = {"auc": "ROC-AUC", "ap": "average precision"}


@dataclass(frozen=True)
class Comparison:
    """Some models on histories of one kind, one contest for each seed.

    ``seconds`` of processor time by model; ``draws`` of the bootstrap, 0 for no intervals;
    ``against`` is the reference, None for the best model that is not andon's.
    """

    contests: Sequence[Contest]
    seconds: Mapping[str, float]
    draws: int
    against: str | None = None
    _found: dict[tuple[str, str, int], Difference | None] = field(default_factory=dict)

    @property
    def models(self) -> list[str]:
        """Who takes part, in the order given."""
        return list(self.seconds)

    def middle(self, model: str, place: int, figure: str) -> float | None:
        """The median over the contests; None if it is undefined on all."""
        values = [getattr(contest.figures(model, place), figure) for contest in self.contests]
        known = sorted(value for value in values if value is not None)
        return known[(len(known) - 1) // 2] if known else None

    def reference(self, figure: str) -> str:
        """The best model that is not andon's, at the last risk."""
        if self.against is not None:
            return self.against
        others = [name for name in self.models if not name.startswith("andon")] or self.models
        return max(others, key=lambda name: self.middle(name, LAST, figure) or -1.0)

    def difference(self, model: str, figure: str, place: int) -> Difference | None:
        """By how much a model beats the reference in ``auc`` or ``ap``."""
        key = (model, figure, place)
        if key not in self._found:
            reference = self.reference(figure)
            self._found[key] = difference(
                self.contests, METRICS[figure], model, reference, place=place, draws=self.draws
            )
        return self._found[key]

    def to_dict(self) -> dict[str, Any]:
        """All figures of all contests, and the differences."""
        return {
            "parts": [contest.fails.size for contest in self.contests],
            "fails": [int(contest.fails.sum()) for contest in self.contests],
            "left_out": [[c.left_out(place) for place in range(4)] for c in self.contests],
            "seconds": dict(self.seconds),
            "figures": {
                model: [
                    [asdict(contest.figures(model, place)) for place in range(4)]
                    for contest in self.contests
                ]
                for model in self.models
            },
            "differences": {
                figure: {
                    "reference": self.reference(figure),
                    "models": {
                        model: [
                            None if (one := self.difference(model, figure, place)) is None
                            else one._asdict()
                            for place in range(4)
                        ]
                        for model in self.models
                    },
                }
                for figure in METRICS
            },
        }  # fmt: skip


def told(comparison: Comparison) -> str:
    """How many parts were judged, the figures, and the differences from the best reference."""
    counted = ", ".join(_counted(contest) for contest in comparison.contests)
    return "\n\n".join([f"Parts: {counted}.", _figures(comparison), _differences(comparison)])


def _counted(contest: Contest) -> str:
    kept = contest.common()
    early = [contest.left_out(place) for place in range(LAST)]
    more = ""
    if max(early) > contest.left_out():
        more = f" at the end, {max(early):,} at the worst quarter"
    return (
        f"{int(kept.sum()):,} ({int(contest.fails[kept].sum()):,} fails; {contest.left_out():,} "
        f"left out{more})"
    )


def _figures(comparison: Comparison) -> str:
    head = ["model", "ROC-AUC", *(f"at {share}" for share in QUARTERS)]
    head += ["average precision", "Brier skill", "calibration slope", "s"]
    rows = []
    for model in comparison.models:
        places = [comparison.middle(model, place, "auc") for place in range(4)]
        last = [comparison.middle(model, LAST, name) for name in ("ap", "brier_skill")]
        slope = comparison.middle(model, LAST, "calibration_slope")
        rows.append(
            [
                model,
                *map(_decimal, [places[LAST], *places[:LAST], *last]),
                "-" if slope is None else f"{slope:.2f}",
                f"{comparison.seconds[model]:,.0f}",
            ]
        )
    return table(head, rows)


def _differences(comparison: Comparison) -> str:
    told = []
    for figure in METRICS:
        best = comparison.reference(figure)
        places = range(4) if figure == "auc" else (LAST,)
        head = [f"{WORDS[figure]} against {best}", "at the end"]
        head += [f"at {share}" for share in QUARTERS[: len(places) - 1]]
        rows = []
        for model in comparison.models:
            if model == best:
                continue
            found = {place: comparison.difference(model, figure, place) for place in places}
            last = found.pop(LAST)
            rows.append([model, _with_interval(last), *map(_with_interval, found.values())])
        told.append(table(head, rows))
    return "\n\n".join(told)


def _with_interval(one: Difference | None) -> str:
    if one is None:
        return "undefined"
    bounds = "" if one.interval is None else f" ({one.interval[0]:+.3f} to {one.interval[1]:+.3f})"
    return f"{one.value:+.3f}{bounds}, ahead on {one.ahead} of {one.contests}"


def _decimal(value: Any) -> str:
    return "undefined" if value is None else f"{value:.3f}"
