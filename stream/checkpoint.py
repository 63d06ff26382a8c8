"""What a detector has learnt, in a file: plain values and arrays, no pickle, whole or not at all.

A file is ``ANDON``, a format number, the length of a JSON header, the header, the arrays one after
the other, and the SHA-256 of everything before it. The header holds the state with every array
replaced by its place, type and shape. It is written to a temporary file, synced, renamed, and the
folder is synced too, so that a crash leaves the file that was there before. Reading checks the
digest first: a damaged file is refused, never half read.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from models.plain_state import State
from stream.errors import AndonError

_MAGIC = b"ANDON\x01\r\n"
_DIGEST = 32
_TYPES = ("|b1", "|u1", "|i1", "<i4", "<i8", "<f8", "<f4")
_ARRAY = "$array"


class CheckpointError(AndonError):
    """A checkpoint that cannot be used: damaged, of another version, or made by other settings."""

    exit_code = 2


class Piece(NamedTuple):
    """Bytes of a state that belong together: its header, or one array with items of ``step``."""

    data: memoryview
    step: int


def pieces(state: State) -> list[Piece]:
    """A state's bytes without their digest: the header, then each array; not copied if avoidable.

    Raises TypeError for what a state cannot hold.

    >>> [len(piece.data) for piece in pieces({"mean": np.array([1.0, 2.0])})]
    [49, 16]
    """
    arrays: list[Piece] = []
    length = 0

    def plain(value: object) -> object:
        nonlocal length
        if isinstance(value, np.ndarray):
            kind = value.dtype.newbyteorder("<").str.replace("=", "<")
            if kind not in _TYPES:
                raise TypeError(f"a state holds no arrays of {value.dtype}")
            flat = np.ascontiguousarray(value, dtype=kind).reshape(-1)
            place = {_ARRAY: [kind, list(value.shape), length]}
            arrays.append(Piece(flat.view(np.uint8).data, flat.itemsize))
            length += flat.nbytes
            return place
        if isinstance(value, Mapping):
            if any(not isinstance(key, str) for key in value) or _ARRAY in value:
                raise TypeError("a state's keys are texts")
            return {key: plain(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [plain(inner) for inner in value]
        if value is None or type(value) in (bool, int, float, str):
            return value
        raise TypeError(f"a state holds no {type(value).__name__}")

    header = json.dumps(plain(state), separators=(",", ":")).encode()
    head = _MAGIC + len(header).to_bytes(8, "little") + header
    return [Piece(memoryview(head), 1), *arrays]


def dumps(state: State) -> bytes:
    """The bytes of a state: nested dictionaries and lists of plain values and arrays.

    Raises TypeError for what is neither. Equal states are equal bytes.

    >>> state = {"mean": np.array([1.0, 2.0]), "names": ["a"], "count": 3, "gap": float("inf")}
    >>> again = loads(dumps(state))
    >>> again["mean"].tolist(), again["count"], again["gap"]
    ([1.0, 2.0], 3, inf)
    """
    body = b"".join(piece.data for piece in pieces(state))
    return body + hashlib.sha256(body).digest()


def loads(data: bytes) -> State:
    """The state in `dumps`'s bytes; raises `CheckpointError` for any others."""
    body, digest = data[:-_DIGEST], data[-_DIGEST:]
    if not data.startswith(_MAGIC):
        raise CheckpointError("this is no checkpoint of a version known here: make it again")
    if hashlib.sha256(body).digest() != digest:
        raise CheckpointError("the checkpoint is damaged (its digest differs): make it again")
    return parse(body)


def parse(body: bytes) -> State:
    """The state in the joined `pieces`, whose soundness the caller has made sure of."""
    if not body.startswith(_MAGIC):
        raise CheckpointError("this is no state of a version known here: make it again")
    begin = len(_MAGIC) + 8
    end = begin + int.from_bytes(body[len(_MAGIC) : begin], "little")

    def live(value: Any) -> Any:
        if isinstance(value, dict):
            if _ARRAY in value:
                kind, shape, offset = value[_ARRAY]
                return _array(body, kind, shape, end + offset)
            return {key: live(inner) for key, inner in value.items()}
        return [live(inner) for inner in value] if isinstance(value, list) else value

    state: State = live(json.loads(body[begin:end]))
    return state


def _array(body: bytes, kind: str, shape: list[int], offset: int) -> npt.NDArray[Any]:
    count = int(np.prod(shape, dtype=np.int64))
    flat = np.frombuffer(body, dtype=np.dtype(kind), count=count, offset=offset)
    return flat.reshape(shape).copy()


def digest(state: State) -> str:
    """A state's structural digest: equal states, equal digests, whatever made them.

    >>> digest({"a": 1}) == digest({"a": 1}), digest({"a": 1}) == digest({"a": 2})
    (True, False)
    """
    return hashlib.sha256(dumps(state)).hexdigest()


def write(path: Path, state: State) -> int:
    """Put a state into a file, whole or not at all; answers its size in bytes."""
    data = dumps(state)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return len(data)


def read(path: Path) -> State:
    """The state in a file; raises `CheckpointError` naming the file."""
    try:
        return loads(path.read_bytes())
    except OSError as error:
        raise CheckpointError(
            f"checkpoint {path} cannot be read: {error.strerror or error}: check the path"
        ) from None
    except CheckpointError as error:
        raise CheckpointError(f"checkpoint {path}: {error}") from None
