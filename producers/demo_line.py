"""The line of the demonstration: gearbox housings, from casting to the leak test.

Eight stations, 60 features, and nine causes whose traces appear early, so that stopping a part in
time saves most of the work on it. The numbers are invented, the physics is not: cold molds and
poor vacuum make porous castings, a worn mill vibrates, residue spoils the seal.
"""

from __future__ import annotations

from dataclasses import replace
from math import floor, log10

from producers.causes import BadLot, Cell, Interaction, Linear, Threshold, ToolWear
from producers.draws import Draws
from producers.line_spec import (
    Feature,
    Labels,
    LineSpec,
    Route,
    Span,
    Station,
    ValueDrop,
)

# Station, seconds to the next one, then name, mean and spread of its features.
_STATIONS = """
OP10_cast 42: melt_temp_C 705 6, mold_temp_C 215 5, fill_time_ms 48 2.5, pressure_bar 880 18,
  vacuum_mbar 62 6, biscuit_mm 24 0.9
OP20_trim 25: force_kN 210 14, stroke_mm 180.4 0.3, cycle_s 11.2 0.4, burr_mm 0.31 0.08,
  part_temp_C 64 5, oil_bar 142 3, weight_g 1874 11
OP30_mill 55: load_pct 46 4, vibration_mm_s 1.8 0.25, bore_mm 62.004 0.006, flatness_um 14 2.5,
  coolant_bar 38 2, coolant_temp_C 24 1.4, feed_mm_min 1450 20
OP40_drill 38: torque_Nm 7.4 0.6, thrust_N 910 45, depth_mm 41.02 0.05, tool_temp_C 88 6,
  chip_ratio 0.52 0.06, spindle_A 9.6 0.7, breakthrough_ms 212 9, position_um 18 5
OP50_wash 60: bath_temp_C 68 1.5, conductivity_uS 430 35, ph 9.6 0.15, residue_mg 1.9 0.4,
  spray_bar 11.5 0.5, dry_temp_C 104 3, dew_point_C -38 2.5
OP60_press 30: force_kN 34 2.2, path_mm 12.48 0.06, slope_kN_mm 5.1 0.35, end_force_kN 41 2.6,
  relief_um 22 4, temp_C 26 1.2, speed_mm_s 18 0.6
OP70_bolt 34: torque_1_Nm 25.2 0.5, torque_2_Nm 25.1 0.5, torque_3_Nm 25.2 0.5, angle_1_deg 84 5,
  angle_2_deg 83 5, angle_3_deg 84 5, friction 0.132 0.009, clamp_kN 19.4 0.9
OP80_seal 28: bead_width_mm 2.6 0.12, bead_height_mm 1.9 0.1, nozzle_temp_C 46 1.8,
  dose_g 3.24 0.09, gap_s 41 3, humidity_pct 47 6, nozzle_bar 5.4 0.25
"""
_SKEWED = {"burr_mm", "flatness_um", "residue_mg", "position_um", "relief_um"}

_LOT = Cell("OP10_cast", "lot")
_MOLD = Cell("OP10_cast", "mold")

_CAUSES = (
    Linear(name="cold mold", cell=Cell("OP10_cast", "mold_temp_C"), weight=-1.6),
    Threshold(name="poor vacuum", cell=Cell("OP10_cast", "vacuum_mbar"), limit=1.0, weight=2.0),
    BadLot(name="mold 3 leaks", cell=_MOLD, weight=2.0, levels=(2,)),
    BadLot(
        name="hard lot",
        cell=_LOT,
        weight=1.5,
        share=0.25,
        salt="demo",
        symptom=Cell("OP40_drill", "thrust_N"),
        shift=2.5,
    ),
    ToolWear(
        name="worn mill",
        cell=Cell("OP30_mill", "vibration_mm_s"),
        life=480,
        weight=2.4,
        shift=4.0,
        onset=0.4,
        age=200,
    ),
    Linear(name="rough bore", cell=Cell("OP30_mill", "flatness_um"), weight=1.0),
    Linear(name="dull drill", cell=Cell("OP40_drill", "torque_Nm"), weight=1.0),
    Linear(name="dirty bore", cell=Cell("OP50_wash", "residue_mg"), weight=1.6),
    Interaction(
        name="tight fit",
        first=Cell("OP30_mill", "bore_mm"),
        second=Cell("OP60_press", "force_kN"),
        weight=-0.4,
    ),
)

# What the sensors do; all others lose one reading in two hundred.
_FAULTS: dict[str, dict[str, object]] = {
    "OP40_drill/torque_Nm": {"value_drop": ValueDrop(limit=1.5, rate=0.5)},
    "OP30_mill/vibration_mm_s": {"pinned_at": 3.0},
    "OP20_trim/part_temp_C": {"dropped": 0.08},
    "OP60_press/temp_C": {"dead": Span(1_000, 1_300)},
    "OP80_seal/humidity_pct": {"pinned_at": 1.8},
}


def demo_line(line: str, version: int, structure: int) -> LineSpec:
    """The demonstration's line under the name ``line``.

    >>> spec = demo_line("gearbox-A", 1, 0)
    >>> len(spec.stations), spec.features, spec.stations[0].features[4].name
    (8, 60, 'vacuum_mbar')
    """
    draws = Draws("demo", version, structure)
    stations = tuple(_station(text, draws) for text in _paragraphs())
    every = tuple(station.name for station in stations)
    return LineSpec(
        name=line,
        stations=stations,
        routes=(
            Route(0.66, every),
            Route(0.14, _without(every, "OP20_trim")),
            Route(0.12, _without(every, "OP50_wash")),
            Route(0.05, (*every[:7], "OP70_bolt", *every[7:])),
            Route(0.03, (*every[:3], "OP30_mill", *every[3:])),
        ),
        causes=_CAUSES,
        fail_rate=0.05,
        bayes_auc=0.92,
        factors=3,
        test="leak",
        family="demo",
        version=version,
        structure=structure,
    )


def _paragraphs() -> list[str]:
    return [text for text in _STATIONS.strip().replace("\n  ", " ").split("\n") if text]


def _without(stations: tuple[str, ...], name: str) -> tuple[str, ...]:
    return tuple(station for station in stations if station != name)


def _station(text: str, draws: Draws) -> Station:
    head, body = text.split(":")
    name, travel = head.split()
    features = [_feature(name, one.split(), draws) for one in body.split(",")]
    if name == _LOT.station:
        features += [
            Feature(_LOT.feature, kind="categorical", labels=Labels("L", renew=400)),
            Feature(_MOLD.feature, kind="categorical", labels=Labels("M", renew=100_000, cycle=6)),
        ]
    if name == "OP60_press":
        features.append(Feature("seated", kind="boolean", trips_at=-1.8, own=0.5))
    return Station(name, tuple(features), travel=float(travel))


def _feature(station: str, words: list[str], draws: Draws) -> Feature:
    name, mean, spread = words[0], float(words[1]), float(words[2])
    faults = {"dropped": 0.005} | _FAULTS.get(f"{station}/{name}", {})
    shares = tuple(draws.between(-0.35, 0.35) for _ in range(3))
    feature = Feature(
        name,
        mean=mean,
        spread=spread,
        decimals=max(0, 1 - floor(log10(spread))),
        skewed=name in _SKEWED,
        loadings=shares,
        own=draws.between(0.2, 0.6),
    )
    return replace(feature, **faults)  # type: ignore[arg-type]
