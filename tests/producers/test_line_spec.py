from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from lines import TORQUE, small_spec

from producers.causes import BadLot, Cell, Linear
from producers.line_spec import Breaks, Feature, Labels, Route, Span
from stream.errors import ConfigError

MISTAKES: list[tuple[str, dict[str, Any], str]] = [
    ("takt", {"takt": 0.0}, "takt is 0.0: it must be positive"),
    ("rate", {"fail_rate": 0.7}, "fail_rate is 0.7: it must lie between 0 and 0.5"),
    ("auc", {"bayes_auc": 1.0}, "bayes_auc is 1.0: it must lie between 0.5 and 1"),
    ("sum", {"routes": (Route(0.8, ("A",)),)}, "add up to 0.8000: they must give 1"),
    ("route", {"routes": (Route(1.0, ("A", "X")),)}, "'X', which is no station: name one of A, B"),
    ("thrice", {"routes": (Route(1.0, ("A", "A", "A")),)}, "'A' more than 2 times"),
    ("nowhere", {"routes": (Route(1.0, ()),)}, "no station that is always there: add one"),
    ("none", {"causes": ()}, "no cause of failure: give it one"),
    (
        "cell",
        {"causes": (Linear(name="ghost", cell=Cell("A", "x"), weight=1.0),)},
        "ghost works through A/x, which does not exist",
    ),
    (
        "kind",
        {"causes": (BadLot(name="lots", cell=TORQUE, weight=1.0),)},
        "lots works through A/torque, which is numeric: bad lots need a categorical",
    ),
    (
        "symptom",
        {
            "causes": (
                BadLot(name="lots", cell=Cell("B", "lot"), weight=1.0, symptom=Cell("B", "no")),
            )
        },
        "lots works through B/no, which does not exist",
    ),
]


@pytest.mark.parametrize(
    ("changes", "said"), [m[1:] for m in MISTAKES], ids=[m[0] for m in MISTAKES]
)
def test_a_mistake_is_named_with_its_remedy(changes: dict[str, Any], said: str):
    lot = Feature("lot", kind="categorical", labels=Labels("L", renew=9))
    with pytest.raises(ConfigError) as caught:
        small_spec(lot, **changes)
    assert "line 'small'" in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("feature", "said"),
    [
        (Feature("x", own=1.0), "B/x: the squares of its shares add up to 1.000"),
        (Feature("x", loadings=(0.1,)), "B/x: 1 loadings on 0 factors: raise factors"),
        (Feature("x", kind="categorical"), "B/x: labels belong to categorical features"),
        (Feature("gap"), "two features of the same name"),
    ],
    ids=["shares", "loadings", "labels", "twice"],
)
def test_a_feature_that_cannot_be_is_refused(feature: Feature, said: str):
    with pytest.raises(ConfigError, match=said):
        small_spec(feature)


def test_a_line_whose_only_station_comes_later_is_refused():
    spec = small_spec()
    late = replace(spec.stations[0], present=Span(10))
    with pytest.raises(ConfigError, match="no station that is always there"):
        replace(spec, stations=(late, *spec.stations[1:]), routes=(Route(1.0, ("A",)),))


def test_launches_pause_for_the_breaks():
    spec = small_spec(takt=60.0, breaks=Breaks(every=600.0, pause=120.0))
    assert [spec.launch_ms(i) // 1000 for i in (0, 9, 10, 20)] == [0, 540, 720, 1440]


def test_without_breaks_launches_come_every_takt():
    assert small_spec(takt=1.5, breaks=None).launch_ms(1_000_001) == 1_500_001_500


def test_a_cause_is_found_by_its_name():
    assert small_spec().cause("tight").cells == (TORQUE,)
    with pytest.raises(KeyError):
        small_spec().cause("loose")
