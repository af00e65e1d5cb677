"""Error messages and exit codes of the ``lengthwise`` subcommands."""

from __future__ import annotations

import sys

BAD_INPUT = 2
INTERRUPTED = 130
"""Exit codes: bad input, and Ctrl-C (128 + SIGINT)."""


def bad_input(message: str) -> int:
    """Print ``message`` (the fault and its remedy) to stderr and return the exit code 2."""
    return _fail(message, BAD_INPUT)


def interrupted(message: str) -> int:
    """Print ``message`` (what is kept, and how to continue) to stderr and return 130."""
    return _fail(message, INTERRUPTED)


def _fail(message: str, code: int) -> int:
    print(f"lengthwise: {message}", file=sys.stderr)
    return code
