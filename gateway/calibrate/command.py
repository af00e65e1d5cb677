"""The flags of ``lengthwise calibrate``."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_FLAGS: Mapping[str, Mapping[str, Any]] = {
    "--worker": {
        "required": True,
        "metavar": "URL",
        "help": "URL of an idle vLLM server, for instance http://127.0.0.1:8000",
    },
    "--model": {
        "default": "",
        "metavar": "NAME",
        "help": "served model (default: the first that /v1/models lists)",
    },
    "--api-key-env": {
        "metavar": "NAME",
        "help": "environment variable that holds the server's API key (default: no key is sent)",
    },
    "--extra-body": {
        "default": "{}",
        "metavar": "JSON",
        "help": "fields added to each request; sampling parameters change the step time, for "
        'instance \'{"temperature": 0.7, "top_p": 0.9}\' (default: none)',
    },
    "--max-sequences": {
        "type": int,
        "default": 64,
        "metavar": "N",
        "help": "largest number of streams at a time; a server with a lower limit gets fewer "
        "(default %(default)s)",
    },
    "--budget-s": {
        "type": float,
        "default": 60.0,
        "metavar": "SECONDS",
        "help": "time after which no repeat begins; each point is measured once even if this takes "
        "longer (default %(default)s)",
    },
    "--out": {
        "type": Path,
        "required": True,
        "metavar": "FILE",
        "help": "cost model to write, as JSON",
    },
}
"""Flag -> keywords of ``ArgumentParser.add_argument``."""


def add_calibrate_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of ``calibrate``."""
    for flag, options in _FLAGS.items():
        parser.add_argument(flag, **options)


def run_calibrate(args: argparse.Namespace) -> int:
    """Measure the server and write the cost model; returns the exit code, see ``run.run``."""
    from gateway.calibrate.run import run  # noqa: PLC0415 - other commands start without scipy

    return run(args)
