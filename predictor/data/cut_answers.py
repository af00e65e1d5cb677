"""Lengths cut short by a limit: right-censored, so known only to be longer than what was seen.

The log length of a sample is taken as normal around prompt + model. What lies beyond the cut is
its conditional mean, found by alternating with the fit (Buckley and James 1979, in the normal
form of Schmee and Hahn 1979); a draw from the same distribution keeps the spread.
"""

from __future__ import annotations

import numpy as np
from scipy.special import log_ndtr, ndtr, ndtri

from predictor.arrays import Array, Flags, Indices
from predictor.raw_forecast import CAP_TOKENS

_ROUNDS = 40
_PRIOR = 1.0  # samples by which a prompt is drawn to the mean: all of its samples may be cut
_MOST = float(np.log(CAP_TOKENS))


def beyond(
    logs: Array, cut: Flags, prompt: Indices, model: Indices, *, seed: int = 0
) -> tuple[Array, Array]:
    """Log lengths (n) with those ``cut`` replaced: by their means, and by draws.

    ``prompt`` and ``model`` tell whose samples they are. Without a cut both are ``logs``.
    """
    if not cut.any():
        return logs, logs
    mean = logs.copy()
    for _ in range(_ROUNDS):
        centre, sigma = _two_way(mean, cut, prompt, model)
        reach = (logs[cut] - centre[cut]) / sigma
        ratio = np.exp(-0.5 * reach**2 - 0.5 * np.log(2 * np.pi) - log_ndtr(-reach))
        mean[cut] = np.clip(centre[cut] + sigma * ratio, logs[cut], _MOST)
    drawn = mean.copy()
    below = ndtr(reach)
    share = below + (1 - below) * np.random.default_rng(seed).random(len(reach))
    drawn[cut] = np.clip(centre[cut] + sigma * ndtri(np.minimum(share, 1 - 1e-9)), logs[cut], _MOST)
    return mean, drawn


def _two_way(values: Array, cut: Flags, prompt: Indices, model: Indices) -> tuple[Array, float]:
    """Fitted prompt + model of each sample, and the spread of the uncut ones around it."""
    mean = float(values.mean())
    of_prompt, of_model = np.zeros(prompt.max() + 1), np.zeros(model.max() + 1)
    prompts, models = np.bincount(prompt), np.maximum(1, np.bincount(model))
    for _ in range(5):
        rest = values - mean - of_model[model]
        of_prompt = np.bincount(prompt, rest) / (prompts + _PRIOR)
        rest = values - mean - of_prompt[prompt]
        of_model = np.bincount(model, rest) / models
    centre = mean + of_prompt[prompt] + of_model[model]
    known = values[~cut] if not cut.all() else values
    around = centre[~cut] if not cut.all() else centre
    return centre, float(max(0.1, np.sqrt(np.mean((known - around) ** 2))))
