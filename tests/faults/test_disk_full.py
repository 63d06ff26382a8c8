"""Disks that are full, read-only or failing: the old checkpoint stays intact, the worker goes on,
and so do checkpoints as soon as there is room. On a real file system of 1 MB where one can be
mounted, else that says so aloud; errors of the disk itself come from an injected opener."""

from __future__ import annotations

import errno
import io
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest

from stream.checkpoint import digest
from stream.checkpoint_directory import CheckpointDirectory
from stream.checkpoint_store import Checkpoint
from stream.errors import CheckpointNotWritten
from stream.private_files import OpenFile, open_new


def state(sequence: int, rows: int = 300) -> dict[str, object]:
    """120 KB, all of it another each time."""
    window = np.random.default_rng(sequence).normal(size=(rows, 100)).astype(np.float32)
    return {"window": window, "seen": sequence}


def opened(folder: Path, open_file: OpenFile = open_new) -> CheckpointDirectory:
    return CheckpointDirectory(folder, "andon", "andon.events", open_file=open_file)


def save(store: CheckpointDirectory, epoch: int, sequence: int) -> None:
    store.save(0, Checkpoint(epoch, sequence, 100 * sequence, state=state(sequence)))


def assert_newest(folder: Path, sequence: int) -> None:
    store = opened(folder)
    found = store.load(0)
    assert found is not None
    assert (found.sequence, digest(found.state)) == (sequence, digest(state(sequence)))
    assert store.refused == 0


def claim_often(folder: Path) -> None:
    """Names need so little room that some fit on a full disk."""
    for _ in range(100):
        opened(folder).claim(0)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    command = [mount or "mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "none", str(place)]
    if mount is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("the full disk: no file system can be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_keeps_the_old_checkpoint_and_room_brings_new_ones(
    small_disk: Path, full: bool
) -> None:
    store = opened(small_disk / "checkpoints")
    epoch = store.claim(0)
    ballast = small_disk / "ballast"
    last = 1
    save(store, epoch, last)
    for attempt in range(20 if full else 3):
        # Each time less room: it ends in another file of the checkpoint.
        room = (5_000 + 9_000 * attempt) % 110_000
        free = shutil.disk_usage(small_disk).free
        ballast.write_bytes(b"\0" * max(free - room, 0))
        with pytest.raises(CheckpointNotWritten, match="No space left on device"):
            save(store, epoch, last + 1)
        assert_newest(small_disk / "checkpoints", last)
        ballast.unlink()
        last += 2
        save(store, epoch, last)
        assert_newest(small_disk / "checkpoints", last)


def test_a_full_disk_gives_no_epoch_and_room_gives_one(small_disk: Path) -> None:
    store = opened(small_disk / "checkpoints")
    save(store, store.claim(0), 1)
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"\0" * shutil.disk_usage(small_disk).free)
    with pytest.raises(CheckpointNotWritten):
        claim_often(small_disk / "checkpoints")
    ballast.unlink()
    save(store, store.claim(0), 2)
    found = opened(small_disk / "checkpoints").load(0)
    assert found is not None
    assert found.sequence == 2


def test_a_disk_that_turned_read_only_keeps_the_old_checkpoint(small_disk: Path) -> None:
    store = opened(small_disk / "checkpoints")
    epoch = store.claim(0)
    save(store, epoch, 1)
    remount = ["mount", "-o", "remount,{}", str(small_disk)]
    subprocess.run([part.format("ro") for part in remount], check=True)
    with pytest.raises(CheckpointNotWritten, match="Read-only file system"):
        save(store, epoch, 2)
    with pytest.raises(CheckpointNotWritten):
        opened(small_disk / "checkpoints").claim(0)
    assert_newest(small_disk / "checkpoints", 1)
    subprocess.run([part.format("rw") for part in remount], check=True)
    save(store, epoch, 3)
    assert_newest(small_disk / "checkpoints", 3)


class FailingDisk:
    """Opens files that fail to take bytes, or to open, at the ``bad`` file from now."""

    def __init__(self) -> None:
        self.bad: int | None = None
        self.on_open = False

    def __call__(self, path: Path) -> BinaryIO:
        if self.bad is not None:
            self.bad -= 1
            if self.bad == 0:
                self.bad = None
                if self.on_open:
                    raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
                return _Torn(path)
        return open_new(path)


class _Torn(io.FileIO):
    """Takes the first half of what it is given."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "wb")

    def write(self, data: object) -> int:
        whole = bytes(data)  # type: ignore[call-overload]
        super().write(whole[: len(whole) // 2])
        raise OSError(errno.EIO, os.strerror(errno.EIO))


@pytest.mark.parametrize("on_open", [False, True])
def test_an_error_of_the_disk_at_any_file_leaves_the_old_checkpoint(
    tmp_path: Path, on_open: bool, full: bool
) -> None:
    disk = FailingDisk()
    disk.on_open = on_open
    store = opened(tmp_path / "checkpoints", disk)
    epoch, last = store.claim(0), 1
    save(store, epoch, last)
    for attempt in range(20 if full else 3):
        # Two chunks, then the manifest.
        disk.bad = 1 + attempt % 3
        with pytest.raises(CheckpointNotWritten, match="Input/output error"):
            save(store, epoch, last + 1)
        assert disk.bad is None
        assert_newest(tmp_path / "checkpoints", last)
        last += 2
        save(store, epoch, last)
        assert_newest(tmp_path / "checkpoints", last)
    assert not list((tmp_path / "checkpoints").rglob(".*"))
