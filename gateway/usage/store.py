"""Store: the database in the course of time: opened when it can be, replaced when it is damaged."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path

from gateway.usage.counts import Totals, merge
from gateway.usage.database import Database, is_damaged, set_aside
from gateway.usage.journal import Position, forget_journals, read_journals

log = logging.getLogger("lengthwise")


class Store:
    """Takes counts into the database, and those of an earlier process from its journals.

    Args:
        path: the database.
        days: how many are kept.
        opened: called with the database, and with what the journals of an earlier process hold,
            when it is opened first.
    """

    def __init__(self, path: Path, days: int, opened: Callable[[Database, Totals], None]) -> None:
        self._path, self._days, self._opened = path, days, opened
        self._database: Database | None = None
        self._left: Totals | None = None
        """What an earlier process has left in its journals; None: not known yet."""

    @property
    def salt(self) -> bytes | None:
        """Secret bytes that were made with the file; None while it cannot be opened."""
        return None if self._database is None else self._database.salt()

    def open(self, before: int) -> int:
        """Open the database, if it is not open; returns its last journal's number, 0 if it was.

        ``before``: number of the present process's first journal.

        Raises:
            UsageFileError: the file cannot be used, and waiting would not help.
            sqlite3.Error, OSError: it cannot be opened now.
        """
        if self._database is not None and self._database.replaced:
            log.warning("usage.file: %s is gone, and is made anew", self._path)
            self.close()
        last = 0
        if self._database is None:
            self._database = self._opened_or_new()
            last = self._database.position().file
        if self._left is None:
            left = read_journals(self._path, self._database.position(), before)
            self._opened(self._database, left)
            self._left = left
        return last

    def _opened_or_new(self) -> Database:
        try:
            return Database(self._path)
        except sqlite3.Error as error:
            if not is_damaged(error):
                raise
            moved = set_aside(self._path)
            log.error(
                "usage.file: %s is damaged (%s). It is kept as %s, and counting begins anew with "
                "what the journal has",
                *(self._path, error, moved),
            )
        return Database(self._path)

    def fold(self, totals: Totals, position: Position) -> None:
        """Add counts to the open database; the journals up to ``position`` are then counted.

        Raises:
            sqlite3.Error: it takes nothing, and nothing has changed.
        """
        assert self._database is not None
        both: Totals = {}
        merge(both, self._left or {})
        merge(both, totals)
        try:
            self._database.fold(both, position, self._days)
        except sqlite3.Error as error:
            if is_damaged(error):
                self.close()  # the next attempt sets it aside
            raise
        self._left = {}
        forget_journals(self._path, position.file)

    def close(self) -> None:
        """Close the database."""
        if self._database is not None:
            self._database.close()
            self._database = None
