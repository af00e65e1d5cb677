"""Corrects a forecast by earlier answers of the same tenant, system prompt, template or prompt.

A multilevel model with normal effects. At each level, from wide to narrow, the mean error of the
key's n answers is shrunk towards the correction of the wider levels, by n / (n + kappa). Kappa is
the ratio of the variance within keys to the variance between keys, learned from the answers. The
remaining variance shrinks at each level.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from predictor.adaptive.keys import PROMPT, PROMPT_ANY, SKELETON, Keys
from predictor.adaptive.memory import COUNT, EPOCH, FIRST, SQUARES, TOTAL, Memory, Row

_PRIOR_SHARE = (0.1, 0.2, 0.1, 0.5, 0.6)  # of the variance that lies between keys, by level
_PRIOR_WEIGHT = 20.0  # weight of the prior shares, in answers
_KEEP_SHARE = 0.998  # factor of the shares' sums at each further answer
_KEEP = (0.98, 0.98, 0.98, 0.97, 0.95, 0.97)  # factor of a key's sums, by level
_STALE = 0.02  # weight of an answer from before the model changed
_SPREAD_WEIGHT = 2.0  # weight of the model's variance within prompts, in answers of one prompt
_FAR = 3.0  # standard deviations; bounds the effect of an answer on the shares
_ERRORS = (0.0,)  # features of a PROMPT_ANY row: a dummy, so that ``rebase`` drops the row
_SOME = 0.3  # answers; a key with fewer is ignored


@dataclass(frozen=True, slots=True)
class ModelForecast:
    """The forecast for a request after the model's regression (``fit``) and before history.

    ``location`` and ``variance`` are of log tokens. ``coefficients`` are the regression's
    coefficients. ``epoch`` is the number of changes of the model so far. ``within`` is the variance
    of log tokens among the model's answers to one prompt.
    """

    location: float
    variance: float
    coefficients: Sequence[float]
    epoch: int
    within: float


@dataclass(slots=True)
class Correction:
    """The correction of a forecast by history: ``shift`` of the location, remaining ``variance``.

    ``levels`` has one tuple for each level with answers: the level, the number of answers, the mean
    error, and the shift and the variance before that level.
    """

    shift: float
    variance: float
    levels: list[tuple[int, float, float, float, float]]

    def answers_at(self, level: int) -> tuple[float, float]:
        """The number of answers at a level and their mean error; 0, 0 without answers."""
        return next((step[1:3] for step in self.levels if step[0] == level), (0.0, 0.0))


class History:
    """The answers of all keys and each level's share of variance between keys. Not thread-safe."""

    def __init__(self, capacity: int) -> None:
        self.memory = Memory(capacity)
        self.between = [share * _PRIOR_WEIGHT for share in _PRIOR_SHARE]
        self.total = [_PRIOR_WEIGHT] * PROMPT

    def correct(self, forecast: ModelForecast, keys: Keys) -> Correction:
        """The correction of the forecast of the request with these ``keys``."""
        correction = Correction(0.0, forecast.variance, [])
        prompt = self.memory.get(keys[PROMPT])
        own = _fresh_count(prompt, forecast.epoch)
        for level in range(PROMPT):
            row = self.memory.get(keys[level])
            count = row[COUNT] if level == PROMPT_ANY else _fresh_count(row, forecast.epoch)
            if level in (SKELETON, PROMPT_ANY):
                count -= own  # the prompt's own answers count at level PROMPT only
            if count > _SOME:
                self._narrow(correction, level, count, _mean(level, row, forecast))
        if own > _SOME:
            _narrow_to_prompt(correction, prompt, own, forecast)
        return correction

    def _narrow(self, correction: Correction, level: int, count: float, mean: float) -> None:
        correction.levels.append((level, count, mean, correction.shift, correction.variance))
        share = min(0.98, max(0.001, self.between[level] / self.total[level]))
        trust = count / (count + (1 - share) / share)
        correction.shift += trust * (mean - correction.shift)
        correction.variance *= 1 - share * trust

    def rebase(self, learned: History | None = None) -> None:
        """Drop all errors of a replaced predictor; the log tokens of exact prompts stay.

        ``learned`` is a history with the errors of the new predictor, which are taken over.
        """
        self.memory.keep_width(FIRST)
        if learned:
            self.memory.take_over(learned.memory)
            self.between, self.total = learned.between, learned.total

    def learn_shares(self, correction: Correction, error: float, weight: float) -> None:
        """Update the shares of variance from one answer.

        ``error`` (log tokens) is relative to the forecast without history. The expected product of
        two errors with the same key is the variance between keys.
        """
        for level, count, mean, shift, variance in correction.levels:
            if level == PROMPT:
                continue
            unit = sqrt(variance)
            own = min(_FAR, max(-_FAR, (error - shift) / unit))
            earlier = min(_FAR, max(-_FAR, (mean - shift) / unit))
            counted = weight * count / (count + 2.0)
            prior = (1 - _KEEP_SHARE) * _PRIOR_WEIGHT  # draws the shares back to the prior
            self.between[level] *= _KEEP_SHARE
            self.between[level] += counted * own * earlier + prior * _PRIOR_SHARE[level]
            self.total[level] *= _KEEP_SHARE
            self.total[level] += counted * own * own + prior

    def add(
        self,
        keys: Keys,
        *,
        shift: float,
        log_tokens: float,
        standardised: float,
        features: Sequence[float],
        weight: float,
        epoch: int,
        first: bool,
    ) -> None:
        """Add an answer at all its levels.

        ``shift`` is the error relative to the predicted location, ``log_tokens`` the answer's
        length, ``standardised`` the error of the forecast without history in standard deviations.
        ``first``: the tier is the one that records the answers to exact prompts.
        """
        entries: list[tuple[int, float, Sequence[float], int]]
        entries = [(level, shift, features, epoch) for level in range(PROMPT_ANY)]
        entries.append((PROMPT_ANY, standardised, _ERRORS, 0))
        if first:
            entries.append((PROMPT, log_tokens, (), epoch))
        for level, value, sums, written in entries:
            self.memory.add(
                keys[level],
                value,
                sums,
                weight=weight,
                keep=_KEEP[level],
                stale=_STALE,
                epoch=written,
            )


def _narrow_to_prompt(
    correction: Correction, row: Row, count: float, forecast: ModelForecast
) -> None:
    """Correct by the answers to the exact prompt, whose own variance sets the shrinkage."""
    mean = row[TOTAL] / row[COUNT] - forecast.location
    correction.levels.append((PROMPT, count, mean, correction.shift, correction.variance))
    squares = row[SQUARES] * count / row[COUNT]
    spread = (_SPREAD_WEIGHT * forecast.within + squares) / (_SPREAD_WEIGHT + max(0.0, count - 1))
    between = max(correction.variance - forecast.within, 0.1 * correction.variance)
    trust = count / (count + spread / between)
    correction.shift += trust * (mean - correction.shift)
    correction.variance = min(spread + between * (1 - trust), 2 * correction.variance)


def _fresh_count(row: Row, epoch: int) -> float:
    """The number of a key's answers; answers from before a change of the model weigh _STALE."""
    return row[COUNT] if row[EPOCH] == epoch else _STALE * row[COUNT]


def _mean(level: int, row: Row, forecast: ModelForecast) -> float:
    """The mean error of a key's answers, relative to the forecast without history."""
    mean = row[TOTAL] / row[COUNT]
    if level == PROMPT_ANY:
        return mean * sqrt(forecast.variance)
    fitted = sum(map(float.__mul__, row[FIRST:], forecast.coefficients))
    return mean - fitted / row[COUNT]
