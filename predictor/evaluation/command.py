"""``lengthwise evaluate``: its arguments."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_evaluate_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``evaluate``."""
    add = parser.add_argument
    add(
        "--model-dir",
        type=Path,
        default=None,
        metavar="DIR",
        help="model directory made by `lengthwise train` (default: the model that ships)",
    )
    add(
        "--data",
        type=Path,
        action="append",
        required=True,
        metavar="DIR",
        help="folder of measured lengths, as for `lengthwise train`; repeat the option for several "
        "folders",
    )
    add(
        "--tier",
        choices=("fast", "refined"),
        default="fast",
        help="the tier whose forecasts are measured (default %(default)s)",
    )
    add(
        "--split",
        choices=("held-out", "all", "test"),
        default="held-out",
        help="the prompts to measure on: those that the model's manifest says were held out of "
        "training, all prompts, or the data's own test split (default %(default)s)",
    )
    add(
        "--out",
        type=Path,
        default=None,
        metavar="DIR",
        help="folder for index.html, the plots and metrics.json (default: print the tables only)",
    )


def run_evaluate(args: argparse.Namespace) -> int:
    """Print the tables and, with --out, write the page; see ``run.run``. Returns the exit code."""
    from predictor.evaluation.run import run  # noqa: PLC0415 - other commands need none of it

    return run(args)
