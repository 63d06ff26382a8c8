from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from lines import by_part, digest, measurements, results
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from producers.families import FAMILIES, NEW_STATION, family
from producers.simulator import SimulatedLine
from stream.errors import ConfigError

# Frozen: the SHA-256 of the events of so many parts. Whatever changes one of these invalidates
# every figure that was published of the family: it is a new version, beside the old one.
DIGESTS = {
    ("demo", 60, 400): "3b499ce8411154d535302c9af95bf0121293e215363415624d73597e38b4efd8",
    ("linear", 60, 400): "c087a57aacdb4936d325d9094ab1157e9335a4ffc9cdf84dc13138c605d66ab7",
    ("linear", 500, 100): "ccd64a1f82f29f339150d9a95c590a2c937415402208439dbf70ce1208037a95",
    ("interaction", 60, 700): "3c4b6de935917f22912f2adf2e3c8fbeda0a61be5d81a976d48f562e382fd70e",
    ("interaction", 500, 100): "c5bbea58ea406702424f458e373f3149701c0eebaffc3d6e753a330360036cca",
    ("drift", 60, 8_200): "6506ebe8c49da0ab5ab6842fd6ff5d6cd1f282d14b8839cf23123599259046b4",
    ("drift", 500, 100): "3338931337109afd74876f08197e697c846b49644761de7493ff75047ace46af",
    ("mnar", 60, 400): "85c3340c9bf5f803d5e0bcdcc6a0693c1f7a65d2136259fd292784f226cd3ee2",
    ("mnar", 500, 100): "fbc30045380bd12247b8a10d643d7f74b11b4c785f22242ec4afc315dc3de0cf",
}


@pytest.mark.parametrize(("name", "features", "parts"), DIGESTS, ids=lambda value: str(value))
def test_a_frozen_line_is_the_same_for_ever(name: str, features: int, parts: int):
    line = SimulatedLine(family(name, features=features), seed=0)
    assert digest(line.events(parts)) == DIGESTS[name, features, parts]


@pytest.mark.parametrize("name", FAMILIES)
def test_a_line_fails_as_often_and_as_predictably_as_it_says(name: str):
    spec = family(name)
    line = SimulatedLine(spec, seed=4)
    # A drifting line keeps its promise over its whole horizon only.
    outcomes = results(line.events(spec.horizon if spec.drifts else 10_000))
    failed = [outcomes[part].outcome == "fail" for part in outcomes]
    chances = [line.truth(part).fail_probability for part in outcomes]
    assert abs(np.mean(failed) - spec.fail_rate) < 0.2 * spec.fail_rate
    assert abs(roc_auc_score(failed, chances) - spec.bayes_auc) < 0.025


@pytest.mark.parametrize("name", [name for name in FAMILIES if name != "demo"])
@pytest.mark.parametrize("features", [60, 500])
def test_a_line_has_the_features_asked_for_and_some_stations_are_optional(name: str, features: int):
    spec = family(name, features=features)
    assert spec.features == features
    assert len(spec.stations) == (8 if features == 60 else 25)
    lengths = {len(set(route.stations)) for route in spec.routes}
    assert len(lengths) > 1
    assert any(len(route.stations) > len(set(route.stations)) for route in spec.routes)
    kinds = {feature.kind for station in spec.stations for feature in station.features}
    assert kinds == {"numeric", "boolean", "categorical"}


@pytest.mark.parametrize("features", [24, 37, 199, 200, 311])
def test_any_number_of_features_makes_a_line(features: int):
    spec = family("interaction", features=features)
    events = list(SimulatedLine(spec).events(10))
    assert spec.features == features
    assert len(results(events)) == 10


