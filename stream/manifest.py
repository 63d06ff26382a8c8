"""A checkpoint's manifest: all of it but the state's bytes, of which it names the chunks.

The bytes are ``ANDON-M``, a format number, the JSON and a digest of all before it: SHA-256, or with
a key HMAC-SHA256, so that a manifest that somebody else has made is refused like a damaged one.
Every chunk is named by its digest, so what the manifest vouches for is the whole checkpoint.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from stream.checkpoint import CheckpointError, parse
from stream.checkpoint_store import Checkpoint
from stream.chunks import Chunk

_MAGIC = b"ANDON-M\x01"
_DIGEST = 32


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One checkpoint of the task ``task``; see `stream.checkpoint_store.Checkpoint`."""

    task: str
    epoch: int
    sequence: int
    next_offset: int
    alerts_end: int
    letters_end: int
    risks_end: int
    fingerprint: dict[str, Any]
    partitions: int
    landmark: str
    written_at: float
    chunks: list[tuple[str, int]]

    @property
    def order(self) -> tuple[int, int]:
        """By which checkpoints are ordered."""
        return self.epoch, self.sequence

    @property
    def digests(self) -> set[str]:
        """The names of the chunks."""
        return {digest for digest, _ in self.chunks}


def task_name(group: str, topic: str, partition: int) -> str:
    """What a checkpoint belongs to, as a text.

    >>> task_name("andon", "andon.events", 3)
    'andon/andon.events/3'
    """
    return f"{group}/{topic}/{partition}"


def manifest_of(task: str, checkpoint: Checkpoint, parts: Sequence[Chunk]) -> Manifest:
    """The manifest of a checkpoint whose state is these chunks."""
    return Manifest(
        task,
        checkpoint.epoch,
        checkpoint.sequence,
        checkpoint.next_offset,
        checkpoint.alerts_end,
        checkpoint.letters_end,
        checkpoint.risks_end,
        dict(checkpoint.fingerprint),
        checkpoint.partitions,
        checkpoint.landmark,
        checkpoint.written_at,
        [(part.digest, len(part.data)) for part in parts],
    )


def seal(manifest: Manifest, key: bytes = b"") -> bytes:
    """The manifest's bytes."""
    body = _MAGIC + msgspec.json.encode(manifest)
    return body + _digest(body, key)


def unseal(data: bytes, task: str, key: bytes = b"") -> Manifest:
    """The manifest in `seal`'s bytes; raises `CheckpointError` for others, and for another task's.

    >>> sealed = seal(manifest_of("andon/andon.events/0", Checkpoint(1, 2, 700), []))
    >>> unseal(sealed, "andon/andon.events/0").next_offset
    700
    >>> unseal(sealed[:-1], "andon/andon.events/0")
    Traceback (most recent call last):
    stream.checkpoint.CheckpointError: its digest differs: it is damaged, or was sealed with ...
    """
    body, digest = data[:-_DIGEST], data[-_DIGEST:]
    if not body.startswith(_MAGIC):
        raise CheckpointError("it is no checkpoint of a version known here")
    if not hmac.compare_digest(_digest(body, key), digest):
        raise CheckpointError("its digest differs: it is damaged, or was sealed with another key")
    try:
        manifest = msgspec.json.decode(body[len(_MAGIC) :], type=Manifest)
    except msgspec.MsgspecError as error:
        raise CheckpointError(f"it is no checkpoint of a version known here ({error})") from None
    if manifest.task != task:
        raise CheckpointError(f"it is of task {manifest.task!r}, not of {task!r}")
    return manifest


def restore(manifest: Manifest, fetch: Callable[[str], bytes]) -> Checkpoint:
    """The checkpoint, its chunks fetched by name; raises `CheckpointError` if one is not sound."""
    parts = []
    for digest, size in manifest.chunks:
        data = fetch(digest)
        if len(data) != size or hashlib.sha256(data).hexdigest() != digest:
            raise CheckpointError(f"its chunk {digest[:12]} is damaged")
        parts.append(data)
    return Checkpoint(
        manifest.epoch,
        manifest.sequence,
        manifest.next_offset,
        manifest.alerts_end,
        manifest.letters_end,
        manifest.risks_end,
        manifest.fingerprint,
        parse(b"".join(parts)) if parts else {},
        manifest.partitions,
        manifest.landmark,
        manifest.written_at,
    )


def _digest(body: bytes, key: bytes) -> bytes:
    if key:
        # HMAC takes a key and the same key with zeros behind it for one; a digest of it does not.
        return hmac.digest(hashlib.sha256(key).digest(), body, "sha256")
    return hashlib.sha256(body).digest()
