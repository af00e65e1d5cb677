"""SharedTable: what holders use at the moment, in memory that several processes share.

A file that each process maps into its memory, with one lock. So a check of a limit takes some
microseconds and is exact, whichever process does it, and what a killed process had counted as
running can be taken back: each has a column of its own for that.
"""

from __future__ import annotations

import fcntl
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from struct import Struct

CELLS = 2**17
"""Places for accounts: a third more than a process keeps by itself."""

_KEY_BYTES = 16
_FIELDS = 11
_WINDOW = 64
"""Cells that are looked at for a name."""

_PRIVATE = 0o600

_ACCOUNT, _HELD = Struct(f"={_FIELDS}d"), Struct("=2d")


class Cell:
    """The numbers of one account. They may be read and changed within ``SharedTable.locked``."""

    __slots__ = ("_at", "_mine", "_row", "_table")

    def __init__(self, table: SharedTable, at: int, row: Struct, mine: int) -> None:
        self._table, self._at, self._row, self._mine = table, at, row, mine

    def read(self) -> list[float]:
        """The fields, then what runs and what is reserved by all processes, then by this one."""
        _, *numbers = self._row.unpack_from(self._table.memory, self._at)
        fields, held = numbers[:_FIELDS], numbers[_FIELDS:]
        mine = 2 * self._mine
        return [*fields, sum(held[::2]), sum(held[1::2]), held[mine], held[mine + 1]]

    def write(self, fields: list[float], running: float, reserved: float) -> None:
        """Set the fields, and what runs and is reserved by this process."""
        start = self._at + _KEY_BYTES
        _ACCOUNT.pack_into(self._table.memory, start, *fields)
        held = start + _ACCOUNT.size + _HELD.size * self._mine
        _HELD.pack_into(self._table.memory, held, running, reserved)


class SharedTable:
    """The table in a file, which the first process makes.

    Args:
        path: the file, in a folder that its owner alone may use.
        processes: how many share it.
        index: which of them this is.
        make: whether to make the file. One process does: a second file would double each limit.

    Raises:
        FileNotFoundError: another process must make it, or somebody has removed it.
    """

    def __init__(
        self, path: Path, processes: int, index: int, cells: int = CELLS, *, make: bool = False
    ) -> None:
        self._processes, self._index, self._cells = processes, index, cells
        self._row = Struct(f"={_KEY_BYTES}s{_FIELDS + 2 * processes}d")
        size = self._row.size * cells
        # Each process opens the file anew: a lock belongs to what ``open`` returns.
        self._file = os.open(path, os.O_RDWR | (os.O_CREAT if make else 0) | os.O_CLOEXEC, _PRIVATE)
        if os.fstat(self._file).st_size < size:
            os.ftruncate(self._file, size)
        self.memory = mmap.mmap(self._file, size)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock for the length of the block. The system frees that of a dead process."""
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def cell(self, name: str) -> Cell:
        """The place of an account, within ``locked``; zeros where the name is new.

        Where all places for the name are taken, it gets that of the account which has been unused
        for longest and has nothing running.
        """
        key = blake2b(name.encode("utf-8", "replace"), digest_size=_KEY_BYTES).digest()
        size, first = self._row.size, int.from_bytes(key[:8], "little") % self._cells
        oldest, since = first, float("inf")
        for step in range(_WINDOW):
            number = (first + step) % self._cells
            at = number * size
            found = self.memory[at : at + _KEY_BYTES]
            if found == key:
                return self._at(number)
            if found == bytes(_KEY_BYTES):
                return self._taken(number, key)
            fields = self._at(number).read()
            if not fields[_FIELDS] and fields[_FIELDS - 1] < since:
                oldest, since = number, fields[_FIELDS - 1]
        return self._taken(oldest, key)

    def _at(self, number: int) -> Cell:
        return Cell(self, number * self._row.size, self._row, self._index)

    def _taken(self, number: int, key: bytes) -> Cell:
        at = number * self._row.size
        zeros = bytes(self._row.size - _KEY_BYTES)
        self.memory[at : at + self._row.size] = key + zeros
        return self._at(number)

    def forget(self, index: int) -> None:
        """Take back what a process had running and reserved, after its death."""
        import numpy as np  # noqa: PLC0415 - only after a death, where NumPy is not in use yet

        with self.locked():
            numbers = np.frombuffer(self.memory, np.float64).reshape(self._cells, -1)
            column = numbers[:, 2 + _FIELDS + 2 * index : 4 + _FIELDS + 2 * index]
            rows = np.flatnonzero(column.any(axis=1))
            column[rows] = 0.0
            del numbers, column

    def close(self) -> None:
        """Close the file."""
        self.memory.close()
        os.close(self._file)
