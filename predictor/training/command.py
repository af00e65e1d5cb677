"""``lengthwise train`` and ``lengthwise predict``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from predictor.artefact.format import ArtefactError
from predictor.exits import bad_input
from predictor.fast.predictor import REMEDY

if TYPE_CHECKING:
    pass


def add_train_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``train``."""
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        action="append",
        metavar="DIR",
        help="CASTILLO's files, what `lengthwise collect` made, or a served log with texts; "
        "repeat to use several",
    )
    parser.add_argument("--out", type=Path, required=True, help="the model's new directory")
    parser.add_argument(
        "--holdout",
        type=float,
        default=0.15,
        metavar="SHARE",
        help="validate prompts kept out of the training and measured on: a share below 1, or a "
        "count (default 0.15)",
    )
    parser.add_argument(
        "--no-refit",
        action="store_true",
        help="publish the model that was measured; by default it is fitted once more on all "
        "prompts, the held-out ones too",
    )
    parser.add_argument(
        "--licensed-only",
        action="store_true",
        help="use only data whose licences let the model be published",
    )
    parser.add_argument(
        "--encoder",
        action="store_true",
        help="train the refined tier, too: a text encoder; needs lengthwise[encoder] and half an "
        "hour on two cores, minutes on a GPU",
    )
    parser.add_argument(
        "--encoder-base",
        type=Path,
        metavar="DIR",
        help="a BERT's weights to start from (default: all-MiniLM-L6-v2, from its package)",
    )
    parser.add_argument(
        "--threads",
        type=int,
        default=1,
        help="threads of boosters and encoder (default 1; more only help on idle cores)",
    )


def run_train(args: argparse.Namespace) -> int:
    """Train and publish a model; prints its mean figures as JSON."""
    try:
        from predictor.data.records import DataError  # noqa: PLC0415 - serving needs none of this
        from predictor.training.train import train  # noqa: PLC0415
    except (ImportError, OSError) as error:
        return bad_input(f"{error}; {REMEDY}")
    if args.holdout < 0 or args.threads < 1:
        return bad_input("--holdout must be at least 0 and --threads at least 1")
    try:
        manifest = train(
            args.data,
            args.out,
            holdout=args.holdout,
            refit=not args.no_refit,
            licensed_only=args.licensed_only,
            encoder=args.encoder,
            encoder_base=args.encoder_base,
            threads=args.threads,
        )
    except (DataError, ArtefactError, OSError) as error:
        return bad_input(str(error))
    print(json.dumps(manifest["metrics"].get("mean", {})))
    return 0
