"""The description of a simulated line: all that a simulator needs besides a seed.

Values are described in spreads from the mean (z): a *factor* is shared by features of all
stations (ambient temperature, batch of material), a station's own factor by its features alone,
and the rest is each feature's own noise. What is reported is the value in its unit, after the
sensor's faults.

Places in time are counted in launches: launch 0 is the first part of the stream.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from producers.causes import BadLot, Cause, Cell
from stream.errors import ConfigError

Kind = Literal["numeric", "boolean", "categorical"]
START = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
MOST_VISITS = 2


@dataclass(frozen=True)
class Span:
    """The launches [begin, end); ``end`` None is for ever.

    >>> Span(10, 20), Span(5)
    (Span(begin=10, end=20), Span(begin=5, end=None))
    """

    begin: int = 0
    end: int | None = None


@dataclass(frozen=True)
class Labels:
    """The levels of a categorical feature, which come and go.

    ``cycle`` levels take turns, ``hold`` launches each; after ``renew`` launches all are replaced.
    Lots: cycle 1. Molds: cycle 4, hold 1. Level n is written as ``prefix`` and n with four digits.
    """

    prefix: str
    renew: int
    cycle: int = 1
    hold: int = 1


@dataclass(frozen=True)
class ValueDrop:
    """Beyond ``limit`` spreads (above a positive one, below a negative) the sensor often fails.

    With probability ``rate`` it reports nothing: missing not at random.
    """

    limit: float
    rate: float


@dataclass(frozen=True)
class Feature:
    """One feature of a station.

    ``loadings`` are its shares in the factors of the line, ``own`` that in the station's factor;
    the sum of their squares stays below 1. Numeric values are mean + spread * z, rounded to
    ``decimals``, ``skewed`` ones with a long upper tail. A boolean is true where z exceeds
    ``trips_at``. ``pinned_at`` is the z at which the sensor saturates, ``dropped`` the probability
    of reporting nothing, ``dead`` a span in which it reports nothing at all.
    """

    name: str
    kind: Kind = "numeric"
    mean: float = 0.0
    spread: float = 1.0
    decimals: int = 2
    skewed: bool = False
    loadings: tuple[float, ...] = ()
    own: float = 0.0
    trips_at: float = 1.5
    labels: Labels | None = None
    dropped: float = 0.0
    value_drop: ValueDrop | None = None
    pinned_at: float | None = None
    dead: Span | None = None
    present: Span = Span()


@dataclass(frozen=True)
class Station:
    """One station: its features, the seconds to the next one, the error of its clock."""

    name: str
    features: tuple[Feature, ...]
    travel: float = 20.0
    clock_skew: float = 0.0
    present: Span = Span()


@dataclass(frozen=True)
class Route:
    """A way through the line taken with ``probability``; a station named twice is rework."""

    probability: float
    stations: tuple[str, ...]


@dataclass(frozen=True)
class SensorDrift:
    """From ``since`` on the *reported* value of ``cell`` is off by ``shift`` spreads.

    It comes over ``ramp`` launches. The parts themselves stay as they were.
    """

    cell: Cell
    since: int
    shift: float
    ramp: int = 1


@dataclass(frozen=True)
class Breaks:
    """After ``every`` seconds of launching, ``pause`` seconds in which no part is launched."""

    every: float = 4 * 3600.0
    pause: float = 15 * 60.0


@dataclass(frozen=True)
class LineSpec:
    """A simulated line.

    ``takt`` is the time between launches in seconds, ``delay`` the hours from a part's last
    measurement to its result (log-normal, ``delay_spread`` in log units), ``tick`` the seconds of
    silence after which the line says that time has passed. Over its first ``horizon`` parts a share
    ``fail_rate`` fails, and who knows every cause ranks fails above passes with probability
    ``bayes_auc``. ``wander`` is the share of the factors' variance that is slow.

    ``family``, ``version`` and ``features`` name the description in every random stream: change
    what it generates and it needs a new version.
    """

    name: str
    stations: tuple[Station, ...]
    routes: tuple[Route, ...]
    causes: tuple[Cause, ...]
    fail_rate: float = 0.03
    bayes_auc: float = 0.85
    takt: float = 30.0
    delay: float = 2.0
    delay_spread: float = 0.1
    tick: float = 60.0
    breaks: Breaks | None = Breaks()
    wander: float = 0.15
    factors: int = 0
    sensor_drifts: tuple[SensorDrift, ...] = ()
    drifts: tuple[int, ...] = ()
    horizon: int = 20_000
    start: datetime = START
    test: str = "EOL"
    family: str = "custom"
    version: int = 1
    structure: int = 0

    def __post_init__(self) -> None:
        for problem in _problems(self):
            raise ConfigError(f"line {self.name!r}: {problem}")

    @property
    def features(self) -> int:
        """The number of features of all stations."""
        return sum(len(station.features) for station in self.stations)

    def cause(self, name: str) -> Cause:
        """The cause of that name; raises KeyError."""
        return {cause.name: cause for cause in self.causes}[name]

    def launch_ms(self, index: int) -> int:
        """Milliseconds from ``start`` to the launch of part ``index``, breaks included.

        >>> from producers.families import family
        >>> family("demo").launch_ms(480)  # four hours of work and a break of fifteen minutes
        15300000
        """
        work = round(index * self.takt * 1000)
        if self.breaks is None:
            return work
        return work + work // round(self.breaks.every * 1000) * round(self.breaks.pause * 1000)


def _problems(spec: LineSpec) -> list[str]:
    found = []
    stations = {station.name: station for station in spec.stations}
    cells = {Cell(s.name, f.name): f for s in spec.stations for f in s.features}
    if len(stations) < len(spec.stations):
        found.append("two stations have the same name: rename one")
    if len(cells) < spec.features:
        found.append("a station has two features of the same name: rename one")
    found += [
        f"{name} is {getattr(spec, name)}: it must be positive"
        for name in ("takt", "delay", "tick", "horizon")
        if getattr(spec, name) <= 0
    ]
    if not 0 < spec.fail_rate < 0.5:
        found.append(f"fail_rate is {spec.fail_rate}: it must lie between 0 and 0.5")
    if not 0.5 < spec.bayes_auc < 1:
        found.append(f"bayes_auc is {spec.bayes_auc}: it must lie between 0.5 and 1")
    if spec.start.tzinfo is None:
        found.append(f"start is {spec.start}: it needs a time zone")
    total = sum(route.probability for route in spec.routes)
    if abs(total - 1.0) > 1e-6:
        found.append(f"the probabilities of the routes add up to {total:.4f}: they must give 1")
    always = {station.name for station in spec.stations if station.present == Span()}
    for route in spec.routes:
        if not always.intersection(route.stations):
            found.append("a route passes no station that is always there: add one")
        found += [
            f"a route passes {name!r}, which is no station: name one of {', '.join(stations)}"
            for name in sorted(set(route.stations) - stations.keys())
        ]
        found += [
            f"a route passes {name!r} more than {MOST_VISITS} times: leave visits out"
            for name in sorted(set(route.stations))
            if route.stations.count(name) > MOST_VISITS
        ]
    wanted = [(cause.name, cell) for cause in spec.causes for cell in cause.touches]
    wanted += [("a sensor drift", drift.cell) for drift in spec.sensor_drifts]
    found += [
        f"{name} works through {cell.station}/{cell.feature}, which does not exist: name a feature"
        for name, cell in wanted
        if cell not in cells
    ]
    found += [
        f"{cause.name} works through {cell.station}/{cell.feature}, which is {cells[cell].kind}: "
        f"bad lots need a categorical feature, all other causes a numeric or boolean one"
        for cause in spec.causes
        for cell in cause.cells
        if cell in cells and isinstance(cause, BadLot) != (cells[cell].kind == "categorical")
    ]
    if not spec.causes:
        found.append("it has no cause of failure: give it one")
    for cell, feature in cells.items():
        found += [f"{cell.station}/{cell.feature}: {p}" for p in _feature_problems(feature, spec)]
    return found


def _feature_problems(feature: Feature, spec: LineSpec) -> list[str]:
    found = []
    if len(feature.loadings) > spec.factors:
        found.append(f"{len(feature.loadings)} loadings on {spec.factors} factors: raise factors")
    shared = sum(share * share for share in (*feature.loadings, feature.own))
    if shared >= 1:
        found.append(f"the squares of its shares add up to {shared:.3f}: keep them below 1")
    if (feature.kind == "categorical") != (feature.labels is not None):
        found.append("labels belong to categorical features, and to each of them")
    return found
