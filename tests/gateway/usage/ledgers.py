"""Ledgers for tests, and what is read of their files."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from gateway.config.usage import UsageSettings
from gateway.usage.counts import Counts, Totals
from gateway.usage.ledger import UsageLedger
from gateway.usage.read import read_usage

DAY_S = 86_400.0
NOON = 20_000 * DAY_S + 12 * 3600
"""Noon of day 20,000: 2024-10-04."""

ONE = Counts(1, 0, 10, 5, 0.25, 2.0)
FAILED = Counts(1, 1, 3, 0, 1.0, 0.0)

EVER = (date(1970, 1, 1), date(9999, 12, 31))


class Clock:
    """Seconds since 1970, as a test sets them."""

    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@contextmanager
def ledger(path: Path, clock: Clock | None = None, **settings: Any) -> Iterator[UsageLedger]:
    """A ledger without its thread, closed at the end."""
    opened = UsageLedger(UsageSettings(file=path, **settings), clock or Clock())
    try:
        yield opened
    finally:
        opened.close()


def abandoned(path: Path, *lines: tuple[str, Counts], clock: Clock | None = None) -> None:
    """A ledger that counts, and is killed."""
    left = UsageLedger(UsageSettings(file=path), clock or Clock())
    for key, counts in lines:
        left.add(key, "m", counts)
    kill(left)


def kill(left: UsageLedger) -> None:
    """End as by SIGKILL: its lock is free, and nothing more is written."""
    left._store.close()
    left._journal.close(counted=False)
    left._release()


def read(path: Path) -> Totals:
    """All that a file holds, with its journals."""
    return read_usage(path, *EVER)


def requests_of(path: Path) -> dict[str, int]:
    """Requests by key."""
    found: dict[str, int] = {}
    for row, counts in read(path).items():
        found[row.key] = found.get(row.key, 0) + counts.requests
    return found


def in_database(path: Path) -> int:
    """Requests that the database itself holds."""
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT total(requests) FROM usage").fetchone()[0])
