"""The window's logistic regression, specified: `models.classifier` written densely, in float64.

    minimise 1/2 sum_j w_j^2 / G_j + sum_i U_i log(1 + exp(-y_i w'phi_i)),  U_i = 1/(2 n_class)

over the parts held, by dual steps: w = G v, v = sum_i alpha_i y_i phi_i. Leading axis M:
replicates, which differ by their imputed numbers.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.window import WindowRule

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]

SPREAD, PLENTY, LEAST, PAST_DOUBT = 400.0, 100.0, 0.1, 4.0
STEPS_FAIL, STEPS_TURN, METRIC_EVERY = 8, 16, 50


@dataclass(slots=True)
class Labelled:
    """A part in the window: numbers (M, columns), flags that it has, outcome, time, alpha (M,)."""

    numbers: Floats
    flags: Ints
    fail: bool
    at: float
    alpha: Floats


class DenseLogistic:
    """Logistic regressions over exactly the parts of a window, one a replicate."""

    def __init__(self, window: WindowRule, replicates: int) -> None:
        self.window = window
        self.replicates = replicates
        self.rows: deque[Labelled] = deque()
        self.labels = 0
        self.v_numbers = np.zeros((replicates, 0))
        self.v_flags = np.zeros((replicates, 1))  # the intercept first
        self.metric_numbers = np.zeros(0)
        self.metric_flags = np.zeros(1)
        self.least = 0.0
        self._turn = self._fail_turn = 0

    @property
    def fails(self) -> int:
        """How many of the parts held are fails."""
        return sum(row.fail for row in self.rows)

    @property
    def weights_numbers(self) -> Floats:
        """w = G v, array (M, columns)."""
        return self.metric_numbers * self.v_numbers

    @property
    def weights_flags(self) -> Floats:
        """Array (M, flags)."""
        return self.metric_flags * self.v_flags

    @property
    def flag_rates(self) -> Floats:
        """Array (flags,): the share of the window's parts that have each flag."""
        rates: Floats = self._flags_held(list(self.rows)).mean(axis=0)
        return rates

    def grow(self, numbers: int, flags: int) -> None:
        """Make room for so many numbers and flags."""
        for name in ("v_numbers", "metric_numbers"):
            setattr(self, name, self._longer(getattr(self, name), numbers, name))
        for name in ("v_flags", "metric_flags"):
            setattr(self, name, self._longer(getattr(self, name), flags, name))

    def _longer(self, a: Floats, length: int, name: str) -> Floats:
        more = max(length - a.shape[-1], 0)
        fill = self.least if name.startswith("metric") else 0.0
        return np.concatenate([a, np.full((*a.shape[:-1], more), fill)], axis=-1)

    def learn_row(self, numbers: Floats, flags: Ints, fail: bool, at: float) -> None:
        """Learn one label; parts that leave the window take their share of v along."""
        newest = Labelled(numbers, flags, fail, at, np.zeros(self.replicates))
        self.rows.append(newest)
        while len(self.rows) > 1 and self._oldest_leaves(at):
            oldest = self.rows.popleft()
            self._add(oldest, -_sign(oldest) * oldest.alpha)
        self.labels += 1
        if self.labels % METRIC_EVERY == 0 or self.labels < METRIC_EVERY:
            self._remeasure()
        for row in self._schedule(newest):
            self._ascend(row)

    def _oldest_leaves(self, now: float) -> bool:
        oldest = self.rows[0]
        age = (now - oldest.at) / 3600.0
        return self.window.leaves(len(self.rows), self.fails, oldest.fail, age)

    def _schedule(self, newest: Labelled) -> list[Labelled]:
        """The new part, eight fails in turn, sixteen parts in turn."""
        fails = [row for row in self.rows if row.fail]
        steps = [newest]
        for _ in range(min(STEPS_FAIL, len(fails))):
            self._fail_turn = (self._fail_turn + 1) % len(fails)
            steps.append(fails[self._fail_turn])
        for _ in range(min(STEPS_TURN, len(self.rows))):
            self._turn = (self._turn + 1) % len(self.rows)
            steps.append(self.rows[self._turn])
        return steps

    def _ascend(self, row: Labelled) -> None:
        """The best alpha of one part, all others as they are.

        The margin m that the part will have solves m = m0 + (U sigmoid(-m) - alpha) phi'G phi.
        """
        of_its_kind = self.fails if row.fail else len(self.rows) - self.fails
        u, width = 0.5 / max(of_its_kind, 1), row.numbers.shape[1]
        metric = self.metric_numbers[:width]
        dot = (metric * self.v_numbers[:, :width] * row.numbers).sum(axis=1)
        dot += (self.metric_flags[row.flags] * self.v_flags[:, row.flags]).sum(axis=1)
        norm = (metric * row.numbers**2).sum(axis=1) + self.metric_flags[row.flags].sum()
        alpha = np.array(
            [
                _best_alpha(m0, q, old, u)
                for m0, q, old in zip(_sign(row) * dot, norm, row.alpha, strict=True)
            ]
        )
        self._add(row, _sign(row) * (alpha - row.alpha))
        row.alpha = alpha

    def _add(self, row: Labelled, amount: Floats) -> None:
        """v += amount phi."""
        self.v_numbers[:, : row.numbers.shape[1]] += amount[:, None] * row.numbers
        self.v_flags[:, row.flags] += amount[:, None]

    def _remeasure(self) -> None:
        """G_j ~ |t_j| - 1, within 0 and 4, + 0.1; scaled: sum_j G_j E[phi_j^2] is the spread.

        t_j is the difference of the outcomes' means over the window in standard errors.
        """
        held = [[row for row in self.rows if row.fail is fail] for fail in (False, True)]
        passes, fails = (max(len(rows), 1) for rows in held)
        numbers = [self._numbers_held(rows) for rows in held]
        flags = [self._flags_held(rows) for rows in held]
        strength = _distinction(numbers[0], numbers[1])
        strength_flags = _distinction(flags[0], flags[1])
        strength_flags[:1] = 1.0  # the intercept
        power = 0.0
        for count, x, has in zip((passes, fails), numbers, flags, strict=True):
            energy = strength @ (x**2).mean(axis=0) + strength_flags @ has.mean(axis=0)
            power += count / (passes + fails) * float(energy)
        spread = SPREAD * min(1.0, fails / PLENTY)
        scale = spread / power if power > 0.0 else 1.0
        self.metric_numbers, self.metric_flags = scale * strength, scale * strength_flags
        self.least = LEAST * scale

    def _numbers_held(self, rows: list[Labelled]) -> Floats:
        """Array (rows, columns): each part's numbers, imputed ones by their mean; a row of zeros
        if there are none."""
        found = np.zeros((max(len(rows), 1), self.v_numbers.shape[1]))
        for at, row in enumerate(rows):
            found[at, : row.numbers.shape[1]] = row.numbers.mean(axis=0)
        return found

    def _flags_held(self, rows: list[Labelled]) -> Floats:
        """Array (rows, flags) of 0 and 1."""
        found = np.zeros((max(len(rows), 1), self.v_flags.shape[1]))
        for at, row in enumerate(rows):
            found[at, row.flags] = 1.0
        return found

    def state(self) -> dict[str, Any]:
        """Everything, as plain values and arrays."""
        return {
            "rows": [[row.numbers, row.flags, row.fail, row.at, row.alpha] for row in self.rows],
            "turns": [self._turn, self._fail_turn],
            **{name: getattr(self, name) for name in _KEPT},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        self.rows = deque(Labelled(*each) for each in state["rows"])
        self._turn, self._fail_turn = state["turns"]
        for name in _KEPT:
            setattr(self, name, state[name])


_KEPT = (
    "labels",
    "least",
    "v_numbers",
    "v_flags",
    "metric_numbers",
    "metric_flags",
)


def _sign(row: Labelled) -> float:
    return 1.0 if row.fail else -1.0


def _best_alpha(m0: float, q: float, alpha: float, u: float) -> float:
    """U sigmoid(-m) for the m between m0 - alpha q and m0 + (U - alpha) q where m = m0 +
    (U sigmoid(-m) - alpha) q, by bisection: the right side falls as m rises."""
    low, high = m0 - alpha * q, m0 + (u - alpha) * q
    for _ in range(80):
        m = 0.5 * (low + high)
        if m < m0 + (u * _sigmoid(-m) - alpha) * q:
            low = m
        else:
            high = m
    return u * _sigmoid(-0.5 * (low + high))


def _sigmoid(m: float) -> float:
    return 1.0 / (1.0 + math.exp(min(max(-m, -500.0), 500.0)))


def _distinction(passes: Floats, fails: Floats) -> Floats:
    """|t| - 1, within 0 and 4, + 0.1 of each column of (parts, inputs)."""
    error = passes.var(axis=0) / len(passes) + fails.var(axis=0) / len(fails)
    t = (fails.mean(axis=0) - passes.mean(axis=0)) / np.sqrt(error + 1e-12)
    strength: Floats = np.clip(np.abs(t) - 1.0, 0.0, PAST_DOUBT) + LEAST
    return strength
