"""``lengthwise refit`` and ``lengthwise rollback``: arguments and exit codes."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from predictor.artefact.format import ArtefactError
from predictor.artefact.versions import Versions
from predictor.exit_codes import bad_input
from predictor.fast.predictor import REMEDY

_REFIT_FLAGS: Mapping[str, Mapping[str, Any]] = {
    "--log": {
        "type": Path,
        "required": True,
        "metavar": "DIR",
        "help": "folder of the served log",
    },
    "--store": {
        "type": Path,
        "required": True,
        "metavar": "DIR",
        "help": "folder of the model versions; made if absent",
    },
    "--model-dir": {
        "type": Path,
        "default": None,
        "metavar": "DIR",
        "help": "model trained offline that the refit starts from (default: the store's, else the "
        "model that ships)",
    },
    "--least": {
        "type": int,
        "default": 200,
        "metavar": "N",
        "help": "answers since the last fit that a refit needs (default 200)",
    },
    "--window": {
        "type": int,
        "default": 50_000,
        "metavar": "N",
        "help": "the most records to read, the latest ones (default 50000)",
    },
}
"""Flag -> keywords of ``ArgumentParser.add_argument``."""


def add_refit_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``refit``."""
    for flag, options in _REFIT_FLAGS.items():
        parser.add_argument(flag, **options)


def run_refit(args: argparse.Namespace) -> int:
    """Refit once; print what was done and why as JSON. Returns the exit code."""
    try:
        from predictor.refit.refit import refit  # noqa: PLC0415 - LightGBM may be missing
    except (ImportError, OSError) as error:
        return bad_input(f"{error}; {REMEDY}")
    if args.least < 20 or args.window < args.least:
        return bad_input(
            f"--least {args.least}: give at least 20, and --window no less than --least"
        )
    if hasattr(os, "nice"):
        os.nice(10)  # the gateway has precedence
    try:
        outcome = refit(
            args.log, args.store, model=args.model_dir, least=args.least, window=args.window
        )
    except (ArtefactError, OSError) as error:
        return bad_input(error)
    print(json.dumps(asdict(outcome)))
    return 0


def refit_command(log: Path, store: Path, *, model: Path | None = None) -> list[str]:
    """The command line of a refit in a process of its own."""
    line = [sys.executable, "-P", "-m", "predictor.refit"]
    line += ["--log", str(log), "--store", str(store)]
    return line if model is None else [*line, "--model-dir", str(model)]


def add_rollback_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``rollback``."""
    parser.add_argument(
        "--store", type=Path, required=True, metavar="DIR", help="folder of the model versions"
    )
    parser.add_argument(
        "--reason",
        default="by hand",
        metavar="TEXT",
        help="reason to write to the store's history (default: by hand)",
    )


def run_rollback(args: argparse.Namespace) -> int:
    """Make the previous version current; print its name. Returns the exit code."""
    try:
        name = Versions(args.store).rollback(who="operator", reason=args.reason)
    except (ArtefactError, OSError) as error:
        return bad_input(error)
    print(name)
    return 0
