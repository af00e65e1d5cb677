"""Adaptive: the predictor's forecasts, corrected by every answer that came since.

Three steps, each with the predictor's word as prior: a regression of each model's recent log
lengths on the forecast (``fit``), the history of tenant, template and prompt (``history``), and
the shape of recent errors (conformal recalibration). When a model's errors break with what they
were, what was learned of it counts no more (``recent``).
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Sequence
from itertools import repeat
from math import exp, log, sqrt
from random import Random
from threading import Lock

from predictor.adaptive import inputs
from predictor.adaptive.censoring import Answer, read
from predictor.adaptive.forecast import Base, Forecast, bases, distribution
from predictor.adaptive.history import History, View
from predictor.adaptive.keys import PROMPT, Keys, keys_of
from predictor.adaptive.recent import Recent
from predictor.adaptive.settings import AdaptiveSettings
from predictor.adaptive.shape import Recalled
from predictor.prompt import Prompt
from predictor.raw_forecast import RawForecasts

FIRST_TIER = "fast"
"""The tier that forecasts every request; only its forecasts write down exact prompts' answers."""

_RECALLED = 0.5  # of the variance left: then the history carries the forecast, not the model
_LEAST_SCALE = 0.02  # log tokens
_FAR = 4.0  # deviations; history takes an answer further off than that as if it were there
_ONE = 0.9  # answers to the same prompt, recent ones counting more
_WIDTH = len(inputs.NAMES)

_Learner = tuple[str, str]  # tier and model


class AdaptiveLayer:
    """Corrects forecasts (``adapt``) and learns from answers (``learn``). Thread-safe.

    One lock, taken for each request anew and held for some 20 microseconds, or for the fit that
    every 16th answer of a model causes; hashing and building distributions need no lock.
    """

    def __init__(
        self, settings: AdaptiveSettings | None = None, *, salt: bytes | None = None, seed: int = 0
    ) -> None:
        """``salt`` (16 bytes) keys the hashes of prompts; by default random."""
        self.settings = settings or AdaptiveSettings()
        self.salt = secrets.token_bytes(16) if salt is None else salt
        self.history = History(self.settings.capacity)
        self.recents: OrderedDict[_Learner, Recent] = OrderedDict()
        self.recalled = Recalled(self.settings)
        self._fresh = Recent(_WIDTH, self.settings)
        self._random = Random(seed)
        self.lock = Lock()

    def adapt(
        self, prompts: Sequence[Prompt], raw: RawForecasts, *, tier: str = FIRST_TIER
    ) -> list[Forecast]:
        """A forecast for each prompt; ``raw`` are what the predictor's ``tier`` says.

        A model not seen yet, and a prompt without history, are forecast as the predictor says.

        Raises:
            ValueError: the numbers of prompts and of raw forecasts differ, or one is not finite.
        """
        if len(prompts) != len(raw):
            raise ValueError(f"{len(prompts)} prompts need as many raw forecasts, got {len(raw)}")
        if not prompts:
            return []
        said = bases(raw)
        found = [keys_of(prompt, salt=self.salt, tier=tier) for prompt in prompts]
        return list(map(self._adapted, repeat(tier), prompts, found, said))

    def learn(self, forecast: Forecast, tokens: int, *, censored: bool) -> None:
        """Learn that the request of ``forecast`` was answered with ``tokens`` tokens.

        ``censored``: the answer was cut (``max_tokens``, the context's end, a client that hung
        up) and would have been longer.
        """
        with self.lock:
            answer = read(forecast, tokens, censored=censored, random=self._random)
            self._learn(forecast, answer)

    def rebase(self) -> None:
        """The predictor was replaced: forget how the old one erred, keep prompts' own answers."""
        with self.lock:
            self.history.rebase()
            for learner, recent in self.recents.items():
                self.recents[learner] = recent.rebased()

    def _learn(self, forecast: Forecast, answer: Answer) -> None:
        learner = (forecast.tier, forecast.model)
        recent = self._made(learner)
        recent.count_endless(answer.endless)
        if answer.weight <= 0:
            return
        base = forecast.base
        view = self._view(recent, forecast.model, base)
        found = self.history.recall(forecast.keys, view)
        unit = sqrt(view.variance)
        error = min(_FAR * unit, max(-_FAR * unit, answer.logs - view.location))
        seen, mean = found.at(PROMPT)
        first = forecast.tier == FIRST_TIER
        self.history.judge(found, error, answer.told)
        if first and answer.told == 1.0 and seen >= _ONE:
            recent.count_within(min(1.0, (error - mean) ** 2 * seen / (seen + 1)))
        miss = (answer.logs - forecast.location) / forecast.scale
        if forecast.recalled:
            self.recalled.add(miss, answer.told)
        self.history.add(
            forecast.keys,
            shift=error + view.location - base.location,
            logs=error + view.location,
            standardised=error / unit,
            features=base.features,
            weight=answer.told,
            epoch=view.epoch,
            first=first,
        )
        recent.add(
            error=answer.logs - base.location,
            log_scale=log(max(_LEAST_SCALE, base.scale)),
            weight=answer.weight / (1.0 + seen),  # the same prompt again tells little new
            miss=miss,
            features=base.features,
            prior=base.shape,
            known=base.known,
        )

    def _view(self, recent: Recent, model: str, base: Base) -> View:
        """What a model's fit makes of what the predictor said."""
        fitted = recent.fitted
        wide = exp(2 * fitted.log_scale(log(max(_LEAST_SCALE, base.scale))))
        return View(
            location=base.location + sum(map(float.__mul__, base.features, fitted.line)),
            variance=wide * base.square,
            line=fitted.line,
            epoch=self._epoch(model),
            within=recent.within_variance,
        )

    def _epoch(self, model: str) -> int:
        """The first tier sees every request of a model, so its alarm is the one that counts."""
        return self.recents.get((FIRST_TIER, model), self._fresh).epoch

    def _adapted(self, tier: str, prompt: Prompt, keys: Keys, base: Base) -> Forecast:
        """The forecast with all that was learned."""
        with self.lock:
            recent = self.recents.get((tier, prompt.model), self._fresh)
            view = self._view(recent, prompt.model, base)
            found = self.history.recall(keys, view)
            recalled = found.variance < _RECALLED * view.variance
            shape = (self.recalled if recalled else recent).shape(base.shape)
            endless = recent.endless_rate(base.endless)
        location = view.location + found.shift
        scale = max(_LEAST_SCALE, sqrt(found.variance / base.square))
        return Forecast(
            length=distribution(location, scale, shape, endless, prompt.max_tokens),
            model=prompt.model,
            tier=tier,
            keys=keys,
            base=base,
            location=location,
            scale=scale,
            shape=shape,
            endless=endless,
            recalled=recalled,
        )

    def _made(self, learner: _Learner) -> Recent:
        """The answers of a model in a tier; of too many the least recently used is forgotten."""
        recent = self.recents.get(learner)
        if recent is None:
            recent = self.recents[learner] = Recent(_WIDTH, self.settings)
            if len(self.recents) > self.settings.models:
                self.recents.popitem(last=False)
        self.recents.move_to_end(learner)
        return recent
