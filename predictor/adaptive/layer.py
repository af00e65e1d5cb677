"""The adaptive layer: the predictor's forecasts, corrected by every answer.

Three steps, each with the predictor's forecast as prior: a regression of each model's recent log
lengths on the forecast (``fit``), the history of tenant, template and prompt (``history``), and
the shape of recent errors (``shape``). When a model's errors change, what was learned from the
model's earlier answers loses its weight (``recent``).
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Sequence
from copy import deepcopy
from itertools import repeat
from math import exp, log, sqrt
from random import Random
from threading import Lock

from predictor.adaptive import inputs
from predictor.adaptive.asked import Asked
from predictor.adaptive.censoring import Answer, read_answer
from predictor.adaptive.forecast import Forecast, RawForecast, distribution, split
from predictor.adaptive.history import History, ModelForecast
from predictor.adaptive.keys import PROMPT
from predictor.adaptive.recent import RecentAnswers
from predictor.adaptive.settings import AdaptiveSettings
from predictor.adaptive.shape import HistoryErrors
from predictor.prompt import Prompt
from predictor.raw_forecast import RawForecasts

FIRST_TIER = "fast"
"""The tier that forecasts every request; only this tier records the answers to exact prompts."""

_FROM_HISTORY = 0.5  # history dominates if less than this share of the variance remains
_LEAST_SCALE = 0.02  # log tokens
_FAR = 4.0  # standard deviations; bounds the error that history learns from
_REPEATED = 0.9  # weight of a prompt's earlier answers from which on the prompt is a repeat
_WIDTH = len(inputs.NAMES)

_Learner = tuple[str, str]  # tier and model


class AdaptiveLayer:
    """Corrects forecasts (``adapt``) and learns from answers (``learn``). Thread-safe.

    A request holds the lock for some 20 microseconds; every 16th answer of a model holds the lock
    for a fit. Hashes and distributions are computed without the lock.
    """

    def __init__(
        self, settings: AdaptiveSettings | None = None, *, salt: bytes | None = None, seed: int = 0
    ) -> None:
        """``salt`` (16 bytes, default random) is the key of the hashes of prompts.

        ``seed`` is the seed of the random lengths that cut answers count with.
        """
        self.settings = settings or AdaptiveSettings()
        self.salt = secrets.token_bytes(16) if salt is None else salt
        self.history = History(self.settings.capacity)
        self.recent: OrderedDict[_Learner, RecentAnswers] = OrderedDict()
        self.history_errors = HistoryErrors(self.settings)
        self._no_answers = RecentAnswers(_WIDTH, self.settings)
        self._random = Random(seed)
        self.lock = Lock()

    def adapt(
        self, prompts: Sequence[Prompt], raw: RawForecasts, *, tier: str = FIRST_TIER
    ) -> list[Forecast]:
        """The corrected forecast of each prompt; ``raw`` are the forecasts of the tier ``tier``.

        For a new model and a prompt without history, the forecast is the raw one.

        Raises:
            ValueError: the numbers of prompts and of raw forecasts differ, or a raw forecast is not
                finite or has no positive scale.
        """
        asked = [Asked.by(prompt, salt=self.salt, tier=tier) for prompt in prompts]
        return self.adapt_asked(asked, raw, tier=tier)

    def adapt_asked(
        self, asked: Sequence[Asked], raw: RawForecasts, *, tier: str = FIRST_TIER
    ) -> list[Forecast]:
        """``adapt`` for requests of which only hashes and numbers are left, as in the served log.

        The keys must be of the tier ``tier``. Raises as ``adapt`` does.
        """
        if len(asked) != len(raw):
            raise ValueError(f"{len(asked)} prompts need as many raw forecasts, got {len(raw)}")
        if not asked:
            return []
        forecasts = split(raw, [request.mode for request in asked])
        return list(map(self._adapt, repeat(tier), asked, forecasts))

    def learn(self, forecast: Forecast, tokens: int, *, censored: bool) -> None:
        """Learn from an answer of ``tokens`` tokens to the request of ``forecast``.

        ``censored``: the answer was cut by ``max_tokens``, by the end of the context, or by a
        client that hung up. A cut answer would have been longer.
        """
        with self.lock:
            answer = read_answer(forecast, tokens, censored=censored, random=self._random)
            self._learn(forecast, answer)

    def rebase(self, learned: AdaptiveLayer | None = None) -> None:
        """Drop the errors of a predictor that was replaced; keep the answers to exact prompts.

        ``learned``: a layer that learned the errors of the new predictor; its errors are taken over
        (``learned`` is of no use afterwards). A tier without errors in it starts from FIRST_TIER's.
        """
        with self.lock:
            self.history.rebase(learned.history if learned else None)
            for learner, recent in self.recent.items():
                self.recent[learner] = recent.rebased(_counterpart(learned, learner))
            if learned:
                self.history_errors = learned.history_errors
                self.recent |= {k: v for k, v in learned.recent.items() if k not in self.recent}

    def _learn(self, forecast: Forecast, answer: Answer) -> None:
        recent = self._recent_of((forecast.tier, forecast.model))
        recent.count_endless(answer.endless)
        if answer.weight <= 0:
            return
        repeats = self._learn_history(forecast, answer, recent)
        standardised = (answer.log_tokens - forecast.location) / forecast.scale
        if forecast.from_history:
            self.history_errors.add(standardised, answer.prompt_weight)
        recent.add(
            error=answer.log_tokens - forecast.raw.location,
            log_scale=log(max(_LEAST_SCALE, forecast.raw.scale)),
            weight=answer.weight / (1.0 + repeats),  # a repeated prompt tells little of the model
            standardised=standardised,
            features=forecast.raw.features,
            prior=forecast.raw.shape,
            known=forecast.raw.known,
        )

    def _learn_history(self, forecast: Forecast, answer: Answer, recent: RecentAnswers) -> float:
        """Add the answer to the history; returns the number of earlier answers to the prompt."""
        raw = forecast.raw
        model = self._model_forecast(recent, forecast.model, raw)
        correction = self.history.correct(model, forecast.keys)
        deviation = sqrt(model.variance)
        error = min(_FAR * deviation, max(-_FAR * deviation, answer.log_tokens - model.location))
        repeats, mean = correction.answers_at(PROMPT)
        first = forecast.tier == FIRST_TIER
        self.history.learn_shares(correction, error, answer.prompt_weight)
        if first and answer.prompt_weight == 1.0 and repeats >= _REPEATED:
            recent.count_within(min(1.0, (error - mean) ** 2 * repeats / (repeats + 1)))
        self.history.add(
            forecast.keys,
            shift=error + model.location - raw.location,
            log_tokens=error + model.location,
            standardised=error / deviation,
            features=raw.features,
            weight=answer.prompt_weight,
            epoch=model.epoch,
            first=first,
        )
        return repeats

    def _model_forecast(self, recent: RecentAnswers, model: str, raw: RawForecast) -> ModelForecast:
        """The raw forecast, corrected by the fit to the model's recent answers."""
        fitted = recent.fitted
        square = exp(2 * fitted.log_scale(log(max(_LEAST_SCALE, raw.scale)), raw.features))
        shift = sum(map(float.__mul__, raw.features, fitted.coefficients))
        return ModelForecast(
            location=raw.location + shift,
            variance=square * raw.mean_square,
            coefficients=fitted.coefficients,
            epoch=self._epoch(model),
            within=recent.within_variance,
        )

    def _epoch(self, model: str) -> int:
        """The number of changes of a model so far; FIRST_TIER, which sees all requests, counts."""
        return self.recent.get((FIRST_TIER, model), self._no_answers).epoch

    def _adapt(self, tier: str, asked: Asked, raw: RawForecast) -> Forecast:
        with self.lock:
            recent = self.recent.get((tier, asked.model), self._no_answers)
            model = self._model_forecast(recent, asked.model, raw)
            correction = self.history.correct(model, asked.keys)
            from_history = correction.variance < _FROM_HISTORY * model.variance
            shape = (self.history_errors if from_history else recent).shape(raw.shape)
            endless = recent.endless_rate(raw.endless)
        location = model.location + correction.shift
        scale = max(_LEAST_SCALE, sqrt(correction.variance / raw.mean_square))
        return Forecast(
            length=distribution(location, scale, shape, endless, asked.limit),
            model=asked.model,
            tier=tier,
            keys=asked.keys,
            raw=raw,
            location=location,
            scale=scale,
            shape=shape,
            endless=endless,
            from_history=from_history,
        )

    def _recent_of(self, learner: _Learner) -> RecentAnswers:
        """The recent answers of a learner; drops the least recently used learner if too many."""
        recent = self.recent.get(learner)
        if recent is None:
            recent = self.recent[learner] = RecentAnswers(_WIDTH, self.settings)
            if len(self.recent) > self.settings.models:
                self.recent.popitem(last=False)
        self.recent.move_to_end(learner)
        return recent


def _counterpart(learned: AdaptiveLayer | None, learner: _Learner) -> RecentAnswers | None:
    """The recent answers of the model in another layer, of the same tier or else of FIRST_TIER."""
    if learned is None:
        return None
    own = learned.recent.get(learner)
    first = learned.recent.get((FIRST_TIER, learner[1]))
    return own or (deepcopy(first) if first else None)
