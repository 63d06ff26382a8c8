"""What a worker knows of its partitions, in files for other processes on the machine to read.

One small JSON file a partition, replaced as a whole every few seconds. `andon status` reads these
rather than the workers' metrics endpoints: they need no ports to be known, work with monitoring
switched off, and still say what was known, and when, after the worker has ended. Whoever takes a
partition over writes its file, so the newest owner is the one that is heard.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError

from andon.line_state import LineState

log = structlog.get_logger()


class CheckpointState(BaseModel):
    """A partition's last checkpoint; ``written_at`` in seconds since 1970, ``size`` in bytes."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    epoch: int
    sequence: int
    next_offset: int
    written_at: float
    size: int


class PartitionState(BaseModel):
    """One partition of the events as its worker last saw it.

    ``end`` is None if the log did not say it; ``written_at`` is in seconds since 1970, clock time.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    group: str
    topic: str
    partition: int
    next_offset: int
    end: int | None
    rebuild_left: int
    written_at: float
    host: str
    pid: int
    checkpoint: CheckpointState | None = None
    lines: tuple[LineState, ...]


def write_state(folder: Path, state: PartitionState) -> None:
    """Replace the partition's file; a reader sees the old or the new one, never a piece."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{_namespace(state.group, state.topic)}-{state.partition}.json"
    # Named by host and process, for every container has a process 1: two owners for a moment
    # must not write into one file.
    new = path.with_suffix(f".{state.host}.{state.pid}.new")
    new.write_bytes(state.model_dump_json().encode())
    os.replace(new, path)


def read_states(folder: Path, group: str, topic: str) -> list[PartitionState]:
    """The partitions that workers of ``group`` have written down, by number.

    >>> from tempfile import TemporaryDirectory
    >>> state = PartitionState(group="andon", topic="andon.events", partition=0, next_offset=7,
    ...     end=9, rebuild_left=0, written_at=0.0, host="here", pid=1, lines=())
    >>> with TemporaryDirectory() as folder:
    ...     write_state(Path(folder), state)
    ...     read_states(Path(folder), "andon", "andon.events") == [state]
    True
    """
    found = []
    for path in sorted(folder.glob(f"{_namespace(group, topic)}-*.json")):
        try:
            found.append(PartitionState.model_validate_json(path.read_bytes()))
        except (OSError, ValidationError) as error:
            log.warning("andon.state_unreadable", path=str(path), error=type(error).__name__)
    return sorted(found, key=lambda state: state.partition)


def _namespace(group: str, topic: str) -> str:
    """A file's name for any group and topic."""
    return hashlib.sha256(f"{group}\0{topic}".encode()).hexdigest()[:12]
