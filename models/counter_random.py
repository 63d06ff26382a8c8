"""Random numbers without a state: a number is a function of a seed, a counter and a place.

What a part is given then depends on the part's own number alone, not on what was asked before or
how the input was cut into polls; a checkpoint has no generator to keep.

Reference: G. Steele, D. Lea, C. Flood, Fast splittable pseudorandom number generators, 2014
(the mixing function of SplitMix64).

>>> draws = [uniform(7, 0, place) for place in range(1000)]
>>> all(0.0 < u < 1.0 for u in draws), abs(sum(draws) / 1000 - 0.5) < 0.05
(True, True)
>>> uniform(7, 3, 5) == uniform(7, 3, 5), uniform(7, 3, 5) == uniform(7, 4, 5)
(True, False)
"""

from __future__ import annotations

import math

import numpy as np

from models.compiled import kernel

_ODD = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_BITS = 1.0 / 9007199254740992.0


@kernel
def _mixed(x: np.uint64) -> np.uint64:
    x = (x ^ (x >> np.uint64(30))) * _FIRST
    x = (x ^ (x >> np.uint64(27))) * _SECOND
    return x ^ (x >> np.uint64(31))


@kernel
def uniform(seed: int, counter: int, place: int) -> float:
    """Within (0, 1), the ends left out."""
    x = _mixed(np.uint64(seed) + _ODD)
    x = _mixed(x + np.uint64(counter) * _ODD)
    x = _mixed(x + np.uint64(place) * _ODD)
    return (float(x >> np.uint64(11)) + 0.5) * _BITS


@kernel
def normal(seed: int, counter: int, place: int) -> float:
    """Standard normal (Box and Muller)."""
    u = uniform(seed, counter, 2 * place)
    v = uniform(seed, counter, 2 * place + 1)
    return math.sqrt(-2.0 * math.log(u)) * math.cos(2.0 * math.pi * v)


@kernel
def poisson_one(seed: int, counter: int, place: int) -> int:
    """Poisson with mean 1: how often a part is drawn into a bootstrap's replicate."""
    u = uniform(seed, counter, place)
    count = 0
    term = math.exp(-1.0)
    total = term
    while u > total and count < 12:
        count += 1
        term /= count
        total += term
    return count
