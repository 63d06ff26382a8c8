"""Consumer groups of the local log: members with a heartbeat, partitions with an exclusive lease.

1. A member's row says until when it is alive; a `refresh` moves that on twice a second, and looks
   every time whether the row is still there: a namesake may have taken it.
2. Whoever refreshes removes the members whose time is over, and with them their leases.
3. What this member announced as revoked at its last refresh, it gives back now.
4. A lease that is no longer ours was lost.
5. The plan (`stream.assignment`) says what to claim and what to announce as revoked.

All five happen in one transaction, so a partition never has two owners. A lease ends with its
owner's time, but a member that comes late and finds its leases untouched keeps them: nobody else
has had them in between.
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Callable, Mapping, Sequence

import structlog

from stream.assignment import plan
from stream.errors import LeaseLost, LogError
from stream.local_file import LogFile
from stream.log import TopicPartition
from stream.polling import Change, name_taken

_log = structlog.get_logger()

_HEARTBEAT = 0.5
_IMPATIENT = 0.05


class LeaseMembership:
    """One member of one group in the file; `stream.polling.Membership`.

    A ``static_name`` that comes back takes over at once what it held.
    """

    def __init__(
        self,
        file: LogFile,
        topics: Sequence[str],
        group: str,
        static_name: str | None,
        *,
        lease_seconds: float,
        clock: Callable[[], float],
    ) -> None:
        self._file = file
        self._group = group
        self._static_name = static_name
        self._name = f"{static_name or 'member'}-{uuid.uuid4().hex[:12]}"
        self._topics = {topic: len(file.partition_ids(topic)) for topic in topics}
        self._places = {
            number: TopicPartition(topic, index)
            for topic in topics
            for index, number in enumerate(file.partition_ids(topic))
        }
        self._ids = {at: number for number, at in self._places.items()}
        self._lease_seconds = lease_seconds
        self._clock = clock
        self._held: frozenset[TopicPartition] = frozenset()
        self._leaving: tuple[TopicPartition, ...] = ()
        self._refreshed = float("-inf")
        self._interval = 0.0
        self._fenced = False
        with file.writing() as db:
            self._join(db)

    def refresh(self) -> Change:
        """See `stream.polling.Membership`; writes to the file only now and then."""
        now = self._clock()
        # A clock that was set back counts as due, else a heartbeat could stay away for hours.
        due = not self._refreshed <= now < self._refreshed + self._interval
        if not due and not self._leaving and self._is_there():
            return Change()
        if self._fenced:
            raise LogError(name_taken(self._group, self._static_name))
        with self._file.writing() as db:
            self._remove_expired(db, now)
            if not self._is_alive(db, now):
                if self._is_replaced(db):
                    return self._leave_fenced()
                self._join(db)
            self._release(db, self._leaving)
            members, owners = self._members(db), self._owners(db)
            mine = frozenset(at for at, owner in owners.items() if owner == self._name)
            lost = self._held - mine
            todo = plan(self._name, members, owners, self._topics)
            db.executemany(
                "INSERT INTO lease VALUES (?, ?, ?)",
                [(self._group, self._ids[at], self._name) for at in todo.claim],
            )
        keeps = mine.union(todo.claim).difference(todo.give_up)
        change = Change(
            assigned=tuple(sorted(keeps - (self._held - lost))),
            revoked=tuple(at for at in todo.give_up if at in self._held),
            lost=tuple(sorted(lost)),
        )
        self._held, self._leaving = keeps, todo.give_up
        self._refreshed = now
        self._interval = min(self._lease_seconds / 5, _IMPATIENT if todo.waiting else _HEARTBEAT)
        return change

    def _join(self, db: sqlite3.Connection) -> None:
        """Step 1, the first time: a row of our own, with the leases of a namesake."""
        if self._static_name is not None:
            previous = db.execute(
                "SELECT name FROM member WHERE member_group = ? AND static_name = ?",
                (self._group, self._static_name),
            ).fetchall()
            for (name,) in previous:
                db.executemany(
                    "UPDATE lease SET owner = ? "
                    "WHERE member_group = ? AND owner = ? AND partition_id = ?",
                    [(self._name, self._group, name, number) for number in self._places],
                )
                _remove_member(db, self._group, name)
        db.execute(
            "INSERT INTO member VALUES (?, ?, ?, ?, ?)",
            (
                self._group,
                self._name,
                self._static_name,
                json.dumps(sorted(self._topics)),
                self._expiry(self._clock()),
            ),
        )

    def _is_alive(self, db: sqlite3.Connection, now: float) -> bool:
        """Step 1: move our time on; False if our row is gone."""
        changed = db.execute(
            "UPDATE member SET expires = ? WHERE member_group = ? AND name = ?",
            (self._expiry(now), self._group, self._name),
        )
        return changed.rowcount == 1

    def _is_there(self) -> bool:
        """Whether nobody has taken our row away; a namesake does that at any moment."""
        with self._file.reading() as db:
            row = db.execute(
                "SELECT 1 FROM member WHERE member_group = ? AND name = ?",
                (self._group, self._name),
            )
            return row.fetchone() is not None

    def _is_replaced(self, db: sqlite3.Connection) -> bool:
        namesake = db.execute(
            "SELECT 1 FROM member WHERE member_group = ? AND static_name = ?",
            (self._group, self._static_name),
        )
        return self._static_name is not None and namesake.fetchone() is not None

    def _leave_fenced(self) -> Change:
        lost = tuple(sorted(self._held))
        self._held, self._leaving, self._interval = frozenset(), (), 0.0
        self._fenced = True
        _log.warning("andon.member_replaced", group=self._group, member=self._static_name)
        return Change(lost=lost)

    def _remove_expired(self, db: sqlite3.Connection, now: float) -> None:
        """Step 2."""
        expired = db.execute(
            "SELECT name FROM member WHERE member_group = ? AND expires <= ? AND name <> ?",
            (self._group, int(now * 1000), self._name),
        ).fetchall()
        for (name,) in expired:
            _log.warning("andon.member_expired", group=self._group, member=name)
            _remove_member(db, self._group, name)

    def _release(self, db: sqlite3.Connection, partitions: Sequence[TopicPartition]) -> None:
        """Step 3."""
        db.executemany(
            "DELETE FROM lease WHERE member_group = ? AND partition_id = ? AND owner = ?",
            [(self._group, self._ids[at], self._name) for at in partitions],
        )

    def _members(self, db: sqlite3.Connection) -> dict[str, list[str]]:
        rows = db.execute("SELECT name, topics FROM member WHERE member_group = ?", (self._group,))
        return {name: json.loads(topics) for name, topics in rows}

    def _owners(self, db: sqlite3.Connection) -> dict[TopicPartition, str]:
        rows = db.execute(
            "SELECT partition_id, owner FROM lease WHERE member_group = ?", (self._group,)
        )
        return {self._places[number]: name for number, name in rows if number in self._places}

    def _expiry(self, now: float) -> int:
        return int((now + self._lease_seconds) * 1000)

    def committed(self, at: TopicPartition) -> int | None:
        """See `stream.polling.Membership`."""
        number = self._file.partition_ids(at.topic)[at.partition]
        with self._file.reading() as db:
            row = db.execute(
                "SELECT next_offset FROM stored_offset WHERE member_group = ? AND partition_id = ?",
                (self._group, number),
            ).fetchone()
        return None if row is None else int(row[0])

    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """See `stream.polling.Membership`: ownership is checked in the same transaction."""
        with self._file.writing() as db:
            owners = self._owners(db)
            for at in offsets:
                if owners.get(at) != self._name:
                    raise LeaseLost(at.topic, at.partition, self._group)
            db.executemany(
                "INSERT OR REPLACE INTO stored_offset VALUES (?, ?, ?)",
                [(self._group, self._ids[at], offset) for at, offset in offsets.items()],
            )

    def leave(self) -> None:
        """See `stream.polling.Membership`."""
        with self._file.writing() as db:
            _remove_member(db, self._group, self._name)


def _remove_member(db: sqlite3.Connection, group: str, name: str) -> None:
    db.execute("DELETE FROM lease WHERE member_group = ? AND owner = ?", (group, name))
    db.execute("DELETE FROM member WHERE member_group = ? AND name = ?", (group, name))
