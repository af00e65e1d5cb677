"""The arguments of ``lengthwise calibrate``."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_calibrate_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``calibrate``."""
    add = parser.add_argument
    add(
        "--worker",
        required=True,
        metavar="URL",
        help="an idle vLLM server, for instance http://127.0.0.1:8000",
    )
    add("--model", default="", metavar="NAME", help="served model (default: the first it lists)")
    add("--out", type=Path, required=True, metavar="FILE", help="the cost model, as JSON")
    add(
        "--api-key-env",
        metavar="NAME",
        help="environment variable that holds the server's API key (default: none is sent)",
    )
    add(
        "--extra-body",
        default="{}",
        metavar="JSON",
        help="fields that each request carries, for sampling takes time too: "
        '\'{"temperature": 0.7, "top_p": 0.9}\' (default: none)',
    )
    add(
        "--max-sequences",
        type=int,
        default=64,
        metavar="N",
        help="most streams at a time (default %(default)s); fewer if the server runs fewer",
    )
    add(
        "--budget-s",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="time after which no further measurement begins (default %(default)s); every point "
        "is measured once whatever it takes",
    )


def run_calibrate(args: argparse.Namespace) -> int:
    """Measure and write the file: see ``run.run``."""
    from gateway.calibrate.run import run  # noqa: PLC0415 - other commands need no scipy

    return run(args)
