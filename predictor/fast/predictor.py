"""The fast predictor: from prompts to distributions of answer lengths."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from predictor.arrays import Array
from predictor.artefact import format
from predictor.artefact.format import ArtefactError
from predictor.fast.evidence import Evidence
from predictor.fast.forecast import forecast
from predictor.fast.inputs import COLUMNS, ModelMatch, TrainedModels
from predictor.fast.learned_words import LearnedWords, effects
from predictor.fast.stored_booster import StoredBooster
from predictor.fast.text_model import TextModel
from predictor.fast.trees import Booster, Trees
from predictor.features.definition import Prompt, extract
from predictor.features.reasoning import most_tokens
from predictor.raw_forecast import LEVELS, QUANTILES, RawForecasts
from scheduler.length import LengthDistribution

DEFAULT = Path(__file__).parents[1] / "default"
"""The model that ships."""

REMEDY = "install LightGBM (`pip install lightgbm`) and its runtime library (Debian: libgomp1)"
"""The remedy when LightGBM cannot be loaded."""


class LengthPredictor:
    """Forecasts output lengths; immutable, so threads can share one predictor.

    ``predict`` takes about a millisecond for a single prompt, on the calling thread.
    """

    def __init__(
        self,
        *,
        text: TextModel,
        evidence: Evidence,
        models: TrainedModels,
        location: Booster,
        scale: Booster,
        shapes: Array,
        endless_rates: Array,
        manifest: dict[str, Any],
        words: LearnedWords | None = None,
    ) -> None:
        self._text = text
        self._words = words
        self._evidence = evidence
        self._models = models
        self._location = Trees(location)
        self._scale = Trees(scale)
        self._shapes = shapes
        self._endless_rates = endless_rates
        self.manifest = manifest

    @classmethod
    def load(cls, path: Path | str | None = None) -> LengthPredictor:
        """The predictor in the model directory ``path`` (default: the model that ships).

        Raises:
            ArtefactError: the model cannot be used; the message names the file and the remedy.
        """
        folder = DEFAULT if path is None else Path(path)
        stored = format.read(folder)
        try:
            predictor = cls._from_artefact(stored)
        except KeyError as error:
            raise ArtefactError(
                f"{folder} lacks {error}; train again with `lengthwise train`"
            ) from error
        except ValueError as error:
            raise ArtefactError(
                f"{folder} cannot be used ({error}); train again with `lengthwise train`"
            ) from error
        predictor._check(folder)
        return predictor

    @classmethod
    def _from_artefact(cls, stored: format.Artefact) -> LengthPredictor:
        return cls(
            text=TextModel.from_arrays(stored.arrays),
            evidence=Evidence.from_arrays(stored.arrays),
            models=TrainedModels(
                stored.manifest["models"], stored.arrays["offsets"], stored.arrays["levels"]
            ),
            location=booster(stored.boosters["location"]),
            scale=booster(stored.boosters["scale"]),
            shapes=stored.arrays["shapes"],
            endless_rates=stored.arrays["capped"],
            manifest=stored.manifest,
            words=LearnedWords.from_arrays(stored.arrays),
        )

    def _check(self, folder: Path) -> None:
        models = len(self._models.names)
        fits = (
            self._shapes.shape == (models + 2, len(LEVELS))
            and self._endless_rates.shape == (models + 1,)
            and self._location.columns == self._scale.columns == len(COLUMNS)
        )
        if not fits:
            raise ArtefactError(
                f"the parts of {folder} do not fit together; train again with `lengthwise train`"
            )

    def match(self, model: str) -> ModelMatch:
        """The match of the model's name against the models trained on."""
        return self._models.match(model)

    def predict(self, prompts: Sequence[Prompt]) -> list[LengthDistribution]:
        """The distribution of each prompt's output tokens, truncated at its ``most_tokens``."""
        if not prompts:
            return []
        return self.raw_forecasts(prompts).distributions(list(map(most_tokens, prompts)))

    def atoms(self, prompts: Sequence[Prompt]) -> tuple[Array, Array]:
        """Tokens and masses of the forecasts of n prompts, not truncated; each n x ATOMS."""
        return self.raw_forecasts(prompts).atoms()

    def raw_forecasts(self, prompts: Sequence[Prompt]) -> RawForecasts:
        """The location-scale forecasts of n prompts."""
        matches = self._models.matches([prompt.model for prompt in prompts])
        features = extract(prompts)
        scores, evident = self._text.scores(features), self._evidence.columns(features)
        inputs = self._models.inputs(features, scores, evident, matches)
        return forecast(
            inputs,
            matches,
            models=self._models,
            location=self._location,
            scale=self._scale,
            shapes=self._shapes,
            endless_rates=self._endless_rates,
            learned=effects(self._words.scores(features.words), inputs) if self._words else None,
        )


def quantiles(forecast: LengthDistribution) -> dict[str, float]:
    """The 19 quantiles of a forecast in tokens, by level: "0.05", "0.1" to "0.95"."""
    return {str(level): forecast.quantile(level) for level in QUANTILES}


def booster(text: str) -> StoredBooster:
    """A booster from LightGBM's text format.

    Raises:
        ArtefactError: LightGBM cannot be loaded, or the text is no booster.
    """
    try:
        return StoredBooster(text)
    except (ImportError, OSError) as error:
        raise ArtefactError(f"LightGBM cannot be loaded ({error}); {REMEDY}") from error
    except ValueError as error:
        raise ArtefactError(
            f"not a LightGBM model ({error}); train again with `lengthwise train`"
        ) from error


class Predictor(Protocol):
    """A predictor of either tier: the interface that the evaluation measures."""

    @property
    def manifest(self) -> dict[str, Any]:
        """The manifest of the model directory."""

    def atoms(self, prompts: Sequence[Prompt]) -> tuple[Array, Array]:
        """Tokens and masses of the forecasts of n prompts, not truncated; each n x ATOMS."""

    def match(self, model: str) -> ModelMatch:
        """The match of the model's name against the models trained on."""
