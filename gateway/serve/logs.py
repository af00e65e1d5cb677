"""Logs: the log on stderr, and the access records where they have a file of their own."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from gateway.config.log import LogSettings
from gateway.requests.access_log import ACCESS
from gateway.serve.log_file import LogFile
from gateway.serve.log_output import LogOutput, logging_to_stderr


@dataclass(frozen=True, slots=True)
class Logs:
    """All outputs of the log."""

    main: LogOutput
    access: LogOutput | None
    """The file of the access records; None: they go where the rest goes."""

    def _all(self) -> Iterator[LogOutput]:
        yield self.main
        if self.access is not None:
            yield self.access

    def hide(self, secrets: Iterable[str]) -> None:
        """Keep these texts out of the log, beside what looks like a secret."""
        hidden = list(secrets)
        for output in self._all():
            output.hide(hidden)

    def tell_drops(self, on_drop: Callable[[], None]) -> None:
        """Call ``on_drop``, from any thread, for each entry that is dropped, earlier ones too."""
        for output in self._all():
            output.tell_drops(on_drop)

    def apply(self, settings: LogSettings) -> None:
        """Go by other settings from now on, but for the file of the access records."""
        self.main.apply(settings)


@contextmanager
def logging_by(settings: LogSettings) -> Iterator[Logs]:
    """Send the log of the whole process to its outputs for the length of the block.

    Raises:
        ConfigError: the file of the access records cannot be written.
    """
    with logging_to_stderr() as main, ExitStack() as stack:
        access = None
        if settings.access_file is not None:
            access = LogFile(settings.access_file)
            stack.enter_context(access.running())
            stack.enter_context(_sent_to(access))
        logs = Logs(main, access)
        logs.apply(settings)
        yield logs


@contextmanager
def _sent_to(output: LogOutput) -> Iterator[None]:
    logger = logging.getLogger(ACCESS)
    logger.addHandler(output.handler)
    logger.propagate = False
    try:
        yield
    finally:
        logger.propagate = True
        logger.removeHandler(output.handler)
