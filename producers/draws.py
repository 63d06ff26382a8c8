"""Random numbers that stay the same for ever.

A benchmark line is frozen by its name, version and seed, so its numbers may depend on nothing that
a release of NumPy is free to change. NumPy promises the integer stream of `PCG64` and the mixing of
`SeedSequence`, but not the methods of `Generator` (NEP 19): uniforms and normals are therefore made
here from the integers.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


class Draws:
    """A stream of random numbers named by any texts and integers.

    The name is hashed with SHA-256, never with `hash`, so that a stream is the same in every
    process; streams of different names are independent.

    >>> Draws("demo", 1).uniform(2).round(4).tolist()
    [0.2204, 0.0609]
    >>> Draws("demo", 2).uniform(2).round(4).tolist() == [0.2204, 0.0609]
    False
    """

    def __init__(self, *name: str | int) -> None:
        digest = hashlib.sha256(repr(name).encode()).digest()
        self._bits = np.random.PCG64(np.random.SeedSequence(int.from_bytes(digest, "big")))

    def uniform(self, *shape: int) -> FloatArray:
        """Uniform numbers in [0, 1), 53 bits each."""
        raw = self._bits.random_raw(int(np.prod(shape)))
        return (raw >> np.uint64(11)).astype(np.float64).reshape(shape) * 2.0**-53

    def normal(self, *shape: int) -> FloatArray:
        """Standard normal numbers, by the Box-Muller transform."""
        size = int(np.prod(shape))
        half = (size + 1) // 2
        # 1 - u lies in (0, 1], where the logarithm is finite.
        radius = np.sqrt(-2.0 * np.log(1.0 - self.uniform(half)))
        angle = 2.0 * np.pi * self.uniform(half)
        both = np.concatenate((radius * np.cos(angle), radius * np.sin(angle)))
        return both[:size].reshape(shape)

    def between(self, low: float, high: float) -> float:
        """One number in [low, high), to four decimals so that a description stays readable."""
        return round(low + (high - low) * float(self.uniform(1)[0]), 4)

    def pick(self, count: int, among: int) -> list[int]:
        """``count`` different integers of range(among), in random order."""
        return [int(i) for i in np.argsort(self.uniform(among), kind="stable")[:count]]
