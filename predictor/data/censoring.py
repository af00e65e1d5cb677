"""Imputation of right-censored lengths: an answer cut by a limit is longer than its tokens.

The log length of a sample is modelled as normal around prompt effect + model effect. A censored
log length becomes its conditional mean beyond the cut, alternating with the fit of the effects
(Buckley and James 1979, in the normal form of Schmee and Hahn 1979). A random draw from the same
distribution keeps the spread.
"""

from __future__ import annotations

import numpy as np
from scipy.special import log_ndtr, ndtr, ndtri

from predictor.arrays import Array, Flags, Indices
from predictor.raw_forecast import MOST_TOKENS

_ROUNDS = 40
_PRIOR = 1.0  # pseudo-samples at the mean: all samples of a prompt may be censored
_LONGEST = float(np.log(MOST_TOKENS))
_LEAST_SPREAD = 0.1  # log tokens


def impute_censored(
    logs: Array, censored: Flags, prompt: Indices, model: Indices, *, seed: int = 0
) -> tuple[Array, Array]:
    """Log lengths (n) with the ``censored`` ones replaced: by their means, and by random draws.

    ``prompt`` and ``model`` (n) are the indices of each sample's prompt and model. If no sample is
    censored, both results are ``logs``.
    """
    if not censored.any():
        return logs, logs
    cut, mean = logs[censored], logs.copy()
    for _ in range(_ROUNDS):
        centre, sigma = _fit_effects(mean, censored, prompt, model)
        centre = centre[censored]
        reach = (cut - centre) / sigma
        mills_ratio = np.exp(-0.5 * reach**2 - 0.5 * np.log(2 * np.pi) - log_ndtr(-reach))
        mean[censored] = np.clip(centre + sigma * mills_ratio, cut, _LONGEST)
    drawn = mean.copy()
    below = ndtr(reach)
    level = below + (1 - below) * np.random.default_rng(seed).random(len(reach))
    beyond = centre + sigma * ndtri(np.minimum(level, 1 - 1e-9))
    drawn[censored] = np.clip(beyond, cut, _LONGEST)
    return mean, drawn


def _fit_effects(
    values: Array, censored: Flags, prompt: Indices, model: Indices
) -> tuple[Array, float]:
    """Mean + prompt effect + model effect of each sample (n); spread of uncensored residuals."""
    mean = float(values.mean())
    prompt_effect, model_effect = np.zeros(prompt.max() + 1), np.zeros(model.max() + 1)
    prompts, models = np.bincount(prompt), np.maximum(1, np.bincount(model))
    for _ in range(5):
        rest = values - mean - model_effect[model]
        prompt_effect = np.bincount(prompt, rest) / (prompts + _PRIOR)
        rest = values - mean - prompt_effect[prompt]
        model_effect = np.bincount(model, rest) / models
    centre = mean + prompt_effect[prompt] + model_effect[model]
    measured = ~censored if not censored.all() else censored
    spread = np.sqrt(np.mean((values[measured] - centre[measured]) ** 2))
    return centre, float(max(_LEAST_SPREAD, spread))
