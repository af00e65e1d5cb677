"""LengthPredictor: prompts in, length distributions out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from predictor.arrays import Array
from predictor.artefact import format
from predictor.artefact.format import ArtefactError
from predictor.fast.forecast import forecast
from predictor.fast.inputs import COLUMNS, ModelMatch, ModelMatches, TrainedModels
from predictor.fast.text_model import TextModel
from predictor.features.definition import Prompt, extract
from predictor.raw_forecast import LEVELS, QUANTILES, RawForecasts
from scheduler.length import LengthDistribution

if TYPE_CHECKING:
    from lightgbm import Booster

DEFAULT = Path(__file__).parents[1] / "default"
"""The model that ships."""

REMEDY = "install LightGBM (`pip install lightgbm`) and its runtime library (Debian: libgomp1)"
"""What to do when LightGBM cannot be loaded."""


class LengthPredictor:
    """Predicts output lengths; immutable, so that threads may share one.

    ``predict`` uses one thread and about a millisecond for a single prompt.
    """

    def __init__(
        self,
        *,
        text: TextModel,
        models: TrainedModels,
        location: Booster,
        scale: Booster,
        shapes: Array,
        capped: Array,
        manifest: dict[str, Any],
    ) -> None:
        self._text = text
        self._models = models
        self._location = location
        self._scale = scale
        self._shapes = shapes
        self._capped = capped
        self.manifest = manifest

    @classmethod
    def load(cls, path: Path | str | None = None) -> LengthPredictor:
        """The model in directory ``path``; by default the one that ships.

        Raises:
            ArtifactError: it cannot be used; the message names the file and the remedy.
        """
        folder = DEFAULT if path is None else Path(path)
        stored = format.read(folder)
        try:
            predictor = cls(
                text=TextModel.from_arrays(stored.arrays),
                models=TrainedModels(stored.manifest["models"], stored.arrays["offsets"]),
                location=booster(stored.boosters["location"]),
                scale=booster(stored.boosters["scale"]),
                shapes=stored.arrays["shapes"],
                capped=stored.arrays["capped"],
                manifest=stored.manifest,
            )
        except KeyError as error:
            raise ArtefactError(
                f"{folder} lacks {error}; train again with `lengthwise train`"
            ) from error
        predictor._check(folder)
        return predictor

    def _check(self, folder: Path) -> None:
        models = len(self._models.names)
        fits = (
            self._shapes.shape == (models + 2, len(LEVELS))
            and self._capped.shape == (models + 1,)
            and self._location.num_feature() == self._scale.num_feature() == len(COLUMNS)
        )
        if not fits:
            raise ArtefactError(
                f"the parts of {folder} do not fit together; train again with `lengthwise train`"
            )

    def match(self, model: str) -> ModelMatch:
        """Where ``model`` stands: known, related to known models, or generic."""
        return self._models.match(model)

    def predict(self, prompts: Sequence[Prompt]) -> list[LengthDistribution]:
        """The distribution of each prompt's output tokens, cut at its ``max_tokens``."""
        if not prompts:
            return []
        return self.raw_forecasts(prompts).distributions([prompt.max_tokens for prompt in prompts])

    def atoms(self, prompts: Sequence[Prompt]) -> tuple[Array, Array]:
        """The forecasts of n prompts as arrays, not cut: tokens and masses, each n x ATOMS."""
        return self.raw_forecasts(prompts).atoms()

    def raw_forecasts(self, prompts: Sequence[Prompt]) -> RawForecasts:
        """The forecasts of n prompts as location, scale and shape."""
        matches = ModelMatches.of([self._models.match(prompt.model) for prompt in prompts])
        features = extract(prompts)
        scores = self._text.scores(features)
        inputs, base = self._models.inputs(features, scores, matches)
        return forecast(
            inputs,
            base,
            matches,
            models=self._models,
            location=self._location,
            scale=self._scale,
            shapes=self._shapes,
            capped=self._capped,
        )


def quantiles(forecast: LengthDistribution) -> dict[str, float]:
    """The 19 quantiles of a forecast in tokens, by level: "0.05", "0.1", ..., "0.95"."""
    return {str(level): forecast.quantile(level) for level in QUANTILES}


def booster(text: str) -> Booster:
    """A booster from LightGBM's text; raises ArtifactError if it, or LightGBM, is unusable."""
    try:
        from lightgbm import Booster  # noqa: PLC0415 - the gateway runs without it, too
        from lightgbm.basic import LightGBMError  # noqa: PLC0415
    except (ImportError, OSError) as error:
        raise ArtefactError(f"LightGBM cannot be loaded ({error}); {REMEDY}") from error
    try:
        return Booster(model_str=text)
    except (LightGBMError, ValueError) as error:
        raise ArtefactError(
            f"not a LightGBM model ({error}); train again with `lengthwise train`"
        ) from error


class Predictor(Protocol):
    """What is measured: a predictor, of either tier."""

    @property
    def manifest(self) -> dict[str, Any]:
        """What the model says of itself."""

    def atoms(self, prompts: Sequence[Prompt]) -> tuple[Array, Array]:
        """Tokens and masses, each prompts x atoms."""

    def match(self, model: str) -> ModelMatch:
        """Where a model stands."""
