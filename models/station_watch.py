"""Levels, runs and silence of one line, taken a reading further by one kernel.

One call from Python costs as much as all that it computes, so the three share theirs.
"""

from __future__ import annotations

from typing import Any

from models.compiled import kernel
from models.drift import Levels, observe_levels
from models.part_row import Codes, Floats, PartRow
from models.scale import Ints
from models.sensor_runs import SensorRuns, observe_runs
from models.silence import Silence, observe_arrival

DRIFT, SENSORS, SILENCE = 1, 2, 4


class StationWatch:
    """What the stations of a line are watched for; ``watched`` is a sum of DRIFT, SENSORS, SILENCE.

    Examples
    --------
    >>> import numpy as np
    >>> watch = StationWatch()
    >>> watch.grow(features=1, stations=2)
    >>> row = PartRow(np.array([1.5]), np.array([1], np.uint8), np.array([0.0, np.nan]))
    >>> watch.observe(np.array([0]), row, np.array([1], np.uint8), np.zeros((1, 11)), 0, at=0.0)
    0
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
        self, columns: Ints, row: PartRow, kind: Codes, scale: Floats, station: int, at: float
    ) -> int:
        """A part's reading of ``station``, which has ``columns``; the sum of what has changed."""
        self.silence.count()
        return observe_station(
            columns, row.x, row.state, row.visited_at, kind, scale, station, at, *self._kept
        )

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
    columns: Ints,
    x: Floats,
    state: Codes,
    visited_at: Floats,
    kind: Codes,
    scale: Floats,
    station: int,
    at: float,
    watched: int,
    sigma: float,
    levels: Floats,
    runs: Floats,
    silence: Floats,
    arrived: Floats,
    reported: Floats,
) -> int:
    """All that is watched, in turn."""
    changed = 0
    if watched & DRIFT and observe_levels(columns, x, state, kind, scale, levels, sigma, at):
        changed += DRIFT
    if watched & SENSORS and observe_runs(columns, x, state, kind, runs):
        changed += SENSORS
    if watched & SILENCE and observe_arrival(visited_at, station, at, silence, arrived, reported):
        changed += SILENCE
    return changed
