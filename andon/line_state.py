"""A picture of a line for people and programs that watch the detector: plain values, no parts.

Taken by the worker's own thread between two records; what is not known is None, never a guess.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from models.ranking import average_precision, brier_skill, roc_auc
from stream.line import Line


class MemberFigures(BaseModel):
    """What a member of the stack earns (`models.member_worth`)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    weight: float
    roc_auc: float | None
    earns: float | None


class Figures(BaseModel):
    """How good the last risks of recent parts were; see docs/metrics.md for the measures."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    parts: int
    fails: int
    average_precision: float | None
    roc_auc: float | None
    brier_skill: float | None
    members: tuple[MemberFigures, ...] = ()


class TrainedFile(BaseModel):
    """The file of ``detector.trained`` as a worker found it; times in seconds since 1970."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    path: str
    written_at: float
    size: int

    @classmethod
    def found(cls, path: Path | None) -> TrainedFile | None:
        """What is at ``path``; None without a path, or where no file is."""
        try:
            there = None if path is None else path.stat()
        except OSError:
            return None
        if there is None:
            return None
        return cls(path=str(path), written_at=there.st_mtime, size=there.st_size)


class LastCheckpoint(BaseModel):
    """What a line began from, before any checkpoint: a file that ``andon train`` made."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: Literal["trained"]
    results_learnt: int
    file: TrainedFile | None


class LineState(BaseModel):
    """One line; times in seconds since 1970, event time."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    trained: bool
    fails_learnt: int
    passes_learnt: int
    window_results: int
    window_fails: int
    threshold: float | None
    alarm_rate: float | None
    budget: float
    open_journeys: int
    kept_outcomes: int
    event_time: float | None
    learnt_at: float | None
    figures: Figures | None
    counts: Annotated[dict[str, int], Field(default_factory=dict)]
    last_checkpoint: LastCheckpoint | None = None
    evicted: int = 0
    forgotten: int = 0
    left_out: int = 0

    @property
    def results_learnt(self) -> int:
        """Results that the detector has learnt."""
        return self.fails_learnt + self.passes_learnt

    @property
    def model_age(self) -> float | None:
        """Event time in seconds since the newest learnt result."""
        if self.event_time is None or self.learnt_at is None:
            return None
        return max(self.event_time - self.learnt_at, 0.0)


class Figuring:
    """Keeps the figures of many lines up to date without holding the worker up.

    They take some milliseconds a line, so only lines with new results are computed, for at most
    ``seconds`` a call, those first that have waited longest; the others keep theirs until then.
    """

    def __init__(self, seconds: float = 0.05, clock: Callable[[], float] = time.perf_counter):
        self._seconds = seconds
        self._clock = clock
        # By line, in the order of their last turn: the results that the figures rest on, and these.
        self._known: dict[str, tuple[tuple[int, int], Figures]] = {}

    def update(self, lines: Iterable[Line]) -> None:
        """Compute what has changed, as far as the time goes."""
        here = {line.name: line for line in lines}
        order = [name for name in here if name not in self._known]
        order += [name for name in self._known if name in here]
        self._known = {name: known for name, known in self._known.items() if name in here}
        over = self._clock() + self._seconds
        for name in order:
            line = here[name]
            rests_on = (line.detector.fails + line.detector.passes, line.counts["result.corrected"])
            known = self._known.pop(name, None)
            if known is None or known[0] != rests_on:
                known = (rests_on, figures_of(line))
            self._known[name] = known
            if self._clock() >= over:
                return

    def of(self, name: str) -> Figures | None:
        """The figures last computed for a line."""
        known = self._known.get(name)
        return None if known is None else known[1]


def figures_of(line: Line) -> Figures:
    """The figures of a line now."""
    risks, fails = line.evaluation.last_risks()
    return Figures(
        parts=fails.size,
        fails=int(fails.sum()),
        average_precision=average_precision(risks, fails),
        roc_auc=roc_auc(risks, fails),
        brier_skill=brier_skill(risks, fails),
        members=tuple(MemberFigures(**one._asdict()) for one in line.detector.members()),
    )


def line_state(
    line: Line, figures: Figures | None, trained: TrainedFile | None = None
) -> LineState:
    """The picture of a line; ``trained`` is the file that lines of its worker may begin from.

    >>> from stream.line import LineSettings
    >>> state = line_state(Line("body-A", LineSettings()), None)
    >>> state.trained, state.threshold, state.alarm_rate, state.model_age
    (False, None, None, None)
    """
    detector, point = line.detector, line.operating_point
    return LineState(
        name=line.name,
        trained=detector.trained,
        fails_learnt=detector.fails,
        passes_learnt=detector.passes,
        window_results=detector.window,
        window_fails=detector.window_fails,
        threshold=point.threshold,
        alarm_rate=point.flagged_share,
        budget=point.budget,
        open_journeys=line.ledger.open_parts,
        kept_outcomes=line.ledger.decided_parts,
        evicted=line.ledger.evicted,
        forgotten=line.ledger.forgotten,
        left_out=detector.catalogue.columns.refused,
        event_time=line.watermark.at,
        learnt_at=line.learnt_at,
        figures=figures,
        counts=dict(line.counts),
        last_checkpoint=None
        if line.began_with is None
        else LastCheckpoint(kind="trained", results_learnt=line.began_with, file=trained),
    )