def test_the_demo_can_be_learnt_early_from_1500_parts():
    line = SimulatedLine(family("demo"), seed=1)
    events = list(line.events(4_000))
    outcomes, journeys = results(events), by_part(events)
    names = sorted(
        {
            (e.station, name)
            for journey in journeys.values()
            for e in journey
            for name, value in e.values.items()
            if isinstance(value, float)
        }
    )
    place = {cell: i for i, cell in enumerate(names)}
    cells = np.full((4_000, len(names) + 6), np.nan)
    cells[:, len(names) :] = 0.0
    for row, journey in enumerate(journeys.values()):
        for event in journey:
            for name, value in event.values.items():
                if (event.station, name) in place and value is not None:
                    cells[row, place[event.station, name]] = value
                elif name == "mold":
                    cells[row, len(names) + int(str(value)[1:])] = 1.0
    cells = np.where(np.isnan(cells), np.nanmean(cells, axis=0), cells)
    failed = np.array([outcomes[part].outcome == "fail" for part in journeys])
    model = make_pipeline(
        StandardScaler(), LogisticRegression(C=0.01, class_weight="balanced", max_iter=1_000)
    )
    model.fit(cells[:1_500], failed[:1_500])
    assert roc_auc_score(failed[2_000:], model.predict_proba(cells[2_000:])[:, 1]) > 0.78


def test_the_demo_shows_its_causes_early():
    spec = family("demo")
    order = [station.name for station in spec.stations]
    places = [max(order.index(cell.station) for cell in cause.cells) for cause in spec.causes]
    assert sum(place < 4 for place in places) >= 7
    assert max(places) < 6


def test_the_linear_family_can_be_replayed_in_other_structures():
    assert family("linear", structure=1).causes != family("linear", structure=2).causes


def test_mnar_lines_lose_many_readings_and_lose_them_by_value():
    line = SimulatedLine(family("mnar"), seed=0)
    cells = [v for e in measurements(line.events(1_500)) for v in e.values.values()]
    lost = np.mean([value is None for value in cells])
    assert 0.08 < lost < 0.25
    spec = family("mnar")
    hidden = {f.name for s in spec.stations for f in s.features if f.value_drop}
    assert len(hidden) > 20
    touched = {
        (s.name, f.name) for s in spec.stations for f in s.features if f.value_drop is not None
    }
    assert sum(cause.cells[-1] in touched for cause in spec.causes) >= 4


def test_a_drifting_line_changes_when_it_says():
    spec = family("drift")
    assert spec.drifts == (4_000, 8_000, 13_000, 17_000)
    assert {cause.since for cause in spec.causes} == {0, 8_000, 13_000}
    assert {cause.until for cause in spec.causes} == {None, 8_000, 17_000}
    assert {drift.since for drift in spec.sensor_drifts} == {8_000}
    new = next(station for station in spec.stations if station.present.begin)
    feature = next((s.name, f.name) for s in spec.stations for f in s.features if f.present.begin)
    line = SimulatedLine(spec)
    before, after = set(), set()
    for event in measurements(islice(line.events(), 40_000)):
        seen = after if int(event.part[2:]) > NEW_STATION else before
        seen.add(event.station)
        seen.update((event.station, name) for name in event.values)
    assert new.name in after - before
    assert feature in after - before


def test_a_sensor_of_the_drift_family_jumps_at_the_known_time():
    spec = family("drift")
    drift = spec.sensor_drifts[0]
    feature = next(f for s in spec.stations for f in s.features if (s.name, f.name) == drift.cell)
    values: dict[bool, list[float]] = {False: [], True: []}
    for event in measurements(SimulatedLine(spec).events(9_500), drift.cell.station):
        value, part = event.values.get(drift.cell.feature), int(event.part[2:])
        if isinstance(value, float) and part > 6_500:
            values[part > drift.since].append(value)
    jump = (np.mean(values[True]) - np.mean(values[False])) / feature.spread
    assert abs(jump - drift.shift) < 0.4


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"name": "liner"}, "family is 'liner': choose one of demo, linear"),
        ({"name": "linear", "version": 9}, "version of family 'linear' is 9: choose one of 1"),
        ({"name": "linear", "features": 5}, "features is 5: it must be at least 24"),
        ({"name": "demo", "features": 500}, "features of family 'demo' is 500: it always has 60"),
    ],
    ids=["name", "version", "few", "demo"],
)
def test_what_does_not_exist_is_refused_with_what_does(asked: dict, said: str):  # type: ignore[type-arg]
    with pytest.raises(ConfigError, match=said):
        family(asked.pop("name"), **asked)
