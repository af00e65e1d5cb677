"""LengthPredictor: prompts in, length distributions out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from predictor import artifact
from predictor.artifact import ArtifactError
from predictor.calibrate import CAP_TOKENS, LEVELS, MASS, QUANTILES
from predictor.design import COLUMNS, Models, Place
from predictor.features import Prompt, extract
from predictor.text_model import Array, TextModel
from scheduler.length import LengthDistribution

if TYPE_CHECKING:
    from lightgbm import Booster

DEFAULT = Path(__file__).parent / "default"
"""The model that ships."""

REMEDY = "install LightGBM (`pip install lightgbm`) and its runtime library (Debian: libgomp1)"
"""What to do when LightGBM cannot be loaded."""

ATOMS = len(MASS) + 1
"""Atoms of a forecast: the quantiles, and the answer that never ends by itself."""


class LengthPredictor:
    """Predicts output lengths; immutable, so that threads may share one.

    ``predict`` uses one thread and about a millisecond for a single prompt.
    """

    def __init__(
        self,
        *,
        text: TextModel,
        models: Models,
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
        stored = artifact.read(folder)
        try:
            predictor = cls(
                text=TextModel.from_arrays(stored.arrays),
                models=Models(stored.manifest["models"], stored.arrays["offsets"]),
                location=_booster(stored.boosters["location"]),
                scale=_booster(stored.boosters["scale"]),
                shapes=stored.arrays["shapes"],
                capped=stored.arrays["capped"],
                manifest=stored.manifest,
            )
        except KeyError as error:
            raise ArtifactError(
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
            raise ArtifactError(
                f"the parts of {folder} do not fit together; train again with `lengthwise train`"
            )

    def place(self, model: str) -> Place:
        """Where ``model`` stands: known, related to known models, or generic."""
        return self._models.place(model)

    def predict(self, prompts: Sequence[Prompt]) -> list[LengthDistribution]:
        """The distribution of each prompt's output tokens, cut at its ``max_tokens``."""
        if not prompts:
            return []
        atoms, mass = self.atoms(prompts)
        distinct = np.all(np.diff(atoms, axis=1) > 0, axis=1)
        out = []
        for prompt, tokens, masses, plain in zip(
            prompts, atoms.tolist(), mass.tolist(), distinct, strict=True
        ):
            make = _plain if plain else LengthDistribution.weighted
            forecast = make(tokens, masses)
            limit = prompt.max_tokens
            out.append(forecast if limit is None else forecast.capped(limit))
        return out

    def atoms(self, prompts: Sequence[Prompt]) -> tuple[Array, Array]:
        """The forecasts of n prompts as arrays, not cut: tokens and masses, each n x ATOMS."""
        places = [self._models.place(prompt.model) for prompt in prompts]
        features = extract(prompts)
        scores = self._text.scores(features)
        rows = self._models.rows(features.lexical, scores, places)
        location = self._models.base(scores, places) + self._run(self._location, rows)
        scale = np.exp(self._run(self._scale, rows))
        weights = np.array([place.weights for place in places])
        routes = np.array([place.route for place in places])
        shapes = self._shapes[self._models.group(routes, weights.argmax(axis=1))]
        tokens = np.full((len(prompts), ATOMS), float(CAP_TOKENS))
        with np.errstate(over="ignore"):
            lengths = np.exp(location[:, None] + scale[:, None] * shapes)
        tokens[:, :-1] = np.clip(lengths, 1.0, CAP_TOKENS)
        rate = weights @ self._capped[:-1] + (1 - weights.sum(axis=1)) * self._capped[-1]
        return tokens, np.column_stack([(1 - rate)[:, None] * MASS, rate])

    @staticmethod
    def _run(booster: Booster, rows: Array) -> Array:
        return np.asarray(booster.predict(rows, num_threads=1), dtype=np.float64)


def _plain(tokens: Sequence[float], masses: Sequence[float]) -> LengthDistribution:
    """Atoms that increase already: no merging, a third of the time."""
    return LengthDistribution(tuple(tokens), tuple(masses))


def quantiles(forecast: LengthDistribution) -> dict[str, float]:
    """The 19 quantiles of a forecast in tokens, by level: "0.05", "0.1", ..., "0.95"."""
    return {str(level): forecast.quantile(level) for level in QUANTILES}


def _booster(text: str) -> Booster:
    try:
        from lightgbm import Booster  # noqa: PLC0415 - the gateway runs without it, too
        from lightgbm.basic import LightGBMError  # noqa: PLC0415
    except (ImportError, OSError) as error:
        raise ArtifactError(f"LightGBM cannot be loaded ({error}); {REMEDY}") from error
    try:
        return Booster(model_str=text)
    except (LightGBMError, ValueError) as error:
        raise ArtifactError(
            f"not a LightGBM model ({error}); train again with `lengthwise train`"
        ) from error
