"""Standard output that may be closed or full: one error for both, instead of a traceback."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from predictor.exit_codes import OutputError, drop


class _Output(io.TextIOWrapper):
    """Standard output whose faults are OutputErrors."""

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError as error:
            raise OutputError(error) from error

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            raise OutputError(error) from error


@contextmanager
def guarded_output() -> Iterator[None]:
    """Let faults of ``sys.stdout`` in the block be OutputErrors; flushes at the end.

    Raises:
        OutputError: the reader has gone, or the disk is full.
    """
    _open_closed_streams()
    plain = sys.stdout
    if not isinstance(plain, io.TextIOWrapper):  # replaced by a caller
        yield
        return
    output = _Output(
        plain.buffer,
        encoding=plain.encoding,
        errors=plain.errors,
        line_buffering=plain.line_buffering,
    )
    sys.stdout = output
    try:
        yield
    finally:
        sys.stdout = plain
        _flush_and_detach(output)


def _flush_and_detach(output: io.TextIOWrapper) -> None:
    """Leave the underlying buffer to the plain standard output, with nothing in it.

    Raises:
        OutputError: the rest could not be written, and is dropped.
    """
    try:
        output.flush()
    except OutputError:
        drop(output)
        raise
    finally:
        output.detach()


def _open_closed_streams() -> None:
    """Give a command that was started with closed streams (`>&-`) streams that lead nowhere."""
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            with suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
            setattr(sys, name, os.fdopen(descriptor, "w", encoding="utf-8", closefd=False))
