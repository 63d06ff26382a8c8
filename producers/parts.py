"""The true state of parts on a line: routes, values in spreads, and what each cause adds.

Parts are drawn in batches. A batch depends on its description, its random stream and the places of
its parts in the order of launching, and on nothing drawn before it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from producers.causes import BoolArray, Cell
from producers.draws import Draws, FloatArray, IntArray
from producers.line_spec import Feature, LineSpec, Span, Station


@dataclass(frozen=True)
class Block:
    """A visit that parts may pay to a station, and its columns.

    A station that some route passes twice has two blocks: ``attempt`` 0 for the visit that counts,
    1 for the one before the rework, whose values are thrown away with it.
    """

    station: Station
    columns: slice
    attempt: int = 0


@dataclass(frozen=True)
class PartBatch:
    """The true state of n parts (a `producers.causes.Parts`)."""

    plan: LinePlan
    index: IntArray
    """[n], the place of each part in the order of launching."""
    route: IntArray
    """[n], the number of each part's route."""
    z: FloatArray
    """[n, columns], values in spreads from the mean."""
    seen: BoolArray
    """[n, blocks], which visits each part pays."""

    def value(self, cell: Cell) -> FloatArray:
        values: FloatArray = self.z[:, self.plan.columns[cell][0]]
        return values

    def level(self, cell: Cell) -> IntArray:
        return self.plan.levels(self.plan.features[self.plan.columns[cell][0]], self.index)

    def visited(self, station: str) -> BoolArray:
        visits: BoolArray = self.seen[:, self.plan.block_of[station]]
        return visits


class LinePlan:
    """A description turned into arrays, ready to draw parts from.

    >>> from producers.families import family
    >>> plan = LinePlan(family("demo"))
    >>> batch = plan.draw(Draws("example"), np.arange(3))
    >>> batch.z.shape == (3, len(plan.features)), plan.contributions(batch).shape[0]
    (True, 3)
    """

    def __init__(self, spec: LineSpec) -> None:
        self.spec = spec
        self.blocks = _blocks(spec)
        self.features: tuple[Feature, ...] = tuple(
            feature for block in self.blocks for feature in block.station.features
        )
        self.columns: dict[Cell, list[int]] = {}
        for block in self.blocks:
            for place, feature in enumerate(block.station.features, start=block.columns.start):
                self.columns.setdefault(Cell(block.station.name, feature.name), []).append(place)
        self.block_of = {b.station.name: i for i, b in enumerate(self.blocks) if b.attempt == 0}
        self.offsets = _offsets(spec, self.blocks)
        self._chances = np.cumsum([route.probability for route in spec.routes])
        self._loadings, self._own, self._noise = _shares(spec, self.blocks)
        order = {station.name: spec.factors + i for i, station in enumerate(spec.stations)}
        self._station_factor = [
            order[b.station.name] for b in self.blocks for _ in b.station.features
        ]
        self._wander = _Wander(spec)

    def levels(self, feature: Feature, index: IntArray) -> IntArray:
        """[n], the level of a categorical feature when each part is launched."""
        if (labels := feature.labels) is None:
            raise KeyError(f"{feature.name} has no levels: it is {feature.kind}")
        return index // labels.renew * labels.cycle + index // labels.hold % labels.cycle

    def draw(self, draws: Draws, index: IntArray) -> PartBatch:
        """The parts at the places ``index``, ascending."""
        n = len(index)
        route = np.searchsorted(self._chances[:-1], draws.uniform(n), side="right")
        factors = self._wander.factors(draws, index)
        z = factors[:, self._station_factor] * self._own
        # Added up one by one: a matrix product may round differently with every BLAS.
        for number, loadings in enumerate(self._loadings.T):
            z += factors[:, number, None] * loadings
        z += draws.normal(n, len(self.features)) * self._noise
        seen = self.offsets[route] >= 0
        for place, block in enumerate(self.blocks):
            if block.station.present != Span():
                seen[:, place] &= within(block.station.present, index)
        batch = PartBatch(self, index, route, z, seen)
        for cause in self.spec.causes:
            for cell, shift in cause.traces(batch):
                for column in self.columns[cell]:
                    z[:, column] += shift
        return batch

    def contributions(self, batch: PartBatch) -> FloatArray:
        """[n, causes], the relative share of each cause in each part's log-odds."""
        return np.column_stack([cause.log_odds(batch) for cause in self.spec.causes])


def within(span: Span, index: IntArray) -> BoolArray:
    """[n], which launches lie in the span.

    >>> within(Span(2, 4), np.arange(5)).tolist()
    [False, False, True, True, False]
    """
    begun = index >= span.begin
    return begun if span.end is None else begun & (index < span.end)


class _Wander:
    """The factors: partly slow waves that many parts share, partly each part's own."""

    def __init__(self, spec: LineSpec) -> None:
        self._count = spec.factors + len(spec.stations)
        self._slow = spec.wander
        draws = Draws("wander", spec.family, spec.version, spec.features, spec.structure)
        self._period = 400.0 * 10.0 ** draws.uniform(self._count)
        self._phase = 2.0 * np.pi * draws.uniform(self._count)

    def factors(self, draws: Draws, index: IntArray) -> FloatArray:
        """[n, factors], variance 1 in the long run."""
        wave = np.sin(2.0 * np.pi * index[:, None] / self._period + self._phase)
        own = draws.normal(len(index), self._count)
        factors: FloatArray = np.sqrt(2.0 * self._slow) * wave + np.sqrt(1.0 - self._slow) * own
        return factors


def _blocks(spec: LineSpec) -> tuple[Block, ...]:
    twice = {name for r in spec.routes for name in r.stations if r.stations.count(name) > 1}
    visits = [(station, 0) for station in spec.stations]
    visits += [(station, 1) for station in spec.stations if station.name in twice]
    blocks, end = [], 0
    for station, attempt in visits:
        begin, end = end, end + len(station.features)
        blocks.append(Block(station, slice(begin, end), attempt))
    return tuple(blocks)


def _offsets(spec: LineSpec, blocks: tuple[Block, ...]) -> IntArray:
    """[routes, blocks], milliseconds from the launch to the visit, -1 where there is none."""
    place = {(block.station.name, block.attempt): i for i, block in enumerate(blocks)}
    travel = {station.name: station.travel for station in spec.stations}
    offsets = np.full((len(spec.routes), len(blocks)), -1, dtype=np.int64)
    for row, route in enumerate(spec.routes):
        elapsed = 0.0
        for step, name in enumerate(route.stations):
            again = name in route.stations[step + 1 :]
            offsets[row, place[name, int(again)]] = round(elapsed * 1000)
            elapsed += travel[name]
    return offsets


def _shares(spec: LineSpec, blocks: tuple[Block, ...]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """[columns, factors] shares in the line's factors, [columns] in the station's, and the rest."""
    features = [feature for block in blocks for feature in block.station.features]
    loadings = np.zeros((len(features), spec.factors))
    for row, feature in enumerate(features):
        loadings[row, : len(feature.loadings)] = feature.loadings
    own = np.array([feature.own for feature in features])
    return loadings, own, np.sqrt(1.0 - (loadings**2).sum(axis=1) - own**2)
