"""Whether the risks have become worse than they were: prequential, of parts tested so far.

Two questions, asked every 100 results:

- *skill lost*: how high the newest 30 fails ranked among the passes around them (their mean
  placement is the ROC-AUC), against the results before them that are still kept (at least 60
  fails). A drop by a tenth, and by 3.5 standard errors, is no accident.
- *fails beyond risk*: calibrated risks promise how many parts fail. Twice as many, and more than
  five standard deviations above, in the newest 400 results: a cause that the model does not see.

Both end by themselves, below 1 and 2: by the model learning, or by the worse becoming usual.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
KEPT = 5000
EVERY = 100
RECENT_FAILS, BEFORE_FAILS = 30, 60
PROMISED = 400
SKILL_LOST, FAILS_BEYOND_RISK = "skill_lost", "fails_beyond_risk"
_LOST, _REGAINED, _LEAST = 3.5, 1.0, 0.1
_BEYOND, _WITHIN = 5.0, 2.0


class Skill(NamedTuple):
    """What was found: ``value`` now, what was ``expected``, how many standard errors apart.

    Of *skill lost* the ROC-AUC; of *fails beyond risk* the share of parts that failed. ``results``
    says how many results the finding rests on.
    """

    value: float
    expected: float
    sigma: float
    results: int


class SkillWatch:
    """Watches the last risks of tested parts.

    Examples
    --------
    >>> watch = SkillWatch()
    >>> for i in range(6000):
    ...     fail = i % 20 == 0
    ...     risk = (0.4 if fail else 0.03) if i < 4000 else 0.05     # nothing is known any more
    ...     if watch.update(fail, risk):
    ...         print(i, sorted(watch.findings))
    4299 ['skill_lost']
    """

    def __init__(self) -> None:
        self.findings: dict[str, Skill] = {}
        self._risks: Floats = np.zeros(KEPT)
        self._fails: Floats = np.zeros(KEPT)
        self._results = 0

    def update(self, fail: bool, risk: float) -> bool:
        """A part with this last risk has failed or passed; whether `findings` has changed."""
        place = self._results % KEPT
        self._risks[place], self._fails[place] = min(max(risk, 1e-6), 1.0 - 1e-6), float(fail)
        self._results += 1
        if self._results % EVERY:
            return False
        before = set(self.findings)
        held = min(self._results, KEPT)
        order = np.arange(self._results - held, self._results) % KEPT
        risks, fails = self._risks[order], self._fails[order]
        self._find(SKILL_LOST, _skill_lost(risks, fails), _LOST, _REGAINED)
        self._find(FAILS_BEYOND_RISK, _beyond_risk(risks, fails), _BEYOND, _WITHIN)
        return set(self.findings) != before

    def _find(self, name: str, found: Skill | None, from_sigma: float, to_sigma: float) -> None:
        stands = name in self.findings
        if found is not None and found.sigma >= (to_sigma if stands else from_sigma):
            self.findings[name] = found
        elif stands:
            del self.findings[name]

    def state(self) -> dict[str, Any]:
        """Everything, as plain values and arrays."""
        return {
            "risks": self._risks,
            "fails": self._fails,
            "results": self._results,
            "findings": {name: list(found) for name, found in self.findings.items()},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        self._risks, self._fails = state["risks"], state["fails"]
        self._results = state["results"]
        self.findings = {name: Skill(*found) for name, found in state["findings"].items()}


def _skill_lost(risks: Floats, fails: Floats) -> Skill | None:
    """The rank of the newest fails against that of those before; None while too few have failed."""
    total = fails.sum()
    if total < RECENT_FAILS + BEFORE_FAILS:
        return None
    since = int(np.searchsorted(np.cumsum(fails), total - RECENT_FAILS, side="right"))
    recent = _placements(risks[since:], fails[since:])
    before = _placements(risks[:since], fails[:since])
    if recent is None or before is None:
        return None
    # Fails that all rank alike leave no error to compare with: a single rank is never so sure.
    error = math.sqrt(max(recent.var(), 0.01) / len(recent) + max(before.var(), 0.01) / len(before))
    now, was = float(recent.mean()), float(before.mean())
    sigma = (was - now) / error
    return Skill(
        now, was, sigma if was - now >= _LEAST else min(sigma, _LOST - 1.0), len(risks) - since
    )


def _placements(risks: Floats, fails: Floats) -> Floats | None:
    """Of each fail the share of passes with a lower risk, ties half; None without enough passes."""
    failed, passed = risks[fails > 0.0], np.sort(risks[fails == 0.0])
    if len(passed) < EVERY:
        return None
    low, high = np.searchsorted(passed, failed, "left"), np.searchsorted(passed, failed, "right")
    placements: Floats = 0.5 * (low + high) / len(passed)
    return placements


def _beyond_risk(risks: Floats, fails: Floats) -> Skill | None:
    risks, fails = risks[-PROMISED:], fails[-PROMISED:]
    if len(risks) < PROMISED:
        return None
    promised, failed = float(risks.sum()), float(fails.sum())
    deviation = math.sqrt(float((risks * (1.0 - risks)).sum()))
    sigma = (failed - promised) / deviation
    if failed < 2.0 * promised:
        sigma = min(sigma, _BEYOND - 1.0)
    return Skill(failed / PROMISED, promised / PROMISED, sigma, PROMISED)
