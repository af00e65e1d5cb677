"""``lengthwise train`` and ``lengthwise predict``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from predictor.artifact import ArtifactError
from predictor.features import Prompt
from predictor.lines import batches, read_requests
from predictor.predictor import REMEDY, LengthPredictor, quantiles
from predictor.serving import one_thread
from predictor.tiers import TIERS, required

if TYPE_CHECKING:
    from predictor.refined import RefinedTier

BAD_INPUT = 2


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
            refit=not args.no_refit,
            licensed_only=args.licensed_only,
            encoder=args.encoder,
            encoder_base=args.encoder_base,
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
    parser.add_argument(
        "--tier",
        choices=TIERS,
        default="fast",
        help="fast: under a millisecond; refined: the text encoder, which requests that wait get "
        "(default: fast)",
    )


def run_predict(args: argparse.Namespace) -> int:
    """JSON requests on stdin, one a line; a JSON forecast for each on stdout, in order."""
    one_thread()
    try:
        predictor = LengthPredictor.load(args.model_dir)
        refined = required(args.model_dir) if args.tier == "refined" else None
    except ArtifactError as error:
        return _fail(str(error))
    for batch in batches(sys.stdin.fileno()):
        prompts, problem = read_requests(batch)
        for line in answers(predictor, prompts, refined):
            print(json.dumps(line))
        sys.stdout.flush()
        if problem:
            return _fail(problem)
    return 0


def answers(
    predictor: LengthPredictor, prompts: list[Prompt], refined: RefinedTier | None = None
) -> Iterator[dict[str, Any]]:
    """What ``predict`` prints for each prompt, in tokens: the stated quantiles, the mean, and the
    typical length (the geometric mean), which orders jobs.
    """
    if not prompts:
        return
    outlooks = predictor.outlooks(prompts)
    if refined is not None:
        outlooks = refined.refine(prompts, outlooks)
    for forecast in outlooks.distributions([prompt.max_tokens for prompt in prompts]):
        levels = {level: round(value, 2) for level, value in quantiles(forecast).items()}
        yield {
            "typical": round(forecast.geometric_mean, 2),
            "mean": round(forecast.mean, 2),
            "quantiles": levels,
        }


def _fail(message: str) -> int:
    print(f"lengthwise: {message}", file=sys.stderr)
    return BAD_INPUT
