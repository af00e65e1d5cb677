"""UsageLedger: counts each request as it ends, and writes the counts down beside the event loop."""

from __future__ import annotations

import errno
import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from gateway.config.usage import UsageSettings
from gateway.usage.counts import (
    OTHER,
    Counts,
    Row,
    Totals,
    add_to,
    date_of,
    day_number,
    day_of,
    is_named,
    merge,
)
from gateway.usage.database import Database, UsageFileError
from gateway.usage.files import files_beside
from gateway.usage.journal import Journal, encode, journals
from gateway.usage.names import Names
from gateway.usage.read import read_usage
from gateway.usage.spent import first_of_month, spent_by_key
from gateway.usage.store import Store
from predictor.exit_codes import explained
from predictor.files import LockedError, acquire, release

log = logging.getLogger("lengthwise")

GATHER_S = 0.5
"""Seconds for which requests are gathered before the database gets them together."""

RETRY_S = 5.0
"""Seconds between two attempts at a database that takes nothing."""

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

SHOWN = 20
"""Named keys with time series of their own."""


class UsageLedger:
    """Counts in memory and in the journal at once, and in the database soon.

    ``add`` is for the event loop and waits for no disk. A thread does the rest. Whatever fails
    there costs no count while the process runs: counts wait in memory, where they are sums.

    Args:
        settings: with a file.
        clock: seconds since 1970.

    Raises:
        UsageFileError: the file cannot be used, and waiting would not help.
    """

    def __init__(self, settings: UsageSettings, clock: Callable[[], float] = time.time) -> None:
        assert settings.file is not None
        self._path, self._clock = settings.file, clock
        self.by_key: dict[str, Counts] = {}
        """Counts since the start, of ``SHOWN`` keys and all others."""
        self.failures = 0
        """Attempts to write the database that failed."""
        self.at_risk = 0
        """Requests that are counted in memory alone, until the database takes them."""
        self.today = date_of(day_of(clock()))
        """The day of the start."""
        self.spent: dict[str, tuple[int, int]] = {}
        """Tokens that each named key had spent before the start, on ``today`` and in its month."""
        self._names = Names(settings.max_keys)
        self._pending: Totals = {}
        self._lock = threading.Lock()
        self._wake, self._stop = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._troubled = False
        self._store = Store(self._path, settings.days, self._know)
        try:
            self._file_lock = acquire(self._path.with_name(f"{self._path.name}.lock"))
        except LockedError as error:
            raise UsageFileError(f"usage.file: {error}, or give each gateway its own") from None
        except OSError as error:
            if error.errno not in _FULL:
                raise UsageFileError(f"usage.file: {explained(error)}") from None
            self._file_lock = -1
        self._start()

    def _start(self) -> None:
        """Count what an earlier process left behind. A full disk or a locked file can wait."""
        try:
            self._first = max(journals(self._path), default=0) + 1
            self._journal = Journal(self._path, self._first - 1)
            self._fold()
        except BaseException as error:
            self._release()
            if isinstance(error, OSError):
                raise UsageFileError(f"usage.file: {explained(error)}") from None
            raise

    @property
    def salt(self) -> bytes | None:
        """Secret bytes for pseudonyms that outlive a restart; None while the file is closed."""
        return self._store.salt

    def add(self, key: str, model: str, counts: Counts) -> None:
        """Count requests that end now. On return they outlive the process, if they can."""
        with self._lock:
            row = self._names.row(day_of(self._clock()), key, model)
            safe = self._journal.append(encode(row, counts))
            add_to(self._pending, row, counts)
            if not safe:
                self.at_risk += counts.requests
        self._show(row, counts)
        if not self._wake.is_set():
            self._wake.set()

    def _show(self, row: Row, counts: Counts) -> None:
        shown = row.key in self.by_key or (is_named(row.key) and len(self.by_key) < SHOWN)
        self.by_key.setdefault(row.key if shown else OTHER, Counts()).add(counts)

    def begin(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._keep_folding, name="usage", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Write everything down and close the files. What cannot be written is told."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        self._try_fold()
        self._journal.close(counted=not self._troubled)
        self._store.close()
        if self.at_risk:
            log.error("usage.file: %s: usage of %d requests is lost", self._path, self.at_risk)
        self._release()

    def _release(self) -> None:
        if self._file_lock >= 0:
            release(self._file_lock)

    def _keep_folding(self) -> None:
        while not self._stop.is_set():
            self._wake.wait()
            self._stop.wait(RETRY_S if self._troubled else GATHER_S)
            self._wake.clear()
            self._try_fold()
            if self._troubled:
                self._wake.set()

    def _try_fold(self) -> None:
        try:
            self._fold()
        except Exception as error:  # noqa: BLE001 - the counts wait, and whatever it is may pass
            self._failed(error)

    def _fold(self) -> None:
        """Bring everything that is counted into the database.

        Raises:
            UsageFileError: the file is another program's, or of a later version.
        """
        try:
            last = self._store.open(self._first)
        except (sqlite3.Error, OSError) as error:
            self._renew_journal(0)
            self._failed(error)
            return
        self._renew_journal(last)
        with self._lock:
            taken, self._pending = self._pending, {}
            at_risk, self.at_risk = self.at_risk, 0
            position = self._journal.position
        try:
            self._store.fold(taken, position)
        except BaseException as error:
            with self._lock:
                merge(self._pending, taken)
                self.at_risk += at_risk
            if not isinstance(error, (sqlite3.Error, OSError)):
                raise
            self._failed(error)
            return
        if self._troubled:
            self._troubled = False
            log.warning("usage.file: %s takes counts again; none is lost", self._path)

    def _renew_journal(self, last: int) -> None:
        """Begin a new journal where one is needed.

        ``last`` is the database's last one: a lower number would be taken for an older one.
        Without a new one, the counts from here on are in memory alone.
        """
        journal = self._journal
        if journal.open and (self._troubled or not journal.large):
            return
        number, descriptor = max(journal.position.file, last) + 1, -1
        with suppress(OSError):
            number, descriptor = journal.make_next(last)
        with self._lock:
            journal.switch(number, descriptor)

    def _failed(self, error: Exception) -> None:
        self.failures += 1
        if not self._troubled:
            self._troubled = True
            log.error(
                "usage.file: %s takes no counts (%s). They wait, and the file is tried every %g s",
                *(self._path, error, RETRY_S),
            )

    def _know(self, database: Database, left: Totals) -> None:
        """Take note of what was counted before the start."""
        today = day_number(self.today)
        before = database.since(min(first_of_month(today), today - 1))
        merge(before, left)
        with self._lock:
            self._names.know(row for row in before if row.day >= today - 1)
        for other in files_beside(self._path):
            merge(before, self._counted_in(other, first_of_month(today)))
        self.spent = spent_by_key(before, today)

    def _counted_in(self, other: Path, first: int) -> Totals:
        """What another front has counted; nothing where its file cannot be read."""
        try:
            return read_usage(other, date_of(first), self.today)
        except UsageFileError as error:
            log.error("usage.file: budgets begin without what is counted there: %s", error)
            return {}
