"""Database: the counts by day, key and model in SQLite, with the place up to which journals count.

Both change in one transaction, so that a line of a journal is counted once, whatever happens.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from gateway.config.errors import ConfigError
from gateway.usage.counts import Counts, Row, Totals, date_of
from gateway.usage.journal import Position
from predictor.files import PRIVATE_FILE, PRIVATE_FOLDER, narrow

VERSION = 1
"""Version of the tables (SQLite's user_version). A file of a later version is left alone."""

APPLICATION = 0x4C77_7573
"""SQLite's application_id of these files: "Lwus"."""

BUSY_S = 5.0
"""Seconds for which another process may lock the database before an attempt counts as failed."""

MOST_CHECKED_BYTES = 64 * 2**20
"""Size up to which every page is looked at when the file is opened: some 0.2 s."""

_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}

_TABLES = f"""
BEGIN;
CREATE TABLE usage (
    day TEXT NOT NULL, key TEXT NOT NULL, model TEXT NOT NULL,
    requests INTEGER NOT NULL, failed INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
    queue_s REAL NOT NULL, worker_s REAL NOT NULL,
    PRIMARY KEY (day, key, model)
) WITHOUT ROWID;
CREATE TABLE journal (file INTEGER NOT NULL, byte INTEGER NOT NULL);
INSERT INTO journal VALUES (0, 0);
CREATE TABLE salt (salt BLOB NOT NULL);
INSERT INTO salt VALUES (randomblob(32));
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {VERSION};
COMMIT;
"""
_ADD = """
INSERT INTO usage VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET
    requests = requests + excluded.requests, failed = failed + excluded.failed,
    prompt_tokens = prompt_tokens + excluded.prompt_tokens,
    output_tokens = output_tokens + excluded.output_tokens,
    queue_s = queue_s + excluded.queue_s, worker_s = worker_s + excluded.worker_s
"""
_DROP = """
DELETE FROM usage WHERE day < (
    SELECT day FROM (SELECT DISTINCT day FROM usage ORDER BY day DESC) LIMIT 1 OFFSET ?
)
"""


_MAGIC = b"SQLite format 3\0"
"""How every database of SQLite begins."""


class UsageFileError(ConfigError):
    """The file cannot be used; the message names the file and the remedy."""


class Database:
    """An open database. Each method raises sqlite3.Error where the file cannot be read or written.

    Raises:
        UsageFileError: the file is another program's, or of a later version.
        OSError: its folder or the file cannot be made.
        sqlite3.Error: it cannot be opened now; ``is_damaged`` tells whether it ever can.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(PRIVATE_FOLDER, parents=True, exist_ok=True)
        if _is_foreign(path):
            raise UsageFileError(
                f"usage.file: {path} is no database, and stays as it is. Give a path of its own."
            )
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE))
        narrow(path)
        self._file = _identity(path)
        self._days: set[int] = set()
        """Days that the file has had since it was opened."""
        self._connection = sqlite3.connect(
            path, timeout=BUSY_S, isolation_level=None, check_same_thread=False
        )
        try:
            self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self) -> None:
        check_tables(self._connection, self.path)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._check_pages()
        if not self._one("PRAGMA user_version"):
            self._connection.executescript(_TABLES)

    def _check_pages(self) -> None:
        if self.path.stat().st_size > MOST_CHECKED_BYTES:
            return
        (found,) = self._connection.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            error = sqlite3.DatabaseError(found)
            error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise error

    def _one(self, query: str) -> int:
        value: int = self._connection.execute(query).fetchone()[0]
        return value

    @property
    def replaced(self) -> bool:
        """Whether the path no longer leads to this file: somebody has moved or deleted it."""
        return _identity(self.path) != self._file

    def salt(self) -> bytes:
        """Secret bytes that were made with the file."""
        salt: bytes = self._connection.execute("SELECT salt FROM salt").fetchone()[0]
        return salt

    def position(self) -> Position:
        """Up to where the journals have been counted."""
        return position_in(self._connection)

    def fold(self, totals: Totals, position: Position, days: int) -> None:
        """Add counts, note that the journals are counted up to a position, and keep some days."""
        run = self._connection
        run.execute("BEGIN IMMEDIATE")
        try:
            run.executemany(_ADD, map(_values, totals.items()))
            run.execute("UPDATE journal SET file = ?, byte = ?", position)
            if not self._days.issuperset(row.day for row in totals):
                run.execute(_DROP, (days - 1,))
            run.execute("COMMIT")
        except BaseException:
            if run.in_transaction:
                run.execute("ROLLBACK")
            raise
        self._days |= {row.day for row in totals}

    def since(self, day: int) -> Totals:
        """All counts from a day on."""
        return totals_in(self._connection, date_of(day).isoformat(), "9999-12-31")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def check_tables(connection: sqlite3.Connection, path: Path) -> None:
    """Check that a file is one of these, or empty.

    Raises:
        UsageFileError: it is not.
        sqlite3.Error: it cannot be read.
    """
    version, owner = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("user_version", "application_id")
    )
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if owner != APPLICATION and (owner or version or tables):
        raise UsageFileError(f"usage.file: {path} is another program's database; give another path")
    if version > VERSION:
        raise UsageFileError(
            f"usage.file: {path} was written by a later version of lengthwise (tables {version}, "
            f"known up to {VERSION}); install that version, or give another path"
        )


def position_in(connection: sqlite3.Connection) -> Position:
    """Up to where the database has counted the journals."""
    return Position(*connection.execute("SELECT file, byte FROM journal").fetchone())


def totals_in(connection: sqlite3.Connection, first: str, last: str) -> Totals:
    """The counts of the days from one date to another, as YYYY-MM-DD."""
    found = connection.execute(
        "SELECT julianday(day) - 2440587.5, key, model, requests, failed, prompt_tokens,"
        " output_tokens, queue_s, worker_s FROM usage WHERE day BETWEEN ? AND ?",
        (first, last),
    )
    return {Row(int(day), key, model): Counts(*counts) for day, key, model, *counts in found}


def _is_foreign(path: Path) -> bool:
    """Whether a file begins as no database does; a damaged disk may have left zeros."""
    with suppress(FileNotFoundError), path.open("rb") as file:
        begin = file.read(len(_MAGIC))
        return begin != _MAGIC and any(begin)
    return False


def is_damaged(error: Exception) -> bool:
    """Whether an error says that the file is no database any more."""
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF in _DAMAGED


def set_aside(path: Path) -> Path:
    """Move a damaged database away, for people to look at; returns its new path.

    Raises:
        OSError: it cannot be moved.
    """
    moved = path.with_name(f"{path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S%f}")
    os.replace(path, moved)
    for end in ("-wal", "-shm"):
        with suppress(FileNotFoundError):
            os.replace(f"{path}{end}", f"{moved}{end}")
    return moved


def _identity(path: Path) -> tuple[int, int] | None:
    with suppress(OSError):
        found = path.stat()
        return found.st_dev, found.st_ino
    return None


def _values(item: tuple[Row, Counts]) -> tuple[object, ...]:
    row, counts = item
    return (
        *(date_of(row.day).isoformat(), row.key, row.model),
        *(counts.requests, counts.failed, counts.prompt_tokens, counts.output_tokens),
        *(counts.queue_s, counts.worker_s),
    )
