"""LogFile: a log on its way to a file, which may be renamed or removed meanwhile."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from time import monotonic

from gateway.config.errors import ConfigError
from gateway.serve.log_output import LogOutput, Writer

LOOK_S = 1.0
"""Seconds between two looks whether the file is still there."""

PRIVATE = 0o600


class LogFile(LogOutput):
    """Appends to a file, and to the one in its place once it is renamed or removed.

    Raises:
        ConfigError: the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            super().__init__(_opened(path))
        except OSError as error:
            raise ConfigError(
                f"log.access_file: {path} cannot be written: {error.strerror}. Give a path in a "
                "folder that the gateway may write to."
            ) from None

    def _new_writer(self, descriptor: int) -> Writer:
        writer = _Following(descriptor, self.drop, self._format)
        writer.path = self._path
        return writer


class _Following(Writer):
    path: Path
    _looked = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        now = monotonic()
        if now - self._looked >= LOOK_S:
            self._looked = now
            self._follow()
        super().emit(record)

    def _follow(self) -> None:
        try:
            if not _is_at(self.descriptor, self.path):
                before, self.descriptor = self.descriptor, _opened(self.path)
                os.close(before)
        except OSError:  # the old file is still there, whatever its name
            pass


def _opened(path: Path) -> int:
    """A descriptor that appends to a file, which is made for its owner alone."""
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, PRIVATE)


def _is_at(descriptor: int, path: Path) -> bool:
    mine = os.fstat(descriptor)
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    return (mine.st_dev, mine.st_ino) == (there.st_dev, there.st_ino)
