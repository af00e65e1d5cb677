"""``python -m gateway.remote_scheduler``: the scheduler's process."""

from __future__ import annotations

import argparse
import sys

from gateway.remote_scheduler.command import add_scheduler_arguments, run_scheduler


def main() -> int:
    """Run the process; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m gateway.remote_scheduler")
    add_scheduler_arguments(parser)
    return run_scheduler(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
