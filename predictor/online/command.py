"""``lengthwise refit``, ``lengthwise rollback`` and ``lengthwise log``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

from predictor.artefact.format import ArtefactError
from predictor.artefact.versions import Versions
from predictor.exits import bad_input
from predictor.fast.predictor import REMEDY


def add_refit_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``refit``."""
    parser.add_argument("--log", type=Path, required=True, help="folder of the served log")
    parser.add_argument(
        "--store", type=Path, required=True, help="folder of the versions; made if absent"
    )
    parser.add_argument(
        "--model-dir",
        type=Path,
        default=None,
        help="model trained offline to start from (default: the store's, else the one that ships)",
    )
    parser.add_argument(
        "--least",
        type=int,
        default=200,
        metavar="N",
        help="ended answers needed since the last fit (default 200)",
    )
    parser.add_argument(
        "--window",
        type=int,
        default=50_000,
        metavar="N",
        help="latest records to read (default 50000)",
    )


def run_refit(args: argparse.Namespace) -> int:
    """Refit once; prints what was done, and why, as JSON."""
    try:
        from predictor.online.refit import refit  # noqa: PLC0415 - LightGBM may be missing
    except (ImportError, OSError) as error:
        return bad_input(f"{error}; {REMEDY}")
    if args.least < 20 or args.window < args.least:
        return bad_input(
            f"--least {args.least}: give at least 20, and --window no less than --least"
        )
    if hasattr(os, "nice"):
        os.nice(10)  # serving goes first
    try:
        outcome = refit(
            args.log, args.store, model=args.model_dir, least=args.least, window=args.window
        )
    except (ArtefactError, OSError) as error:
        return bad_input(str(error))
    print(json.dumps(asdict(outcome)))
    return 0


def refit_command(log: Path, store: Path, *, model: Path | None = None) -> list[str]:
    """The command line that refits in a process of its own."""
    line = [sys.executable, "-m", "predictor.online", "--log", str(log), "--store", str(store)]
    return line if model is None else [*line, "--model-dir", str(model)]


def add_rollback_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``rollback``."""
    parser.add_argument("--store", type=Path, required=True, help="folder of the versions")
    parser.add_argument("--reason", default="by hand", help="kept in the history")


def run_rollback(args: argparse.Namespace) -> int:
    """Go back to the version before the current one; prints its name."""
    try:
        name = Versions(args.store).rollback(who="operator", reason=args.reason)
    except (ArtefactError, OSError) as error:
        return bad_input(str(error))
    print(name)
    return 0
