"""Named, versioned families of simulated lines, frozen for benchmarks.

======================  ===========================================================================
``demo``                gearbox housings, eight stations, a strong signal (`producers.demo_line`)
``linear``              many small effects that add up, one bad mold
``interaction``         products of two features, thresholds, a wearing tool, bad lots
``drift``               causes, sensors, stations and features change at ``LineSpec.drifts``
``mnar``                half of the sensors often fails at high or at low values, causes among them
======================  ===========================================================================

The same name, version, features, structure, line and seed give the same events for ever: whatever
would change them is a new version, beside the old one. A test asserts the SHA-256 of each family's
events, because a change would invalidate every published figure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from producers.causes import BadLot, Cause, Interaction, Linear, StationDrift, Threshold, ToolWear
from producers.demo_line import demo_line
from producers.draws import Draws
from producers.line_spec import LineSpec, SensorDrift, Span, ValueDrop
from producers.skeleton import Skeleton
from stream.errors import ConfigError

FAMILIES: dict[str, tuple[int, ...]] = {
    "demo": (1,),
    "linear": (1,),
    "interaction": (1,),
    "drift": (1,),
    "mnar": (1,),
}
"""The families, and the versions of each."""

DEMO_FEATURES = 60
FEWEST_FEATURES = 24
NEW_STATION, SUDDEN, GRADUAL, REPAIRED = 4_000, 8_000, 13_000, 17_000
"""The launches at which a line of the ``drift`` family changes."""


def family(
    name: str,
    *,
    features: int = 60,
    version: int = 1,
    structure: int = 0,
    line: str | None = None,
) -> LineSpec:
    """The line of a family with so many features.

    Another ``structure`` is another line of the same kind: other routes, correlations and causes.
    ``line`` is the name that its events bear. Raises `ConfigError` for what does not exist.

    >>> spec = family("linear", features=500)
    >>> len(spec.stations), spec.features, spec.name
    (25, 500, 'linear-500')
    >>> family("lineal")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    stream.errors.ConfigError: family is 'lineal': choose one of demo, ...
    """
    if name not in FAMILIES:
        raise ConfigError(f"family is {name!r}: choose one of {', '.join(FAMILIES)}")
    if version not in FAMILIES[name]:
        known = ", ".join(map(str, FAMILIES[name]))
        raise ConfigError(f"version of family {name!r} is {version}: choose one of {known}")
    if name == "demo":
        if features != DEMO_FEATURES:
            raise ConfigError(
                f"features of family 'demo' is {features}: it always has {DEMO_FEATURES}; "
                f"choose another family for another number"
            )
        return demo_line(line or "gearbox-A", version, structure)
    if features < FEWEST_FEATURES:
        raise ConfigError(f"features is {features}: it must be at least {FEWEST_FEATURES}")
    skeleton = Skeleton(Draws("line", name, version, features, structure), features)
    described = LineSpec(
        name=line or f"{name}-{features}",
        stations=skeleton.stations,
        routes=skeleton.routes,
        causes=(_mold(skeleton),),
        factors=skeleton.factors,
        fail_rate=0.03,
        bayes_auc=0.85,
        family=name,
        version=version,
        structure=structure,
    )
    return _FILLED[name](described, skeleton)


def _linear(spec: LineSpec, skeleton: Skeleton) -> LineSpec:
    return replace(spec, causes=(*spec.causes, *_linear_effects(skeleton, _effects(spec))))


def _interaction(spec: LineSpec, skeleton: Skeleton) -> LineSpec:
    draws, pairs = skeleton.draws, _effects(spec) // 2
    cells = skeleton.numeric_cells(3 * pairs + 1)
    products = [
        Interaction(
            name=f"product {i + 1}",
            # Sorted along the line: the second cell completes the product.
            first=min(cells[2 * i : 2 * i + 2], key=skeleton.place),
            second=max(cells[2 * i : 2 * i + 2], key=skeleton.place),
            weight=_signed(draws, 0.5, 1.0),
        )
        for i in range(pairs)
    ]
    thresholds = [
        Threshold(
            name=f"threshold {i + 1}",
            cell=cell,
            limit=_signed(draws, 1.1, 1.8),
            weight=draws.between(1.2, 2.2),
        )
        for i, cell in enumerate(cells[2 * pairs : 3 * pairs])
    ]
    lots = BadLot(
        name="bad lot", cell=skeleton.lot, weight=1.5, share=0.2,
        salt=f"{spec.family}/{spec.version}/{spec.features}/{spec.structure}",
        symptom=cells[0], shift=1.5,
    )  # fmt: skip
    wear = ToolWear(name="worn tool", cell=cells[-1], life=700, weight=2.0)
    return replace(spec, causes=(*spec.causes, *products, *thresholds, lots, wear))


def _drift(spec: LineSpec, skeleton: Skeleton) -> LineSpec:
    effects = _linear_effects(skeleton, 2 * _effects(spec))
    third = len(effects) // 3
    causes: list[Cause] = [
        *effects[:third],
        *(replace(cause, until=SUDDEN) for cause in effects[third : 2 * third]),
        *(replace(cause, since=SUDDEN) for cause in effects[2 * third :]),
    ]
    astray, *moved = skeleton.numeric_cells(4)
    causes.append(
        StationDrift(name="station astray", cell=astray, since=GRADUAL, until=REPAIRED,
                     ramp=2_000, weight=1.5,
                     shift=2.0)
    )  # fmt: skip
    late = skeleton.numeric_cells(1)[0]
    spec = skeleton.change(spec, late, present=Span(NEW_STATION))
    return replace(
        skeleton.with_new_station(spec, NEW_STATION),
        causes=(*spec.causes, *causes),
        sensor_drifts=tuple(SensorDrift(cell, SUDDEN, 1.5) for cell in moved),
        drifts=(NEW_STATION, SUDDEN, GRADUAL, REPAIRED),
    )


def _mnar(spec: LineSpec, skeleton: Skeleton) -> LineSpec:
    draws = skeleton.draws
    effects = _linear_effects(skeleton, _effects(spec))
    others = skeleton.numeric_cells(spec.features // 2 - len(effects) // 2)
    hidden = [cause.cell for cause in effects[: len(effects) // 2]] + others
    for cell in hidden:
        drop = ValueDrop(limit=_signed(draws, 0.1, 1.0), rate=draws.between(0.5, 0.95))
        spec = skeleton.change(spec, cell, value_drop=drop)
    return replace(spec, causes=(*spec.causes, *effects))


_FILLED: dict[str, Callable[[LineSpec, Skeleton], LineSpec]] = {
    "linear": _linear,
    "interaction": _interaction,
    "drift": _drift,
    "mnar": _mnar,
}


def _effects(spec: LineSpec) -> int:
    """How many features matter: 10 of 60, 20 of 500."""
    return 10 if spec.features < 200 else 20


def _linear_effects(skeleton: Skeleton, count: int) -> list[Linear]:
    return [
        Linear(name=f"effect {i + 1}", cell=cell, weight=_signed(skeleton.draws, 0.4, 1.2))
        for i, cell in enumerate(skeleton.numeric_cells(count))
    ]


def _mold(skeleton: Skeleton) -> BadLot:
    return BadLot(name="bad mold", cell=skeleton.mold, weight=1.5, levels=(1,))


def _signed(draws: Draws, low: float, high: float) -> float:
    size = draws.between(low, high)
    return size if draws.between(-1, 1) > 0 else -size
