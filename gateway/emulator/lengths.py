"""Lengths of the emulated model's answers: their distribution, and draws from it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from math import exp, log
from statistics import NormalDist
from typing import Any

from predictor import LengthPredictor, Prompt
from scheduler.length import LengthDistribution

Lengths = Callable[[dict[str, Any]], LengthDistribution]
"""From a request's body, without its token limits, to the distribution of its answer's length.

The function runs on the event loop, so the function has to be quick."""

_LEVELS = [(i + 0.5) / 24 for i in range(24)]
_PUBLISHED = LengthDistribution.from_samples(
    (exp(NormalDist(5.416, 0.9).inv_cdf(level)) for level in _LEVELS), atoms=24
)


def published_lengths(body: dict[str, Any]) -> LengthDistribution:
    """Output lengths of published chats for every request: log-normal, median 225, sigma 0.9.

    The mean, 337 tokens, is the mean of the ShareGPT answers in the vLLM paper (Kwon et al., SOSP
    2023, figure 11: 338). The sigma is a round figure for the spread of chat answers.
    """
    del body
    return _PUBLISHED


def predicted_lengths(predictor: LengthPredictor) -> Lengths:
    """The lengths that a predictor, trained on real answers, forecasts for each request."""
    return lambda body: predictor.predict([Prompt.from_request(body)])[0]


def draw_length(distribution: LengthDistribution, level: float) -> int:
    """The quantile at ``level`` (0 to 1) in tokens, at least 1; geometric between the atoms."""
    middles, below = [], 0.0
    for mass in distribution.mass:
        middles.append(below + mass / 2)
        below += mass
    upper = bisect_left(middles, level)
    tokens = distribution.tokens
    if upper in (0, len(tokens)):
        return max(1, round(tokens[min(upper, len(tokens) - 1)]))
    share = (level - middles[upper - 1]) / (middles[upper] - middles[upper - 1])
    return max(1, round(exp((1 - share) * log(tokens[upper - 1]) + share * log(tokens[upper]))))
