"""``lengthwise evaluate``: its arguments."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from predictor.exit_codes import bad_input

_EVALUATE_FLAGS: Mapping[str, Mapping[str, Any]] = {
    "--model-dir": {
        "type": Path,
        "default": None,
        "metavar": "DIR",
        "help": "model directory made by `lengthwise train` (default: the model that ships)",
    },
    "--data": {
        "type": Path,
        "action": "append",
        "metavar": "DIR",
        "help": "folder of measured lengths, as for `lengthwise train`; repeat the option for "
        "several folders",
    },
    "--log": {
        "type": Path,
        "default": None,
        "metavar": "DIR",
        "help": "folder of the served log, instead of --data: what was forecast beside what came, "
        "by kind of request, and what to do about the worst kinds",
    },
    "--tier": {
        "choices": ("fast", "refined"),
        "default": "fast",
        "help": "the tier whose forecasts are measured (default %(default)s)",
    },
    "--split": {
        "choices": ("held-out", "all", "test"),
        "default": "held-out",
        "help": "the prompts to measure on: those that the model's manifest says were held out of "
        "training, all prompts, or the data's own test split (default %(default)s)",
    },
    "--out": {
        "type": Path,
        "default": None,
        "metavar": "DIR",
        "help": "folder for index.html, the plots and metrics.json; needs pip install '.[plots]' "
        "(default: print the tables only)",
    },
}
"""Flag -> keywords of ``ArgumentParser.add_argument``."""


def add_evaluate_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``evaluate``."""
    for flag, options in _EVALUATE_FLAGS.items():
        parser.add_argument(flag, **options)


def run_evaluate(args: argparse.Namespace) -> int:
    """Print the tables and, with --out, write the page; returns the exit code.

    See ``run.run``, and ``served.run_log`` for --log.
    """
    if (args.log is None) == (args.data is None):
        return bad_input("give either --data, measured lengths, or --log, the served log")
    if args.log is not None:
        from predictor.evaluation.served import run_log  # noqa: PLC0415

        return run_log(args.log)
    from predictor.evaluation.run import run  # noqa: PLC0415 - other commands need none of it

    return run(args)
