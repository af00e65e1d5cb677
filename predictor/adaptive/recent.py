"""A model's recent answers, the fit to them, and the detection of a change of the model."""

from __future__ import annotations

import numpy as np

from predictor.adaptive.fit import Answers, fit, no_fit
from predictor.adaptive.inputs import Features
from predictor.adaptive.settings import AdaptiveSettings
from predictor.adaptive.shape import MixedShapes
from predictor.arrays import Array, Flags
from predictor.raw_forecast import LEVELS

ERROR, LOG_SCALE, WEIGHT, STANDARDISED, FIRST = 0, 1, 2, 3, 4
"""Columns of a row: log tokens minus the predicted location, predicted log scale, weight of the
answer, standardised error of the corrected forecast; from ``FIRST`` on the features."""

_ALARM_SIZES = (12, 24, 48)  # numbers of latest errors that are compared with earlier errors
_QUIET = 32  # answers without an alarm, at the start and after a change
_FAR = 4.0  # bounds a standardised error, so that one outlier is no change
_EVERY = 6  # answers between two checks for a change
_ENDLESS_LIFE = 2000.0  # answers that halve the weight of an earlier endless answer
_WITHIN = (0.06, 10.0)  # prior variance of log tokens within a prompt; its weight in answers
_WITHIN_KEEP = 0.99


class RecentAnswers:
    """The recent answers of one model in one tier. Not thread-safe; ``fitted`` is immutable.

    ``rows`` is a ring buffer of the answers. ``count`` is the number of answers so far, ``epoch``
    the number of changes of the model so far, ``changed`` the ``count`` at the last change.
    ``known`` and ``prior`` (the predicted shape) are those of the latest answer. ``endless`` and
    ``within`` are pairs of a weighted sum and a sum of weights.
    """

    def __init__(self, width: int, settings: AdaptiveSettings) -> None:
        self.settings = settings
        self.rows = np.zeros((settings.window, FIRST + width))
        self.count = 0
        self.epoch = 0
        self.changed = 0
        self.known = False
        self.prior = np.zeros(len(LEVELS))
        self.fitted = no_fit(width)
        self.endless = np.zeros(2)
        self.within = np.array([_WITHIN[0] * _WITHIN[1], _WITHIN[1]])
        self._due = 1
        self._shapes = MixedShapes(settings.shape_prior)

    def rebased(self, learned: RecentAnswers | None = None) -> RecentAnswers:
        """The recent answers under another predictor, without the old predictor's errors.

        ``learned`` are recent answers with the new predictor's errors, which are taken over, with
        their count of changes.
        """
        fresh = learned or RecentAnswers(self.rows.shape[1] - FIRST, self.settings)
        fresh.endless, fresh.within = self.endless, self.within
        fresh.epoch = learned.epoch if learned else self.epoch
        return fresh

    def add(
        self,
        *,
        error: float,
        log_scale: float,
        weight: float,
        standardised: float,
        features: Features,
        prior: Array,
        known: bool,
    ) -> None:
        """Add an answer, and refit when a fit is due; ``prior`` is the predicted shape."""
        row = self.rows[self.count % len(self.rows)]
        row[:FIRST] = error, log_scale, weight, standardised
        row[FIRST:] = features
        self.count += 1
        self.known, self.prior = known, prior
        if self.count % _EVERY == 0 and self._has_changed():
            self._due = self.count
        if self.count >= self._due:
            self.refit(prior)

    def refit(self, prior: Array) -> None:
        """Fit the answers in the window; the next fit is due after 6 % more answers, at most 16."""
        rows, age, stale = self._latest(len(self.rows))
        weight = rows[:, WEIGHT] * 0.5 ** (age / self.settings.half_life)
        weight[stale] *= self.settings.stale
        answers = Answers(rows[:, FIRST:], rows[:, ERROR], rows[:, LOG_SCALE], weight)
        self.fitted = fit(
            answers, self.fitted, known=self.known, prior=prior, settings=self.settings
        )
        fresh = self.count - self.changed
        self._due = self.count + max(1, min(16, fresh // 16))

    def _latest(self, most: int) -> tuple[Array, Array, Flags]:
        """The latest ``most`` rows, oldest first; ages in answers; which precede a change."""
        size = min(self.count, len(self.rows), most)
        number = np.arange(self.count - size, self.count)
        rows = self.rows[number % len(self.rows)]
        return rows, (self.count - 1.0 - number).astype(np.float64), number < self.changed

    def _has_changed(self) -> bool:
        """Whether the model has changed; a change makes all earlier answers stale.

        Compares the mean of the last 12, 24 and 48 standardised errors, and of their absolute
        values, with the mean of the errors before them since the last change.
        """
        since = self.count - self.changed
        if since < 2 * _QUIET:
            return False
        rows, _, stale = self._latest(256)
        errors = np.clip(rows[~stale, STANDARDISED], -_FAR, _FAR)
        for size in _ALARM_SIZES:
            if len(errors) < size + _QUIET:
                break
            if _alarm(errors[-size:], errors[:-size]) > self.settings.alarm:
                self.changed = self.count - size
                self.epoch += 1
                self.within[:] = _WITHIN[0] * _WITHIN[1], _WITHIN[1]
                return True
        return False

    def shape(self, prior: Array) -> tuple[float, ...]:
        """The recalibrated shape, from recent errors and the predicted shape ``prior``."""
        return self._shapes.mix(self.fitted.residuals, self.fitted.weights, prior)

    def count_endless(self, share: float) -> None:
        """Add an answer that does not end by itself with probability ``share``."""
        self.endless *= 0.5 ** (1.0 / _ENDLESS_LIFE)
        self.endless += share, 1.0

    def endless_rate(self, predicted: float) -> float:
        """The rate of endless answers, from the predicted rate and the recent answers."""
        prior = self.settings.endless_prior
        return float((prior * predicted + self.endless[0]) / (prior + self.endless[1]))

    def count_within(self, square: float) -> None:
        """Add a squared deviation (log tokens) between answers to one prompt."""
        self.within *= _WITHIN_KEEP
        self.within += square, 1.0

    @property
    def within_variance(self) -> float:
        """Variance of log tokens among answers to the same prompt."""
        return float(self.within[0] / self.within[1])


def _alarm(late: Array, early: Array) -> float:
    """The shift of the mean or the growth of the mean size, the larger, in standard errors."""
    root = np.sqrt(1.0 / len(late) + 1.0 / len(early))
    shift = abs(late.mean() - early.mean()) / (early.std() * root + 1e-9)
    late, early = np.abs(late), np.abs(early)
    growth = (late.mean() - early.mean()) / (early.std() * root + 1e-9)
    return float(max(shift, growth))
