"""Fitting the refined tier beside a fitted fast tier: the encoder, then the head over both.

The head is fitted on forecasts of prompts that neither tier was fitted on. The fast tier is
cross-fitted. The encoder is cross-fitted on ``_CROSSFIT_FOLDS`` of the folds only, since one fit
takes minutes: each time, the encoder is fitted on four fifths of the prompts, applied to the
fifth, and trained further on all prompts. The published encoder is the average of these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from predictor.arrays import Flags
from predictor.data import splits
from predictor.data.other_models import PromptEffects
from predictor.data.records import DataError
from predictor.fast.predictor import LengthPredictor
from predictor.refined.encoder import Encoder
from predictor.refined.head import RefinedHead, RefinedTier
from predictor.refined.tiers import RefinedPredictor
from predictor.training import crossfit
from predictor.training.fast import FittedFastTier
from predictor.training.progress import log
from predictor.training.refined import fit
from predictor.training.refined.export import files, write
from predictor.training.refined.fit import FittedEncoder
from predictor.training.refined.loop import Settings
from predictor.training.refined.stacking import fit_published_head, fit_refined_head
from predictor.training.refined.stacking_cells import stacking_cells
from predictor.training.refined.targets import Targets, targets_of

_CROSSFIT_FOLDS = 2  # with one, the head has too few prompts: its CRPS is 1 to 2 % worse
_FURTHER_EPOCHS, _FURTHER_RATE, _FURTHER_HEAD_RATE = 2, 1e-4, 1e-3
_LEAST_ROWS = 100
_LEAST_WEIGHT = 0.02  # of a text that is trained on; the mean is 1


@dataclass(frozen=True, slots=True)
class FittedRefinedTier:
    """A fitted refined tier, ready to be published."""

    encoder: FittedEncoder
    head: RefinedHead
    corpora: tuple[str, ...]

    def files(self) -> dict[str, bytes]:
        """The encoder's files by name, for the model directory."""
        names = list(self.head.models.names)
        return files(self.encoder, models=names, corpora=self.corpora)

    def beside(self, fast: LengthPredictor, folder: Path) -> RefinedPredictor:
        """The tier over ``fast`` as the gateway runs it; the encoder is exported to ``folder``."""
        write(self.encoder, folder, models=list(self.head.models.names))
        return RefinedPredictor(fast, RefinedTier(Encoder.load(folder), self.head))

    def fit_further(
        self,
        fast: FittedFastTier,
        *,
        effects: Sequence[PromptEffects],
        threads: int = 1,
    ) -> FittedRefinedTier:
        """The tier with its encoder trained further on the records of ``fast``.

        The models must be the models of the tier in the same order. The head stays, because the
        encoder was fitted on every prompt that a new head could be fitted on.
        """
        whole = targets_of(fast, effects)
        whole = _rows(whole, _readable(whole))
        settings = replace(_further(self.encoder.settings, 1), threads=threads)
        return replace(self, encoder=fit.fit_further(self.encoder, whole, settings=settings))


def fit_tier(
    fast: FittedFastTier,
    *,
    effects: Sequence[PromptEffects],
    settings: Settings | None = None,
    base: Path | None = None,
    fast_widths: bool = False,
    threads: int = 1,
) -> FittedRefinedTier:
    """Fit encoder and head beside the tier ``fast``, on the same records.

    ``base`` is the directory of a BERT (default: that of the package ``weights.PACKAGE``).
    ``fast_widths``: the head has the fast tier's scales and shapes, as is right for publication.
    Takes some 30 minutes on one CPU core, minutes on a GPU.

    Raises:
        DataError: the BERT's weights are missing, or too little data is left.
    """
    settings = settings or Settings(threads=threads)
    records, located = fast.records, fast.head.out_of_fold
    fold = splits.folds(records, crossfit.FOLDS)
    rows = np.flatnonzero((fold < _CROSSFIT_FOLDS)[fast.cells.prompt[located.cell]])
    if len(rows) < _LEAST_ROWS:
        raise DataError(
            f"{len(rows)} rows are left to fit the refined head on, need {_LEAST_ROWS}; give "
            "more data or train without --encoder"
        )
    whole = targets_of(fast, effects)
    readable = _readable(whole)
    further = _further(settings, min(_FURTHER_EPOCHS, settings.epochs))
    encoded = np.full((len(fold), whole.values.shape[1] + 1), np.nan, dtype=np.float32)
    encoders = []
    for part in range(_CROSSFIT_FOLDS):
        left_out = fold == part
        seen = readable & ~_padded(left_out, len(readable))
        first = fit.fit(
            _rows(whole, seen), settings=settings, base=base, vocabulary_texts=whole.texts
        )
        texts = [records.texts[index] for index in np.flatnonzero(left_out)]
        encoded[left_out] = fit.predict(first, texts)
        encoders.append(fit.fit_further(first, _rows(whole, readable), settings=further))
    log.info("fitting the refined head")
    stacked = stacking_cells(fast, rows, encoded)
    head = (
        fit_published_head(stacked, fast.models, fast.head.shapes, threads=threads)
        if fast_widths
        else fit_refined_head(stacked, fast.models, threads=threads)
    )
    corpora = tuple(str(name) for name in np.unique(records.corpus))
    return FittedRefinedTier(fit.average(encoders, whole.texts), head, corpora)


def _further(settings: Settings, epochs: int) -> Settings:
    """Settings of further training after ``settings``: lower rates, another order of prompts."""
    return replace(
        settings,
        epochs=epochs,
        rate=_FURTHER_RATE,
        head_rate=_FURTHER_HEAD_RATE,
        seed=settings.seed + 1,
    )


def _readable(whole: Targets) -> Flags:
    """Which texts the encoder is trained on."""
    return np.asarray(whole.weight.sum(axis=1) > _LEAST_WEIGHT)


def _padded(left_out: Flags, count: int) -> Flags:
    """``left_out`` for the first of ``count`` texts; those of other models' prompts stay."""
    return np.concatenate([left_out, np.zeros(count - len(left_out), dtype=np.bool_)])


def _rows(whole: Targets, keep: Flags) -> Targets:
    """The targets of the texts marked in ``keep``."""
    texts = [text for text, kept in zip(whole.texts, keep, strict=True) if kept]
    return replace(whole, texts=texts, values=whole.values[keep], weight=whole.weight[keep])
