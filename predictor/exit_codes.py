"""Error messages and exit codes of the ``lengthwise`` subcommands."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from typing import TextIO

FAILED = 1
BAD_INPUT = 2
INTERRUPTED = 130
CLOSED_PIPE = 141
"""Exit codes: a port or the output cannot be used, bad input, Ctrl-C (128 + SIGINT), and a reader
of the output that has gone (128 + SIGPIPE)."""

_REMEDIES = {
    errno.EACCES: "check the permissions, or give another path",
    errno.EPERM: "check the permissions, or give another path",
    errno.EROFS: "give a path that can be written",
    errno.ENOENT: "check the path",
    errno.ENOTDIR: "give a path whose folders are folders",
    errno.EEXIST: "give another path",
    errno.EISDIR: "give a file",
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENFILE: "raise the system's limit of open files",
    errno.ENAMETOOLONG: "give a shorter path",
}
"""What to do, by the number of the operating system's error."""


class OutputError(Exception):
    """Standard output took no more; the message names the remedy, ``code`` is the exit code.

    No OSError, so that no subcommand takes it for a fault of a file that it reads or writes.
    """

    def __init__(self, error: OSError) -> None:
        self.code = CLOSED_PIPE if isinstance(error, BrokenPipeError) else FAILED
        reason = f"the output cannot be written: {error.strerror}; free some space"
        if self.code == CLOSED_PIPE:
            reason = "the reader of the output closed the pipe"
        super().__init__(f"{reason}; `> FILE` keeps all of the output")


def drop(output: TextIO) -> None:
    """Send what is left in ``output``, and what is still written, nowhere."""
    with suppress(OSError):  # no descriptor: nothing is written at exit
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, output.fileno())
        os.close(nowhere)


def bad_input(fault: str | Exception) -> int:
    """Print ``fault`` (the fault and its remedy) to stderr and return the exit code 2.

    An error of the operating system is told with its file and a remedy. A closed pipe (stderr's,
    where a file's is meant elsewhere) has its own code.
    """
    code = CLOSED_PIPE if isinstance(fault, BrokenPipeError) else BAD_INPUT
    return failed(explained(fault) if isinstance(fault, OSError) else str(fault), code)


def interrupted(message: str) -> int:
    """Print ``message`` (what is kept, and how to continue) to stderr and return 130."""
    return failed(message, INTERRUPTED)


def failed(message: str, code: int = FAILED) -> int:
    """Print ``message`` to stderr and return ``code``."""
    with suppress(OSError):  # stderr is closed: nobody is left to tell
        # in one piece, or a line of the log comes between the text and its end (PYTHONUNBUFFERED)
        sys.stderr.write(f"lengthwise: {message}\n")
        sys.stderr.flush()
    return code


def explained(error: OSError) -> str:
    """The file, the fault and the remedy; the error's own message if it is one of ours."""
    if error.strerror is None or error.errno is None:
        return str(error)
    place = f"{error.filename}: " if error.filename is not None else ""
    remedy = _REMEDIES.get(error.errno)
    fault = error.strerror[0].lower() + error.strerror[1:]
    return f"{place}{fault}" + (f"; {remedy}" if remedy else "")
