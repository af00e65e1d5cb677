"""Forecasts of prompts as the gateway makes them: at arrival, while waiting, corrected by answers.

The predictor's raw forecasts are made once, in batches. Each run corrects them by the answers that
have ended in that run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from predictor.adaptive import AdaptiveLayer, Forecast
from predictor.artefact.format import ArtefactError
from predictor.fast.predictor import LengthPredictor
from predictor.prompt import Prompt
from predictor.raw_forecast import RawForecasts
from predictor.refined.tiers import load_refined_tier, required_refined_tier
from scheduler.length import LengthDistribution
from scheduler.sim.request import Request

if TYPE_CHECKING:
    from predictor.refined.head import RefinedTier

_BATCH = 256
_SALT = bytes(16)  # of the keys of prompts: they never leave the run


@dataclass(frozen=True, slots=True)
class Forecasting:
    """How prompts are forecast.

    ``model_dir`` holds the predictor (None: the shipped one). ``tier``: "fast" for the fast tier
    alone, "refined" for the refined tier for requests that wait; None for the refined tier where
    the model has one that can run. ``learns``: whether the adaptive layer learns from answers.
    """

    model_dir: Path | None = None
    tier: str | None = None
    learns: bool = True


@dataclass(frozen=True, slots=True)
class PromptForecasts:
    """Raw forecasts of the prompts of a source; ``refined`` is None without the refined tier."""

    prompts: Sequence[Prompt]
    fast: RawForecasts
    refined: RawForecasts | None
    learns: bool

    @property
    def title(self) -> str:
        """The kind of the forecasts, for the heading of a report."""
        tier = "fast" if self.refined is None else "refined"
        return f"{tier} forecasts" + (" that learn" if self.learns else "")

    def lengths(self) -> list[LengthDistribution]:
        """The best tier's forecast of each prompt before any answer."""
        raw = self.fast if self.refined is None else self.refined
        return raw.distributions([prompt.max_tokens for prompt in self.prompts])

    def forecaster(self) -> RunForecaster:
        """The forecaster of one run."""
        return RunForecaster(self)


@dataclass(slots=True)
class RunForecaster:
    """The forecasts of one run, corrected by the answers that have ended in the run."""

    source: PromptForecasts
    _layer: AdaptiveLayer = field(default_factory=lambda: AdaptiveLayer(salt=_SALT))
    _pending: dict[str, tuple[Request, list[Forecast]]] = field(default_factory=dict)

    def forecast(self, job_id: str, request: Request) -> LengthDistribution:
        """The fast tier's forecast, at the request's arrival."""
        forecast = self._adapted("fast", self.source.fast, request)
        self._pending[job_id] = request, [forecast]
        return forecast.length

    def refine(self, job_id: str) -> LengthDistribution | None:
        """The refined tier's forecast, for a request that waits."""
        if self.source.refined is None:
            return None
        request, made = self._pending[job_id]
        made.append(self._adapted("refined", self.source.refined, request))
        return made[-1].length

    def learn(self, job_id: str, tokens: int, *, censored: bool) -> None:
        """Learn from an answer with every forecast that was made of it."""
        _, made = self._pending.pop(job_id)
        for forecast in made if self.source.learns else ():
            self._layer.learn(forecast, tokens, censored=censored)

    def _adapted(self, tier: str, raw: RawForecasts, request: Request) -> Forecast:
        row = slice(request.number, request.number + 1)
        return self._layer.adapt(self.source.prompts[row], raw.rows(row), tier=tier)[0]


def forecast_prompts(prompts: Sequence[Prompt], how: Forecasting) -> PromptForecasts:
    """The raw forecasts of ``prompts`` (at least one), made in batches.

    Raises:
        ArtefactError: the predictor cannot be loaded, or has no such tier.
    """
    predictor = LengthPredictor.load(how.model_dir)
    batches = [prompts[at : at + _BATCH] for at in range(0, len(prompts), _BATCH)]
    fast = [predictor.raw_forecasts(batch) for batch in batches]
    tier = _refined_tier(how)
    refined = None
    if tier is not None:
        refined = RawForecasts.joined(
            [tier.refine(b, raw) for b, raw in zip(batches, fast, strict=True)]
        )
    return PromptForecasts(prompts, RawForecasts.joined(fast), refined, how.learns)


def _refined_tier(how: Forecasting) -> RefinedTier | None:
    """The refined tier to use; None for the fast tier alone."""
    if how.tier == "fast":
        return None
    if how.tier == "refined":
        return required_refined_tier(how.model_dir)
    try:
        return load_refined_tier(how.model_dir)
    except ArtefactError:  # its packages are not installed: the gateway does without, too
        return None
