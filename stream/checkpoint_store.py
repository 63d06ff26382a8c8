"""Checkpoints: what is kept of a task, and what a store of them promises.

A checkpoint is a task's state and its place in the log. A store is asked for the next *epoch* of a
partition whenever a worker takes it over; checkpoints are ordered by (epoch, sequence), so what a
worker writes that has been replaced without noticing (a zombie) is older than all that its
successor writes, and is refused as soon as the store notices.

Two stores pass one contract suite: `stream.checkpoint_directory` for one machine or a shared disk,
`stream.checkpoint_topic` for any machine that reaches the cluster.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from models.plain_state import State
from stream.log import Record

KEPT = 3
"""The newest checkpoints of a partition that a store keeps."""

Step = Callable[[str], None]
"""Told the name of every step of the protocol when it has been done."""


def unheard(step: str) -> None:
    """A `Step` that does nothing."""


@dataclass(frozen=True)
class Checkpoint:
    """A task's state after the records before ``next_offset``, and where its outputs end.

    What the task will say of ``next_offset`` and later lies, if it was said before, at
    ``alerts_end``, ``letters_end`` and ``risks_end`` or behind them. ``partitions`` is the number
    that the topic had (0: unknown), ``landmark`` the `landmark` of the record before
    ``next_offset`` ("": unknown), ``written_at`` seconds since 1970.
    """

    epoch: int
    sequence: int
    next_offset: int
    alerts_end: int = 0
    letters_end: int = 0
    risks_end: int = 0
    fingerprint: Mapping[str, Any] = field(default_factory=dict)
    state: State = field(default_factory=dict)
    partitions: int = 0
    landmark: str = ""
    written_at: float = 0.0


class Saved(NamedTuple):
    """What storing a checkpoint cost: its size, the bytes of that which were new, its chunks."""

    size: int
    written: int
    new: int
    kept: int


class CheckpointStore(Protocol):
    """Where the checkpoints of one group on one topic are."""

    refused: int
    """How many stored checkpoints could not be used so far."""

    def claim(self, partition: int) -> int:
        """The next epoch of the partition, given out once: whoever had an earlier one is stale."""

    def load(self, partition: int) -> Checkpoint | None:
        """The newest sound checkpoint by (epoch, sequence).

        One that is damaged is logged, counted in ``refused`` and passed over for the one before.
        """

    def save(self, partition: int, checkpoint: Checkpoint, within: float = 30.0) -> Saved:
        """Store a checkpoint, durably, whole or not at all, and forget all but the newest three.

        ``within`` seconds are the patience with a cluster. Raises `StaleEpoch` for an epoch that is
        not the highest claimed, `CheckpointNotWritten` if disk or cluster do not take it.
        """

    def close(self) -> None:
        """Give connections back."""


def landmark(record: Record | None) -> str:
    """A digest by which a record is known again, "" for none.

    >>> landmark(None), landmark(Record("andon.events", 0, 7, b"body-A", b"{}"))[:8]
    ('', 'a775cef7')
    """
    if record is None:
        return ""
    told = hashlib.sha256(b"%d %d" % (record.offset, record.timestamp))
    for data in (record.key, record.value):
        told.update(b"-" if data is None else b"%d:%b" % (len(data), data))
    return told.hexdigest()[:32]
