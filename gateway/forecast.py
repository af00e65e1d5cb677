"""Forecaster: a length distribution for every request, whatever happens to the predictor."""

from __future__ import annotations

import logging
import math
from collections import deque
from statistics import NormalDist
from time import perf_counter

from gateway.metrics import Metrics
from gateway.openai import ApiRequest
from predictor import LengthPredictor, Prompt
from scheduler.length import LengthDistribution

log = logging.getLogger("lengthwise")

NO_DECODE = LengthDistribution.point(1)
"""Of requests without generated text: embeddings, transcriptions, look-ups."""

UNKNOWN = LengthDistribution.weighted(
    [280 * math.exp(0.9 * NormalDist().inv_cdf((i + 0.5) / 20)) for i in range(20)], [1.0] * 20
)
"""Before anything is known of a model: log-normal, median 280 tokens, sigma 0.9, about what
CASTILLO (arXiv 2505.16881) shows over all its models and corpora."""

RECENT = 256
ENOUGH = 20
"""Recent answers kept per model, and how many say more than ``UNKNOWN``."""


class Forecaster:
    """Asks the predictor; without one, or when it fails, gives the model's recent lengths."""

    def __init__(self, predictor: LengthPredictor | None, metrics: Metrics) -> None:
        self._predictor = predictor
        self._metrics = metrics
        self._recent: dict[str, deque[int]] = {}
        self._tokens_per_char: dict[str, float] = {}

    def forecast(self, request: ApiRequest, prompt: Prompt, room: float) -> LengthDistribution:
        """The output length of one sequence, at most ``room`` tokens (what the context leaves)."""
        if not request.generates:
            return NO_DECODE
        bound = min(request.max_tokens or math.inf, room)
        return self._uncapped(prompt).capped(max(1.0, bound))

    def _uncapped(self, prompt: Prompt) -> LengthDistribution:
        if self._predictor is None:
            self._metrics.fallbacks.labels("absent").inc()
            return self._empirical(prompt.model)
        started = perf_counter()
        try:
            (length,) = self._predictor.predict([prompt])
        except Exception:  # a forecast is a help: no fault of it may cost an answer
            log.exception("the predictor failed; recent lengths of %s are used", prompt.model)
            self._metrics.fallbacks.labels("failed").inc()
            return self._empirical(prompt.model)
        self._metrics.prediction_seconds.observe(perf_counter() - started)
        return length

    def _empirical(self, model: str) -> LengthDistribution:
        recent = self._recent.get(model, ())
        return LengthDistribution.from_samples(recent) if len(recent) >= ENOUGH else UNKNOWN

    def prompt_tokens(self, prompt: Prompt) -> int:
        """An estimate from the text's length and this model's tokens per character so far."""
        return math.ceil(prompt.chars * self._tokens_per_char.get(prompt.model, 0.25)) + 1

    def learn(
        self,
        prompt: Prompt,
        length: LengthDistribution,
        *,
        prompt_tokens: int,
        output_tokens: int,
        censored: bool,
    ) -> None:
        """Take in a finished answer of one sequence and score its forecast.

        ``censored``: it was cut at a token limit, so that its own length is not known.
        """
        if prompt.chars >= 64 and prompt_tokens:
            seen = prompt_tokens / prompt.chars
            before = self._tokens_per_char.get(prompt.model, seen)
            self._tokens_per_char[prompt.model] = before + 0.05 * (seen - before)
        if censored:
            return
        self._recent.setdefault(prompt.model, deque(maxlen=RECENT)).append(output_tokens)
        inside = length.quantile(0.1) <= output_tokens <= length.quantile(0.9)
        self._metrics.intervals.labels(prompt.model, "inside" if inside else "outside").inc()
        error = abs(length.quantile(0.5) - output_tokens)
        self._metrics.prediction_error.labels(prompt.model).observe(error)
