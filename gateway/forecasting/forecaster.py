"""Forecaster: a length distribution for every request, also when the predictor fails."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections.abc import Callable, Sequence
from time import monotonic, perf_counter

from gateway.config.forecasting import PredictorConfig
from gateway.forecasting.batcher import Batcher
from gateway.forecasting.kinds import kind_of
from gateway.forecasting.observation import Observation
from gateway.forecasting.prompt_parts import PromptParts
from gateway.forecasting.quality import ForecastQuality
from gateway.forecasting.recent_traffic import RecentTraffic
from gateway.forecasting.request_forecast import RequestForecast
from gateway.metrics import Metrics
from gateway.protocol.openai import ApiRequest
from predictor import Prompt
from predictor.inference.tiered import Prediction, TieredPredictor
from scheduler.length import LengthDistribution

log = logging.getLogger("lengthwise")

NOT_GENERATED = LengthDistribution.point(1)
"""Length for requests without generated text: embeddings, transcriptions, a GET."""

COMPLAINT_S = 60.0
"""Seconds between two log entries about a failing predictor. The metrics count every failure."""

REFINED_BATCH = 16
"""Most prompts the refined tier encodes together."""

FEW = 4
"""Requests up to which the event loop may make a forecast: the others' tokens come 1 ms late."""

SHORT_CHARS = 4000
"""Characters of a prompt up to which the event loop may forecast it itself: some 1.5 ms."""


