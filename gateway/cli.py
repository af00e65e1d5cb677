"""The ``lengthwise`` command. Everything else is imported inside, so that Ctrl-C always ends it
with a line of its own, also in the second or two that the imports take."""

from __future__ import annotations

import sys
from collections.abc import Sequence

INTERRUPTED = 130  # as predictor.exit_codes, which is imported too late for a Ctrl-C meanwhile


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand; returns its exit code, see ``command_line.run.run``."""
    try:
        from gateway.command_line.run import run  # noqa: PLC0415 - see above

        return run(argv)
    except KeyboardInterrupt:
        print("lengthwise: stopped by Ctrl-C; run the same command again", file=sys.stderr)
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
