"""Every law holds for every model that andon ships, and each law can fail."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace

import pytest

from models import checks
from models.calibration import PlattCalibration
from models.checks import LAWS, Journeys, Make
from models.detector import Detector, DetectorSettings, Verdict
from models.kinds import Value
from models.part_journeys import eventful_journeys, sample_journeys
from models.part_row import PartRow
from models.plain_state import State
from models.reading import Reading
from stream import checkpoint

MODELS = {
    "linear": {"model": "linear"},
    "stack": {"model": "stack"},
    "logistic": {"model": "logistic"},
    "forest": {"model": "forest"},
    "tree": {"model": "river.tree.HoeffdingAdaptiveTreeClassifier"},
}
SMALL = DetectorSettings(min_fails=3, min_passes=10, window_parts=60, window_fails=5)
WIDER = replace(SMALL, window_parts=120, window_fails=10)

Read = tuple[Reading, Verdict]
Encoded = tuple[PartRow, tuple[str, ...]]


def law_name(law: object) -> str:
    return getattr(law, "__name__", "").removeprefix("check_")


def stream_for(law: object) -> Journeys:
    """Learning takes more parts than anything else."""
    long = law is checks.check_failing_parts_stand_out
    return sample_journeys(320, seed=4) if long else sample_journeys(160)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("law", LAWS, ids=law_name)
def test_a_shipped_model_keeps_the_law(law, model):
    settings = WIDER if law is checks.check_failing_parts_stand_out else SMALL
    law(lambda: Detector(replace(settings, **MODELS[model])), stream_for(law))


@pytest.mark.parametrize(
    "law",
    [
        checks.check_new_station_needs_no_restart,
        checks.check_vanished_station_costs_nothing,
        checks.check_hostile_values_do_no_harm,
    ],
    ids=law_name,
)
def test_the_specification_in_numpy_keeps_the_law(law):
    law(lambda: Detector(replace(SMALL, model="linear", backend="numpy")), stream_for(law))


@pytest.mark.parametrize("model", ["linear", "stack", "logistic"])
def test_being_asked_changes_nothing_on_a_busy_day(model):
    make: Make = lambda: Detector(replace(WIDER, **MODELS[model]))  # noqa: E731
    checks.check_scoring_changes_nothing(make, eventful_journeys(500))


@pytest.mark.parametrize("model", ["linear", "stack", "logistic"])
def test_a_reading_at_once_is_the_same_on_a_busy_day(model):
    make: Make = lambda: Detector(replace(WIDER, **MODELS[model]))  # noqa: E731
    checks.check_reading_at_once_is_the_same(make, eventful_journeys(500))


@pytest.mark.parametrize("model", ["linear", "stack", "logistic"])
def test_a_state_that_was_a_file_goes_on_alike(model):
    checks.check_a_state_read_back_goes_on_alike(
        lambda: Detector(replace(WIDER, **MODELS[model])),
        eventful_journeys(500),
        through=lambda state: checkpoint.loads(checkpoint.dumps(state)),
    )


class LearnsFromBeingAsked(Detector):
    def score(self, row: PartRow) -> Verdict:
        verdict = super().score(row)
        self.calibration.learn(verdict.margin or 0.0, False)
        return verdict


class RoundsInHaste(Detector):
    def read(self, row: PartRow, station: str, at: float, values: Mapping[str, Value]) -> Read:
        reading, verdict = super().read(row, station, at, values)
        hasty = None if verdict.risk is None else round(verdict.risk, 6)
        return reading, verdict._replace(risk=hasty)


class BelievesTheFirstKey(Detector):
    first = ""

    def encode(self, row: PartRow, station: str, at: float, values: Mapping[str, Value]) -> Encoded:
        self.first = next(iter(values), "")
        return super().encode(row, station, at, values)

    def score(self, row: PartRow) -> Verdict:
        verdict = super().score(row)
        if verdict.risk is None:
            return verdict
        return verdict._replace(risk=verdict.risk / (1 + len(self.first)))


class ThrowsDice(Detector):
    def score(self, row: PartRow) -> Verdict:
        verdict = super().score(row)
        return verdict if verdict.risk is None else verdict._replace(risk=random.random())


class WantsARestart(Detector):
    def observe(self, row: PartRow, station: str, values: Mapping[str, Value]) -> None:
        if not self.trained or station in self.catalogue.columns.stations:
            super().observe(row, station, values)


class WaitsForEveryStation(Detector):
    def score(self, row: PartRow) -> Verdict:
        verdict = super().score(row)
        been = [at == at for at in row.visited_at]
        return verdict if been[:1] == [True] else verdict._replace(risk=None)


class LearnsTheOpposite(Detector):
    def learn(self, row: PartRow, fail: bool, margin: float | None) -> None:
        super().learn(row, not fail, margin)


class SumsWhateverComes(Detector):
    total = 0.0

    def encode(self, row: PartRow, station: str, at: float, values: Mapping[str, Value]) -> Encoded:
        self.total += sum(2 * v for v in values.values() if isinstance(v, float))
        return super().encode(row, station, at, values)

    def score(self, row: PartRow) -> Verdict:
        verdict = super().score(row)
        return verdict if verdict.risk is None else verdict._replace(risk=0 * self.total + 0.5)


class KeepsEveryRow(Detector):
    def __init__(self, settings: DetectorSettings) -> None:
        super().__init__(settings)
        self.rows: list[PartRow] = []

    def learn(self, row: PartRow, fail: bool, margin: float | None) -> None:
        super().learn(row, fail, margin)
        self.rows.append(row)


class GuessesZero(Detector):
    def score(self, row: PartRow) -> Verdict:
        verdict = super().score(row)
        return verdict._replace(risk=verdict.risk or 0.0)


class SharesItsCalibration(Detector):
    shared = PlattCalibration()

    def __init__(self, settings: DetectorSettings) -> None:
        super().__init__(settings)
        self.calibration = self.shared


class ForgetsItsCalibration(Detector):
    def restore(self, state: State) -> None:
        super().restore(state)
        self.calibration = PlattCalibration()


BROKEN = {
    checks.check_scoring_changes_nothing: (LearnsFromBeingAsked, "asked but once a part"),
    checks.check_reading_at_once_is_the_same: (RoundsInHaste, "at once Verdict"),
    checks.check_a_state_read_back_goes_on_alike: (ForgetsItsCalibration, "read back"),
    checks.check_order_of_keys_changes_no_risk: (BelievesTheFirstKey, "another order of keys"),
    checks.check_same_stream_gives_same_risks: (ThrowsDice, "with a second run"),
    checks.check_new_station_needs_no_restart: (WantsARestart, "0 measured cells, not 1"),
    checks.check_vanished_station_costs_nothing: (WaitsForEveryStation, "'press' vanished"),
    checks.check_failing_parts_stand_out: (LearnsTheOpposite, "a fail outranks a pass in 0."),
    checks.check_hostile_values_do_no_harm: (SumsWhateverComes, "a risk of nan is no probability"),
    checks.check_memory_stays_bounded: (KeepsEveryRow, "the detector grew from"),
    checks.check_untrained_answers_none: (GuessesZero, r"risks \[0.0\] .* seen no result"),
    checks.check_results_change_no_earlier_risk: (SharesItsCalibration, "other results later"),
}


@pytest.mark.parametrize("law", LAWS, ids=law_name)
def test_a_detector_that_breaks_the_law_is_found_out(law):
    broken, telling = BROKEN[law]
    with pytest.raises(AssertionError, match=telling):
        law(lambda: broken(SMALL), stream_for(law))


@pytest.mark.parametrize(
    "law",
    [
        checks.check_scoring_changes_nothing,
        checks.check_same_stream_gives_same_risks,
        checks.check_vanished_station_costs_nothing,
        checks.check_failing_parts_stand_out,
        checks.check_hostile_values_do_no_harm,
    ],
    ids=law_name,
)
def test_a_stream_too_short_to_train_on_proves_nothing(law):
    make: Make = lambda: Detector(SMALL)  # noqa: E731 - a factory is what the law takes
    with pytest.raises(AssertionError, match=r"longer stream|too short"):
        law(make, sample_journeys(10))
