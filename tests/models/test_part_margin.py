"""The margin and its variance against what they stand for: many sampled completions of a part."""

from __future__ import annotations

import numpy as np
import pytest

from models.belief import MU, PRECISION, PSI
from models.detector import Detector, DetectorSettings
from models.part_journeys import eventful_journeys, follow
from models.part_margin import CONSTANT, SKIPPED
from models.part_row import DROPPED, PartRow

SETTINGS = DetectorSettings(
    min_fails=3, min_passes=10, window_parts=200, window_fails=5, replicates=1, rank=3
)
PRESS = {"torque": None, "force": 104.0, "supplier": "north", "mold": "8722"}
WELD = {"current": 1e-9, "clamped": True}
OVEN = {"heat": None, "zone": 2}
PAINT = {"gap": 0.5, "gloss": None, "colour": "red"}
SAMPLES = 400_000


@pytest.fixture(scope="module")
def detector():
    detector = Detector(SETTINGS)
    follow(detector, eventful_journeys(900))
    detector.score(PartRow())
    return detector


def part(detector, *readings):
    row = PartRow()
    for at, (station, values) in enumerate(readings):
        row, _ = detector.encode(row, station, float(at), values)
    return detector.catalogue.grown(row)


def sampled_margins(detector, row, samples=SAMPLES, seed=0):
    """Margins of the part with its dropped cells drawn, and its stations ahead visited or not."""
    rng = np.random.default_rng(seed)
    member, layout = detector.member, detector.catalogue.columns.layout()
    gaussian, odds = member.gaussian, detector.catalogue.routes.odds_ahead(row.visited_at)
    columns, r = len(layout.numeric), gaussian.rank
    cells = gaussian.cells[:columns, :, 0].astype(np.float64)
    loadings, mu, psi = cells[:, :r], cells[:, r + MU], cells[:, r + PSI]
    number = cells[:, r + PRECISION] > 0.0
    weights = member._slopes[0, :columns, 0].astype(np.float64)
    seen = number & ((row.state == 1) | (row.state == 3))
    z = np.clip((row.x - gaussian.standard[:columns, 0]) * gaussian.standard[:columns, 1], -5, 5)

    pull = loadings[seen] / psi[seen, None]
    covariance = np.linalg.inv(np.eye(r) + pull.T @ loadings[seen])
    mean = covariance @ (pull.T @ (z - mu)[seen])
    factors = rng.multivariate_normal(mean, covariance, samples)

    fixed = member.contributions(row)
    margin = np.full(samples, fixed["", -1])
    for j in np.flatnonzero(row.state).tolist():
        margin += fixed["cell", j]
        if row.state[j] == DROPPED and number[j]:
            spread = factors @ loadings[j] - mean @ loadings[j]
            margin += weights[j] * (spread + np.sqrt(psi[j]) * rng.normal(size=samples))
    for s in np.flatnonzero(np.isnan(row.visited_at)).tolist():
        here = number & (layout.station_of == s)
        x = factors @ loadings[here].T + np.sqrt(psi[here]) * rng.normal(
            size=(samples, int(here.sum()))
        )
        # The constant holds mu and what the station's flags are expected to say.
        block = member._ahead[s, r:, 0].astype(np.float64)
        visited = rng.random(samples) < odds[s]
        margin += np.where(visited, block[CONSTANT] + x @ weights[here], block[SKIPPED])
    return margin


@pytest.mark.parametrize(
    "readings",
    [
        [],
        [("press", PRESS)],
        [("press", {**PRESS, "torque": 26.0})],
        [("press", PRESS), ("weld", WELD)],
        [("press", PRESS), ("oven", OVEN)],
        [("press", PRESS), ("weld", WELD), ("oven", OVEN), ("paint", PAINT)],
    ],
    ids=["nowhere yet", "dropped", "all measured", "half way", "weld passed by", "at the end"],
)
def test_mean_and_variance_are_those_of_sampled_completions(detector, readings):
    row = part(detector, *readings)
    found, margins = detector.member.score(row), sampled_margins(detector, row)
    spread = margins.std()
    assert found.within > 0.01
    assert found.mean == pytest.approx(margins.mean(), abs=5.0 * spread / np.sqrt(SAMPLES) + 1e-4)
    fourth = ((margins - margins.mean()) ** 4).mean()
    error = np.sqrt((fourth - spread**4) / SAMPLES)
    assert found.within == pytest.approx(spread**2, abs=5.0 * error + 1e-4)
