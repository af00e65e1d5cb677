"""Training from data folders to a published model directory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from predictor.artefact import format
from predictor.artefact.card import model_card
from predictor.data import castillo, other_models, sources, splits
from predictor.data.other_models import PromptEffects
from predictor.data.records import DataError, Records
from predictor.training.fast import FittedFastTier, fit
from predictor.training.manifest import (
    data_facts,
    encoder_name,
    held_out_metrics,
    size_facts,
    training_facts,
)
from predictor.training.progress import log
from predictor.training.refined.reuse import ReusedRefinedTier, reuse_encoder

if TYPE_CHECKING:
    from predictor.training.refined.tier import FittedRefinedTier

HOLDOUT = 0.15


@dataclass(frozen=True, slots=True)
class _Split:
    """Records to train on, records held out, and all records if the model is fitted again.

    ``threshold`` is the digest up to which prompts are held out.
    """

    training: Records
    held: Records
    everything: Records | None
    threshold: str


def train(
    data: Sequence[Path],
    out: Path,
    *,
    holdout: float = HOLDOUT,
    refit: bool = True,
    licensed_only: bool = False,
    encoder: bool = False,
    encoder_base: Path | None = None,
    encoder_from: Path | None = None,
    threads: int = 1,
) -> dict[str, Any]:
    """Train on the folders ``data``, measure on held-out prompts, publish in ``out``.

    ``holdout`` (a share below 1, or a count) of the ``validate`` prompts is held out of training
    and measured on. With ``refit`` the published model is then fitted again on all prompts;
    without, the published model is the measured one. ``encoder`` trains the refined tier as well,
    from the BERT in ``encoder_base``; ``encoder_from`` is a model directory whose encoder is used
    as it is. Returns the manifest.

    Raises:
        DataError: the data cannot be read, too little data is left, or the encoder's libraries
            or weights are missing.
        ArtefactError: ``out`` is a directory of other files.
    """
    format.check_place(out)
    licences = castillo.find_licences(data) if licensed_only else None
    split = _split(sources.read_all(data), holdout, licences, refit=refit)
    training, held, everything = split.training, split.held, split.everything
    effects = [entry for folder in data for entry in other_models.read(folder, held.texts)]
    log.info(
        "%d samples of %d prompts to train on; %d prompts held out",
        len(training.tokens),
        len(training.texts),
        len(held.texts),
    )
    fast = fit(training, effects, threads=threads)
    refined: FittedRefinedTier | ReusedRefinedTier | None = None
    if encoder_from:
        refined = reuse_encoder(encoder_from, fast, threads=threads)
    if encoder:
        refined = _fit_refined(
            fast, effects, base=encoder_base, fast_widths=licensed_only, threads=threads
        )
    log.info("measuring on the held-out prompts")
    manifest = {
        **training_facts(training, fast, holdout=len(held.texts), threshold=split.threshold),
        **data_facts(data, effects),
        "encoder": encoder_name(encoder_base) if refined else None,
        "licensed_only": licensed_only,
        "held_out_in_training": everything is not None,
        **held_out_metrics(fast.predictor({}), refined, held, licences),
    }
    if everything is not None:
        log.info("fitting again on all prompts")
        fast = fit(everything, effects, threads=threads)
        if isinstance(refined, ReusedRefinedTier):
            refined = reuse_encoder(refined.folder, fast, threads=threads)
        elif refined is not None:
            refined = refined.fit_further(fast, effects=effects, threads=threads)
        manifest |= size_facts(fast)
    _publish(out, fast, refined, manifest)
    log.info("published %s", out)
    return manifest


def _split(records: Records, holdout: float, licences: Path | None, *, refit: bool) -> _Split:
    """Split by the hold-out rule; with ``licences`` only licensed samples are trained on."""
    threshold = splits.threshold_for(records, holdout)
    out = splits.held_out(records, threshold)
    training = records.of_prompts(~out)
    everything = records if refit and out.any() else None
    if licences is not None:
        training = castillo.licensed(training, licences)
        everything = castillo.licensed(everything, licences) if everything else None
    return _Split(training, records.of_prompts(out), everything, threshold)


def _fit_refined(
    fast: FittedFastTier,
    effects: list[PromptEffects],
    *,
    base: Path | None,
    fast_widths: bool,
    threads: int,
) -> FittedRefinedTier:
    try:
        from predictor.training.refined import tier  # noqa: PLC0415 - only this needs torch
    except ImportError as error:
        raise DataError(f"--encoder needs {error.name}; pip install '.[encoder]'") from error
    return tier.fit_tier(
        fast,
        effects=effects,
        base=base,
        fast_widths=fast_widths,
        threads=threads,
    )


def _publish(
    out: Path,
    fast: FittedFastTier,
    refined: FittedRefinedTier | ReusedRefinedTier | None,
    manifest: dict[str, Any],
) -> None:
    format.publish(
        out,
        manifest=manifest,
        arrays={**fast.arrays(), **(refined.head.arrays() if refined else {})},
        boosters={**fast.boosters(), **(refined.head.boosters() if refined else {})},
        texts={"README.md": model_card(manifest)},
        files=refined.files() if refined else {},
    )
