"""Fits location, scale and residuals to a model's recent answers, with the predictor as prior.

With the features phi and the predicted location mu: log tokens - mu = phi v + e. Each answer has a
weight that halves every ``half_life`` answers. The posterior mode of v under a prior around 0 (the
predictor is right) is a ridge regression. phi includes the numbers of the request's mode: a mode
with few answers borrows from the model's other modes. If the predictor has no skill, the slope of
mu becomes 0 instead of 1 and the forecast becomes the distribution of the recent answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log1p

import numpy as np

from predictor.adaptive.inputs import MODE, Features
from predictor.adaptive.settings import AdaptiveSettings
from predictor.arrays import Array
from predictor.raw_forecast import MASS

_LEAST = 0.02  # log tokens; keeps the logarithm of a residual of 0 finite
_FLOOR = 0.15  # log tokens; a smaller scale gives an answer no more weight
_HUBER = 2.0  # scales; a larger residual has less weight
_WIDER = 0.4  # a larger shift of the log scale weakens its prior, by Cauchy's tails
_UNSURE = 2.0  # variance by the coefficients' own errors: their leverage, and as much for the scale
_SCALE_STIFF = 0.2  # prior weight of the log scale's slope and of the modes, beside the shift's
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

    The location changes by features @ ``coefficients``. The log scale changes by the products of
    ``scale_coefficients`` with 1, with log scale + 1.2, and with the numbers of the mode.
    ``residuals`` are the standardised residuals in increasing order, ``weights`` are the residuals'
    weights.
    """

    coefficients: tuple[float, ...]
    scale_coefficients: tuple[float, ...]
    residuals: Array
    weights: Array

    def log_scale(self, predicted: float, features: Features) -> float:
        """The corrected log scale of a forecast with these ``features``."""
        shift, slope, *modes = self.scale_coefficients
        change = shift + slope * (predicted - _MEAN_LOG_SCALE)
        return predicted + change + sum(map(float.__mul__, modes, features[MODE:]))


def no_fit(width: int) -> Fit:
    """The fit before any answer, which changes nothing."""
    return Fit((0.0,) * width, (0.0,) * (2 + max(0, width - MODE)), np.zeros(0), np.zeros(0))


def fit(
    answers: Answers, before: Fit, *, known: bool, prior: Array, settings: AdaptiveSettings
) -> Fit:
    """The corrections fitted to ``answers``.

    ``before`` is the previous fit, by which outliers are judged. ``known``: the predictor was
    trained on the model. ``prior`` (len(LEVELS)) is the predicted shape.
    """
    design = _scale_design(answers)
    scale = np.exp(answers.log_scale + design @ np.array(before.scale_coefficients))
    residual = np.abs(answers.error - answers.features @ np.array(before.coefficients)) / scale
    precision = answers.weight / (scale**2 + _FLOOR**2) / float(MASS @ prior**2)
    precision *= np.minimum(1.0, _HUBER / np.maximum(residual, 1e-9))
    deviation = _prior_deviation(before, known=known, settings=settings)
    coefficients, error, leverage = _regress(answers, precision, deviation)
    wider = _fit_scale(answers, design, _wider(answers, error, prior), before, settings)
    residuals = error / np.exp(answers.log_scale + design @ wider)
    order = np.argsort(residuals)
    unsure = _UNSURE * np.average(leverage, weights=answers.weight)
    wider[0] += 0.5 * log1p(unsure)
    numbers = tuple(coefficients.tolist()), tuple(wider.tolist())
    return Fit(*numbers, residuals[order], answers.weight[order])


def _scale_design(answers: Answers) -> Array:
    """What the log scale may depend on (n x ...): 1, the predicted log scale, the mode."""
    centred = answers.log_scale - _MEAN_LOG_SCALE
    ones = np.ones(len(centred))
    return np.column_stack([ones, centred, answers.features[:, MODE:]])


def _prior_deviation(before: Fit, *, known: bool, settings: AdaptiveSettings) -> Array:
    """The prior standard deviation of each coefficient.

    The prior has Cauchy's tails, by reweighting: the prior of a coefficient that left it widens. A
    predictor without skill is thus left within some 30 answers, and one with skill is trusted.
    """
    entry = 0 if known else 1
    deviation = np.full(len(before.coefficients), settings.others[entry])
    deviation[:2] = settings.intercept[entry], settings.slope[entry]
    deviation[MODE:] = settings.mode[entry]
    return np.asarray(np.hypot(deviation, before.coefficients))


def _regress(answers: Answers, precision: Array, deviation: Array) -> tuple[Array, Array, Array]:
    """The coefficients, with prior ``deviation`` around 0, studentised residuals and leverages.

    Studentised residuals lie between the residuals of the fit and the leave-one-out errors.
    """
    weighted = answers.features * precision[:, None]
    inverse = np.linalg.inv(weighted.T @ answers.features + np.diag(deviation**-2.0))
    coefficients = inverse @ (weighted.T @ answers.error)
    leverage = np.einsum("nd,nd->n", weighted @ inverse, answers.features)
    error = answers.error - answers.features @ coefficients
    return coefficients, error / np.sqrt(np.maximum(0.1, 1.0 - leverage)), leverage


def _wider(answers: Answers, error: Array, prior: Array) -> Array:
    """The log factors (n) by which the errors are wider than predicted."""
    expected = float(MASS @ np.log(np.abs(prior) + _LEAST / 0.35))
    return np.asarray(np.log(np.abs(error) + _LEAST) - answers.log_scale - expected / MASS.sum())


def _fit_scale(
    answers: Answers, design: Array, wider: Array, before: Fit, settings: AdaptiveSettings
) -> Array:
    """The coefficients of the log scale, from the log factors by which errors are ``wider``."""
    strength = np.full(design.shape[1], settings.spread_prior)
    strength[0] /= 1 + (before.scale_coefficients[0] / _WIDER) ** 2
    strength[1:] *= _SCALE_STIFF
    weighted = design * answers.weight[:, None]
    return np.asarray(np.linalg.solve(weighted.T @ design + np.diag(strength), weighted.T @ wider))
