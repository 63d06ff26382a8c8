"""A sliding window for any incremental classifier, by staggered copies.

A River classifier can learn but not unlearn. So several copies run, each started later than the
one before; the oldest answers, all learn, and when the oldest has seen a full window it is dropped
and a fresh copy starts. The answering copy has then always learnt between (1 - 1/copies) and one
window of labels. Where fails come in bursts it answers for longer, until its successor has learnt
that much: a window is never nearly empty.

The window is sized by parts and extended until it holds enough *fails*: with 2 % fails a window of
parts alone starves the model (AUC 0.669 at 750 parts, 0.758 at 3,000 in our study).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from river import base

from models.plain_state import Opaque, plain_state, restore_plain_state


@dataclass(slots=True)
class _Copy:
    model: base.Classifier
    parts: int = 0
    fails: int = 0


class StaggeredWindow(base.Classifier):
    """The last window of labels, learnt by staggered copies of one model.

    Parameters
    ----------
    make
        Makes a fresh model; called with a running number, which may seed it.
    parts
        The window in labelled parts.
    fails
        The window is extended until it holds this many fails, but not beyond ten times ``parts``
        (twenty times, where a copy waits for its successor).
    copies
        How many copies; more follow the window more closely and cost more.

    Examples
    --------
    >>> from river import dummy
    >>> window = StaggeredWindow(lambda number: dummy.PriorClassifier(), parts=100, fails=5)
    >>> for i in range(1000):                 # the line fails every other part, then every tenth
    ...     window.learn_one({}, i % 2 == 0 if i < 500 else i % 10 == 0)
    >>> round(window.predict_proba_one({})[True], 1)
    0.1
    >>> 66 <= window.held <= 100
    True
    """

    def __init__(
        self,
        make: Callable[[int], base.Classifier],
        parts: int = 6000,
        fails: int = 100,
        copies: int = 3,
    ) -> None:
        self.make = make
        self.parts = parts
        self.fails = fails
        self.copies = copies
        self._started = 0
        self._running: list[_Copy] = []
        self._start()

    @property
    def _multiclass(self) -> bool:
        return False

    @property
    def serving(self) -> base.Classifier:
        """The copy that answers: the oldest."""
        return self._running[0].model

    @property
    def held(self) -> int:
        """How many labels the answering copy has learnt."""
        return self._running[0].parts

    @property
    def held_fails(self) -> int:
        """How many fails are among them."""
        return self._running[0].fails

    def learn_one(self, x: dict[base.typing.FeatureName, Any], y: base.typing.ClfTarget) -> None:
        """All copies learn; then the oldest may go and a new one start."""
        for copy in self._running:
            copy.model.learn_one(x, y)
            copy.parts += 1
            copy.fails += bool(y)
        if self._full(self._running[0], self.copies) and self._succeeded():
            self._running.pop(0)
        if len(self._running) < self.copies and self._apart():
            self._start()

    def _succeeded(self) -> bool:
        """Whether the oldest copy leaves one behind that can answer; a sole copy begins anew."""
        if self.copies == 1:
            return True
        return len(self._running) > 1 and self._full(self._running[1], self.copies - 1)

    def _apart(self) -> bool:
        """Whether a copy that starts now keeps its distance to the newest."""
        return not self._running or self._full(self._running[-1], 1)

    def state(self, opaque: Opaque | None = None) -> dict[str, Any]:
        """Everything, as plain values; of copies that have no such state, what ``opaque`` keeps."""
        return {
            "started": self._started,
            "copies": [
                {"parts": copy.parts, "fails": copy.fails, "model": plain_state(copy.model, opaque)}
                for copy in self._running
            ],
        }

    def restore(self, state: dict[str, Any], opaque: Opaque | None = None) -> None:
        """Go on from a `state` of a window of the same model."""
        self._running = []
        for number, known in enumerate(state["copies"]):
            model = restore_plain_state(self.make(number), known["model"], opaque)
            self._running.append(_Copy(model, known["parts"], known["fails"]))
        self._started = state["started"]

    def _full(self, copy: _Copy, share: int) -> bool:
        """Whether a copy has learnt ``share`` times the ``copies``-th part of a window."""
        parts, fails = copy.parts * self.copies, copy.fails * self.copies
        enough = fails >= self.fails * share or parts >= 10 * self.parts * share
        return parts >= self.parts * share and enough

    def _start(self) -> None:
        self._running.append(_Copy(self.make(self._started)))
        self._started += 1

    def predict_proba_one(
        self, x: dict[base.typing.FeatureName, Any], **kwargs: Any
    ) -> dict[base.typing.ClfTarget, float]:
        """What the oldest copy says."""
        answer: dict[base.typing.ClfTarget, float] = self.serving.predict_proba_one(x, **kwargs)
        return answer
