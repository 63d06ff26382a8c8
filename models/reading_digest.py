"""A reading's digest: by it the same reading is known again, in whatever order its names come.

A CRC-32 of the values as doubles, in the order of their names, begun with that of the names. Only
two readings of one part at one station and one time are ever compared by it, so that chance makes
two different ones the same in one of four thousand million such pairs. It is kept in checkpoints:
whoever changes it makes a new format of them.
"""

from __future__ import annotations

import math
import zlib
from array import array
from collections.abc import Iterable, Mapping

from models.kinds import Value


def names_digest(names: Iterable[str]) -> int:
    """Where the digest of a reading with these names, in order, begins.

    >>> names_digest(["ab", "c"]) == names_digest(["a", "bc"])
    False
    """
    return zlib.crc32(b"".join(b"%d:%b" % (len(name), name) for name in map(_bytes, names)))


def reading_digest(values: Mapping[str, Value]) -> int:
    """The digest of any reading; `models.columns.Plan.digest` gives the same, sooner.

    >>> reading_digest({"torque": 1.5, "at": 9.0}) == reading_digest({"at": 9, "torque": 1.5})
    True
    >>> reading_digest({"torque": 1.5}) == reading_digest({"angle": 1.5})
    False
    """
    names = sorted(values)
    return zlib.crc32(array("d", [as_double(values[name]) for name in names]), names_digest(names))


def as_double(value: Value) -> float:
    """What a value counts as.

    >>> as_double(1.5), as_double(True), as_double(None), as_double("8722")
    (1.5, 1.0, nan, 274266550.5)
    """
    if type(value) is float:
        return value
    if value is None:
        return math.nan
    return zlib.crc32(_bytes(value)) + 0.5 if isinstance(value, str) else float(value)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
