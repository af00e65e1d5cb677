"""Forecaster: a length distribution for every request, whatever happens to the predictor."""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from dataclasses import dataclass
from statistics import NormalDist
from time import monotonic, perf_counter
from typing import Literal

from gateway.config.settings import PredictorConfig
from gateway.forecasting.batcher import Batcher
from gateway.metrics import Metrics
from gateway.protocol.openai import ApiRequest
from predictor import Prompt
from predictor.inference.tiered import Prediction, TieredPredictor
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

COMPLAINT_S = 60.0
"""Seconds between two log entries about a predictor that fails: the metric counts them all."""

Tier = Literal["none", "recent", "fast", "refined"]


@dataclass(frozen=True, slots=True)
class Guess:
    """The forecast of one sequence's output length, already cut at ``bound`` tokens.

    ``predictions`` are the predictor's, the first tier's first: none where it was not asked or
    did not answer.
    """

    length: LengthDistribution
    tier: Tier
    bound: float = math.inf
    predictions: tuple[Prediction, ...] = ()


class Forecaster:
    """Asks the predictor; without one, or when it fails or dawdles, gives recent lengths.

    Each tier has a thread of its own, and the event loop waits for it no longer than the budget.
    """

    def __init__(
        self, serving: TieredPredictor | None, metrics: Metrics, settings: PredictorConfig
    ) -> None:
        self._metrics = metrics
        self._budget_s = settings.budget_ms / 1000
        self._refine_budget_s = settings.refine_budget_ms / 1000
        self._recent: dict[str, deque[int]] = {}
        self._tokens_per_char: dict[str, float] = {}
        self._complained = -math.inf
        self._serving: TieredPredictor | None = None
        self.serve(serving)

    def serve(self, serving: TieredPredictor | None) -> None:
        """Take this predictor from now on; forecasts under way end with the one before."""
        if self._serving is not None:
            self._fast.close()
            self._refined.close()
        self._serving = serving
        self._metrics.predictor_loaded.set(serving is not None)
        if serving is None:
            return
        self._fast: Batcher[Prompt, Prediction] = Batcher("predict", serving.predict)
        self._refined: Batcher[Prediction, Prediction] = Batcher("refine", serving.refine, limit=16)

    @property
    def artefact(self) -> str:
        """Which model serves (``versions.identity``); "" for none."""
        return self._serving.artefact if self._serving else ""

    @property
    def refines(self) -> bool:
        """Whether a waiting request can get a better forecast."""
        return self._serving is not None and self._serving.refines

    async def guess(self, request: ApiRequest, prompt: Prompt, room: float) -> Guess:
        """The forecast of one sequence, at most ``room`` tokens (what the context leaves)."""
        if not request.generates:
            return Guess(NO_DECODE, "none")
        bound = max(1.0, min(request.max_tokens or math.inf, room))
        prediction = await self._predicted(prompt)
        if prediction is None:
            return Guess(self._empirical(prompt.model).capped(bound), "recent", bound)
        return Guess(prediction.length.capped(bound), "fast", bound, (prediction,))

    async def _predicted(self, prompt: Prompt) -> Prediction | None:
        if self._serving is None:
            self._metrics.fallbacks.labels("absent").inc()
            return None
        if self._fast.stuck(self._budget_s):  # one has run into the budget: the next need not
            self._metrics.fallbacks.labels("timeout").inc()
            return None
        started = perf_counter()
        try:
            async with asyncio.timeout(self._budget_s):
                prediction = await self._fast.ask(prompt)
                prediction.length  # noqa: B018 - an answer without one is none
        except TimeoutError:
            self._fell_back("timeout", f"took longer than {1000 * self._budget_s:g} ms")
            return None
        except Exception as error:  # noqa: BLE001 - no fault of a forecast may cost an answer
            self._fell_back("failed", repr(error))
            return None
        self._metrics.prediction_seconds.observe(perf_counter() - started)
        return prediction

    def _fell_back(self, reason: str, what: str) -> None:
        self._metrics.fallbacks.labels(reason).inc()
        self._complain(f"the predictor failed ({what}); recent lengths are used")

    def _complain(self, text: str) -> None:
        if monotonic() - self._complained >= COMPLAINT_S:
            self._complained = monotonic()
            log.error("%s; further failures are counted, not logged, for a minute", text)

    async def refine(self, guess: Guess) -> Guess | None:
        """A better forecast for a request that waits; None if there is none within the budget."""
        if not self.refines or not guess.predictions:
            return None
        started = perf_counter()
        try:
            async with asyncio.timeout(self._refine_budget_s):
                refined = await self._refined.ask(guess.predictions[0])
                length = refined.length.capped(guess.bound)
        except TimeoutError:
            self._metrics.refinements.labels("late").inc()
            return None
        except Exception as error:  # noqa: BLE001 - the fast tier's forecast serves, too
            self._metrics.refinements.labels("failed").inc()
            self._complain(f"the refined tier failed ({error!r}); the fast tier's forecasts stand")
            return None
        self._metrics.refine_seconds.observe(perf_counter() - started)
        self._metrics.refinements.labels("done").inc()
        return Guess(length, "refined", guess.bound, (*guess.predictions, refined))

    def _empirical(self, model: str) -> LengthDistribution:
        recent = self._recent.get(model, ())
        return LengthDistribution.from_samples(recent) if len(recent) >= ENOUGH else UNKNOWN

    def prompt_tokens(self, prompt: Prompt) -> int:
        """An estimate from the text's length and this model's tokens per character so far."""
        return math.ceil(prompt.chars * self._tokens_per_char.get(prompt.model, 0.25)) + 1

    def learn(
        self,
        prompt: Prompt,
        guess: Guess,
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
        self._teach(guess, output_tokens, censored=censored)
        if censored:
            return
        self._recent.setdefault(prompt.model, deque(maxlen=RECENT)).append(output_tokens)
        length = guess.length
        inside = length.quantile(0.1) <= output_tokens <= length.quantile(0.9)
        self._metrics.intervals.labels(prompt.model, "inside" if inside else "outside").inc()
        error = abs(length.quantile(0.5) - output_tokens)
        self._metrics.prediction_error.labels(prompt.model).observe(error)

    def _teach(self, guess: Guess, tokens: int, *, censored: bool) -> None:
        if self._serving is None:
            return
        try:
            for prediction in guess.predictions:
                self._serving.learn(prediction, tokens, censored=censored)
        except Exception as error:  # noqa: BLE001 - the answer is out already
            self._complain(f"the predictor cannot learn ({error!r})")
