"""Calibration of the fast tier: quantiles of standardised out-of-fold residuals.

A forecast is exp(location + scale * z). The boosters give location and scale. The quantiles of z
are measured on out-of-fold residuals (split conformal prediction, Lei et al. 2018;
cross-conformal, Vovk 2015), so that 80 % of new prompts' lengths lie in the central 80 % interval.
"""

from __future__ import annotations

import numpy as np

from predictor.arrays import Array, Flags, Indices
from predictor.raw_forecast import CAP_TOKENS, LEVELS

ENDLESS_PRIOR = 2_000.0
"""Pseudo-samples that draw a model's rate of endless answers towards the rate of all models."""


def is_endless(tokens: Array, censored: Flags) -> Flags:
    """Which answers (n) never ended by themselves: censored at CASTILLO's generation limit."""
    return np.asarray(censored & (tokens >= CAP_TOKENS - 1))


def residual_quantiles(residuals: Array, weights: Array, prompts: int) -> Array:
    """Quantiles of n standardised ``residuals`` at ``LEVELS``, with the finite-sample margin.

    ``weights`` (n) are the residuals' weights; ``prompts`` is the number of different prompts,
    which are independent. A level q above the median becomes ((prompts + 1) q) / prompts; a level
    below the median moves away from the median by the same rule.
    """
    order = np.argsort(residuals)
    reached = np.cumsum(weights[order])
    middle = (reached - 0.5 * weights[order]) / reached[-1]
    high = np.minimum(1.0, LEVELS * (prompts + 1) / prompts)
    low = np.maximum(0.0, 1 - (1 - LEVELS) * (prompts + 1) / prompts)
    wanted = np.where(LEVELS > 0.5, high, np.where(LEVELS < 0.5, low, LEVELS))
    return np.asarray(np.interp(wanted, middle, residuals[order]))


def endless_rates(model: Indices, tokens: Array, censored: Flags, models: int) -> Array:
    """The share of endless answers of each of M models, and of all models last (M + 1).

    ``model``, ``tokens`` and ``censored`` (n) describe the answers. Answers censored below the
    generation limit do not count, since they might have been endless. The last rate is the rate of
    an unseen model; models from number ``models`` on count there only.
    """
    endless = is_endless(tokens, censored)
    counted = endless | ~censored
    model, endless = model[counted], endless[counted]
    overall = float(endless.mean()) if len(endless) else 0.0
    count = np.bincount(model[endless], minlength=models)[:models]
    answers = np.bincount(model, minlength=models)[:models]
    rates = (count + ENDLESS_PRIOR * overall) / (answers + ENDLESS_PRIOR)
    return np.append(rates, overall)
