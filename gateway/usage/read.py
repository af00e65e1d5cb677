"""Reading usage beside a gateway that runs, or after one that has ended in whatever way."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

from gateway.usage.counts import Totals, date_of, merge
from gateway.usage.database import (
    BUSY_S,
    UsageFileError,
    check_tables,
    is_damaged,
    position_in,
    totals_in,
)
from gateway.usage.files import files_beside
from gateway.usage.journal import Position, read_journals

ATTEMPTS = 20
"""Times that the files are read anew because the gateway has changed them meanwhile."""


def read_all_usage(path: Path, first: date, last: date) -> Totals:
    """``read_usage`` of a gateway, whose fronts have a file each.

    Raises:
        UsageFileError: there is no such file, or one cannot be read.
    """
    totals = read_usage(path, first, last)
    for other in files_beside(path):
        merge(totals, read_usage(other, first, last))
    return totals


def read_usage(path: Path, first: date, last: date) -> Totals:
    """What was used from one day to another, to the request that has ended last. Changes nothing.

    Raises:
        UsageFileError: there is no such file, or it cannot be read.
    """
    if not path.is_file():
        raise UsageFileError(
            f"{path}: no such file; give the path of usage.file, and serve requests with it first"
        )
    try:
        uri = f"{path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_S, isolation_level=None)) as found:
            check_tables(found, path)
            return _read(found, path, first, last)
    except (sqlite3.Error, OSError) as error:
        raise UsageFileError(_explained(path, error)) from None


def _read(connection: sqlite3.Connection, path: Path, first: date, last: date) -> Totals:
    for _ in range(ATTEMPTS):
        position, totals = _snapshot(connection, first, last)
        ended = read_journals(path, position)
        if position_in(connection) == position:  # else some may be counted twice, or not at all
            break
    merge(totals, {row: n for row, n in ended.items() if first <= date_of(row.day) <= last})
    return totals


def _snapshot(connection: sqlite3.Connection, first: date, last: date) -> tuple[Position, Totals]:
    """The database at one moment."""
    if not connection.execute("PRAGMA user_version").fetchone()[0]:
        return Position(), {}  # the gateway is just making it
    connection.execute("BEGIN")
    try:
        return position_in(connection), totals_in(connection, str(first), str(last))
    finally:
        connection.execute("COMMIT")


def _explained(path: Path, error: Exception) -> str:
    if is_damaged(error):
        return f"{path} is damaged or no database ({error}). Is the path right?"
    remedy = "run the command as the gateway's user" if "open" in str(error) else "try again"
    return f"{path} cannot be read ({error}); {remedy}"
