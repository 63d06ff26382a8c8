"""Compile the detector's kernels before they are needed.

A kernel is compiled when it is first called, which takes seconds, and kept beside its module for
the next process. So an installation warms up once, and a worker does before it takes its first
event: no alert ever waits for a compiler.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from andon.command import JsonOption, running, say
from models.baselines import NATIVE
from models.detector import Detector, DetectorSettings
from models.features import FeatureCatalogue
from models.part_journeys import follow, sample_journeys
from models.part_row import PartRow
from models.silence import CHOOSE_EVERY, RESULT
from models.station_watch import StationWatch

# Enough for every kernel to be called: the imputation begins with 150 parts, trees with some fails.
_PARTS = 260


@dataclass(frozen=True)
class WarmUp:
    """Which models are ready, and how long that took."""

    models: tuple[str, ...]
    seconds: float


def warm_up(models: tuple[str, ...] = NATIVE) -> WarmUp:
    """Call every kernel of these models once, on a small line that is thrown away."""
    began = time.perf_counter()
    journeys = sample_journeys(_PARTS)
    for model in models:
        detector = Detector(DetectorSettings(model=model, min_fails=5, min_passes=20))
        follow(detector, journeys)
        reading, _ = detector.read(PartRow(), *journeys[-1].readings[0])
        detector.score(reading.row)
        detector.explain(reading.row, 3)
        Detector(detector.settings).restore(detector.state())
    _warm_up_watch()
    return WarmUp(models, time.perf_counter() - began)


def _warm_up_watch() -> None:
    """One reading and one result of a line with one station."""
    catalogue = FeatureCatalogue()
    settled, _ = catalogue.meet("press", {"torque": 1.5})
    row, _ = catalogue.encode(PartRow(), "press", 0.0, {"torque": 1.5})
    watch = StationWatch()
    watch.grow(features=1, stations=1)
    watch.observe(catalogue, settled, np.array([0]), row, 0, at=0.0)
    for _ in range(CHOOSE_EVERY):
        watch.silence.observe(row.visited_at, RESULT, at=0.0)
    watch.levels.observe_one(0, 1.0, at=0.0)


def warm_up_command(as_json: JsonOption = False) -> None:
    """Compile what the detector calculates with, so that the first event need not wait for it.

    Takes about a minute after an installation and a second or two from then on. The machine code
    is kept beside the installed modules, or in the folder that NUMBA_CACHE_DIR names.

    Examples:

    ```
    andon warm-up
    NUMBA_CACHE_DIR=/var/cache/andon andon warm-up
    ```
    """
    with running():
        done = warm_up()
        say(
            {"models": list(done.models), "seconds": round(done.seconds, 2)},
            as_json,
            "{models} are ready after {seconds} s.",
        )
