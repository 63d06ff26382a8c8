from __future__ import annotations

from models.detector import Detector, DetectorSettings
from models.part_journeys import PartJourney, Reading, follow, sample_journeys


def test_the_sample_line_repeats_itself_and_varies_with_its_seed():
    assert sample_journeys(30) == sample_journeys(30)
    assert sample_journeys(30) != sample_journeys(30, seed=1)
    assert sample_journeys(30) == sample_journeys(60)[:30]


def test_the_sample_line_has_what_the_laws_need():
    journeys = sample_journeys(400)
    fails = sum(bool(journey.fail) for journey in journeys)
    routes = {tuple(reading.station for reading in journey.readings) for journey in journeys}
    values = [v for it in journeys for reading in it.readings for v in reading.values.values()]
    assert 20 < fails < 80
    assert routes == {("press", "oven"), ("press", "weld", "oven")}
    assert {type(value) for value in values} == {float, int, bool, str, type(None)}


def test_a_risk_follows_every_reading_and_a_result_every_part():
    detector = Detector(DetectorSettings(min_fails=1, min_passes=1))
    journeys = sample_journeys(100)
    risks = follow(detector, journeys)
    assert len(risks) == sum(len(journey.readings) for journey in journeys)
    assert detector.fails + detector.passes == len(journeys)


def test_a_part_without_a_result_teaches_no_outcome():
    detector = Detector()
    follow(detector, [PartJourney((Reading("press", 0.0, {"torque": 1.0}),), None)])
    assert detector.fails + detector.passes == 0
