"""A refined tier around an encoder that was trained before: no torch, no hours of training.

The location is a blend of both tiers, with the shares that were fitted out of fold when the encoder
was trained. The booster that corrects the blend is fitted on corpora that the encoder was not
trained on, if the data has any: its outputs for other prompts are better than they will be for new
ones. Scales and shapes are the fast tier's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import lightgbm as lgb
import numpy as np

from predictor.arrays import Array
from predictor.artefact import format
from predictor.data.castillo import CORPORA
from predictor.data.records import DataError
from predictor.fast.predictor import LengthPredictor
from predictor.features.model_names import canonical
from predictor.refined.encoder import GRAPH, MANIFEST, TOKENIZER, Encoder
from predictor.refined.head import RefinedHead, RefinedTier
from predictor.refined.head_inputs import MORE_COLUMNS
from predictor.refined.tiers import RefinedPredictor
from predictor.training.fast import FittedFastTier
from predictor.training.progress import log
from predictor.training.refined.stacking import fit_correction
from predictor.training.refined.stacking_cells import stacking_cells

_KNOTS = np.array([-4.0, 2.0])  # log scales; both have the fast tier's shapes
_ROWS = 40  # of the data for a booster that always says 0
_LEAST_ROWS = 100  # of corpora that the encoder was not trained on


@dataclass(frozen=True, slots=True)
class ReusedRefinedTier:
    """The encoder's ``contents`` (files by name) from ``folder``, and the head around it."""

    folder: Path
    contents: dict[str, bytes]
    head: RefinedHead

    def files(self) -> dict[str, bytes]:
        """The encoder's files by name, for the model directory."""
        return self.contents

    def beside(self, fast: LengthPredictor, folder: Path) -> RefinedPredictor:
        """The tier over ``fast``, as the gateway runs it; nothing is written to ``folder``."""
        del folder
        return RefinedPredictor(fast, RefinedTier(Encoder.load(self.folder), self.head))


def reuse_encoder(
    folder: Path,
    fast: FittedFastTier,
    *,
    fast_share: float | Array | None = None,
    threads: int = 1,
) -> ReusedRefinedTier:
    """The refined tier of the model directory ``folder`` beside another fast tier.

    ``fast_share`` as in ``RefinedHead`` (default: that of ``folder``).

    Raises:
        ArtefactError: ``folder`` is no model directory.
        DataError: the model there has no refined tier, or was trained on other models.
    """
    arrays, contents = format.read(folder, any_features=True).arrays, _encoder_files(folder)
    encoder = Encoder.load(folder)
    if not {canonical(name) for name in encoder.models} <= set(fast.models.names):
        raise DataError(
            f"the encoder in {folder} was trained on {', '.join(encoder.models)}, this data has "
            f"{', '.join(fast.models.names)}; train with --encoder"
        )
    still = _constant_zero(fast.head.out_of_fold.inputs.shape[1] + MORE_COLUMNS)
    head = RefinedHead(
        location=still,
        scale=still,
        blend=arrays["refined_blend"],
        mean_log_scale=0.0,
        trust=1.0,
        fast_share=arrays["refined_caution"] if fast_share is None else fast_share,
        knots=_KNOTS,
        shapes=np.stack([fast.head.shapes] * len(_KNOTS)),
        models=fast.models,
    )
    correction = _correction(RefinedTier(encoder, head), fast, threads)
    return ReusedRefinedTier(folder, contents, replace(head, location=correction or still))


def _correction(tier: RefinedTier, fast: FittedFastTier, threads: int) -> lgb.Booster | None:
    """The booster that corrects the blend of the ``tier``; None: too few rows are new to it."""
    records, located = fast.records, fast.head.out_of_fold
    prompt = fast.cells.prompt[located.cell]
    seen = np.isin(records.corpus, tier.encoder.corpora or CORPORA)[prompt]
    if (~seen).sum() < _LEAST_ROWS:
        return None
    log.info("fitting the refined head on %d prompts", len(records.texts))
    cells = stacking_cells(fast, np.arange(len(prompt)), tier.outputs(records.texts))
    return fit_correction(cells, seen, tier.head.blend, tier.head.fast_share, threads=threads)


def _encoder_files(folder: Path) -> dict[str, bytes]:
    try:
        return {name: (folder / name).read_bytes() for name in (MANIFEST, GRAPH, TOKENIZER)}
    except OSError as error:
        raise DataError(f"{folder} has no encoder ({error}); train with --encoder") from error


def _constant_zero(columns: int) -> lgb.Booster:
    """A booster of so many ``columns`` whose output is always 0."""
    data = lgb.Dataset(np.zeros((_ROWS, columns)), np.zeros(_ROWS), params={"verbose": -1})
    return lgb.train({"objective": "regression", "verbose": -1}, data, 1)
