"""The body of a generated line: stations, features and routes, before anything can go wrong."""

from __future__ import annotations

from dataclasses import replace
from math import floor, log10
from typing import Any

from producers.causes import Cell
from producers.draws import Draws
from producers.line_spec import Feature, Labels, LineSpec, Route, Span, Station

# Quantity and unit, the range of its mean, and its spread as a share of the mean.
_QUANTITIES = (
    ("torque_Nm", 5.0, 60.0, 0.04),
    ("temp_C", 20.0, 240.0, 0.03),
    ("pressure_bar", 2.0, 180.0, 0.05),
    ("current_A", 1.0, 40.0, 0.08),
    ("force_kN", 1.0, 90.0, 0.06),
    ("flow_l_min", 0.5, 25.0, 0.10),
    ("position_mm", 10.0, 400.0, 0.01),
    ("vibration_mm_s", 0.5, 4.0, 0.20),
    ("time_s", 2.0, 30.0, 0.05),
    ("angle_deg", 30.0, 180.0, 0.06),
)
_FACTORS = 5
_WIDE = 200


class Skeleton:
    """Stations, routes and the cells that are still free to get a cause.

    Lines of 200 features and more have stations of about 20, smaller ones of about 8. A third of
    the stations is optional; some routes repeat a station (rework). Every fourth feature loses
    readings by chance, every tenth saturates, one sensor is dead for a while.
    """

    def __init__(self, draws: Draws, features: int) -> None:
        self.draws = draws
        self.factors = _FACTORS
        count = max(4, round(features / (20 if features >= _WIDE else 8)))
        sizes = [features * (i + 1) // count - features * i // count for i in range(count)]
        self.stations = tuple(self._station(i, size) for i, size in enumerate(sizes))
        self.routes = self._routes()
        self.lot = Cell(self.stations[0].name, "lot")
        self.mold = Cell(self.stations[1].name, "mold")
        numeric = [
            Cell(station.name, feature.name)
            for station in self.stations
            for feature in station.features
            if feature.kind == "numeric"
        ]
        self._places = {cell: place for place, cell in enumerate(numeric)}
        self._free = [numeric[i] for i in draws.pick(len(numeric), len(numeric))]

    def numeric_cells(self, count: int) -> list[Cell]:
        """So many numeric cells that were not given away before."""
        taken, self._free = self._free[:count], self._free[count:]
        return taken

    def place(self, cell: Cell) -> int:
        """The place of a numeric cell along the line."""
        return self._places[cell]

    def change(self, spec: LineSpec, cell: Cell, **changes: Any) -> LineSpec:
        """``spec`` with one feature changed."""
        stations = tuple(
            replace(
                station,
                features=tuple(
                    replace(feature, **changes) if feature.name == cell.feature else feature
                    for feature in station.features
                ),
            )
            if station.name == cell.station
            else station
            for station in spec.stations
        )
        return replace(spec, stations=stations)

    def with_new_station(self, spec: LineSpec, launch: int) -> LineSpec:
        """``spec`` with its last but one station coming into service at ``launch``."""
        new = spec.stations[-2].name
        stations = tuple(
            replace(station, present=Span(launch)) if station.name == new else station
            for station in spec.stations
        )
        return replace(spec, stations=stations)

    def _station(self, number: int, size: int) -> Station:
        features = [self._feature(number, place) for place in range(size)]
        if number == 0:
            features[-1] = Feature("lot", kind="categorical", labels=Labels("L", renew=600))
        if number == 1:
            features[-1] = Feature(
                "mold", kind="categorical", labels=Labels("M", renew=50_000, cycle=5)
            )
        return Station(f"S{number + 1:02d}", tuple(features), travel=self.draws.between(12, 45))

    def _feature(self, number: int, place: int) -> Feature:
        draws = self.draws
        quantity, low, high, relative = _QUANTITIES[int(draws.between(0, len(_QUANTITIES) - 0.001))]
        chance, sensor, shape = (float(draws.uniform(1)[0]) for _ in range(3))
        if chance < 0.06:
            return Feature(
                f"check_{place + 1}", kind="boolean", trips_at=draws.between(-1.8, 1.8), own=0.5
            )
        mean = draws.between(low, high)
        spread = round(mean * relative, 4)
        return Feature(
            f"{quantity}_{place + 1}",
            mean=mean,
            spread=spread,
            decimals=max(0, 1 - floor(log10(spread))),
            skewed=shape < 0.15,
            loadings=tuple(draws.between(-0.4, 0.4) for _ in range(_FACTORS)),
            own=draws.between(0.0, 0.5),
            dropped=draws.between(0.002, 0.03) if sensor < 0.25 else 0.0,
            pinned_at=draws.between(1.6, 2.4) if sensor > 0.9 else None,
            dead=Span(3_000, 3_600) if (number, place) == (2, 0) else None,
        )

    def _routes(self) -> tuple[Route, ...]:
        names = [station.name for station in self.stations]
        # The first two and the last station are never optional: they hold lot, mold and the exit.
        middle = names[2:-1]
        optional = [middle[i] for i in self.draws.pick(max(1, len(names) // 3), len(middle))]
        routes = [Route(0.4, tuple(names))]
        variants = max(4, len(names) // 3)
        for number in range(variants):
            left_out = {
                optional[i] for i in self.draws.pick(1 + number % len(optional), len(optional))
            }
            way = [name for name in names if name not in left_out]
            if number == 0:
                again = 1 + int(self.draws.between(0, len(way) - 2))
                way.insert(again, way[again])
            routes.append(Route(0.6 / variants, tuple(way)))
        return tuple(routes)
