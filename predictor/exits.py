"""How every subcommand of ``lengthwise`` ends when it cannot go on: one line, one exit code."""

from __future__ import annotations

import sys

BAD_INPUT = 2
INTERRUPTED = 130
"""Exit codes: bad input, and Ctrl-C (128 + SIGINT)."""


def bad_input(message: str) -> int:
    """Print ``message`` (what is wrong, and the remedy) to stderr; returns the exit code 2."""
    return _ended(message, BAD_INPUT)


def interrupted(message: str) -> int:
    """Print ``message`` (what Ctrl-C has left, and how to go on) to stderr; returns 130."""
    return _ended(message, INTERRUPTED)


def _ended(message: str, code: int) -> int:
    print(f"lengthwise: {message}", file=sys.stderr)
    return code
