"""A refined tier around an encoder that was trained before: no torch, no hours of training.

The location is a blend of both tiers, with the shares that were fitted out of fold when the encoder
was trained. The booster that corrects the blend is fitted on corpora that the encoder was not
trained on, if the data has any, since its outputs for other prompts are better than they will be
for new ones; else it is the booster that was fitted when the encoder was trained. Scales and shapes
are the fast tier's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import lightgbm as lgb
import numpy as np

from predictor.artefact import format
from predictor.artefact.format import Artefact
from predictor.data.castillo import CORPORA
from predictor.data.records import DataError
from predictor.fast.predictor import LengthPredictor
from predictor.features.definition import feature_hash
from predictor.features.model_names import canonical
from predictor.refined.encoder import GRAPH, MANIFEST, TOKENIZER, Encoder
from predictor.refined.head import LOCATION, RefinedHead, RefinedTier
from predictor.refined.head_inputs import MORE_COLUMNS
from predictor.refined.tiers import RefinedPredictor
from predictor.training.fast import FittedFastTier
from predictor.training.progress import log
from predictor.training.refined.fast_widths import constant_zero, with_fast_widths
from predictor.training.refined.stacking import fit_correction
from predictor.training.refined.stacking_cells import stacking_cells

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


def reuse_encoder(folder: Path, fast: FittedFastTier, *, threads: int = 1) -> ReusedRefinedTier:
    """The refined tier of the model directory ``folder`` beside another fast tier.

    Raises:
        ArtefactError: ``folder`` is no model directory.
        DataError: the model there has no refined tier, or was trained on other models.
    """
    stored, contents = format.read(folder, any_features=True), _encoder_files(folder)
    encoder = Encoder.load(folder)
    if not {canonical(name) for name in encoder.models} <= set(fast.models.names):
        raise DataError(
            f"the encoder in {folder} was trained on {', '.join(encoder.models)}, this data has "
            f"{', '.join(fast.models.names)}; train with --encoder"
        )
    kept = _kept_booster(stored, fast.head.out_of_fold.inputs.shape[1] + MORE_COLUMNS)
    blend, share = (stored.arrays[f"refined_{name}"] for name in ("blend", "caution"))
    head = with_fast_widths(kept, blend, share, fast.head.shapes, fast.models)
    correction = _correction(RefinedTier(encoder, head), fast, threads)
    return ReusedRefinedTier(folder, contents, replace(head, location=correction or kept))


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


def _kept_booster(stored: Artefact, columns: int) -> lgb.Booster:
    """The booster of the location in the ``stored`` model, if it reads so many ``columns``."""
    text = stored.boosters.get(LOCATION)
    if text is not None and stored.manifest.get("feature_hash") == feature_hash():
        booster = lgb.Booster(model_str=text)
        if booster.num_feature() == columns:
            return booster
    return constant_zero(columns)


def _encoder_files(folder: Path) -> dict[str, bytes]:
    try:
        return {name: (folder / name).read_bytes() for name in (MANIFEST, GRAPH, TOKENIZER)}
    except OSError as error:
        raise DataError(f"{folder} has no encoder ({error}); train with --encoder") from error
