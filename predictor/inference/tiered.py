"""The predictor of a gateway: both tiers of a model, corrected by the adaptive layer."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from predictor.adaptive import AdaptiveLayer, Forecast
from predictor.artefact.format import ArtefactError, NotInstalledError
from predictor.artefact.versions import artefact_id
from predictor.fast.predictor import LengthPredictor
from predictor.prompt import Prompt
from predictor.raw_forecast import RawForecasts
from predictor.refined.tiers import load_refined_tier
from predictor.threads import give_way
from scheduler.length import LengthDistribution

log = logging.getLogger("lengthwise")

Tier = Literal["fast", "refined"]

_CHUNK = 4
"""Refined forecasts that the adaptive layer corrects before other threads may run.

The correction of so many forecasts takes a third of a millisecond.
"""


class Refiner(Protocol):
    """The refined tier (``refined.head.RefinedTier``), or a stand-in of a test."""

    def refine(self, prompts: Sequence[Prompt], fast: RawForecasts) -> RawForecasts:
        """The refined forecasts of the prompts, from the ``fast`` ones; called from one thread."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """The forecast for one prompt by one tier.

    ``raw_forecasts`` come from the model, those of a batch; ``row`` is the prompt's place among
    them. ``forecast`` is the raw forecast with the correction of the adaptive layer.
    """

    prompt: Prompt
    tier: Tier
    raw_forecasts: RawForecasts
    row: int
    forecast: Forecast
    artefact_id: str
    """The model that forecast (``versions.artefact_id``)."""

    @property
    def raw_forecast(self) -> RawForecasts:
        """The model's forecast of this prompt alone: views, which would take 0.7 KB to keep."""
        return self.raw_forecasts.rows(slice(self.row, self.row + 1))

    @property
    def length(self) -> LengthDistribution:
        """The distribution of the output tokens, truncated at the prompt's ``max_tokens``."""
        return self.forecast.length


class TieredPredictor:
    """Both tiers of a model and the adaptive layer; threads can share one predictor."""

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
        self.artefact_id = artefact_id(model.manifest)

    @classmethod
    def load(
        cls,
        path: Path | str | None = None,
        *,
        refine: bool = True,
        adaptive: AdaptiveLayer | None = None,
    ) -> TieredPredictor:
        """The predictor of the model directory ``path`` (default: the model that ships).

        Makes one forecast as a trial. ``refine``: use the refined tier, if the model has one.
        ``adaptive``: the adaptive layer to use (default: a new one).

        Raises:
            ArtefactError: the model cannot be used; the message names the file and the remedy.
        """
        refined = _refined(path) if refine else None
        predictor = cls(LengthPredictor.load(path), refined, adaptive=adaptive)
        try:
            predictor._try_out()
        except ValueError as error:
            raise ArtefactError(
                f"{path or 'the model that ships'}: a trial forecast failed ({error}); train again "
                "with `lengthwise train`"
            ) from error
        return predictor

    def _try_out(self) -> None:
        """Make one forecast by each tier; a ValueError if a forecast is no distribution."""
        trial = [Prompt("", "Is it any good?")]
        fast = self.model.raw_forecasts(trial)
        fast.distributions([None])
        if self._refined is not None:
            self._refined.refine(trial, fast).distributions([None])

    @property
    def refines(self) -> bool:
        """Whether the predictor has a refined tier."""
        return self._refined is not None

    def predict(self, prompts: Sequence[Prompt]) -> list[Prediction]:
        """The fast tier's forecasts.

        Raises:
            ValueError: a forecast of the model is not finite.
        """
        return self._adapt("fast", prompts, self.model.raw_forecasts(prompts))

    def refine(self, predictions: Sequence[Prediction]) -> list[Prediction]:
        """The refined tier's forecasts of the prompts with the fast tier's ``predictions``.

        Raises:
            RuntimeError: the model has no refined tier (``refines`` is false).
            ValueError: a forecast of the model is not finite.
        """
        if self._refined is None:
            raise RuntimeError("this model has no refined tier")
        prompts = [prediction.prompt for prediction in predictions]
        fast = RawForecasts.joined([prediction.raw_forecast for prediction in predictions])
        raw = self._refined.refine(prompts, fast)
        refined: list[Prediction] = []
        for start in range(0, len(prompts), _CHUNK):
            give_way()
            rows = slice(start, start + _CHUNK)
            refined += self._adapt("refined", prompts[rows], raw.rows(rows))
        return refined

    def learn(self, prediction: Prediction, tokens: int, *, censored: bool) -> None:
        """Learn the length of an answer, in tokens; ``censored``: the answer was cut."""
        self.adaptive.learn(prediction.forecast, tokens, censored=censored)

    def _adapt(self, tier: Tier, prompts: Sequence[Prompt], raw: RawForecasts) -> list[Prediction]:
        forecasts = self.adaptive.adapt(prompts, raw, tier=tier)
        return [
            Prediction(prompt, tier, raw, row, forecast, self.artefact_id)
            for row, (prompt, forecast) in enumerate(zip(prompts, forecasts, strict=True))
        ]


def _refined(path: Path | str | None) -> Refiner | None:
    """The refined tier; None, with the reason in the log, if the refined tier cannot be used."""
    try:
        tier = load_refined_tier(path)
        return tier.in_background() if tier else None
    except NotInstalledError as error:  # a plain install: nothing is broken
        log.info("forecasts come from the fast tier alone: %s", error)
        return None
    except ArtefactError as error:
        log.warning("no refined forecasts: %s", error)
        return None
