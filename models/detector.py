"""The detector of one line, behind a seam of four verbs.

``encode`` writes a reading into a part's row; ``score`` answers a verdict and changes nothing;
``observe`` learns what needs no result (kinds, scale, gaps, routes); ``learn`` takes a result.
Whatever learns inside, the rest of andon sees no more than this.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from models.baselines import NATIVE
from models.calibration import PlattCalibration
from models.columns import Input, Plan
from models.dense_twin import DenseTwin
from models.features import FeatureCatalogue
from models.kinds import Value
from models.linear_member import LinearMember, Margin
from models.member_worth import MemberWorth
from models.part_row import CellCounts, Floats, PartRow
from models.plain_state import Opaque
from models.reading import UNKNOWN, Reading
from models.reasons import (
    Attribution,
    CellReason,
    Missing,
    Subject,
    describe,
    missing,
    rests_on,
    strongest_reasons,
)
from models.river_member import RiverMember
from models.scale import Ints
from models.stack_member import MEMBERS, StackMargin, StackMember
from models.stacking import StackedCalibration
from models.window import WindowRule

# Half the width of a 90 % interval, in standard deviations.
_NINETY = 1.645


@dataclass(frozen=True, slots=True)
class DetectorSettings:
    """What a detector is made of.

    ``model`` is ``stack`` (the linear member and boosted trees), ``linear``, a River model's name
    or an import path (`models.baselines.factory`).
    Of the stack, ``members`` take part, some of `models.stack_member.MEMBERS`.
    The window is ``window_parts`` results, or those of the last ``window_hours`` (0: no such
    bound), extended until it holds ``window_fails`` fails, at most ``window_max_parts``; a River
    model keeps it by ``copies`` staggered models. The imputation has ``replicates`` and ``rank``
    hidden factors (0: by the line's width). The detector stays untrained until ``min_fails``
    fails and ``min_passes`` passes have come; until then it answers ``prior_rate``, or nothing if
    that is 0. ``backend`` is ``numba``, or ``numpy`` for the same arithmetic written
    densely, without numba: the same risks, slowly.
    """

    model: str = "linear"
    members: tuple[str, ...] = MEMBERS
    seed: int = 0
    window_parts: int = 6000
    window_hours: float = 0.0
    window_fails: int = 100
    window_max_parts: int = 20_000
    copies: int = 3
    replicates: int = 5
    rank: int = 0
    min_fails: int = 10
    min_passes: int = 50
    prior_rate: float = 0.0
    backend: Literal["numba", "numpy"] = "numba"


# Raw log-odds of the model; of a stack, those of its members.
Scores = float | tuple[float, ...]


class Verdict(NamedTuple):
    """A part's risk so far; ``risk`` is None while the detector is untrained and no prior is set.

    ``margin`` is the raw log-odds of the model, kept for calibration when the result comes;
    ``trained`` says whether both outcomes have been seen often enough to speak; ``interval`` holds
    the risk with 90 % if the model is right; ``shifted`` is the risk if every imputed cell lies
    one spread to the harmless and to the harmful side of where it is expected.
    """

    risk: float | None
    margin: Scores | None
    trained: bool
    interval: tuple[float, float] | None = None
    shifted: tuple[float, float] | None = None


class Detector:
    """Learns one line and scores its parts.

    Examples
    --------
    A part's journey through two stations, its score, and its result:

    >>> detector = Detector(DetectorSettings(min_fails=5, min_passes=20))
    >>> for i in range(400):
    ...     fails = i % 20 == 0
    ...     row = PartRow()
    ...     for station, value in (("press", i % 3), ("test", 9 if fails else i % 5)):
    ...         reading = {"torque": float(value)}
    ...         row, _ = detector.encode(row, station, float(i), reading)
    ...         verdict = detector.score(row)
    ...         detector.observe(row, station, reading)
    ...     detector.learn(row, fails, verdict.margin)
    ...     detector.close(row)
    >>> bad, _ = detector.encode(PartRow(), "test", 0.0, {"torque": 9.0})
    >>> good, _ = detector.encode(PartRow(), "test", 0.0, {"torque": 1.0})
    >>> detector.score(bad).risk > 0.3 > detector.score(good).risk
    True
    >>> detector.explain(bad, 1)[0].station
    'test'
    """

    def __init__(self, settings: DetectorSettings | None = None) -> None:
        self.settings = settings or DetectorSettings()
        self.catalogue = FeatureCatalogue()
        self.fails = 0
        self.passes = 0
        # Whether both outcomes have been seen often enough to speak.
        self.trained = self._enough()
        self.member = _member(self.catalogue, self.settings)
        self.calibration: Any = (
            StackedCalibration(len(self.member.names), prior_rate=self.settings.prior_rate)
            if isinstance(self.member, StackMember)
            else PlattCalibration(prior_rate=self.settings.prior_rate)
        )

    def _enough(self) -> bool:
        return self.fails >= self.settings.min_fails and self.passes >= self.settings.min_passes

    @property
    def window(self) -> int:
        """How many results the answering model has learnt."""
        return self.member.window

    @property
    def window_fails(self) -> int:
        """How many of them were fails."""
        return self.member.window_fails

    def members(self) -> tuple[MemberWorth, ...]:
        """What each member of a stack earned over the last results; empty for one model alone."""
        if not isinstance(self.member, StackMember):
            return ()
        worth: tuple[MemberWorth, ...] = self.calibration.worth(self.member.names)
        return worth

    def encode(
        self, row: PartRow, station: str, at: float, values: Mapping[str, Value]
    ) -> tuple[PartRow, tuple[str, ...]]:
        """The row with a reading written in, and the features whose value was of a wrong kind."""
        row, wrong = self.catalogue.encode(row, station, at, values)
        known = self.catalogue.columns.stations.get(station)
        if known is not None:
            self.member.advance(row, known.number)
        return row, wrong

    def read(
        self,
        row: PartRow,
        station: str,
        at: float,
        values: Mapping[str, Value],
        plan: Plan | None = None,
        numbers: Floats | None = None,
    ) -> tuple[Reading, Verdict]:
        """`encode` and `score` in one go, which is quicker and gives the same bits.

        The reading's row is the one to go on with. ``plan`` is what the catalogue's `plan` answers,
        and ``numbers`` are the plan's, if somebody has asked already.
        """
        reading = self.catalogue.prepare(row, station, at, values, plan, numbers)
        if reading.station == UNKNOWN:
            return reading, self.score(reading.row)
        return reading, self._verdict(self.member.read(reading))

    def score(self, row: PartRow) -> Verdict:
        """The part's risk so far. Changes nothing that a later risk could depend on."""
        return self._verdict(self.member.score(self.catalogue.grown(row)))

    def _verdict(self, found: Margin | StackMargin | None) -> Verdict:
        prior = self.settings.prior_rate
        scores: Scores | None = None
        if isinstance(found, StackMargin):
            scores, found = found.means, found.linear
        elif found is not None:
            scores = found.mean
        if found is None or not self.trained:
            return Verdict(prior if prior > 0.0 else None, scores, False)
        _, within, between, ahead, shift = found
        deviation = _NINETY * math.sqrt(within + between)
        answer, low, high, better, worse = self.calibration.risks(scores, ahead, deviation, shift)
        interval = (low, high) if deviation > 0.0 else None
        # Without the detour of a constructor written in Python.
        return tuple.__new__(Verdict, (answer, scores, True, interval, (better, worse)))

    def observe(
        self, row: PartRow, station: str, values: Mapping[str, Value], plan: Plan | None = None
    ) -> None:
        """Learn from a reading what needs no result; ``plan`` is how it is read, if known."""
        if self.catalogue.observe(row, station, values, plan):
            self.member.grow()

    def meet(self, station: str, values: Mapping[str, Value], plan: Plan | None) -> Ints:
        """The half of `observe` that concerns names; `models.station_watch` does the other.

        Answers the columns whose cells are to be learnt from.
        """
        settled, appeared = self.catalogue.meet(station, values, plan)
        if appeared:
            self.member.grow()
        return settled

    def learn(self, row: PartRow, fail: bool, margin: Scores | None, at: float = 0.0) -> None:
        """Learn a result; ``margin`` is the one that the part was last scored with.

        ``at`` is the result's time in seconds, for a window of hours.
        """
        if margin is not None:
            self.calibration.learn(margin, fail)
        self.member.learn(self.catalogue.grown(row), fail, at)
        self.fails += fail
        self.passes += not fail
        self.trained = self._enough()

    def close(self, row: PartRow) -> None:
        """A part's journey has ended, by a result or by expiry."""
        self.catalogue.close(row)
        self.member.close(self.catalogue.grown(row))

    def counts(self, row: PartRow) -> CellCounts:
        """What the part's verdict rests on."""
        return self.catalogue.counts(row)

    def explain(
        self, row: PartRow, count: int, found: Attribution | None = None
    ) -> tuple[CellReason, ...]:
        """The cells that raise this part's risk most, strongest first.

        ``found`` is what `attribute` says of the part, if that is known already.
        """
        row = self.catalogue.grown(row)
        found = found or self.attribute(row)
        if found is None or not count:
            return ()
        return strongest_reasons(self.catalogue, row, found.amounts, count, self.member.fills(row))

    def attribute(self, row: PartRow) -> Attribution | None:
        """What each cell and station adds to the calibrated log-odds of failing.

        The logistic function of ``log_odds`` is the risk, before it is drawn to the middle for what
        the stations ahead may yet say. None before the first result was learnt.
        """
        row = self.catalogue.grown(row)
        found = self.member.score(row)
        if found is None:
            return None
        calibration = self.calibration
        if isinstance(self.member, StackMember):
            amounts = self.member.contributions(row, calibration.slopes)
        else:
            shares = self.member.contributions(row)
            amounts = {subject: calibration.slope * share for subject, share in shares.items()}
        level = calibration.log_odds(found.means if isinstance(found, StackMargin) else found.mean)
        amounts.pop(("", -1), None)
        return Attribution(level, amounts, level - math.fsum(amounts.values()))

    def describe(
        self, row: PartRow, moves: Mapping[Subject, float], count: int
    ) -> tuple[CellReason, ...]:
        """What the ``count`` strongest of these moves show, to either side; the strongest first."""
        row = self.catalogue.grown(row)
        ranked = sorted(moves, key=lambda subject: (-abs(moves[subject]), subject))[:count]
        whole = sum(abs(moved) for moved in moves.values())
        fills = self.member.fills(row) if ranked else {}
        return tuple(
            describe(
                self.catalogue, row, subject, moves[subject], abs(moves[subject]) / whole, fills
            )
            for subject in ranked
        )

    def rests_on(self, row: PartRow, count: int) -> tuple[Input, ...]:
        """The imputed readings that this part's verdict rests on most."""
        if not self.trained:
            return ()
        row = self.catalogue.grown(row)
        return rests_on(self.catalogue, row, self.member.fills(row), count)

    def imputed(self, row: PartRow) -> int:
        """How many dropped readings count as what the part's others let expect."""
        return self.member.imputed(self.catalogue.grown(row)) if self.trained else 0

    def missing(self, row: PartRow) -> Missing:
        """What is not known of the part, and why."""
        return missing(self.catalogue, row)

    def state(self, opaque: Opaque | None = None) -> dict[str, Any]:
        """All that was learnt, as plain values and arrays.

        Raises `models.plain_state.NoPlainState` if the model is not one that can be taken apart,
        and nobody is ``opaque`` to keep it whole.
        """
        state = {
            "model": self.settings.model,
            "backend": self.settings.backend,
            "fails": self.fails,
            "passes": self.passes,
            "catalogue": self.catalogue.state(),
            "calibration": self.calibration.state(),
            "member": (
                self.member.state(opaque)
                if isinstance(self.member, RiverMember)
                else self.member.state()
            ),
        }
        return deepcopy(state)  # its arrays are not the ones that go on learning

    def restore(self, state: dict[str, Any], opaque: Opaque | None = None) -> None:
        """Go on from a `state`; for a fresh detector of the same model."""
        for what in ("model", "backend"):
            wanted = getattr(self.settings, what)
            if state[what] != wanted:
                raise ValueError(
                    f"the state is of {what} {state[what]!r}, this detector's is {wanted!r}: "
                    f"use the same {what}, or train again"
                )
        self.fails, self.passes = state["fails"], state["passes"]
        self.trained = self._enough()
        self.catalogue.restore(state["catalogue"])
        self.calibration.restore(state["calibration"])
        if isinstance(self.member, RiverMember):
            self.member.restore(state["member"], opaque)
        else:
            self.member.restore(state["member"])

    def restore_features(self, state: dict[str, Any], imputation: bool = True) -> None:
        """What a `state` knows of stations and features, without what results have taught.

        With ``imputation`` also what readings tell about each other, where both models impute.
        """
        self.catalogue.restore(state["catalogue"])
        kept = state["member"]
        # A River model imputes nothing, nor does a stack without the linear member.
        gaussian = (kept.get("linear", kept) or {}).get("gaussian")
        linear = self.member.linear if isinstance(self.member, StackMember) else self.member
        if imputation and gaussian is not None and isinstance(linear, LinearMember | DenseTwin):
            linear.gaussian.restore(gaussian)
        self.member.grow()


def _member(
    catalogue: FeatureCatalogue, settings: DetectorSettings
) -> LinearMember | DenseTwin | RiverMember | StackMember:
    if settings.model in NATIVE:
        window = WindowRule(
            settings.window_parts,
            settings.window_hours,
            settings.window_fails,
            max(settings.window_max_parts, settings.window_parts),
        )
        if settings.backend not in ("numba", "numpy"):
            raise ValueError(f"{settings.backend!r} is no backend: take 'numba' or 'numpy'")
        shared = (catalogue, window, settings.replicates, settings.rank, settings.seed)
        if settings.model == "stack":
            return StackMember(*shared, settings.backend, settings.members)
        return LinearMember(*shared) if settings.backend == "numba" else DenseTwin(*shared)
    return RiverMember(
        catalogue,
        settings.model,
        seed=settings.seed,
        parts=settings.window_parts,
        fails=settings.window_fails,
        copies=settings.copies,
    )