class Forecaster:
    """Asks the predictor, and uses recent lengths if the predictor is absent, fails or is late.

    Each tier has a thread of its own. A request waits for a tier no longer than the tier's budget.
    ``running``: how many requests the event loop carries now, the one that asks among them; while
    they are few, it makes a lone forecast itself.
    """

    def __init__(
        self,
        predictor: TieredPredictor | None,
        metrics: Metrics,
        settings: PredictorConfig,
        running: Callable[[], int] = lambda: FEW + 1,
    ) -> None:
        self._running = running
        self._metrics = metrics
        metrics.predictor_enabled.set(settings.enabled)
        self.apply(settings)
        self._traffic = RecentTraffic()
        self._quality = ForecastQuality()
        metrics.registry.register(self._quality)
        self._complained = -math.inf
        self._predictor: TieredPredictor | None = None
        self.use(predictor)

    def apply(self, settings: PredictorConfig) -> None:
        """Take the budgets of these settings, for forecasts that begin from now on."""
        self._budget_s = settings.budget_ms / 1000
        self._refine_budget_s = settings.refine_budget_ms / 1000

    def use(self, predictor: TieredPredictor | None) -> None:
        """Use this predictor from now on; forecasts under way end with the previous one."""
        if self._predictor is not None:
            self._fast.close()
            self._refined.close()
        self._predictor = predictor
        self._metrics.predictor_loaded.set(predictor is not None)
        if predictor is None:
            return
        predict, refine = predictor.predict, predictor.refine
        self._fast: Batcher[Prompt, Prediction] = Batcher(
            "predict", predict, here=self._may_be_here
        )
        self._refined: Batcher[Prediction, Prediction] = Batcher(
            "refine", refine, limit=REFINED_BATCH
        )

    def _may_be_here(self, prompt: Prompt) -> bool:
        """Whether the event loop may forecast a prompt."""
        return len(prompt.text) <= SHORT_CHARS and self._running() <= FEW

    async def warm(self, prompts: Sequence[Prompt], within_s: float) -> None:
        """Forecast for nobody, since the first forecasts of a thread take longer than later ones.

        No metric counts them. A fault, or one that takes longer, is told as a request meets it.
        """
        if self._predictor is None:
            return
        with contextlib.suppress(Exception):
            async with asyncio.timeout(within_s):
                for prediction in await asyncio.gather(*map(self._fast.ask, prompts)):
                    prediction.length  # noqa: B018 - computed here for the first time

    @property
    def artefact_id(self) -> str:
        """Identity of the model in use (``versions.artefact_id``); "" for none."""
        return self._predictor.artefact_id if self._predictor else ""

    @property
    def predictor(self) -> TieredPredictor | None:
        """The predictor in use."""
        return self._predictor

    @property
    def refines(self) -> bool:
        """Whether a waiting request can get a better forecast."""
        return self._predictor is not None and self._predictor.refines

    def prompt_tokens(self, model: str, parts: PromptParts) -> int:
        """An estimate of a prompt's tokens, from its parts."""
        return self._traffic.prompt_tokens(model, parts)

    def learn_prompt(self, model: str, parts: PromptParts, tokens: int) -> None:
        """Learn from the tokens of a prompt, as the worker counted them; 0 is unknown."""
        self._traffic.observe_prompt(model, parts, tokens)

    async def forecast(self, request: ApiRequest, prompt: Prompt, room: float) -> RequestForecast:
        """The forecast of one sequence; ``room`` is the tokens that the context leaves for it."""
        if not request.generates:
            return RequestForecast(NOT_GENERATED, "none")
        bound = max(1.0, min(request.max_tokens or math.inf, room))
        prediction = await self._predict(prompt)
        if prediction is None:
            return RequestForecast(
                self._traffic.length(prompt.model).capped(bound), "recent", bound
            )
        return RequestForecast(prediction.length.capped(bound), "fast", bound, (prediction,))

    async def _predict(self, prompt: Prompt) -> Prediction | None:
        if self._predictor is None:
            self._metrics.fallbacks.labels("absent").inc()
            return None
        if self._fast.stuck(self._budget_s):  # another request has waited out the budget already
            self._metrics.fallbacks.labels("timeout").inc()
            return None
        started = perf_counter()
        try:
            async with asyncio.timeout(self._budget_s):
                prediction = await self._fast.ask(prompt)
                prediction.length  # noqa: B018 - a prediction without a length is a failure
        except TimeoutError:
            late = f"the predictor was late (took longer than {1000 * self._budget_s:g} ms)"
            self._fell_back("timeout", late)
            return None
        except Exception as error:  # noqa: BLE001 - no fault of a forecast may cost an answer
            self._fell_back("failed", f"the predictor failed ({error!r})")
            return None
        self._metrics.prediction_seconds.observe(perf_counter() - started)
        return prediction

    def _fell_back(self, reason: str, fault: str) -> None:
        self._metrics.fallbacks.labels(reason).inc()
        self._complain(f"{fault}; recent lengths are used")

    def _complain(self, text: str) -> None:
        if monotonic() - self._complained >= COMPLAINT_S:
            self._complained = monotonic()
            log.error("%s; further faults are counted, not logged, for a minute", text)

    async def refine(
        self, forecast: RequestForecast, *, within_s: float = math.inf, urgent: bool = False
    ) -> RequestForecast | None:
        """A better forecast for a request; None if there is none in time.

        In time is within the budget, and within ``within_s`` seconds where they are less. An
        ``urgent`` one goes before all others that wait for the tier.
        """
        if not self.refines or not forecast.predictions:
            return None
        budget_s = min(self._refine_budget_s, within_s)
        if self._refined.stuck(budget_s):  # what is asked now would wait behind it
            self._metrics.refinements.labels("late").inc()
            return None
        started = perf_counter()
        try:
            async with asyncio.timeout(budget_s):
                refined = await self._refined.ask(forecast.predictions[0], first=urgent)
                length = refined.length.capped(forecast.bound)
        except TimeoutError:
            self._metrics.refinements.labels("late").inc()
            return None
        except Exception as error:  # noqa: BLE001 - the request keeps the fast tier's forecast
            self._metrics.refinements.labels("failed").inc()
            self._complain(f"the refined tier failed ({error!r}); the fast tier's forecasts stand")
            return None
        self._metrics.refine_seconds.observe(perf_counter() - started)
        self._metrics.refinements.labels("done").inc()
        return RequestForecast(length, "refined", forecast.bound, (*forecast.predictions, refined))

    def learn(
        self,
        prompt: Prompt,
        forecast: RequestForecast,
        *,
        output_tokens: int,
        censored: bool,
    ) -> None:
        """Learn from a finished answer of one sequence, and score its forecast.

        ``censored``: the answer was cut, so that it is at least ``output_tokens`` long.
        """
        self._teach_predictor(forecast, output_tokens, censored=censored)
        if censored:
            return
        self._traffic.observe_length(prompt.model, output_tokens)
        length = forecast.length
        low, median, high = forecast.central
        inside = low <= output_tokens <= high
        model = self._metrics.shown(prompt.model)
        self._metrics.intervals.labels(model, "inside" if inside else "outside").inc()
        error = abs(median - output_tokens)
        self._metrics.prediction_error.labels(model).observe(error)
        self._quality.add(model, kind_of(prompt), length, output_tokens)

    def take(self, seen: Observation) -> None:
        """Learn from an answer that came through another process, which scores its forecast."""
        self.learn_prompt(seen.model, seen.parts, seen.prompt_tokens)
        if not seen.output_tokens:
            return
        if not seen.censored:
            self._traffic.observe_length(seen.model, seen.output_tokens)
        if self._predictor is None or seen.artefact != self.artefact_id:
            return
        for forecast in seen.forecasts:
            self._predictor.adaptive.learn(forecast, seen.output_tokens, censored=seen.censored)

    def _teach_predictor(self, forecast: RequestForecast, tokens: int, *, censored: bool) -> None:
        if self._predictor is None:
            return
        try:
            for prediction in forecast.predictions:
                self._predictor.learn(prediction, tokens, censored=censored)
        except Exception as error:  # noqa: BLE001 - the client has its answer already
            self._complain(f"the predictor cannot learn ({error!r})")
