"""Journal: a line in a file for each request that has ended, until the database has it.

A line is one ``write`` into the memory of the operating system. So the requests that ended outlive
the process, however it ends, and nobody has waited for a disk. The files are named after the
database and numbered; a new one begins when the last has grown large.
"""

from __future__ import annotations

import json
import os
import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from gateway.usage.counts import Counts, Row, Totals, add_to
from predictor.files import PRIVATE_FILE

LARGE_BYTES = 2**20
"""Size from which on a new file begins, once the database has the present one."""

MOST_BYTES = 64 * 2**20
"""Size from which on nothing is written: half a million requests that no database would take."""


_TO_JSON = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


class Position(NamedTuple):
    """How far the journals have been read: the number of a file, and a byte in it."""

    file: int = 0
    byte: int = 0


def encode(row: Row, counts: Counts) -> bytes:
    """One request's line, with a checksum before it."""
    fields = (*row, counts.requests, counts.failed, counts.prompt_tokens, counts.output_tokens)
    seconds = (round(counts.queue_s, 6), round(counts.worker_s, 6))
    text = _TO_JSON((*fields, *seconds)).encode()
    return b"%08x %b\n" % (zlib.crc32(text), text)


def decode(line: bytes) -> tuple[Row, Counts] | None:
    """What ``encode`` was given; None for a line that is not whole."""
    checksum, _, text = line.partition(b" ")
    if not text or checksum != b"%08x" % zlib.crc32(text):
        return None
    day, key, model, *counts = json.loads(text)
    return Row(day, key, model), Counts(*counts)


class Journal:
    """The file that takes lines. The caller sees to it that one thread at a time is in a call.

    Args:
        database: path of the database, which gives the files their names.
        after: number of the last file that was written before.
    """

    def __init__(self, database: Path, after: int) -> None:
        self._database = database
        self._descriptor = -1
        self._torn = False
        """Whether the last line may be a part of one."""
        self.position = Position(after)
        """Where the next line goes."""

    def make_next(self, after: int = 0) -> tuple[int, int]:
        """Make a further file, which lines go to after ``switch``; returns what that needs.

        ``after``: a number that the new one must exceed.

        Raises:
            OSError: it cannot be made.
        """
        number = max(self.position.file, after) + 1
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND
        return number, os.open(journal_path(self._database, number), flags, PRIVATE_FILE)

    def switch(self, number: int, descriptor: int = -1) -> None:
        """Write to the file of this number from now on; to none without a ``descriptor``."""
        self._close()
        self._descriptor, self._torn, self.position = descriptor, False, Position(number)

    def append(self, line: bytes) -> bool:
        """Write a line; returns whether it outlives the process."""
        if self._descriptor < 0 or self.position.byte >= MOST_BYTES:
            return False
        if self._torn:  # the rest of a line must not spoil this one
            line = b"\n" + line
        try:
            written = os.write(self._descriptor, line)
        except OSError:
            self._torn = True
            return False
        self.position = Position(self.position.file, self.position.byte + written)
        self._torn = written < len(line)
        return not self._torn

    @property
    def open(self) -> bool:
        """Whether a file takes lines that a later process will find."""
        return self._descriptor >= 0 and os.fstat(self._descriptor).st_nlink > 0

    @property
    def large(self) -> bool:
        """Whether a new file should begin."""
        return self.position.byte >= LARGE_BYTES

    def close(self, *, counted: bool) -> None:
        """Close the file, and empty it where all of it is ``counted``.

        It stays, so that the next one has a higher number.
        """
        if counted and self._descriptor >= 0:
            with suppress(OSError):
                os.ftruncate(self._descriptor, 0)
        self._close()

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def journal_path(database: Path, number: int) -> Path:
    """The path of a journal."""
    return database.with_name(f"{database.name}-ended-{number}")


def journals(database: Path) -> list[int]:
    """The numbers of all journals that are there, ascending."""
    name = re.compile(re.escape(database.name) + r"-ended-(\d+)")
    with suppress(FileNotFoundError):
        found = (name.fullmatch(one) for one in os.listdir(database.parent))
        return sorted(int(one[1]) for one in found if one)
    return []


def read_journals(database: Path, after: Position, before: int | None = None) -> Totals:
    """What the journals hold after a position, up to a file that is being written.

    Raises:
        OSError: one cannot be read.
    """
    totals: Totals = {}
    for number in journals(database):
        if number < after.file or (before is not None and number >= before):
            continue
        with suppress(FileNotFoundError):  # deleted meanwhile, since the database has it
            start = after.byte if number == after.file else 0
            for row, counts in _read(journal_path(database, number), start):
                add_to(totals, row, counts)
    return totals


def _read(path: Path, start: int) -> Iterator[tuple[Row, Counts]]:
    """The requests in a file. A line that is not whole is of a request that had not ended."""
    with path.open("rb") as file:
        file.seek(start)
        for line in file:
            if line.endswith(b"\n") and (found := decode(line[:-1])) is not None:
                yield found


def forget_journals(database: Path, before: int) -> None:
    """Delete the journals before a number. One that stays is of no consequence."""
    for number in journals(database):
        if number < before:
            with suppress(OSError):
                journal_path(database, number).unlink()
