"""Members of the stack: any of them can be left out, and a state names whose it is."""

from __future__ import annotations

import math

import pytest

from models.detector import Detector, DetectorSettings
from models.part_journeys import follow, sample_journeys
from models.part_row import PartRow
from stream import checkpoint

JOURNEYS = sample_journeys(300)


def taught(*members: str) -> Detector:
    settings = DetectorSettings(model="stack", members=members, min_fails=5, min_passes=20)
    detector = Detector(settings)
    follow(detector, JOURNEYS)
    return detector


def rows(detector: Detector) -> list[PartRow]:
    found, row = [], PartRow()
    for reading in JOURNEYS[7].readings:
        row, _ = detector.encode(row, *reading)
        row = detector.catalogue.grown(row)
        found.append(row)
    return found


@pytest.mark.parametrize("members", [("long",), ("linear",), ("short", "long")], ids="+".join)
def test_a_stack_of_some_members_scores_and_explains_with_these_alone(members):
    detector = taught(*members)
    for row in rows(detector):
        verdict, found = detector.score(row), detector.attribute(row)
        assert len(verdict.margin) == len(members)
        assert 0.0 < verdict.risk < 1.0
        told = math.fsum(found.amounts.values()) + found.rest
        assert told == pytest.approx(detector.calibration.log_odds(verdict.margin), abs=1e-5)
    assert tuple(one.name for one in detector.members()) == members
    assert sum(one.weight for one in detector.members()) == pytest.approx(1.0)


def test_a_member_gives_the_same_margins_whoever_else_takes_part():
    alone, among = taught("long"), taught("short", "long")
    for one, other in zip(rows(alone), rows(among), strict=True):
        assert alone.score(one).margin[0] == among.score(other).margin[1]


@pytest.mark.parametrize("members", [("long",), ("linear", "short")], ids="+".join)
def test_a_stack_read_back_goes_on_alike_and_its_state_names_its_members(members):
    going = taught(*members)
    state = checkpoint.loads(checkpoint.dumps(going.state()))
    assert tuple(state["member"]["members"]) == members
    again = Detector(going.settings)
    again.restore(state)
    for detector in (going, again):
        follow(detector, JOURNEYS[:40])
    for one, other in zip(rows(going), rows(again), strict=True):
        assert going.score(one) == again.score(other)
    assert going.members() == again.members()


def test_a_state_of_other_members_is_refused_by_name():
    state = taught("short").state()
    other = Detector(DetectorSettings(model="stack", members=("linear", "short")))
    with pytest.raises(ValueError, match="of the members short, this stack's are linear, short"):
        other.restore(state)


@pytest.mark.parametrize("members", [(), ("linear", "forest"), ("long", "long")])
def test_members_that_there_are_not_are_refused_with_those_that_there_are(members):
    with pytest.raises(ValueError, match="name one or more of linear, short, long, each once"):
        Detector(DetectorSettings(model="stack", members=members))
