"""Progress of a training run: log lines that `lengthwise train` shows on stderr."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

log = logging.getLogger("lengthwise.training")
"""The logger of every training step, level INFO."""


class _SecondsSinceStart(logging.Formatter):
    def __init__(self) -> None:
        super().__init__()
        self._start = monotonic()

    def format(self, record: logging.LogRecord) -> str:
        return f"[{monotonic() - self._start:5.0f} s] {record.getMessage()}"


@contextmanager
def progress_on_stderr() -> Iterator[None]:
    """Print the log lines of a block to stderr, each after the seconds since the block's start."""
    handler = logging.StreamHandler()
    handler.setFormatter(_SecondsSinceStart())
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
