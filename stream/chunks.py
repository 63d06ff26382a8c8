"""A state as content-addressed chunks, so that a checkpoint stores only what has changed.

A chunk is named by the SHA-256 of its bytes. Where one ends is decided by the bytes themselves
(content-defined chunking, as in LBFS: Muthitacharoen, Chen and Mazieres, SOSP 2001): an eight-byte
window whose hash has a certain value ends a chunk. So rows that move, because those before them
have gone, are found again in their old chunks; with blocks of a fixed size all would be new.
Windows are tried at the steps of an array's items only, which costs one NumPy pass.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from stream.checkpoint import Piece

SMALLEST = 32 * 1024
MEAN = 128 * 1024
LARGEST = 512 * 1024
"""A chunk's bytes; the mean is that of bytes without order. A record of Kafka holds the largest."""

_WINDOW = 8
_MIX = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio: multiplicative hashing, Knuth
_BLOCK = 1 << 20


class Chunk(NamedTuple):
    """Some bytes and their name."""

    digest: str
    data: memoryview


def chunks(pieces: Iterable[Piece]) -> Iterator[Chunk]:
    """The pieces as chunks, in order; joined they are the joined pieces.

    Small pieces are put together, large ones cut.

    >>> whole = np.random.default_rng(0).bytes(1_000_000)
    >>> moved = whole[4_096:] + b"new"
    >>> known = {chunk.digest for chunk in chunks([Piece(memoryview(whole), 1)])}
    >>> again = [chunk.digest for chunk in chunks([Piece(memoryview(moved), 1)])]
    >>> len(again), len(set(again) - known)
    (7, 2)
    """
    crumbs: list[memoryview] = []
    gathered = 0
    for piece in pieces:
        if len(piece.data) < SMALLEST:
            crumbs.append(piece.data)
            gathered += len(piece.data)
            if gathered < MEAN:
                continue
        if crumbs:
            yield _named(memoryview(b"".join(crumbs)))
            crumbs, gathered = [], 0
        if len(piece.data) >= SMALLEST:
            yield from (_named(part) for part in _cut(piece))
    if crumbs:
        yield _named(memoryview(b"".join(crumbs)))


def _named(data: memoryview) -> Chunk:
    return Chunk(hashlib.sha256(data).hexdigest(), data)


def _cut(piece: Piece) -> Iterator[memoryview]:
    data, start = piece.data, 0
    for end in _ends(piece):
        while end - start > LARGEST:
            yield data[start : start + LARGEST]
            start += LARGEST
        if end - start >= SMALLEST:
            yield data[start:end]
            start = end
    while len(data) - start > LARGEST:
        yield data[start : start + LARGEST]
        start += LARGEST
    if start < len(data):
        yield data[start:]


def _ends(piece: Piece) -> Iterator[int]:
    """Where windows say that a chunk ends, ascending."""
    step = min(piece.step, _WINDOW)
    # One of so many windows, so that chunks have the same mean size whatever the step.
    bits = (MEAN // step).bit_length() - 1
    wanted, shift = np.uint64(1), np.uint64(64 - bits)
    for begin in range(0, len(piece.data), _BLOCK):
        block = piece.data[begin : begin + _BLOCK + _WINDOW - step]
        found = []
        for offset in range(0, _WINDOW, step):
            count = (len(block) - offset) // _WINDOW
            if count > 0:
                words = np.frombuffer(block, "<u8", count, offset)
                hits = np.flatnonzero((words * _MIX) >> shift == wanted)
                found.append(hits * _WINDOW + (offset + _WINDOW))
        if found:
            for end in np.sort(np.concatenate(found)).tolist():
                yield begin + end
