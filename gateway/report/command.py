"""The flags of ``lengthwise report``."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MOST_REPLAYED = 8_000
"""Requests of a replay, by default: some two minutes on one core."""

_WHEN = "a date or time (2026-11-30T08:00, in UTC), or how long ago (12h, 7d)"

_FLAGS: Mapping[str, Mapping[str, Any]] = {
    "--log": {
        "type": Path,
        "required": True,
        "metavar": "DIR",
        "help": "folder of the served log: `served` under learning.folder",
    },
    "--out": {
        "type": Path,
        "default": None,
        "metavar": "FILE",
        "help": "file for the page, one HTML file that needs no other",
    },
    "--json": {
        "action": "store_true",
        "help": "print the figures of the page as JSON; times are in seconds",
    },
    "--last": {
        "default": None,
        "metavar": "SPAN",
        "help": "the part of the log before its last request: 90m, 24h, 7d or all (default: 24h)",
    },
    "--since": {"default": None, "metavar": "WHEN", "help": f"first arrival: {_WHEN}"},
    "--until": {"default": None, "metavar": "WHEN", "help": "last arrival, as --since"},
    "--config": {
        "type": Path,
        "default": None,
        "metavar": "FILE",
        "help": "YAML configuration of the gateway, for the present policy and the workers' limits "
        "(default: those of the environment, else the default policy, and limits read from the "
        "log)",
    },
    "--cost-model": {
        "type": Path,
        "default": None,
        "metavar": "FILE",
        "help": "seconds per engine step, written by `lengthwise calibrate` (default: learned from "
        "the log)",
    },
    "--access-log": {
        "type": Path,
        "default": None,
        "metavar": "FILE",
        "help": "access records as JSON, for requests without an answer, which the served log "
        "lacks (default: log.access_file of --config)",
    },
    "--most-replayed": {
        "type": int,
        "default": MOST_REPLAYED,
        "metavar": "N",
        "help": "requests that are replayed; of a larger log, stretches from all over the period "
        "(default: %(default)s)",
    },
}
"""Flag -> keywords of ``ArgumentParser.add_argument``."""


def add_report_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``report``."""
    for flag, options in _FLAGS.items():
        parser.add_argument(flag, **options)


def run_report(args: argparse.Namespace) -> int:
    """Write the page or print its figures; returns the exit code of ``run.run``."""
    from gateway.report.run import run  # noqa: PLC0415 - other commands start without pyarrow

    return run(args)
