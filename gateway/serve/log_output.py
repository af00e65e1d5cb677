"""LogOutput: the log goes to stderr from a thread, so that no reader can hold up the gateway."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from logging.handlers import QueueHandler, QueueListener
from queue import Full, Queue
from threading import Lock
from time import monotonic, sleep

from gateway.config.log import LogSettings
from gateway.requests.access_log import AccessLine
from gateway.serve.redaction import Redacting
from gateway.serve.repeats import Repeats

MOST_LINES = 10_000
"""Entries that wait for the reader. Further ones are dropped and counted."""

GATHER_S = 0.02
"""Seconds for which entries gather once none is left: to wake the writing thread for each would
cost as much as a tenth of a request."""

LAST_LINES_S = 0.5
"""Seconds at the end for entries that still wait."""

_FORMAT = "%(asctime)s %(levelname)s %(message)s"


class LogOutput:
    """The log on its way to a descriptor, which may be full, closed or not read."""

    def __init__(self, descriptor: int, most: int = MOST_LINES) -> None:
        self._queue: Queue[logging.LogRecord] = Queue(most)
        self.handler: logging.Handler = _Enqueue(self._queue, self.drop)
        """What loggers hand their entries to; never waits."""
        self._repeats = Repeats(0)
        self.handler.addFilter(self._repeats)
        self._format = Redacting(_FORMAT)
        self._writer = self._new_writer(descriptor)
        self._listener = _Listener(self._queue, self._writer)
        self._on_drop: Callable[[], None] = _nothing
        self._dropped = 0
        self._lock = Lock()

    def _new_writer(self, descriptor: int) -> Writer:
        return Writer(descriptor, self.drop, self._format)

    def drop(self) -> None:
        """Count an entry that nobody will read."""
        with self._lock:
            self._dropped += 1
            self._writer.missing += 1
        self._on_drop()

    def hide(self, secrets: Iterable[str]) -> None:
        """Keep these texts out of the log, beside what looks like a secret."""
        self._format.hide(secrets)

    def apply(self, settings: LogSettings) -> None:
        """Go by other settings from now on, but for the file of the access records."""
        logging.getLogger().setLevel(settings.level.upper())
        self._repeats.most_per_min = settings.repeats_per_min

    def tell_drops(self, on_drop: Callable[[], None]) -> None:
        """Call ``on_drop``, from any thread, for each entry that is dropped, earlier ones too."""
        for _ in range(self._dropped):
            on_drop()
        self._on_drop = on_drop

    @contextmanager
    def running(self, limit_s: float = LAST_LINES_S) -> Iterator[None]:
        """Write what comes for the length of the block, and what waits then for ``limit_s``."""
        self._listener.start()
        try:
            yield
        finally:
            end = monotonic() + limit_s
            while self._queue.unfinished_tasks and monotonic() < end:
                sleep(0.005)
            if not self._queue.unfinished_tasks:
                self._listener.stop()


class _Listener(QueueListener):
    """Takes an entry at once after a silence, and those of a busy gateway together."""

    def __init__(self, entries: Queue[logging.LogRecord], writer: logging.Handler) -> None:
        super().__init__(entries, writer)
        self._entries = entries

    def dequeue(self, block: bool) -> logging.LogRecord:
        """The next entry. While the thread sleeps, nobody need wake it."""
        if block and self._entries.empty():
            sleep(GATHER_S)
        return self._entries.get(block)


class _Enqueue(QueueHandler):
    def __init__(self, queue: Queue[logging.LogRecord], drop: Callable[[], None]) -> None:
        super().__init__(queue)
        self._drop = drop

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """The entry as text; an access record becomes text on the thread that writes."""
        return record if isinstance(record.msg, AccessLine) else super().prepare(record)

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self.queue.put_nowait(record)
        except Full:
            self._drop()


class Writer(logging.Handler):
    """Writes past ``sys.stderr``: its lock, held by a thread that waits, would hold up the exit."""

    def __init__(self, descriptor: int, drop: Callable[[], None], form: logging.Formatter) -> None:
        super().__init__()
        self.descriptor = descriptor
        self._drop = drop
        self.missing = 0
        self.setFormatter(form)

    def createLock(self) -> None:
        """No lock: one thread writes, and at the exit ``logging`` would wait for it."""
        self.lock = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write an entry, and before it how many were dropped."""
        missing, note = self.missing, ""
        if missing:
            note = f"{missing} entries of the log before this one were dropped\n"
        text = f"{note}{self.format(record)}\n"
        try:
            _write(self.descriptor, text.encode(errors="backslashreplace"))
        except OSError:
            self._drop()
        else:
            self.missing -= missing


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _nothing() -> None:
    pass


@contextmanager
def logging_to_stderr() -> Iterator[LogOutput]:
    """Send the log of the whole process to stderr for the length of the block."""
    try:
        descriptor = sys.stderr.fileno()
    except (OSError, ValueError, AttributeError):  # replaced by a caller, or none
        descriptor = 2
    output, root = LogOutput(descriptor), logging.getLogger()
    level = root.level
    root.setLevel(logging.INFO)
    root.addHandler(output.handler)
    try:
        with output.running():
            yield output
    finally:
        root.removeHandler(output.handler)
        root.setLevel(level)
