"""One model through one history: every measurement is scored, every result learnt when it comes.

What a contestant says of a part is kept as it was said. When the part's result arrives, its risks
are handed to the referee, and only then may the contestant learn the result. All contestants get
the same events in the same order and are judged by the same referee (`models.evaluation`).
"""

from __future__ import annotations

import hashlib
import math
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from models.evaluation import quarters
from stream.events import Event, Measurement, Result


class Contestant(Protocol):
    """A model that takes part.

    ``measured`` scores a measurement, ``tested`` learns a result, ``risks`` are the answers to all
    measurements so far, in their order, None or NaN where there was none. Answers may be worked out
    later than they are due, many at once, as long as they know no more than they would have known
    in time.
    """

    def measured(self, event: Measurement) -> None: ...
    def tested(self, event: Result) -> None: ...
    def other(self, event: Event) -> None: ...
    def risks(self) -> Sequence[float | None] | npt.NDArray[np.float64]: ...


@dataclass(frozen=True)
class Run:
    """What a model said of each tested part, in the order of the results.

    ``risks`` (4, n) after each quarter of a part's events, NaN for none; ``fails`` (n,);
    ``seconds`` of processor time, the source's included.
    """

    parts: npt.NDArray[np.str_]
    fails: npt.NDArray[np.bool_]
    risks: npt.NDArray[np.float64]
    seconds: float

    def save(self, path: Path) -> None:
        """Keep it in a file, which appears whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"{path.stem}.{os.getpid()}.npz.part")
        with unfinished.open("wb") as file:
            np.savez_compressed(
                file, parts=self.parts, fails=self.fails, risks=self.risks, seconds=self.seconds
            )
        unfinished.replace(path)

    @classmethod
    def load(cls, path: Path) -> Run:
        """What was kept there."""
        with np.load(path) as kept:
            return cls(kept["parts"], kept["fails"], kept["risks"], float(kept["seconds"]))


def run(events: Iterable[Event], contestant: Contestant) -> Run:
    """Send the contestant through the events; a part counts with the first result it gets."""
    began = time.process_time()
    answers: dict[str, list[int]] = {}
    tested: list[tuple[str, bool, list[int]]] = []
    count = 0
    for event in events:
        if isinstance(event, Measurement):
            answers.setdefault(event.part, []).append(count)
            count += 1
            contestant.measured(event)
        elif isinstance(event, Result):
            of_part = answers.pop(event.part, None)
            if of_part is not None and event.outcome != "untested":
                tested.append((event.part, event.outcome == "fail", of_part))
            contestant.tested(event)
        else:
            contestant.other(event)
    said = [
        None if risk is None or math.isnan(risk) else float(risk) for risk in contestant.risks()
    ]
    if len(said) != count:
        raise ValueError(f"{len(said)} answers to {count} measurements: one for each is needed")
    risks = [quarters([said[place] for place in of_part]) for _, _, of_part in tested]
    return Run(
        parts=np.array([part for part, _, _ in tested], dtype=np.str_),
        fails=np.array([fail for _, fail, _ in tested], dtype=np.bool_),
        risks=np.array(risks, dtype=np.float64).reshape(-1, 4).T,
        seconds=time.process_time() - began,
    )


def fingerprint(folders: Iterable[Path]) -> str:
    """A short name for the state of the code in these folders and files."""
    digest = hashlib.sha256()
    for folder in folders:
        for path in [folder] if folder.is_file() else sorted(folder.rglob("*.py")):
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]
