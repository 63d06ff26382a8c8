"""Which partition a key belongs to: Java's murmur2, the same on every log.

A line keeps its partition number, and with it its order and its alert ids, whether its events lie
on Kafka, in SQLite or in memory, and whichever client wrote them with the default partitioner.

Reference: Apache Kafka's default partitioner, ``toPositive(murmur2(key)) % partitions``.
"""

from __future__ import annotations

_MASK = 0xFFFFFFFF
_SEED = 0x9747B28C
_M = 0x5BD1E995


def murmur2(data: bytes) -> int:
    """The 32-bit MurmurHash2 of ``data`` with Kafka's seed, unsigned.

    >>> murmur2(b"21") == 0xFFFFFFFF & -973932308
    True
    """
    length = len(data)
    h = _SEED ^ length
    whole = length & ~3
    for i in range(0, whole, 4):
        k = int.from_bytes(data[i : i + 4], "little") * _M & _MASK
        k ^= k >> 24
        h = (h * _M & _MASK) ^ (k * _M & _MASK)
    tail = data[whole:]
    if tail:
        h = (h ^ int.from_bytes(tail, "little")) * _M & _MASK
    h ^= h >> 13
    h = h * _M & _MASK
    return h ^ (h >> 15)


def partition_for(key: bytes, partitions: int) -> int:
    """The partition of ``key`` among ``partitions``.

    >>> partition_for(b"body-A", 4)
    2
    """
    return (murmur2(key) & 0x7FFFFFFF) % partitions
