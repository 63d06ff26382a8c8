"""The histories that models are compared on: frozen simulated lines, and die casting.

**Frozen.** The families of `producers.families` never change under their version, and a test pins
the SHA-256 of their events: changing one would invalidate every published figure. The benchmark's
lines have seeds of their own, 101 to 105. Nobody looks at these: settings are chosen, examples
shown and bugs chased on others (0 to 100), or the figures would flatter whoever looked.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from producers.families import family
from producers.map import load_map
from producers.simulator import SimulatedLine
from producers.tabular import read_table
from stream.events import Event, Measurement, Result

FAMILIES = ("linear", "interaction", "drift", "mnar")
SEEDS = (101, 102, 103, 104, 105)
ROOT = Path(__file__).parents[1]
DIECASTING = Path("diecasting/diecasting_20190102_20190312.csv.gz")
SHOTS = 72_041


@dataclass(frozen=True)
class Source:
    """A history: a simulated line, or the die-casting table with its map.

    ``masked`` is a share of all readings that are reported as dropped, drawn from ``seed``; of a
    table, ``seed`` draws nothing else.
    """

    name: str
    seed: int
    parts: int
    features: int = 60
    masked: float = 0.0

    @property
    def key(self) -> str:
        """All that the events depend on, in a form that can name a file."""
        masked = f"-masked{self.masked:g}" if self.masked else ""
        return f"{self.name}-{self.features}-{self.seed}-{self.parts}{masked}"

    def events(self) -> Iterator[Event]:
        """The events, the same at every call."""
        events: Iterable[Event] = self._shots() if self.name == "diecasting" else self._simulated()
        return mask(events, self.masked, self.seed) if self.masked else iter(events)

    def _simulated(self) -> Iterator[Event]:
        spec = family(self.name, features=self.features)
        return SimulatedLine(spec, self.seed, remember=0).events(self.parts)

    def _shots(self) -> Iterator[Event]:
        table_map = load_map(ROOT / "docs" / "maps" / "diecasting.toml")
        known: set[str] = set()
        tested: set[str] = set()
        for event in read_table([_table()], table_map):
            part = getattr(event, "part", None)
            if part is not None and part not in known:
                if len(known) >= self.parts:
                    continue
                known.add(part)
            yield event
            if isinstance(event, Result):
                tested.add(event.part)
                if len(tested) >= self.parts:
                    return


def mask(events: Iterable[Event], share: float, seed: int) -> Iterator[Event]:
    """The same events with a share of their readings dropped, whatever their values."""
    generator = np.random.default_rng(seed)
    for event in events:
        if isinstance(event, Measurement):
            lost = generator.random(len(event.values)) < share
            cells = zip(event.values.items(), lost.tolist(), strict=True)
            values = {name: None if gone else value for (name, value), gone in cells}
            event = event.model_copy(update={"values": values})
        yield event


def die_casting(shots: int, masked: float) -> Source | None:
    """The first ``shots`` of the die-casting history, None if the data are not there."""
    if not os.environ.get("ANDON_TEST_DATA"):
        return None
    return replace(Source("diecasting", 0, shots), features=18, masked=masked)


def try_shots() -> frozenset[str]:
    """The shots made while the machine was set up, which always fail."""
    columns = pd.read_csv(_table(), usecols=["id", "tryshot_signal"], dtype=str)
    return frozenset(columns.loc[columns["tryshot_signal"] == "D", "id"].str.strip())


def _table() -> Path:
    return Path(os.environ["ANDON_TEST_DATA"]) / DIECASTING
