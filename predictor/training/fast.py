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
_MOST_PROMPTS = 9_000
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


def fit(
    records: Records, effects: Sequence[PromptEffects], *, threads: int, hasty: bool = False
) -> FittedFastTier:
    """Fit the fast tier on ``records``; the text model also learns from ``effects``.

    ``hasty``: with a third of the trees, in less than half of the time; for measurements.

    Raises:
        DataError: there are too few prompts.
    """
    records, known = own_models_first(records)
    cells = cells_of(records)
    prompts = len(np.unique(cells.prompt))
    if prompts < _LEAST_PROMPTS:
        raise DataError(f"{prompts} prompts are left to train on, need {_LEAST_PROMPTS}")
    features, kind = extract(records.prompts), np.unique(records.corpus, return_inverse=True)[1]
    log.info("features read; fitting the text model")
    answers = answer_effects(cells, len(records.prompts), len(records.models))
    departures = table_of(cells, answers.departures(cells), len(kind), known)
    fold = splits.folds(records, _TEXT_FOLDS)
    targets = TextTargets(answers.prompt, answers.answered, departures, fold, kind)
    text = _fit_text(records, targets, effects)
    log.info("text model fitted; fitting location and scale")
    weights = trait_weights(cells.model, len(records.models))
    levels = fit_levels(records.models, answers.model, weights)
    models = TrainedModels(records.models[:known], answers.model[:known], levels)
    evidence, novel = fit_evidence(features, targets, text.scores[:, ALL], records.texts)
    evident = evidence.columns(features)
    inputs = CellInputs(cells, features, text.scores, evident, models, records.models)
    novel = np.column_stack([novel, evident[:, novel.shape[1] :]])
    apart = replace(inputs, scores=text.kind_scores, evident=novel)
    fold = splits.folds(records, FOLDS)
    head = fit_head(inputs, fold, apart, kind, threads=threads, hasty=hasty)
    rates = endless_rates(records.model, records.tokens, records.censored, known)
    return FittedFastTier(records, cells, answers, evidence, models, text, head, rates)


def _fit_text(
    records: Records, targets: TextTargets, effects: Sequence[PromptEffects]
) -> FittedTextModel:
    """The text model, fitted on at most ``_MOST_PROMPTS``; the scores of all prompts.

    The time of a fit grows with the cube of the prompts. The other prompts' scores are those of the
    fitted model, which did not see them; they have no ``kind_scores`` (NaN).
    """
    count = len(records.prompts)
    chosen = np.unique(np.linspace(0, count - 1, min(count, _MOST_PROMPTS)).astype(np.intp))
    texts, others = _text_model_prompts(effects)
    prompts = [records.prompts[index] for index in chosen]
    features = extract([*prompts, *(Prompt("", text) for text in texts)])
    fitted = text_model.fit(features, targets.rows(chosen), others)
    rest = np.setdiff1d(np.arange(count), chosen)
    if not len(rest):
        return fitted
    scores, apart = np.full((2, count, fitted.scores.shape[1]), np.nan)
    scores[chosen], apart[chosen] = fitted.scores, fitted.kind_scores
    scores[rest] = fitted.model.scores(extract([records.prompts[index] for index in rest]))
    return FittedTextModel(fitted.model, scores, apart)


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
