"""Serving: what a gateway asks of a trained model, over both tiers and what traffic taught."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from predictor.adaptive import AdaptiveLayer, Forecast
from predictor.artefact.format import ArtefactError
from predictor.artefact.versions import artefact_id
from predictor.fast.predictor import LengthPredictor
from predictor.prompt import Prompt
from predictor.raw_forecast import RawForecasts
from predictor.refined.tiers import load_refined_tier
from predictor.threads import give_way
from scheduler.length import LengthDistribution

log = logging.getLogger("lengthwise")

Tier = Literal["fast", "refined"]

_TOGETHER = 4
"""Refined forecasts that are corrected between two naps: a third of a millisecond."""


class Refiner(Protocol):
    """The refined tier: a text encoder and the head over it (``refined.RefinedTier``)."""

    def refine(self, prompts: Sequence[Prompt], fast: RawForecasts) -> RawForecasts:
        """Better forecasts of the prompts than ``fast``; called from one thread."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """The forecast for one prompt by one tier.

    ``raw_forecast`` (of one prompt) comes from the model; ``forecast`` is the raw forecast after
    the adaptive layer has corrected it.
    """

    prompt: Prompt
    tier: Tier
    raw_forecast: RawForecasts
    forecast: Forecast
    artefact: str
    """Which model said so (``versions.artefact_id``)."""

    @property
    def length(self) -> LengthDistribution:
        """The distribution of the output's tokens, cut at the prompt's ``max_tokens``."""
        return self.forecast.length


class TieredPredictor:
    """A model in service. Thread-safe: its parts are immutable but for ``AdaptiveLayer``'s."""

    def __init__(
        self,
        model: LengthPredictor,
        refined: Refiner | None = None,
        *,
        adaptive: AdaptiveLayer | None = None,
    ) -> None:
        self.model = model
        self._refined = refined
        self.adaptive = adaptive or AdaptiveLayer()
        self.artefact = artefact_id(model.manifest)

    @classmethod
    def load(
        cls,
        path: Path | str | None = None,
        *,
        refine: bool = True,
        adaptive: AdaptiveLayer | None = None,
    ) -> TieredPredictor:
        """The model in directory ``path``, by default the one that ships; tried out once.

        ``refine``: with its refined tier, where it has one. ``adaptive``: what another model in
        service has learned so far.

        Raises:
            ArtefactError: it cannot be used; the message names the file and the remedy.
        """
        refined = _refined(path) if refine else None
        serving = cls(LengthPredictor.load(path), refined, adaptive=adaptive)
        tried = [Prompt("", "Is it any good?")]
        fast = serving.model.raw_forecasts(tried)
        fast.distributions([None])
        if refined is not None:
            refined.refine(tried, fast).distributions([None])
        return serving

    @property
    def refines(self) -> bool:
        """Whether there is a refined tier."""
        return self._refined is not None

    def predict(self, prompts: Sequence[Prompt]) -> list[Prediction]:
        """The fast tier's forecasts; raises ValueError if the model makes no sense."""
        return self._adapted("fast", prompts, self.model.raw_forecasts(prompts))

    def refine(self, predictions: Sequence[Prediction]) -> list[Prediction]:
        """The refined tier's forecasts for prompts that the fast one has seen."""
        if self._refined is None:
            raise RuntimeError("this model has no refined tier")
        prompts = [prediction.prompt for prediction in predictions]
        fast = _joined([prediction.raw_forecast for prediction in predictions])
        raw = self._refined.refine(prompts, fast)
        found: list[Prediction] = []
        for at in range(0, len(prompts), _TOGETHER):
            give_way()
            rows = slice(at, at + _TOGETHER)
            found += self._adapted("refined", prompts[rows], raw.rows(rows))
        return found

    def learn(self, prediction: Prediction, tokens: int, *, censored: bool) -> None:
        """Take in how long an answer was; ``censored``: it was cut, and would have gone on."""
        self.adaptive.learn(prediction.forecast, tokens, censored=censored)

    def _adapted(
        self, tier: Tier, prompts: Sequence[Prompt], raw: RawForecasts
    ) -> list[Prediction]:
        forecasts = self.adaptive.adapt(prompts, raw, tier=tier)
        return [
            Prediction(prompt, tier, raw.rows(slice(at, at + 1)), forecast, self.artefact)
            for at, (prompt, forecast) in enumerate(zip(prompts, forecasts, strict=True))
        ]


def _refined(path: Path | str | None) -> Refiner | None:
    """The refined tier; none, and why in the log, where it cannot be used: the fast one serves."""
    try:
        tier = load_refined_tier(path)
        return tier.in_background() if tier else None
    except ArtefactError as error:
        log.warning("no refined forecasts: %s", error)
        return None


def _joined(parts: Sequence[RawForecasts]) -> RawForecasts:
    return RawForecasts(
        np.concatenate([part.location for part in parts]),
        np.concatenate([part.scale for part in parts]),
        np.concatenate([part.shape for part in parts]),
        np.concatenate([part.endless for part in parts]),
        np.concatenate([part.inputs for part in parts]),
    )
