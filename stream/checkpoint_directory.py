"""Checkpoints in a folder: for one machine, or for several that share a disk.

::

    <folder>/<group and topic>/<partition>/
        0000000007.epoch               made exclusively by whoever took the partition over
        0000000007/
            0000000041.manifest        a checkpoint: everything but its chunks
            even/<digest>, odd/<digest>

A checkpoint's steps, each of which may be the last one that happens:

1. New chunks, each: temporary file, fsync, rename.
2. Their folder: fsync. The manifest: temporary file, fsync.
3. The epoch must still be the highest. Rename, fsync of the folder: now the checkpoint counts.
4. What the newest three checkpoints do not name is removed.

Checkpoints share chunks with the last but one only (``even`` and ``odd`` by sequence): whatever
happens to one file on the disk, of two checkpoints in a row one is sound. A worker writes and
removes nothing in folders of later epochs, so a zombie harms nobody.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import structlog

from stream.checkpoint import CheckpointError, pieces
from stream.checkpoint_store import KEPT, Checkpoint, Saved, Step, unheard
from stream.chunks import Chunk, chunks
from stream.errors import CheckpointNotWritten, StaleEpoch
from stream.manifest import Manifest, manifest_of, restore, seal, task_name, unseal
from stream.private_files import OpenFile, claim_file, open_new, private_folder, sync_folder

log = structlog.get_logger()

_SHELVES = ("even", "odd")


class CheckpointDirectory:
    """`stream.checkpoint_store.CheckpointStore` in a folder of this user's own.

    ``key`` seals the manifests; ``step`` is told of every step done; ``open_file`` opens what is
    written. Raises `ConfigError` for a folder that others may write to.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     store = CheckpointDirectory(Path(folder), "andon", "andon.events")
    ...     epoch = store.claim(0)
    ...     _ = store.save(0, Checkpoint(epoch, 1, next_offset=700, state={"seen": 700}))
    ...     store.load(0).state
    {'seen': 700}
    """

    def __init__(
        self,
        folder: Path,
        group: str,
        topic: str,
        *,
        key: bytes = b"",
        step: Step = unheard,
        open_file: OpenFile = open_new,
    ) -> None:
        self._group, self._topic = group, topic
        self._key = key
        self._step = step
        self._open = open_file
        self.refused = 0
        namespace = hashlib.sha256(f"{group}\0{topic}".encode()).hexdigest()[:12]
        self._folder = private_folder(private_folder(folder) / namespace)
        # What this process has written or found sound, by epoch's folder and shelf.
        self._there: dict[Path, set[str]] = {}

    def claim(self, partition: int) -> int:
        """See `stream.checkpoint_store.CheckpointStore.claim`."""
        place = private_folder(self._folder / str(partition))
        epoch = _highest(place) + 1
        told = f"{socket.gethostname()}:{os.getpid()}\n".encode()
        try:
            while not claim_file(place / f"{epoch:010d}.epoch", told):
                epoch += 1
            private_folder(place / f"{epoch:010d}")
            self._forget_empty(place, epoch)
        except OSError as error:
            raise self._not_written(place, error) from error
        return epoch

    def load(self, partition: int) -> Checkpoint | None:
        """See `stream.checkpoint_store.CheckpointStore.load`."""
        place = self._folder / str(partition)
        for path in reversed(_manifests(place)):
            try:
                return restore(self._read(path, partition), _fetcher(path))
            except (CheckpointError, OSError) as error:
                self.refused += 1
                log.error("andon.checkpoint_refused", path=str(path), error=str(error))
        return None

    def _read(self, path: Path, partition: int) -> Manifest:
        task = task_name(self._group, self._topic, partition)
        manifest = unseal(path.read_bytes(), task, self._key)
        if manifest.order != _order(path):
            raise CheckpointError(f"its name is not that of checkpoint {manifest.order}")
        return manifest

    def save(self, partition: int, checkpoint: Checkpoint, within: float = 30.0) -> Saved:
        """See `stream.checkpoint_store.CheckpointStore.save`; a disk is waited for."""
        place = self._folder / str(partition)
        epoch = place / f"{checkpoint.epoch:010d}"
        parts = list(chunks(pieces(checkpoint.state)))
        task = task_name(self._group, self._topic, partition)
        sealed = seal(manifest_of(task, checkpoint, parts), self._key)
        self._check_epoch(place, partition, checkpoint.epoch)
        try:
            new = self._write_chunks(_shelf(epoch, checkpoint.sequence), parts)  # 1
            self._write_manifest(
                epoch / f"{checkpoint.sequence:010d}.manifest",
                sealed,
                lambda: self._check_epoch(place, partition, checkpoint.epoch),
            )
        except OSError as error:
            raise self._not_written(epoch, error) from error
        self._tidy(place, checkpoint.epoch)  # 4
        self._step("old checkpoints removed")
        size = sum(len(part.data) for part in parts)
        written = sum(len(part.data) for part in new) + len(sealed)
        return Saved(size, written, len(new), len(parts) - len(new))

    def close(self) -> None:
        """See `stream.checkpoint_store.CheckpointStore.close`."""

    def _check_epoch(self, place: Path, partition: int, epoch: int) -> None:
        highest = _highest(place)
        if highest != epoch:
            raise StaleEpoch(partition, epoch, highest)

    def _write_chunks(self, shelf: Path, parts: list[Chunk]) -> list[Chunk]:
        shelf.mkdir(exist_ok=True, mode=0o700)
        there = self._there.setdefault(shelf, set())
        new = []
        for part in parts:
            if part.digest not in there:
                self._write(shelf / f".{part.digest}", part.data).replace(shelf / part.digest)
                there.add(part.digest)
                new.append(part)
        self._step("chunks written")
        if new:
            sync_folder(shelf)  # 2
        self._step("chunks durable")
        return new

    def _write_manifest(self, path: Path, sealed: bytes, check: Callable[[], None]) -> None:
        temporary = self._write(path.with_name(f".{path.name}"), sealed)
        self._step("manifest written")
        check()  # 3
        temporary.replace(path)
        self._step("manifest renamed")
        sync_folder(path.parent)
        self._step("folder durable")

    def _write(self, path: Path, data: bytes | memoryview) -> Path:
        try:
            with self._open(path) as file:
                file.write(data)
                file.flush()
                self._step("temporary file written")
                os.fsync(file.fileno())
        except OSError:
            with suppress(OSError):
                path.unlink(missing_ok=True)
            raise
        return path

    def _tidy(self, place: Path, epoch: int) -> None:
        """Keep the newest three; what cannot be removed now is removed another time."""
        own = [path for path in _manifests(place) if _order(path)[0] <= epoch]
        kept, old = own[-KEPT:], own[:-KEPT]
        with suppress(OSError):
            for path in old:
                path.unlink(missing_ok=True)
            self._remove_chunks(place / f"{epoch:010d}", kept)
            self._forget_empty(place, epoch)

    def _remove_chunks(self, epoch: Path, kept: list[Path]) -> None:
        for shelf in (epoch / name for name in _SHELVES):
            try:
                named = self._named_on(shelf, [path for path in kept if path.parent == epoch])
            except CheckpointError:
                continue  # refused, loudly, by whoever loads it; its chunks may be another's too
            for path in shelf.iterdir() if shelf.is_dir() else ():
                if path.name not in named:
                    path.unlink(missing_ok=True)
            self._there[shelf] = self._there.get(shelf, set()) & named

    def _named_on(self, shelf: Path, manifests: list[Path]) -> set[str]:
        partition = int(shelf.parent.parent.name)
        named: set[str] = set()
        for path in manifests:
            if _shelf(path.parent, _order(path)[1]) == shelf:
                named |= self._read(path, partition).digests
        return named

    def _forget_empty(self, place: Path, epoch: int) -> None:
        """Remove what earlier epochs have left behind once they hold no checkpoint any more."""
        for claimed in sorted(place.glob("*.epoch")):
            folder = place / claimed.stem
            if int(claimed.stem) < epoch and not any(folder.glob("*.manifest")):
                shutil.rmtree(folder, ignore_errors=True)
                claimed.unlink(missing_ok=True)
                for shelf in _SHELVES:
                    self._there.pop(folder / shelf, None)

    def _not_written(self, path: Path, error: OSError) -> CheckpointNotWritten:
        return CheckpointNotWritten(
            f"no checkpoint could be written to {path} ({error.strerror or error}): make room on "
            f"its disk, or give checkpoint.directory another place; the ones before are intact"
        )


def _highest(place: Path) -> int:
    return max((int(path.stem) for path in place.glob("*.epoch")), default=0)


def _manifests(place: Path) -> list[Path]:
    return sorted(place.glob("[0-9]*/[0-9]*.manifest"))


def _order(path: Path) -> tuple[int, int]:
    return int(path.parent.name), int(path.stem)


def _shelf(epoch: Path, sequence: int) -> Path:
    return epoch / _SHELVES[sequence % 2]


def _fetcher(path: Path) -> Callable[[str], bytes]:
    shelf = _shelf(path.parent, _order(path)[1])
    return lambda digest: (shelf / digest).read_bytes()
