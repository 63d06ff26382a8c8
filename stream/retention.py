"""What the local log forgets: records past their retention, and older records of a key.

Retention moves a partition's begin; compaction leaves begin where it is and makes gaps. Neither
ever gives an offset out again, because the next offset is kept apart from the records.
"""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from stream.local_file import OFFSET_BITS, LogFile

# Offsets looked at in one transaction: writers of other processes wait no longer than this takes.
_CHUNK = 10_000
# A removed key is remembered for a day, so that a reader that is behind still learns of it.
_TOMBSTONE_MS = 24 * 3600 * 1000


class _Partition(NamedTuple):
    id: int
    first: int
    next: int
    compacted: int
    retention_ms: int | None
    compact: int

    @property
    def base(self) -> int:
        return self.id << OFFSET_BITS


def trim(file: LogFile, now_ms: int) -> int:
    """Remove what is no longer kept; answers how many records that were."""
    removed = 0
    for number in _candidates(file):
        more = True
        while more:
            with file.writing() as db:
                count, more = _expire(db, _load(db, number), now_ms)
                removed += count
        with file.writing() as db:
            removed += _compact(db, _load(db, number), now_ms)
    return removed


def _candidates(file: LogFile) -> list[int]:
    with file.reading() as db:
        rows = db.execute(
            "SELECT id FROM topic_partition JOIN topic ON topic = name WHERE next_offset > 0 "
            "AND (retention_ms IS NOT NULL OR compact AND compacted < next_offset)"
        )
        return [number for (number,) in rows]


def _load(db: sqlite3.Connection, number: int) -> _Partition:
    row = db.execute(
        "SELECT id, first_offset, next_offset, compacted, retention_ms, compact "
        "FROM topic_partition JOIN topic ON topic = name WHERE id = ?",
        (number,),
    ).fetchone()
    return _Partition(*row)


def _expire(db: sqlite3.Connection, partition: _Partition, now_ms: int) -> tuple[int, bool]:
    """Remove expired records from the front: how many, and whether there may be more."""
    if partition.retention_ms is None:
        return 0, False
    start = partition.base + partition.first
    stop = partition.base + min(partition.next, partition.first + _CHUNK)
    row = db.execute(
        "SELECT id FROM record WHERE id >= ? AND id < ? AND at >= ? ORDER BY id LIMIT 1",
        (start, stop, now_ms - partition.retention_ms),
    ).fetchone()
    keep = stop if row is None else int(row[0])
    if keep == start:
        return 0, False
    db.execute(
        "UPDATE topic_partition SET first_offset = ? WHERE id = ?",
        (keep - partition.base, partition.id),
    )
    removed = db.execute("DELETE FROM record WHERE id >= ? AND id < ?", (start, keep)).rowcount
    return removed, row is None and keep < partition.base + partition.next


def _compact(db: sqlite3.Connection, partition: _Partition, now_ms: int) -> int:
    """Keep the last record of each key and all records without one."""
    if not partition.compact or partition.compacted == partition.next:
        return 0
    bounds = (partition.base, partition.base + partition.next)
    removed = db.execute(
        "DELETE FROM record WHERE id >= ? AND id < ? AND record_key IS NOT NULL AND id NOT IN "
        "(SELECT max(id) FROM record WHERE id >= ? AND id < ? GROUP BY record_key)",
        bounds + bounds,
    ).rowcount
    removed += db.execute(
        "DELETE FROM record WHERE id >= ? AND id < ? AND record_key IS NOT NULL "
        "AND value IS NULL AND at < ?",
        (*bounds, now_ms - _TOMBSTONE_MS),
    ).rowcount
    db.execute(
        "UPDATE topic_partition SET compacted = ? WHERE id = ?", (partition.next, partition.id)
    )
    return removed
