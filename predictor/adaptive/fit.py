"""Fitting a model's recent answers: location, scale and shape, with the predictor as prior.

With phi the features, mu and s what the predictor said and w a weight that halves every so many
answers: log tokens - mu = phi v + e. The posterior mode of v under a normal prior around 0 (trust
the predictor) is a ridge regression; as the predictor's skill falls the slope of mu goes from 1
to 0 and the forecast becomes the recent answers' own distribution.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from predictor.adaptive.settings import AdaptiveSettings
from predictor.arrays import Array
from predictor.raw_forecast import MASS

_LEAST = 0.02  # log tokens; keeps the logarithm of a lucky residual finite
_FLOOR = 0.15  # log tokens; no answer counts more than one predicted this well
_HUBER = 2.0  # residuals beyond so many scales count less
_LEVEL = -1.2  # about the mean log scale: what its slope is relative to


@dataclass(frozen=True, slots=True)
class Answers:
    """n recent answers of a model: features (n x d), ``error`` = log tokens - predicted location,
    log of the predicted scale, and weights (n)."""

    features: Array
    error: Array
    log_scale: Array
    weight: Array


@dataclass(frozen=True, slots=True)
class Fit:
    """What was learned: location += features @ ``line``; log scale += ``widen`` +
    ``stretch`` * (log scale + 1.2); and the ``residuals`` (sorted, standardised) with weights.
    """

    line: tuple[float, ...]
    widen: float
    stretch: float
    residuals: Array
    weights: Array

    def log_scale(self, predicted: float) -> float:
        """The log scale made of the predicted one."""
        return predicted + self.widen + self.stretch * (predicted - _LEVEL)

    def log_scales(self, predicted: Array) -> Array:
        """The log scales made of the predicted ones (n)."""
        return np.asarray(predicted + self.widen + self.stretch * (predicted - _LEVEL))


def nothing(width: int) -> Fit:
    """The fit before any answer: the predictor's word."""
    return Fit((0.0,) * width, 0.0, 0.0, np.zeros(0), np.zeros(0))


def fit(
    answers: Answers, before: Fit, *, known: bool, prior: Array, settings: AdaptiveSettings
) -> Fit:
    """Fit ``answers``; ``before`` tells which are outliers, ``prior`` is the predicted shape."""
    scale = np.exp(before.log_scales(answers.log_scale))
    off = np.abs(answers.error - answers.features @ np.array(before.line)) / scale
    precise = answers.weight / (scale**2 + _FLOOR**2) / float(MASS @ prior**2)
    precise *= np.minimum(1.0, _HUBER / np.maximum(off, 1e-9))
    line, error = _line(answers, precise, known=known, settings=settings)
    widen, stretch = _scale(answers, error, prior, settings)
    apart = answers.log_scale - _LEVEL
    residuals = error / np.exp(answers.log_scale + widen + stretch * apart)
    order = np.argsort(residuals)
    return Fit(tuple(line.tolist()), widen, stretch, residuals[order], answers.weight[order])


def _line(
    answers: Answers, precise: Array, *, known: bool, settings: AdaptiveSettings
) -> tuple[Array, Array]:
    """The line and its leave-one-out residuals (studentised: half way to the error made)."""
    at = 0 if known else 1
    deviation = np.full(answers.features.shape[1], settings.others[at])
    deviation[:2] = settings.intercept[at], settings.slope[at]
    weighted = answers.features * precise[:, None]
    inverse = np.linalg.inv(weighted.T @ answers.features + np.diag(deviation**-2.0))
    line = inverse @ (weighted.T @ answers.error)
    leverage = np.einsum("nd,nd->n", weighted @ inverse, answers.features)
    error = answers.error - answers.features @ line
    return line, error / np.sqrt(np.maximum(0.1, 1.0 - leverage))


def _scale(
    answers: Answers, error: Array, prior: Array, settings: AdaptiveSettings
) -> tuple[float, float]:
    """How much wider than predicted the errors are, and how that depends on the prediction."""
    expected = float(MASS @ np.log(np.abs(prior) + _LEAST / 0.35))
    wider = np.log(np.abs(error) + _LEAST) - answers.log_scale - expected / MASS.sum()
    apart = answers.log_scale - _LEVEL
    w, strength = answers.weight, settings.spread_prior
    a, b, c = strength + w.sum(), float(w @ apart), 0.2 * strength + float(w @ apart**2)
    first, second = float(w @ wider), float((w * apart) @ wider)
    least = a * c - b * b
    return (c * first - b * second) / least, (a * second - b * first) / least
