"""The shape of a forecast: quantiles of standardised residuals of prompts not trained on.

A forecast is exp(location + scale * z). Location and scale are boosters'; the quantiles of z are
measured on out-of-fold residuals (split conformal prediction, Lei et al. 2018; cross-conformal,
Vovk 2015), so that 80 % of new prompts' lengths fall within the central 80 %.
"""

from __future__ import annotations

import numpy as np

from predictor.arrays import Array, Flags, Indices
from predictor.raw_forecast import CAP_TOKENS, LEVELS


def endless(tokens: Array, capped: Flags) -> Flags:
    """Which answers ran to the end of what CASTILLO allowed: those that never end."""
    return np.asarray(capped & (tokens >= CAP_TOKENS - 1))


TAIL_PRIOR = 2_000.0
"""Samples by which a model's rate of capped answers is drawn towards the rate of all models."""


def shape(residuals: Array, weights: Array, prompts: int) -> Array:
    """Quantiles of ``residuals`` (n, standardised) at ``LEVELS``, with the finite-sample margin.

    ``prompts`` is the number of independent prompts among the n samples: a level q above the
    median becomes ((prompts + 1) q) / prompts, one below it likewise from the other side.
    """
    order = np.argsort(residuals)
    reached = np.cumsum(weights[order])
    middle = (reached - 0.5 * weights[order]) / reached[-1]
    high = np.minimum(1.0, LEVELS * (prompts + 1) / prompts)
    low = np.maximum(0.0, 1 - (1 - LEVELS) * (prompts + 1) / prompts)
    wanted = np.where(LEVELS > 0.5, high, np.where(LEVELS < 0.5, low, LEVELS))
    return np.asarray(np.interp(wanted, middle, residuals[order]))


def capped_rates(model: Indices, capped: Flags, models: int) -> Array:
    """The share of answers that never ended, for each model and last for an unseen one."""
    overall = float(capped.mean()) if len(capped) else 0.0
    ran = np.bincount(model[capped], minlength=models)
    seen = np.bincount(model, minlength=models)
    return np.append((ran + TAIL_PRIOR * overall) / (seen + TAIL_PRIOR), overall)
