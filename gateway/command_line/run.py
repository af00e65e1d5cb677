"""Runs a subcommand: its arguments, its exit code, and one line for what ends it early."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from gateway.command_line.commands import COMMANDS
from gateway.command_line.output import guarded_output
from gateway.command_line.parser import parse
from predictor.exit_codes import OutputError, bad_input, failed, interrupted


def run(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand.

    Returns its exit code: 0 on success, 1 where the output or a port cannot be used, 2 for bad
    input, 130 after Ctrl-C, 141 where the reader of the output has gone.
    """
    try:
        with guarded_output():
            args = parse(sys.argv[1:] if argv is None else argv)
            return COMMANDS[args.command].run(args)
    except OutputError as error:
        return failed(str(error), error.code)
    except KeyboardInterrupt:
        return interrupted("stopped by Ctrl-C; run the same command again to start over")
    except OSError as error:
        return bad_input(error)
