"""``lengthwise train`` and ``lengthwise predict``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from predictor.artifact import ArtifactError
from predictor.features import Prompt
from predictor.lines import batches, read_requests
from predictor.predictor import REMEDY, LengthPredictor, quantiles

BAD_INPUT = 2


def add_train_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``train``."""
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with CASTILLO's parquet files"
    )
    parser.add_argument("--out", type=Path, required=True, help="the model's new directory")
    parser.add_argument(
        "--holdout",
        type=int,
        default=1000,
        metavar="N",
        help="validate prompts kept out of the training and measured on (default 1000)",
    )
    parser.add_argument(
        "--licensed-only",
        action="store_true",
        help="use only data whose licences let the model be published",
    )
    parser.add_argument(
        "--include-held-out",
        action="store_true",
        help="after measuring, fit again on all prompts, the held-out ones too",
    )
    parser.add_argument(
        "--threads",
        type=int,
        default=1,
        help="threads of the boosters (default 1; more only help on idle cores)",
    )


def run_train(args: argparse.Namespace) -> int:
    """Train and publish a model; prints its mean figures as JSON."""
    try:
        from predictor.dataset import DataError  # noqa: PLC0415 - serving needs none of this
        from predictor.train import train  # noqa: PLC0415
    except (ImportError, OSError) as error:
        return _fail(f"{error}; {REMEDY}")
    if args.holdout < 0 or args.threads < 1:
        return _fail("--holdout must be at least 0 and --threads at least 1")
    try:
        manifest = train(
            args.data,
            args.out,
            holdout=args.holdout,
            licensed_only=args.licensed_only,
            include_held_out=args.include_held_out,
            threads=args.threads,
        )
    except (DataError, ArtifactError, OSError) as error:
        return _fail(str(error))
    print(json.dumps(manifest["metrics"].get("mean", {})))
    return 0


def add_predict_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``predict``."""
    parser.add_argument(
        "--model-dir",
        type=Path,
        default=None,
        help="directory made by `lengthwise train` (default: the model that ships)",
    )


def run_predict(args: argparse.Namespace) -> int:
    """JSON requests on stdin, one a line; a JSON forecast for each on stdout, in order."""
    try:
        predictor = LengthPredictor.load(args.model_dir)
    except ArtifactError as error:
        return _fail(str(error))
    for batch in batches(sys.stdin.fileno()):
        prompts, problem = read_requests(batch)
        for line in answers(predictor, prompts):
            print(json.dumps(line))
        sys.stdout.flush()
        if problem:
            return _fail(problem)
    return 0


def answers(predictor: LengthPredictor, prompts: list[Prompt]) -> Iterator[dict[str, Any]]:
    """What ``predict`` prints for each prompt: the mean and 19 quantiles, in tokens."""
    for forecast in predictor.predict(prompts):
        levels = {level: round(value, 2) for level, value in quantiles(forecast).items()}
        yield {"mean": round(forecast.mean, 2), "quantiles": levels}


def _fail(message: str) -> int:
    print(f"lengthwise: {message}", file=sys.stderr)
    return BAD_INPUT
