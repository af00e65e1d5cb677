"""`lengthwise predict`: forecasts for the requests on stdin."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from predictor.artefact.format import ArtefactError
from predictor.exit_codes import bad_input
from predictor.fast.predictor import LengthPredictor, quantiles
from predictor.features.definition import Prompt
from predictor.features.reasoning import most_tokens
from predictor.inference.request_lines import batches, read_requests
from predictor.refined.tiers import TIERS, required_refined_tier
from predictor.threads import one_thread

if TYPE_CHECKING:
    from predictor.refined.head import RefinedTier


def add_predict_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``predict``."""
    parser.epilog = (
        "stdin: one JSON object a line, with model and messages (chat), prompt (completion) or "
        "input (Responses), as in OpenAI's API"
    )
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
        help="fast: LightGBM, under a millisecond; refined: the text encoder, as for requests that "
        "wait (default: fast)",
    )


def run_predict(args: argparse.Namespace) -> int:
    """Read JSON requests from stdin, one a line; write a JSON forecast for each to stdout."""
    one_thread()
    try:
        predictor = LengthPredictor.load(args.model_dir)
        refined = required_refined_tier(args.model_dir) if args.tier == "refined" else None
    except ArtefactError as error:
        return bad_input(error)
    for batch in batches(sys.stdin.fileno()):
        prompts, problem = read_requests(batch)
        for line in forecast_lines(predictor, prompts, refined):
            print(json.dumps(line))
        sys.stdout.flush()
        if problem:
            return bad_input(problem)
    return 0


def forecast_lines(
    predictor: LengthPredictor, prompts: list[Prompt], refined: RefinedTier | None = None
) -> Iterator[dict[str, Any]]:
    """The forecast of each prompt, in tokens: 19 quantiles, the mean, and the typical length.

    The typical length is the geometric mean, by which the policy sejf orders jobs.
    """
    if not prompts:
        return
    raw = predictor.raw_forecasts(prompts)
    if refined is not None:
        raw = refined.refine(prompts, raw)
    for forecast in raw.distributions([most_tokens(prompt) for prompt in prompts]):
        levels = {level: round(value, 2) for level, value in quantiles(forecast).items()}
        yield {
            "typical": round(forecast.geometric_mean, 2),
            "mean": round(forecast.mean, 2),
            "quantiles": levels,
        }
