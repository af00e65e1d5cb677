"""Fitting the fast tier: text model, location, scale, shapes and rates of endless answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from predictor.arrays import Array
from predictor.data import splits
from predictor.data.other_models import PromptEffects
from predictor.data.records import DataError, Records
from predictor.fast.inputs import TrainedModels
from predictor.fast.predictor import LengthPredictor
from predictor.features.definition import Prompt, extract
from predictor.training import text_model
from predictor.training.boosters import CellInputs
from predictor.training.cells import Cells, cells_of, length_table
from predictor.training.crossfit import FOLDS, FittedHead, fit_head
from predictor.training.interval_calibration import endless_rates
from predictor.training.progress import log
from predictor.training.text_model import FittedTextModel

_LEAST_PROMPTS = 50
_TEXT_FOLDS = 10
_TEXT_MODEL_SOURCES = ("oasst_eval",)
"""The data sets of other models whose prompts the text model is fitted on."""


@dataclass(frozen=True, slots=True)
class FittedFastTier:
    """A fitted fast tier with its training ``cells``, and the numbers of samples and prompts."""

    cells: Cells
    models: TrainedModels
    text: FittedTextModel
    head: FittedHead
    endless_rates: Array
    samples: int
    prompts: int

    def predictor(self, manifest: dict[str, Any]) -> LengthPredictor:
        """The predictor of this tier."""
        return LengthPredictor(
            text=self.text.model,
            models=self.models,
            location=self.head.location,
            scale=self.head.scale,
            shapes=self.head.shapes,
            endless_rates=self.endless_rates,
            manifest=manifest,
        )

    def arrays(self) -> dict[str, Array]:
        """The arrays that a model directory stores."""
        return {
            **self.text.model.arrays(),
            "offsets": self.models.offsets,
            "shapes": self.head.shapes,
            "capped": self.endless_rates,
        }

    def boosters(self) -> dict[str, str]:
        """The boosters that a model directory stores: LightGBM texts by name."""
        return {
            "location": self.head.location.model_to_string(),
            "scale": self.head.scale.model_to_string(),
        }


def fit(records: Records, effects: Sequence[PromptEffects], *, threads: int) -> FittedFastTier:
    """Fit the fast tier on ``records``; the text model also learns from ``effects``.

    Raises:
        DataError: there are too few prompts.
    """
    cells = cells_of(records)
    prompts = len(np.unique(cells.prompt))
    if prompts < _LEAST_PROMPTS:
        raise DataError(f"{prompts} prompts are left to train on, need {_LEAST_PROMPTS}")
    other_texts, other_effects = _text_model_prompts(effects)
    features = extract([Prompt("", text) for text in (*records.texts, *other_texts)])
    log.info("features read; fitting the text model")
    text = text_model.fit(
        features,
        length_table(cells, len(records.texts), len(records.models)),
        splits.folds(records, _TEXT_FOLDS),
        other_effects if other_texts else None,
    )
    log.info("text model fitted; fitting location and scale")
    models = TrainedModels(records.models, text.offsets)
    inputs = CellInputs(cells, features, text.scores, models)
    head = fit_head(inputs, splits.folds(records, FOLDS), threads=threads)
    rates = endless_rates(records.model, records.tokens, records.censored, len(records.models))
    return FittedFastTier(cells, models, text, head, rates, len(records.tokens), prompts)


def _text_model_prompts(effects: Sequence[PromptEffects]) -> tuple[list[str], Array]:
    """Prompts of other models' data sets, and the prompts' effects minus each data set's mean."""
    texts: list[str] = []
    centred = [np.zeros(0)]
    for data_set in effects:
        if data_set.name in _TEXT_MODEL_SOURCES:
            known = ~np.isnan(data_set.effect)
            texts += [text for text, kept in zip(data_set.texts, known, strict=True) if kept]
            centred.append(data_set.effect[known] - data_set.effect[known].mean())
    return texts, np.concatenate(centred)
