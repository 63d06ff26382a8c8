"""The detector of one line, behind a seam of four verbs.

``encode`` writes a reading into a part's row; ``score`` answers a verdict and changes nothing;
``observe`` learns what needs no result (kinds, scale, gaps, routes); ``learn`` takes a result.
Whatever learns inside, the rest of andon sees no more than this.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, cast

from river.base.typing import FeatureName

from models.baselines import factory
from models.calibration import PlattCalibration
from models.columns import Value
from models.explanation import CellReason, contributions, log_odds, strongest_reasons
from models.features import FeatureCatalogue
from models.part_row import CellCounts, PartRow
from models.window import StaggeredWindow


@dataclass(frozen=True, slots=True)
class DetectorSettings:
    """What a detector is made of.

    ``model`` is a name or import path (`models.baselines.factory`); the window is ``window_parts``
    results, extended until it holds ``window_fails`` fails, kept by ``copies`` staggered models;
    the detector stays untrained until ``min_fails`` fails and ``min_passes`` passes have come.
    """

    model: str = "logistic"
    seed: int = 0
    window_parts: int = 6000
    window_fails: int = 100
    copies: int = 3
    min_fails: int = 10
    min_passes: int = 50


@dataclass(frozen=True, slots=True)
class Verdict:
    """A part's risk so far; ``risk`` is None while the detector is untrained.

    ``margin`` is the raw log-odds of the model, kept for calibration when the result comes;
    ``trained`` says whether both outcomes have been seen often enough to speak.
    """

    risk: float | None
    margin: float | None
    trained: bool


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
        self.calibration = PlattCalibration()
        self.fails = 0
        self.passes = 0
        self._model = StaggeredWindow(
            factory(self.settings.model, self.settings.seed),
            parts=self.settings.window_parts,
            fails=self.settings.window_fails,
            copies=self.settings.copies,
        )

    @property
    def trained(self) -> bool:
        """Whether both outcomes have been seen often enough to speak."""
        return self.fails >= self.settings.min_fails and self.passes >= self.settings.min_passes

    @property
    def window(self) -> int:
        """How many results the answering model has learnt."""
        return self._model.held

    @property
    def window_fails(self) -> int:
        """How many of them were fails."""
        return self._model.held_fails

    def encode(
        self, row: PartRow, station: str, at: float, values: Mapping[str, Value]
    ) -> tuple[PartRow, tuple[str, ...]]:
        """The row with a reading written in, and the features whose value was of a wrong kind."""
        return self.catalogue.encode(row, station, at, values)

    def score(self, row: PartRow) -> Verdict:
        """The part's risk so far. Changes nothing."""
        margin = self._margin(self.catalogue.vector(row))
        risk = self.calibration.risk(margin) if self.trained and margin is not None else None
        return Verdict(risk, margin, self.trained)

    def observe(self, row: PartRow, station: str, values: Mapping[str, Value]) -> None:
        """Learn from a reading what needs no result."""
        self.catalogue.observe(row, station, values)

    def learn(self, row: PartRow, fail: bool, margin: float | None) -> None:
        """Learn a result; ``margin`` is the one that the part was last scored with."""
        if margin is not None:
            self.calibration.learn(margin, fail)
        self._model.learn_one(_for_river(self.catalogue.vector(row)), fail)
        self.fails += fail
        self.passes += not fail

    def close(self, row: PartRow) -> None:
        """A part's journey has ended, by a result or by expiry."""
        self.catalogue.close(row)

    def counts(self, row: PartRow) -> CellCounts:
        """What the part's verdict rests on."""
        return self.catalogue.counts(row)

    def explain(self, row: PartRow, count: int) -> tuple[CellReason, ...]:
        """The cells that raise this part's risk most, strongest first."""
        by_input = contributions(
            self.catalogue.vector(row), self._model.serving, lambda x: self._margin(x) or 0.0
        )
        return strongest_reasons(self.catalogue, row, by_input, count)

    def state(self) -> dict[str, Any]:
        """All that was learnt, as plain values and arrays.

        Raises `models.plain_state.NoPlainState` if the model is not one that can be taken apart.
        """
        state = {
            "model": self.settings.model,
            "fails": self.fails,
            "passes": self.passes,
            "catalogue": self.catalogue.state(),
            "calibration": self.calibration.state(),
            "window": self._model.state(),
        }
        return deepcopy(state)  # its arrays are not the ones that go on learning

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`; for a fresh detector of the same model."""
        if state["model"] != self.settings.model:
            raise ValueError(
                f"the state is of model {state['model']!r}, this detector's is "
                f"{self.settings.model!r}: use the same model, or train again"
            )
        self.fails, self.passes = state["fails"], state["passes"]
        self.catalogue.restore(state["catalogue"])
        self.calibration.restore(state["calibration"])
        self._model.restore(state["window"])

    def _margin(self, vector: dict[str, float]) -> float | None:
        return log_odds(self._model.predict_proba_one(_for_river(vector)))


def _for_river(vector: dict[str, float]) -> dict[FeatureName, float]:
    """The same dictionary: River's keys are any hashables, ours are strings."""
    return cast("dict[FeatureName, float]", vector)
