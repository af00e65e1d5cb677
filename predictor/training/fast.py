"""Fitting the fast tier: text model, location, scale, shapes and rates of endless answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from predictor.arrays import Array
from predictor.data import splits
from predictor.data.other_models import PromptEffects
from predictor.data.records import DataError, Records
from predictor.fast.evidence import Evidence
from predictor.fast.inputs import TrainedModels
from predictor.fast.model_level import fit_levels
from predictor.fast.predictor import LengthPredictor
from predictor.fast.text_model import ALL
from predictor.features.definition import Prompt, extract
from predictor.training import text_model
from predictor.training.boosters import CellInputs
from predictor.training.cells import Cells, cells_of, table_of
from predictor.training.crossfit import FOLDS, FittedHead, fit_head
from predictor.training.effects import AnswerEffects, answer_effects
from predictor.training.evidence import fit_evidence
from predictor.training.interval_calibration import endless_rates
from predictor.training.model_choice import own_models_first, trait_weights
from predictor.training.progress import log
from predictor.training.text_model import FittedTextModel, TextTargets

_LEAST_PROMPTS = 50
_TEXT_FOLDS = 10
_TEXT_MODEL_SOURCES = ("oasst_eval",)
"""The data sets of other models whose prompts the text model is fitted on."""


@dataclass(frozen=True, slots=True)
class FittedFastTier:
    """A fitted fast tier with its training ``records``, their ``cells`` and ``answers``."""

    records: Records
    cells: Cells
    answers: AnswerEffects
    evidence: Evidence
    models: TrainedModels
    text: FittedTextModel
    head: FittedHead
    endless_rates: Array

    def predictor(self, manifest: dict[str, Any]) -> LengthPredictor:
        """The predictor of this tier."""
        return LengthPredictor(
            text=self.text.model,
            evidence=self.evidence,
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
            **self.evidence.arrays(),
            "offsets": self.models.offsets,
            "levels": self.models.levels,
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
    records, known = own_models_first(records)
    cells = cells_of(records)
    prompts = len(np.unique(cells.prompt))
    if prompts < _LEAST_PROMPTS:
        raise DataError(f"{prompts} prompts are left to train on, need {_LEAST_PROMPTS}")
    other_texts, other_effects = _text_model_prompts(effects)
    features = extract([*records.prompts, *(Prompt("", text) for text in other_texts)])
    log.info("features read; fitting the text model")
    kind = np.unique(records.corpus, return_inverse=True)[1]
    answers = answer_effects(cells, len(records.prompts), len(records.models))
    targets = TextTargets(
        effect=answers.prompt,
        answered=answers.answered,
        departures=table_of(cells, answers.departures(cells), len(kind), known),
        fold=splits.folds(records, _TEXT_FOLDS),
        kind=kind,
        others=other_effects,
    )
    text = text_model.fit(features, targets)
    log.info("text model fitted; fitting location and scale")
    weights = trait_weights(cells.model, len(records.models))
    levels = fit_levels(records.models, answers.model, weights)
    models = TrainedModels(records.models[:known], answers.model[:known], levels)
    known_prompts = features.first(len(kind))
    evidence, strange = fit_evidence(
        known_prompts, answers.prompt, text.scores[:, ALL], answers.answered, kind
    )
    evident = evidence.columns(known_prompts)
    inputs = CellInputs(cells, features, text.scores, evident, models, records.models)
    apart = replace(
        inputs,
        scores=text.kind_scores,
        evident=np.column_stack([strange, evident[:, 1:]]),
    )
    fold = splits.folds(records, FOLDS)
    head = fit_head(inputs, fold, apart, kind, threads=threads)
    rates = endless_rates(records.model, records.tokens, records.censored, known)
    return FittedFastTier(records, cells, answers, evidence, models, text, head, rates)


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
