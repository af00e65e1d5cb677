"""Forecasts of prompts by the predictor's fast or refined tier."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from predictor.fast.predictor import LengthPredictor
from predictor.prompt import Prompt
from predictor.refined.tiers import required_refined_tier
from scheduler.length import LengthDistribution


def forecast_batches(
    batches: Iterable[Sequence[Prompt]], model_dir: Path | None, tier: str
) -> Iterator[list[LengthDistribution]]:
    """One length distribution per prompt, each cut at the prompt's ``max_tokens``.

    ``model_dir`` holds the predictor (None: the shipped one); ``tier`` is "fast" or "refined".

    Raises:
        ArtefactError: the predictor cannot be loaded, or has no such tier.
    """
    predictor = LengthPredictor.load(model_dir)
    refined = required_refined_tier(model_dir) if tier == "refined" else None
    for prompts in batches:
        raw_forecasts = predictor.raw_forecasts(prompts)
        if refined is not None:
            raw_forecasts = refined.refine(prompts, raw_forecasts)
        yield raw_forecasts.distributions([prompt.max_tokens for prompt in prompts])
