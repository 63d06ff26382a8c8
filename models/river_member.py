"""Any River classifier as a member of the detector: it gets its window by staggered copies."""

from __future__ import annotations

from typing import Any, cast

from river.base.typing import FeatureName

from models.baselines import factory
from models.explanation import by_subject, contributions, log_odds
from models.features import FeatureCatalogue
from models.linear_member import Margin
from models.part_row import PartRow
from models.plain_state import Opaque
from models.reading import Reading
from models.staggered import StaggeredWindow


class RiverMember:
    """A named River model, or one by its import path, on the catalogue's dictionary of inputs.

    ``parts``, ``fails`` and ``copies`` are `models.staggered.StaggeredWindow`'s.
    """

    def __init__(
        self,
        catalogue: FeatureCatalogue,
        model: str,
        *,
        seed: int = 0,
        parts: int = 6000,
        fails: int = 100,
        copies: int = 3,
    ) -> None:
        self.catalogue = catalogue
        self.copies = StaggeredWindow(factory(model, seed), parts=parts, fails=fails, copies=copies)

    @property
    def window(self) -> int:
        """How many results the answering copy has learnt."""
        return self.copies.held

    @property
    def window_fails(self) -> int:
        """How many of them were fails."""
        return self.copies.held_fails

    def advance(self, row: PartRow, station: int) -> None:
        """Nothing follows a reading here: the inputs are made anew for every score."""

    def read(self, reading: Reading) -> Margin | None:
        """Write a reading into its row and score the part."""
        self.catalogue.write(reading)
        return self.score(reading.row)

    def grow(self) -> None:
        """Nothing either: inputs have names."""

    def score(self, row: PartRow) -> Margin | None:
        """The part's margin so far, None while the model has no opinion."""
        margin = self._margin(self.catalogue.vector(row))
        return None if margin is None else Margin(margin)

    def learn(self, row: PartRow, fail: bool, at: float) -> None:
        """Learn a result."""
        self.copies.learn_one(_for_river(self.catalogue.vector(row)), fail)

    def close(self, row: PartRow) -> None:
        """A journey has ended: nothing is learnt from that alone."""

    def contributions(self, row: PartRow) -> dict[tuple[str, int], float]:
        """What each cell and station adds to the margin (see `models.explanation`)."""
        by_input = contributions(
            self.catalogue.vector(row), self.copies.serving, lambda x: self._margin(x) or 0.0
        )
        return by_subject(self.catalogue, row, by_input)

    def fills(self, row: PartRow) -> dict[int, tuple[float, float]]:
        """Nothing is imputed here: a dropped reading counts by its indicator alone."""
        return {}

    def imputed(self, row: PartRow) -> int:
        """How many cells `fills` speaks of."""
        return 0

    def state(self, opaque: Opaque | None = None) -> dict[str, Any]:
        """Everything, as plain values; raises `models.plain_state.NoPlainState`."""
        return self.copies.state(opaque)

    def restore(self, state: dict[str, Any], opaque: Opaque | None = None) -> None:
        """Go on from a `state`."""
        self.copies.restore(state, opaque)

    def _margin(self, vector: dict[str, float]) -> float | None:
        return log_odds(self.copies.predict_proba_one(_for_river(vector)))


def _for_river(vector: dict[str, float]) -> dict[FeatureName, float]:
    """The same dictionary: River's keys are any hashables, ours are strings."""
    return cast("dict[FeatureName, float]", vector)
