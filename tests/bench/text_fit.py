"""The fast tier's text model, fitted on its own for the benchmarks of heads and of baselines."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from predictor.arrays import Array
from predictor.data import splits
from predictor.data.records import Records
from predictor.fast.inputs import TrainedModels
from predictor.fast.text_model import ALL
from predictor.features.definition import TextFeatures, extract
from predictor.training import text_model
from predictor.training.boosters import CellInputs
from predictor.training.cells import Cells, table_of
from predictor.training.effects import answer_effects
from predictor.training.evidence import fit_evidence
from predictor.training.text_model import FittedTextModel, TextTargets

_FOLDS = 10


@dataclass(frozen=True, slots=True)
class TextFit:
    """A text model of ``records``, all of whose models have a column, and what it was fitted on.

    ``offsets`` (M) are the models' effects.
    """

    records: Records
    cells: Cells
    features: TextFeatures
    text: FittedTextModel
    targets: TextTargets
    offsets: Array

    def inputs(self, records: Records, cells: Cells) -> tuple[CellInputs, CellInputs]:
        """The boosters' inputs of ``cells``; as seen by all kinds, and by all other kinds.

        The scores of the records fitted on are out of fold. Other records have no second inputs of
        their own: both are the same.
        """
        own = self.features
        evidence, novel = fit_evidence(
            own, self.targets, self.text.scores[:, ALL], self.records.texts
        )
        models = TrainedModels(records.models, self.offsets)
        if records is not self.records:
            own = extract(records.prompts)
            scores, evident = self.text.model.scores(own), evidence.columns(own)
            both = CellInputs(cells, own, scores, evident, models, records.models)
            return both, both
        evident = evidence.columns(own)
        scores, names = self.text.scores, records.models
        seen = CellInputs(cells, own, scores, evident, models, names)
        apart = np.column_stack([novel, evident[:, novel.shape[1] :]])
        return seen, replace(seen, scores=self.text.kind_scores, evident=apart)


def fit_text(records: Records, cells: Cells) -> TextFit:
    """The text model of ``records`` with their ``cells``."""
    features = extract(records.prompts)
    count, models = len(records.prompts), len(records.models)
    answers = answer_effects(cells, count, models)
    targets = TextTargets(
        effect=answers.prompt,
        answered=answers.answered,
        departures=table_of(cells, answers.departures(cells), count, models),
        fold=splits.folds(records, _FOLDS),
        kind=np.unique(records.corpus, return_inverse=True)[1],
    )
    text = text_model.fit(features, targets, np.zeros(0))
    return TextFit(records, cells, features, text, targets, answers.model)
