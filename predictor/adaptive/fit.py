"""Fits location, scale and residuals to a model's recent answers, with the predictor as prior.

With the features phi and the predicted location mu: log tokens - mu = phi v + e. Each answer has a
weight that halves every ``half_life`` answers. The posterior mode of v under a normal prior around
0 (the predictor is right) is a ridge regression. If the predictor has no skill, the slope of mu
becomes 0 instead of 1 and the forecast becomes the distribution of the recent answers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from predictor.adaptive.settings import AdaptiveSettings
from predictor.arrays import Array
from predictor.raw_forecast import MASS

_LEAST = 0.02  # log tokens; keeps the logarithm of a residual of 0 finite
_FLOOR = 0.15  # log tokens; a smaller scale gives an answer no more weight
_HUBER = 2.0  # scales; a larger residual has less weight
_MEAN_LOG_SCALE = -1.2  # a typical log scale, at which the slope changes nothing


@dataclass(frozen=True, slots=True)
class Answers:
    """n recent answers of a model.

    ``features`` (n x d) are the inputs of the regression, ``error`` (n) the log tokens minus the
    predicted location, ``log_scale`` (n) the log of the predicted scale, ``weight`` (n) the weights
    in the fit.
    """

    features: Array
    error: Array
    log_scale: Array
    weight: Array


@dataclass(frozen=True, slots=True)
class Fit:
    """The fitted corrections of a model's forecasts.

    The location changes by features @ ``coefficients``. The log scale changes by
    ``log_scale_shift`` + ``log_scale_slope`` * (log scale + 1.2). ``residuals`` are the
    standardised residuals in increasing order, ``weights`` are the residuals' weights.
    """

    coefficients: tuple[float, ...]
    log_scale_shift: float
    log_scale_slope: float
    residuals: Array
    weights: Array

    def log_scale(self, predicted: float) -> float:
        """The corrected log scale."""
        centred = predicted - _MEAN_LOG_SCALE
        return predicted + self.log_scale_shift + self.log_scale_slope * centred

    def log_scales(self, predicted: Array) -> Array:
        """The corrected log scales (n)."""
        centred = predicted - _MEAN_LOG_SCALE
        return np.asarray(predicted + self.log_scale_shift + self.log_scale_slope * centred)


def no_fit(width: int) -> Fit:
    """The fit before any answer, which changes nothing."""
    return Fit((0.0,) * width, 0.0, 0.0, np.zeros(0), np.zeros(0))


def fit(
    answers: Answers, before: Fit, *, known: bool, prior: Array, settings: AdaptiveSettings
) -> Fit:
    """The corrections fitted to ``answers``.

    ``before`` is the previous fit, by which outliers are judged. ``known``: the predictor was
    trained on the model. ``prior`` (len(LEVELS)) is the predicted shape.
    """
    scale = np.exp(before.log_scales(answers.log_scale))
    residual = np.abs(answers.error - answers.features @ np.array(before.coefficients)) / scale
    precision = answers.weight / (scale**2 + _FLOOR**2) / float(MASS @ prior**2)
    precision *= np.minimum(1.0, _HUBER / np.maximum(residual, 1e-9))
    coefficients, error = _regress(answers, precision, known=known, settings=settings)
    shift, slope = _fit_scale(answers, error, prior, settings)
    centred = answers.log_scale - _MEAN_LOG_SCALE
    residuals = error / np.exp(answers.log_scale + shift + slope * centred)
    order = np.argsort(residuals)
    return Fit(tuple(coefficients.tolist()), shift, slope, residuals[order], answers.weight[order])


def _regress(
    answers: Answers, precision: Array, *, known: bool, settings: AdaptiveSettings
) -> tuple[Array, Array]:
    """The coefficients and the studentised residuals.

    Studentised residuals lie between the residuals of the fit and the leave-one-out errors.
    """
    entry = 0 if known else 1
    deviation = np.full(answers.features.shape[1], settings.others[entry])
    deviation[:2] = settings.intercept[entry], settings.slope[entry]
    weighted = answers.features * precision[:, None]
    inverse = np.linalg.inv(weighted.T @ answers.features + np.diag(deviation**-2.0))
    coefficients = inverse @ (weighted.T @ answers.error)
    leverage = np.einsum("nd,nd->n", weighted @ inverse, answers.features)
    error = answers.error - answers.features @ coefficients
    return coefficients, error / np.sqrt(np.maximum(0.1, 1.0 - leverage))


def _fit_scale(
    answers: Answers, error: Array, prior: Array, settings: AdaptiveSettings
) -> tuple[float, float]:
    """Shift and slope of the log scale: by how much the errors are wider than predicted."""
    expected = float(MASS @ np.log(np.abs(prior) + _LEAST / 0.35))
    wider = np.log(np.abs(error) + _LEAST) - answers.log_scale - expected / MASS.sum()
    centred = answers.log_scale - _MEAN_LOG_SCALE
    weight, strength = answers.weight, settings.spread_prior
    a, b = strength + weight.sum(), float(weight @ centred)
    c = 0.2 * strength + float(weight @ centred**2)
    first, second = float(weight @ wider), float((weight * centred) @ wider)
    determinant = a * c - b * b
    return (c * first - b * second) / determinant, (a * second - b * first) / determinant
