"""The SQLite file under the local log: its tables, its opening, its transactions.

A record's row number is its partition's number times 2^40 plus its offset, so one B-tree holds all
records and a range of offsets is a range of rows. Files are told apart by SQLite's application id
and versioned by its user version.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NoReturn

from stream.errors import ConfigError, LogError, LogUnavailable, TopicMismatch, TopicMissing
from stream.log import TopicPartition

APPLICATION_ID = int.from_bytes(b"andn", "big")
SCHEMA_VERSION = 1
OFFSET_BITS = 40

_SMALLEST_PAGE = 512

_SCHEMA = """
CREATE TABLE topic (
    name TEXT PRIMARY KEY, partitions INTEGER NOT NULL, retention_ms INTEGER,
    compact INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE topic_partition (
    id INTEGER PRIMARY KEY, topic TEXT NOT NULL REFERENCES topic, number INTEGER NOT NULL,
    first_offset INTEGER NOT NULL DEFAULT 0, next_offset INTEGER NOT NULL DEFAULT 0,
    compacted INTEGER NOT NULL DEFAULT 0, UNIQUE (topic, number));
CREATE TABLE record (
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, record_key BLOB, value BLOB, headers TEXT);
CREATE TABLE stored_offset (
    member_group TEXT, partition_id INTEGER, next_offset INTEGER NOT NULL,
    PRIMARY KEY (member_group, partition_id)) WITHOUT ROWID;
CREATE TABLE member (
    member_group TEXT, name TEXT, static_name TEXT, topics TEXT NOT NULL, expires INTEGER NOT NULL,
    PRIMARY KEY (member_group, name)) WITHOUT ROWID;
CREATE TABLE lease (
    member_group TEXT, partition_id INTEGER, owner TEXT NOT NULL,
    PRIMARY KEY (member_group, partition_id)) WITHOUT ROWID;
"""

_UNUSABLE = {
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_PERM,
}
_PASSING = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
}


class LogFile:
    """One connection to the file, shared by the threads of a process under a lock.

    ``synchronous`` FULL makes a finished transaction survive a power failure; with NORMAL the last
    ones may be forgotten, never torn. ``busy_seconds`` is how long to wait for other processes.
    Raises `ConfigError` for a file that is not an andon log, `LogUnavailable` for a locked one.

    Nothing else in a process that uses the file may open it, not even to look: closing a file
    releases every POSIX lock that the process holds on it, and records are lost
    (https://www.sqlite.org/howtocorrupt.html, section 2.2).
    """

    def __init__(
        self, path: Path, *, synchronous: Literal["FULL", "NORMAL"], busy_seconds: float
    ) -> None:
        self.path = path
        self._busy_seconds = busy_seconds
        self._lock = threading.RLock()
        self._ids: dict[str, tuple[int, ...]] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _refuse_scraps(path)
            self._connection = sqlite3.connect(
                path, timeout=busy_seconds, isolation_level=None, check_same_thread=False
            )
        except (OSError, sqlite3.Error) as error:
            self._raise_named(error)
        self._closed = False
        try:
            self._identify()
            with self._naming():
                self._connection.execute(f"PRAGMA synchronous = {synchronous}")
        except BaseException:
            self.close()
            raise

    def _identify(self) -> None:
        """Make sure that the file is ours, or make it ours if it is empty."""
        with self.reading() as db:
            if self._is_ours(db):
                return
        with self._naming():
            self._connection.execute("PRAGMA page_size = 8192")
            self._enter_wal()
        with self.writing() as db:
            # Asked again under the lock: another process may have been quicker.
            if self._is_ours(db):
                return
            for statement in _SCHEMA.split(";"):
                db.execute(statement)
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _is_ours(self, db: sqlite3.Connection) -> bool:
        """Whether the file is an andon log; False for an empty one; raises for any other."""
        (owner,) = db.execute("PRAGMA application_id").fetchone()
        (version,) = db.execute("PRAGMA user_version").fetchone()
        (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if owner == 0 and tables == 0:
            return False
        if owner != APPLICATION_ID:
            raise ConfigError(
                f"{self.path} is an SQLite file of another program: give the log another path"
            )
        if version != SCHEMA_VERSION:
            raise ConfigError(
                f"{self.path} is an andon log of schema {version}, this andon reads schema "
                f"{SCHEMA_VERSION}: run the andon that wrote it, or give the log another path"
            )
        return True

    def _enter_wal(self) -> None:
        # SQLite asks nobody to wait for this change of mode, so the waiting is done here.
        deadline = time.monotonic() + self._busy_seconds
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if _primary(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.005)

    @contextmanager
    def writing(self, busy_seconds: float | None = None) -> Iterator[sqlite3.Connection]:
        """A transaction that may write: all of it happens or nothing of it."""
        with self._transaction("BEGIN IMMEDIATE", busy_seconds) as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A transaction that sees one state of the file throughout."""
        with self._transaction("BEGIN", None) as connection:
            yield connection

    @contextmanager
    def _transaction(self, begin: str, busy_seconds: float | None) -> Iterator[sqlite3.Connection]:
        with self._naming() as connection:
            if busy_seconds is not None:
                connection.execute(f"PRAGMA busy_timeout = {int(busy_seconds * 1000)}")
            try:
                connection.execute(begin)
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                if busy_seconds is not None:
                    connection.execute(f"PRAGMA busy_timeout = {int(self._busy_seconds * 1000)}")

    @contextmanager
    def _naming(self) -> Iterator[sqlite3.Connection]:
        """The connection under the lock; what SQLite raises gets its andon name."""
        with self._lock:
            if self._closed:
                raise LogError(f"the log {self.path} is closed: open it again")
            try:
                yield self._connection
            except sqlite3.Error as error:
                self._raise_named(error)

    def version(self) -> int:
        """A number that changes when another connection has changed the file."""
        with self._naming() as db:
            return int(db.execute("PRAGMA data_version").fetchone()[0])

    def partition_ids(self, topic: str) -> tuple[int, ...]:
        """The row numbers of a topic's partitions, in order; raises `TopicMissing`."""
        ids = self._ids.get(topic)
        if ids is None:
            with self.reading() as db:
                rows = db.execute(
                    "SELECT id FROM topic_partition WHERE topic = ? ORDER BY number", (topic,)
                ).fetchall()
            if not rows:
                raise TopicMissing(topic)
            # Topics are never removed or changed, so what was found once stays true.
            ids = self._ids[topic] = tuple(row[0] for row in rows)
        return ids

    def partition_id(self, at: TopicPartition) -> int:
        """The row number of one partition; raises `TopicMissing`, `TopicMismatch`."""
        ids = self.partition_ids(at.topic)
        if not 0 <= at.partition < len(ids):
            raise TopicMismatch(at.topic, len(ids), at.partition + 1)
        return ids[at.partition]

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._closed = True
            self._connection.close()

    def _raise_named(self, error: OSError | sqlite3.Error) -> NoReturn:
        code = _primary(error)
        if isinstance(error, OSError) or code in _UNUSABLE:
            raise ConfigError(
                f"{self.path} cannot be used as a log ({error}): give the path of an andon log or "
                f"of a file that andon may create"
            ) from error
        if code in _PASSING:
            raise LogUnavailable(
                f"the log {self.path} does not answer ({error}): another process holds it, or the "
                f"disk is full or failing"
            ) from error
        raise error


def _refuse_scraps(path: Path) -> None:
    # SQLite takes a file of one byte for an empty database and writes over it. Asking for the size
    # is all that may be done here, see `LogFile`.
    if path.is_file() and 0 < path.stat().st_size < _SMALLEST_PAGE:
        raise ConfigError(
            f"{path} cannot be used as a log (file is not a database): give the path of an andon "
            f"log or of a file that andon may create"
        )


def _primary(error: Exception) -> int:
    """SQLite's result code without its refinement; -1 if there is none."""
    code = getattr(error, "sqlite_errorcode", None)
    return -1 if code is None else code & 0xFF
