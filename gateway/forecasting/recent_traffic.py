"""Recent traffic: lengths of each model's recent answers, and the tokens of its prompts.

The forecaster uses the lengths without a predictor, and the prompts' tokens for every request.
"""

from __future__ import annotations

import math
from collections import deque
from statistics import NormalDist

from gateway.forecasting.prompt_parts import PromptParts
from gateway.forecasting.prompt_tokens import PromptTokens
from scheduler.length import LengthDistribution

PRIOR = LengthDistribution.weighted(
    [280 * math.exp(0.9 * NormalDist().inv_cdf((i + 0.5) / 20)) for i in range(20)], [1.0] * 20
)
"""Lengths of a model with too few answers: log-normal, median 280 tokens, sigma 0.9, about what
CASTILLO (arXiv 2505.16881) shows over all its models and corpora."""

RECENT = 256
"""Number of recent answers kept for each model."""

ENOUGH = 20
"""Number of recent answers from which on their lengths replace ``PRIOR``."""

_NO_COUNTS = PromptTokens()


class RecentTraffic:
    """Statistics of recent requests, by model."""

    def __init__(self) -> None:
        self._lengths: dict[str, deque[int]] = {}
        self._prompt_tokens: dict[str, PromptTokens] = {}

    def length(self, model: str) -> LengthDistribution:
        """The lengths of the model's recent answers, ``PRIOR`` while there are too few."""
        lengths = self._lengths.get(model, ())
        return LengthDistribution.from_samples(lengths) if len(lengths) >= ENOUGH else PRIOR

    def prompt_tokens(self, model: str, parts: PromptParts) -> int:
        """An estimate of a prompt's tokens, from its parts."""
        return self._prompt_tokens.get(model, _NO_COUNTS).estimate(parts)

    def observe_length(self, model: str, tokens: int) -> None:
        """Take the length of a complete answer."""
        self._lengths.setdefault(model, deque(maxlen=RECENT)).append(tokens)

    def observe_prompt(self, model: str, parts: PromptParts, tokens: int) -> None:
        """Take the number of a prompt's tokens, as the worker counted them; 0 is unknown."""
        if tokens:
            self._prompt_tokens.setdefault(model, PromptTokens()).observe(parts, tokens)
