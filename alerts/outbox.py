"""The outbox: every alert that an endpoint is still to get, on disk.

An alert counts as taken from its source once it lies here, one row for each endpoint, in a
transaction that SQLite has synced; retries live here from then on, so that a killed process loses
nothing. The same id for the same endpoint is one row, however often it is accepted.

Reference: the "transactional outbox" pattern.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from alerts.delivery import Verdict
from alerts.source import AlertMessage

SCHEMA = 1
BUSY_S = 30.0

_TABLES = f"""
CREATE TABLE deliveries (
    endpoint TEXT NOT NULL,
    id TEXT NOT NULL,
    body BLOB NOT NULL,
    stream TEXT NOT NULL,
    "offset" INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'exhausted')),
    attempts INTEGER NOT NULL DEFAULT 0,
    next_at REAL NOT NULL,
    changed_at REAL NOT NULL,
    error TEXT NOT NULL DEFAULT '',
    UNIQUE (endpoint, id)
);
CREATE INDEX due ON deliveries (endpoint, next_at) WHERE state = 'pending';
CREATE INDEX settled ON deliveries (state, changed_at) WHERE state != 'pending';
CREATE TABLE disabled (endpoint TEXT PRIMARY KEY, reason TEXT NOT NULL, at REAL NOT NULL);
CREATE TABLE positions (stream TEXT PRIMARY KEY, "offset" INTEGER NOT NULL);
PRAGMA user_version = {SCHEMA};
"""


class OutboxError(RuntimeError):
    """The outbox cannot be used: names the file and the remedy."""


class OutboxClosed(OutboxError):
    """The outbox was closed."""


@dataclass(frozen=True)
class Delivery:
    """One alert for one endpoint; ``attempts`` have been made, the next may be made at
    ``next_at``, in seconds since 1970."""

    endpoint: str
    id: str
    body: bytes = field(repr=False)
    attempts: int
    next_at: float
    error: str = ""


class Outbox:
    """The outbox in the SQLite file ``path``, made if it is not there; for any number of threads.

    Several processes may look at one outbox, and enable endpoints or queue alerts again; only one
    may deliver from it, which is the one that has called `hold`. Raises `OutboxError` for a file
    that cannot be used.

    >>> from tempfile import TemporaryDirectory
    >>> from alerts.source import AlertMessage, Position
    >>> message = AlertMessage("a1", "part.at_risk", "high", b"{}", Position("alerts/0", 0))
    >>> with TemporaryDirectory() as folder, Outbox(Path(folder) / "outbox.db") as outbox:
    ...     taken = outbox.accept([("mes", message), ("mes", message)], {"alerts/0": 0}, now=0.0)
    ...     outbox.record(outbox.due("mes", now=0.0)[0], Verdict("delivered"), now=1.0)
    ...     taken, outbox.counts()
    (1, {'mes': {'delivered': 1}})
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._held: sqlite3.Connection | None = None
        self._db: sqlite3.Connection | None = None
        try:
            # The file holds what is wrong on the line: for nobody but us, and so are the files
            # that SQLite puts beside it.
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self._db = _connect(path, BUSY_S)
            version = self._prepare(self._db)
        except (OSError, sqlite3.Error) as error:
            self.close()
            raise OutboxError(
                f"outbox {path} cannot be used ({error}): check its folder and rights, or move the "
                f"file away and give notifier.group another name: what the alert log holds is then "
                f"delivered again, under the same ids"
            ) from error
        if version != SCHEMA:
            self.close()
            raise OutboxError(
                f"outbox {path} has schema {version}, this andon knows {SCHEMA}: "
                f"use the andon that wrote it, or move the file away"
            )

    def __enter__(self) -> Outbox:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and give up `hold`; further calls raise `OutboxClosed`."""
        with self._lock:
            for connection in (self._db, self._held):
                if connection is not None:
                    connection.close()
            self._db = self._held = None

    def hold(self) -> None:
        """Become the one process that delivers from this outbox, until `close` or the end.

        Raises `OutboxError` if another one does.
        """
        with self._lock:
            if self._held is not None:
                return
            # A lock that the operating system takes back from a killed process, on any system.
            held = _connect(self.path.with_name(self.path.name + ".lock"), 0.0)
            try:
                held.execute("BEGIN EXCLUSIVE")
            except sqlite3.OperationalError:
                held.close()
                raise OutboxError(
                    f"outbox {self.path} is in use by another notifier: stop that one, or give "
                    f"this one an outbox of its own"
                ) from None
            self._held = held

    def accept(
        self,
        deliveries: Sequence[tuple[str, AlertMessage]],
        positions: Mapping[str, int],
        now: float,
    ) -> int:
        """Take messages for endpoints, and note how far each stream was read, in one transaction.

        Answers how many were new; a message that is here already, in whatever state, stays as it
        is. It is all on disk when this returns.
        """
        rows = [
            (endpoint, m.id, m.body, m.position.stream, m.position.offset, now, now)
            for endpoint, m in deliveries
        ]
        with self._transaction() as db:
            before = db.total_changes
            db.executemany(
                "INSERT INTO deliveries"
                ' (endpoint, id, body, stream, "offset", next_at, changed_at)'
                " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (endpoint, id) DO NOTHING",
                rows,
            )
            new = db.total_changes - before
            db.executemany("INSERT OR REPLACE INTO positions VALUES (?, ?)", positions.items())
        return new

    def positions(self) -> dict[str, int]:
        """The offset of the last message accepted of each stream."""
        with self._reading() as db:
            return dict(db.execute('SELECT stream, "offset" FROM positions ORDER BY stream'))

    def due(self, endpoint: str, now: float, limit: int = 64) -> list[Delivery]:
        """What may be sent to an endpoint now, longest due first; nothing while it is disabled."""
        return self._deliveries(
            "endpoint = ? AND state = 'pending' AND next_at <= ?"
            " AND endpoint NOT IN (SELECT endpoint FROM disabled)"
            " ORDER BY next_at, rowid LIMIT ?",
            (endpoint, now, limit),
        )

    def next_due(self, endpoint: str) -> float | None:
        """When the next attempt at an endpoint may be made; None if none is pending, or allowed."""
        with self._reading() as db:
            (at,) = db.execute(
                "SELECT min(next_at) FROM deliveries WHERE endpoint = ? AND state = 'pending'"
                " AND endpoint NOT IN (SELECT endpoint FROM disabled)",
                (endpoint,),
            ).fetchone()
        return None if at is None else float(at)

    def record(self, delivery: Delivery, verdict: Verdict, now: float) -> None:
        """Note an attempt and what follows from it; a disabling verdict disables the endpoint.

        The alert that met with it stays pending, for the time when the endpoint is enabled again.
        An alert that is settled stays so, whatever a late attempt says.
        """
        state = verdict.outcome if verdict.outcome in ("delivered", "exhausted") else "pending"
        error = "" if state == "delivered" else verdict.reason
        with self._transaction() as db:
            db.execute(
                "UPDATE deliveries SET state = ?, attempts = attempts + 1, next_at = ?,"
                " changed_at = ?, error = ?"
                " WHERE endpoint = ? AND id = ? AND state = 'pending'",
                (state, now + verdict.after, now, error, delivery.endpoint, delivery.id),
            )
            if verdict.outcome == "disabled":
                db.execute(
                    "INSERT OR REPLACE INTO disabled VALUES (?, ?, ?)",
                    (delivery.endpoint, verdict.reason, now),
                )

    def disabled(self) -> dict[str, str]:
        """The disabled endpoints and why."""
        with self._reading() as db:
            return dict(db.execute("SELECT endpoint, reason FROM disabled ORDER BY endpoint"))

    def enable(self, endpoint: str) -> bool:
        """Enable an endpoint again, which then gets all that it missed; False if it was enabled."""
        with self._transaction() as db:
            return db.execute("DELETE FROM disabled WHERE endpoint = ?", (endpoint,)).rowcount > 0

    def exhausted(self, endpoint: str) -> list[Delivery]:
        """The alerts given up after the last attempt, oldest first."""
        return self._deliveries("endpoint = ? AND state = 'exhausted' ORDER BY rowid", (endpoint,))

    def requeue(self, endpoint: str, now: float) -> int:
        """Queue an endpoint's exhausted alerts again, with all attempts ahead; how many."""
        with self._transaction() as db:
            return db.execute(
                "UPDATE deliveries SET state = 'pending', attempts = 0, next_at = ?,"
                " changed_at = ? WHERE endpoint = ? AND state = 'exhausted'",
                (now, now, endpoint),
            ).rowcount

    def counts(self) -> dict[str, dict[str, int]]:
        """How many alerts are in each state, for each endpoint that has any."""
        found: dict[str, dict[str, int]] = {}
        with self._reading() as db:
            for endpoint, state, count in db.execute(
                "SELECT endpoint, state, count(*) FROM deliveries GROUP BY 1, 2 ORDER BY 1, 2"
            ):
                found.setdefault(endpoint, {})[state] = count
        return found

    def depth(self) -> dict[str, dict[str, int]]:
        """`counts` of what is not delivered, without going through all that is: for every few
        seconds."""
        found: dict[str, dict[str, int]] = {}
        # The second condition lets SQLite answer from the index of what is settled.
        for state, where in (
            ("pending", "state = 'pending'"),
            ("exhausted", "state != 'pending' AND state = 'exhausted'"),
        ):
            with self._reading() as db:
                rows = db.execute(
                    f"SELECT endpoint, count(*) FROM deliveries WHERE {where} GROUP BY 1"  # noqa: S608 - our own conditions
                ).fetchall()
            for endpoint, count in rows:
                found.setdefault(endpoint, {})[state] = count
        return found

    def prune(self, before: float) -> int:
        """Forget what was delivered before this time, in seconds since 1970; how many."""
        with self._transaction() as db:
            return db.execute(
                "DELETE FROM deliveries WHERE state = 'delivered' AND changed_at < ?", (before,)
            ).rowcount

    def _deliveries(self, where: str, values: Sequence[object]) -> list[Delivery]:
        with self._reading() as db:
            rows = db.execute(
                "SELECT endpoint, id, body, attempts, next_at, error FROM deliveries"  # noqa: S608 - our own conditions; the values are bound
                f" WHERE {where}",
                values,
            )
            return [Delivery(*row) for row in rows]

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            if self._db is None:
                raise OutboxClosed(f"outbox {self.path} is closed: open it anew")
            yield self._db

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._reading() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                # SQLite has rolled back by itself after a full disk; then there is nothing to do.
                with suppress(sqlite3.OperationalError):
                    db.execute("ROLLBACK")
                raise

    @staticmethod
    def _prepare(db: sqlite3.Connection) -> int:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("BEGIN IMMEDIATE")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            for statement in _TABLES.split(";\n"):
                db.execute(statement)
            version = SCHEMA
        db.execute("COMMIT")
        return int(version)


def _connect(path: Path, busy_s: float) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=busy_s, isolation_level=None, check_same_thread=False)
