"""A task at work: its place in the log, what of its output was there, and its checkpoints."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import NamedTuple

from stream.log import Record
from stream.published import Published
from stream.task import Task


class LastCheckpoint(NamedTuple):
    """The checkpoint that a task would come back to; times in seconds since 1970.

    ``size`` and ``written`` are bytes, 0 for one that was loaded.
    """

    epoch: int
    sequence: int
    next_offset: int
    written_at: float
    size: int = 0
    written: int = 0


class Progress(NamedTuple):
    """How far a task has read, and the end of its partition when the task began: the offset at
    which it knows what the one before it knew."""

    next_offset: int
    rebuilt_at: int
    checkpoint: LastCheckpoint | None = None


@dataclass
class Running:
    """A task and what the worker knows of it.

    ``last`` is the record before ``next_offset``, if this process has read it, else ``landmark`` is
    what the checkpoint tells of it; all output of what lies before ``acknowledged`` is on the log
    for sure; ``tried`` is the offset and ``tried_at`` the time (of a monotonic clock) of the last
    attempt at a checkpoint, ``pause`` the seconds that it took.
    """

    task: Task
    next_offset: int
    rebuilt_at: int
    published: Published
    epoch: int = 0
    sequence: int = 0
    last: Record | None = None
    landmark: str = ""
    checkpoint: LastCheckpoint | None = None
    tried: int = 0
    tried_at: float = field(default_factory=time.monotonic)
    pause: float = 0.0
    acknowledged: int = field(init=False)

    def __post_init__(self) -> None:
        self.acknowledged = self.next_offset

    @property
    def progress(self) -> Progress:
        """How far it is."""
        return Progress(self.next_offset, self.rebuilt_at, self.checkpoint)

    @property
    def unsaved(self) -> int:
        """Records since the last checkpoint, or since the beginning."""
        return self.next_offset - self.tried
