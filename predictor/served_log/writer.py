"""The writer of the served log, which the gateway appends records to."""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from pathlib import Path
from threading import Event, Thread

import pyarrow as pa

from predictor.files import PRIVATE_FILE, LockedError, acquire, private_folder, release
from predictor.served_log.record import ServedRecord, json_line
from predictor.served_log.segments import LOCK, LogError, finish, prune, recover, segment_path

log = logging.getLogger("lengthwise")

MAX_BYTES = 256 << 20
SEGMENT_ROWS = 5_000
SEGMENT_BYTES = 32 << 20
MAX_WAITING = 20_000
FLUSH_S = 1.0

_CHUNK = 16  # records of one write; other threads may run between two writes


class ServedLog:
    """Appends records to segments in ``folder``; one process writes, any process can read.

    ``append`` only queues a record. A daemon thread writes every ``flush_s`` seconds, converts a
    full segment (``segment_rows`` records, or a share of ``max_bytes``) to Parquet, and deletes the
    oldest segments beyond ``max_bytes``. A written record survives a crash of the process.

    ``written`` counts the records that are in a file, ``torn`` the lines that a crash had cut,
    ``deleted`` the segments deleted for lack of room.

    Raises:
        LogError: the folder cannot be made or written, or another process writes to the folder.
        ValueError: a setting is out of range.
    """

    def __init__(
        self,
        folder: Path | str,
        *,
        max_bytes: int = MAX_BYTES,
        segment_rows: int = SEGMENT_ROWS,
        max_waiting: int = MAX_WAITING,
        flush_s: float = FLUSH_S,
    ) -> None:
        if max_bytes < 1 << 16 or segment_rows < 1 or max_waiting < 1 or flush_s <= 0:
            raise ValueError(
                f"max_bytes {max_bytes}: give at least 65536; segment_rows {segment_rows}, "
                f"max_waiting {max_waiting}: at least 1; flush_s {flush_s}: more than 0"
            )
        self.folder = Path(folder)
        self.written = self.torn = self.deleted = 0
        self._refused = self._lost = 0  # each counted by one thread
        self._max_bytes = max_bytes
        self._segment_rows = segment_rows
        self._segment_bytes = min(SEGMENT_BYTES, max_bytes // 4)
        self._max_waiting = max_waiting
        self._flush_s = flush_s
        self._waiting: deque[ServedRecord] = deque()
        self._stop = Event()
        self._failing = False
        self._rows = self._bytes = 0
        self._begin()
        self._thread = Thread(target=self._run, name="served-log", daemon=True)
        self._thread.start()

    def _begin(self) -> None:
        self._lock_folder()
        try:
            self._number, self.torn = recover(self.folder)
            self._file = self._open(self._number)
            self._prune()
        except (OSError, pa.ArrowException) as error:
            release(self._lock)
            raise LogError(
                f"served log {self.folder} cannot be recovered ({error}); free some disk space, or "
                "move the folder away"
            ) from error

    def _lock_folder(self) -> None:
        try:
            private_folder(self.folder)
            self._lock = acquire(self.folder / LOCK)
        except LockedError as error:
            raise LogError(f"served log: {error}") from error
        except OSError as error:
            raise LogError(
                f"served log {self.folder} cannot be written ({error.strerror}); choose another "
                "folder, or switch the log off"
            ) from error

    @property
    def dropped(self) -> int:
        """Records lost because the queue was full, the log closed or the disk failed."""
        return self._refused + self._lost

    def append(self, record: ServedRecord) -> bool:
        """Queue a record in microseconds, without disk access; False if the record was dropped."""
        if len(self._waiting) >= self._max_waiting or self._stop.is_set():
            self._refused += 1
            return False
        self._waiting.append(record)
        return True

    def close(self) -> None:
        """Write the queued records and stop; the next writer converts the open segment."""
        if not self._stop.is_set():
            self._stop.set()
            self._thread.join()
            os.close(self._file)
            release(self._lock)

    def _run(self) -> None:
        while not self._stop.wait(self._flush_s):
            self._drain()
        self._drain()

    def _drain(self) -> None:
        try:
            while self._waiting:
                self._write_chunk()
                if self._rows >= self._segment_rows or self._bytes >= self._segment_bytes:
                    self._rotate()
            os.fsync(self._file)
            self._failing = False
        except (OSError, pa.ArrowException) as error:
            if not self._failing:
                log.error(
                    "served log %s: %s; records are dropped until writing succeeds",
                    self.folder,
                    error,
                )
            self._failing = True

    def _write_chunk(self) -> None:
        """Write up to ``_CHUNK`` records; after an error the file has no part of these records."""
        room = min(_CHUNK, self._segment_rows - self._rows, len(self._waiting))
        records = [self._waiting.popleft() for _ in range(max(1, room))]
        try:
            data = b"".join(map(json_line, records))
            _write(self._file, data)
        except (OSError, TypeError, ValueError) as error:
            self._lost += len(records)
            os.ftruncate(self._file, self._bytes)
            if isinstance(error, OSError):
                raise
            log.exception("served log: a record cannot be written as JSON")
            return
        self.written += len(records)
        self._rows += len(records)
        self._bytes += len(data)
        time.sleep(0)

    def _rotate(self) -> None:
        os.fsync(self._file)
        fresh = self._open(self._number + 1)
        os.close(self._file)
        full = segment_path(self.folder, self._number, "jsonl")
        self._file, self._number = fresh, self._number + 1
        self._rows = self._bytes = 0
        try:
            self.torn += finish(full)[1]
        finally:  # a segment that failed here is finished at the next start
            self._prune()

    def _open(self, number: int) -> int:
        path = segment_path(self.folder, number, "jsonl")
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, PRIVATE_FILE)

    def _prune(self) -> None:
        """Delete old segments, to leave room for the open and for the next segment."""
        room = self._max_bytes - 2 * self._segment_bytes
        self.deleted += prune(self.folder, room, before=self._number)


def _write(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
