"""Levels, runs and silence of one line, taken a reading further by one kernel.

One call from Python costs as much as all that it computes, so the three share theirs, and with it
what the catalogue learns from a reading.
"""

from __future__ import annotations

from typing import Any

from models.compiled import kernel
from models.drift import Levels, observe_levels
from models.features import FeatureCatalogue
from models.part_row import Codes, Floats, PartRow
from models.reading import observe_reading
from models.scale import Ints
from models.sensor_runs import SensorRuns, observe_runs
from models.silence import Silence, observe_arrival

DRIFT, SENSORS, SILENCE = 1, 2, 4


class StationWatch:
    """What the stations of a line are watched for; ``watched`` is a sum of DRIFT, SENSORS, SILENCE.

    Examples
    --------
    >>> import numpy as np
    >>> catalogue, reading = FeatureCatalogue(), {"torque": 1.5}
    >>> for _ in range(21):
    ...     settled, _ = catalogue.meet("press", reading)
    >>> row, _ = catalogue.encode(PartRow(), "press", 0.0, reading)
    >>> watch = StationWatch()
    >>> watch.grow(features=1, stations=1)
    >>> watch.observe(catalogue, settled, np.array([0]), row, 0, at=0.0)
    0
    >>> catalogue.scale.count.tolist()
    [1.0]
    """

    def __init__(self, sigma: float = 1.0, watched: int = DRIFT + SENSORS + SILENCE) -> None:
        self.watched = watched
        self.levels = Levels(sigma)
        self.runs = SensorRuns()
        self.silence = Silence()
        self._kept: tuple[Any, ...] = ()
        self._take()

    def grow(self, features: int, stations: int) -> None:
        """Make room for columns 0 .. ``features`` - 1 and stations 0 .. ``stations`` - 1."""
        self.levels.grow(features)
        self.runs.grow(features)
        self.silence.grow(stations)
        self._take()

    def _take(self) -> None:
        """All that is watched, as the kernel takes it."""
        self._kept = (
            self.watched, self.levels.sigma, self.levels.figures, self.runs.figures,
            self.silence.figures, self.silence.arrived, self.silence.reported,
        )  # fmt: skip

    def observe(
        self,
        catalogue: FeatureCatalogue,
        settled: Ints,
        columns: Ints,
        row: PartRow,
        station: int,
        at: float,
    ) -> int:
        """A part's reading of ``station``, which has ``columns``; the sum of what has changed.

        The catalogue learns from the cells of ``settled`` in the same call (the other half of
        `FeatureCatalogue.meet`), before they are looked at.
        """
        self.silence.count()
        return observe_station(
            settled, station, row.x, row.state, row.visited_at, catalogue.columns.kind,
            catalogue.scale.figures, *catalogue.learnt_into, columns, at, *self._kept,
        )  # fmt: skip

    def state(self) -> dict[str, Any]:
        """Everything, as plain values and arrays."""
        return {
            "levels": self.levels.state(),
            "runs": self.runs.state(),
            "silence": self.silence.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        self.levels.restore(state["levels"])
        self.runs.restore(state["runs"])
        self.silence.restore(state["silence"])
        self._take()


@kernel
def observe_station(
    settled: Ints,
    station: int,
    x: Floats,
    state: Codes,
    visited_at: Floats,
    kind: Codes,
    scale: Floats,
    drop_rate: Floats,
    beginning: Floats,
    before: Floats,
    columns: Ints,
    at: float,
    watched: int,
    sigma: float,
    levels: Floats,
    runs: Floats,
    silence: Floats,
    arrived: Floats,
    reported: Floats,
) -> int:
    """`models.reading.observe_reading`, and then all that is watched, in turn."""
    observe_reading(
        settled, station, x, state, visited_at, kind, scale, drop_rate, beginning, before
    )
    changed = 0
    if watched & DRIFT and observe_levels(columns, x, state, kind, scale, levels, sigma, at):
        changed += DRIFT
    if watched & SENSORS and observe_runs(columns, x, state, kind, runs):
        changed += SENSORS
    if watched & SILENCE and observe_arrival(visited_at, station, at, silence, arrived, reported):
        changed += SILENCE
    return changed
