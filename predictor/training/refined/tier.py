"""Training the refined tier beside a fast one: the encoder, then the head over both.

The head may only see what the tiers say of prompts that they were not fitted on. The fast tier is
cross-fitted. So is the encoder, but on some of the folds only, since a fit takes minutes: each time
it is fitted on four fifths of the prompts, judged on the fifth, and then goes on with all. What is
published are the means of those encoders' weights.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from predictor.arrays import Flags, Indices, Single
from predictor.data import splits
from predictor.data.other_models import PromptEffects
from predictor.data.records import DataError, Records
from predictor.fast.inputs import KNOWN, RELATED, ModelMatch, TrainedModels
from predictor.fast.predictor import LengthPredictor
from predictor.raw_forecast import LEVELS, RawForecasts
from predictor.refined.encoder import Encoder
from predictor.refined.head import RefinedHead, RefinedTier
from predictor.refined.tiers import RefinedPredictor
from predictor.training import crossfit
from predictor.training.boosters import Cells
from predictor.training.crossfit import OutOfFold
from predictor.training.refined import fit
from predictor.training.refined.export import files
from predictor.training.refined.fit import Say, Settings, Trained
from predictor.training.refined.stacking import Sample, fit_refined
from predictor.training.refined.targets import Targets, targets

_JUDGED_FOLDS = 2  # one leaves the head too few prompts: its CRPS is 1 to 2 % worse
_FURTHER_EPOCHS, _FURTHER_RATE, _FURTHER_HEAD_RATE = 2, 1e-4, 1e-3
_UNSEEN_WEIGHT = 0.3  # as in the fast tier: what teaches to do without the model's identity
_LEAST_CELLS = 100


@dataclass(frozen=True, slots=True)
class Tier:
    """A trained refined tier, ready to be published."""

    encoder: Trained
    head: RefinedHead

    def files(self) -> dict[str, bytes]:
        """The encoder's files by name, to lie in the model directory."""
        return files(self.encoder, models=list(self.head.models.names))

    def beside(self, fast: LengthPredictor, folder: Path) -> RefinedPredictor:
        """The tier over ``fast``, as it serves: the encoder is exported to ``folder``."""
        for name, data in self.files().items():
            (folder / name).write_bytes(data)
        return RefinedPredictor(fast, RefinedTier(Encoder.load(folder), self.head))

    def go_on(
        self,
        records: Records,
        cells: Cells,
        *,
        extras: list[PromptEffects],
        threads: int = 1,
        say: Say,
    ) -> Tier:
        """The tier with its encoder trained on with ``records``, held-out ones among them.

        The models must be those that it knows, in the same order. The head stays: all that it
        could be fitted on has been seen by then.
        """
        whole = targets(records.texts, cells, len(records.models), extras)
        settings = replace(_later(self.encoder.settings, 1), threads=threads)
        return replace(self, encoder=fit.further(self.encoder, whole, settings=settings, say=say))


def train(
    records: Records,
    cells: Cells,
    fast: OutOfFold,
    models: TrainedModels,
    *,
    extras: list[PromptEffects],
    settings: Settings | None = None,
    base: Path | None = None,
    fast_share: float = 0.0,
    threads: int = 1,
    say: Say,
) -> Tier:
    """Fit encoder and head on ``records``, beside the fast tier fitted on the same.

    ``fast_share`` as in ``RefinedHead``. ``base`` is a directory with a BERT's weights (by default
    those of the package ``weights.PACKAGE``). Forty minutes on one CPU core, minutes on a GPU.

    Raises:
        DataError: torch's weights are missing, or too little data is left.
    """
    settings = settings or Settings(threads=threads)
    fold = splits.folds(records.texts, crossfit.FOLDS)
    judged = fold < _JUDGED_FOLDS
    rows = np.flatnonzero(judged[cells.prompt[fast.cell]])
    if len(rows) < _LEAST_CELLS:
        raise DataError(
            f"{len(rows)} rows are left to fit the refined head on, need {_LEAST_CELLS}; give "
            "more data or train without --encoder"
        )
    whole = targets(records.texts, cells, len(records.models), extras)
    again = _later(settings, min(_FURTHER_EPOCHS, settings.epochs))
    encoded = np.full((len(judged), whole.values.shape[1] + 1), np.nan, dtype=np.float32)
    encoders = []
    for part in range(_JUDGED_FOLDS):
        apart = fold == part
        first = fit.fit(
            _without(whole, apart), settings=settings, base=base, vocabulary_of=whole.texts, say=say
        )
        encoded[apart] = fit.predict(first, [records.texts[at] for at in np.flatnonzero(apart)])
        encoders.append(fit.further(first, whole, settings=again, say=say))
    say("fitting the refined head")
    head = fit_refined(_sample(cells, fast, rows, encoded, models), models, threads=threads)
    return Tier(fit.averaged(encoders, whole.texts), replace(head, fast_share=fast_share))


def _later(settings: Settings, epochs: int) -> Settings:
    """How to go on from what ``settings`` made: more gently, and in another order."""
    return replace(
        settings,
        epochs=epochs,
        rate=_FURTHER_RATE,
        head_rate=_FURTHER_HEAD_RATE,
        seed=settings.seed + 1,
    )


def _without(whole: Targets, judged: Flags) -> Targets:
    """The targets without the prompts marked in ``judged``; those of extras all stay."""
    keep = np.ones(len(whole.texts), dtype=bool)
    keep[: len(judged)] = ~judged
    texts = [text for text, kept in zip(whole.texts, keep, strict=True) if kept]
    return replace(whole, texts=texts, values=whole.values[keep], weight=whole.weight[keep])


def _sample(
    cells: Cells, fast: OutOfFold, rows: Indices, encoded: Single, models: TrainedModels
) -> Sample:
    cell = fast.cell[rows]
    matches = [
        _match(models, int(fast.inputs[row, -1]), int(cells.model[fast.cell[row]]), fast.fold[row])
        for row in rows
    ]
    known = np.array([match.route == KNOWN for match in matches])
    raw_forecasts = RawForecasts(
        location=fast.location[rows],
        scale=fast.scale[rows],
        shape=np.zeros((len(rows), len(LEVELS))),
        endless=np.zeros(len(rows)),
        inputs=fast.inputs[rows],
    )
    return Sample(
        raw_forecasts=raw_forecasts,
        encoded=encoded[cells.prompt[cell]],
        matches=matches,
        prompt=cells.prompt[cell],
        model=cells.model[cell],
        values=cells.values[cell],
        weight=cells.weight[cell] * np.where(known, 1.0, _UNSEEN_WEIGHT),
        share=cells.share[cell],
    )


def _match(models: TrainedModels, route: int, model: int, fold: int) -> ModelMatch:
    """Where the fast tier's cross-fit put a row's model; see ``crossfit``."""
    if route == KNOWN:
        return models.match(models.names[model])
    if route != RELATED:
        return models.generic()
    hidden = [at for at in range(len(models.names)) if at % crossfit.FOLDS == fold]
    return models.match_unseen(model, hidden)
