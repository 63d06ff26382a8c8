"""Checkpoints that were cut, changed, emptied, or made by somebody else: never loaded; the one
before is, and that is said loudly. On real files, without a broker."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from structlog.testing import capture_logs

from stream.checkpoint import digest
from stream.checkpoint_directory import CheckpointDirectory
from stream.checkpoint_store import Checkpoint

KEY = b"a key of thirty-two bytes, or more"
HEADER = 64


def state(sequence: int) -> dict[str, object]:
    """A window of 400 KB of which a little changes, and a few plain values."""
    window = np.random.default_rng(1).normal(size=(1_000, 100)).astype(np.float32)
    window[10 * sequence : 10 * sequence + 10] = sequence
    return {"window": window, "seen": sequence, "names": ["body-A", "body-B"]}


def opened(folder: Path, key: bytes = KEY) -> CheckpointDirectory:
    return CheckpointDirectory(folder, "andon", "andon.events", key=key)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three checkpoints of one task."""
    store = opened(tmp_path / "checkpoints")
    epoch = store.claim(0)
    for sequence in (1, 2, 3):
        store.save(0, Checkpoint(epoch, sequence, 100 * sequence, state=state(sequence)))
    return tmp_path / "checkpoints"


def manifest(folder: Path, sequence: int) -> Path:
    [path] = folder.glob(f"*/0/*/{sequence:010d}.manifest")
    return path


def chunks(folder: Path, sequence: int) -> list[Path]:
    """The files that hold the state of a checkpoint; those of two in a row are not the same."""
    shelf = manifest(folder, sequence).parent / ("odd" if sequence % 2 else "even")
    named = manifest(folder, sequence).read_bytes().decode("latin-1")
    return sorted(path for path in shelf.iterdir() if path.name in named)


def torn(data: bytes, number: int, chance: random.Random) -> bytes:
    """Another content each time: shorter, changed, longer."""
    kind = number % 4
    if kind == 0:
        return data[: chance.randrange(len(data))]
    if kind == 1:
        return data + chance.randbytes(chance.randint(1, 40))
    changed = bytearray(data)
    for _ in range(1 if kind == 2 else 8):
        changed[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def assert_the_one_before_is_taken(folder: Path) -> None:
    store = opened(folder)
    with capture_logs() as logged:
        found = store.load(0)
    assert found is not None
    assert (found.sequence, digest(found.state)) == (2, digest(state(2)))
    assert store.refused == 1
    assert [(e["event"], e["log_level"]) for e in logged] == [("andon.checkpoint_refused", "error")]


def damages(data: bytes, full: bool, chance: random.Random) -> Iterator[bytes]:
    """Every cut and every changed byte of the header, then random ones."""
    header = range(min(HEADER, len(data))) if full else range(0, HEADER, 8)
    for at in header:
        yield data[:at]
        yield data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]
    for number in range(1_000 if full else 80):
        damaged = torn(data, number, chance)
        if damaged != data:
            yield damaged


@pytest.mark.parametrize("what", ["manifest", "chunk"])
def test_a_damaged_file_of_the_newest_checkpoint_is_never_believed(
    what: str, folder: Path, full: bool
) -> None:
    chance = random.Random(7)
    files = [manifest(folder, 3)] if what == "manifest" else chunks(folder, 3)
    whole = {path: path.read_bytes() for path in files}
    tried = 0
    for damaged in damages(next(iter(whole.values())), full, chance):
        path = chance.choice(files)
        if damaged == whole[path]:
            continue
        path.write_bytes(damaged)
        assert_the_one_before_is_taken(folder)
        path.write_bytes(whole[path])
        tried += 1
    assert tried >= (1_100 if full else 90)
    newest = opened(folder).load(0)
    assert newest is not None
    assert newest.sequence == 3


def test_a_chunk_that_has_gone_or_is_another_s_is_never_believed(folder: Path) -> None:
    files = chunks(folder, 3)
    assert len(files) > 1
    for path in files:
        whole = path.read_bytes()
        path.unlink()
        assert_the_one_before_is_taken(folder)
        path.write_bytes(files[0].read_bytes() if path != files[0] else files[1].read_bytes())
        assert_the_one_before_is_taken(folder)
        path.write_bytes(whole)


def test_an_empty_file_is_no_checkpoint(folder: Path) -> None:
    manifest(folder, 3).write_bytes(b"")
    assert_the_one_before_is_taken(folder)


def test_a_manifest_under_another_s_name_is_no_checkpoint(folder: Path) -> None:
    manifest(folder, 3).write_bytes(manifest(folder, 1).read_bytes())
    assert_the_one_before_is_taken(folder)


def test_the_checkpoint_of_another_task_is_none_of_ours(folder: Path) -> None:
    store = opened(folder)
    store.save(1, Checkpoint(store.claim(1), 3, 300, state=state(3)))
    foreign = next(path for path in folder.glob("*/1/*/*.manifest"))
    manifest(folder, 3).write_bytes(foreign.read_bytes())
    assert_the_one_before_is_taken(folder)


@pytest.mark.parametrize("key", [b"", b"another key of 32 bytes or more...", KEY[:-1], KEY + b"\0"])
def test_nothing_that_was_sealed_with_another_key_is_loaded(folder: Path, key: bytes) -> None:
    store = opened(folder, key)
    with capture_logs() as logged:
        assert store.load(0) is None
    assert store.refused == len(logged) == 3
    assert "was sealed with another key" in logged[0]["error"]


def test_a_worker_s_next_checkpoints_are_sound_again_after_a_damaged_one(folder: Path) -> None:
    for path in chunks(folder, 3):
        path.write_bytes(b"\0" * 1_000)
    store = opened(folder)
    epoch = store.claim(0)
    assert (store.load(0) or Checkpoint(0, 0, 0)).sequence == 2
    for sequence in (1, 2):
        store.save(0, Checkpoint(epoch, sequence, 400, state=state(3)))
    found = opened(folder).load(0)
    assert found is not None
    assert (found.epoch, found.sequence, digest(found.state)) == (epoch, 2, digest(state(3)))
