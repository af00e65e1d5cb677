"""Training: data in, a published model directory out."""

from __future__ import annotations

import datetime
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from predictor.arrays import Array
from predictor.artefact import format
from predictor.artefact.card import model_card
from predictor.data import castillo, other_models, sources, splits
from predictor.data.other_models import PromptEffects
from predictor.data.records import DataError, Records
from predictor.evaluation import measure
from predictor.fast.inputs import TrainedModels
from predictor.fast.predictor import LengthPredictor
from predictor.features.definition import Prompt, extract
from predictor.training import text_model
from predictor.training.boosters import Cells, Table, cells_of, table
from predictor.training.calibrate import capped_rates, endless
from predictor.training.crossfit import FOLDS, Head, Say, fit_head
from predictor.training.text_model import Fitted

if TYPE_CHECKING:
    from predictor.training.refined.tier import Tier

HOLDOUT = 0.15
CASTILLO = "CASTILLO (arXiv 2505.16881), CC-BY-4.0, data set danfperam/castillo"
_LICENCES = "models_castillo.csv"
_LEAST_PROMPTS = 50
_TEXT_FOLDS = 10
_TEXT_EXTRAS = ("oasst_eval",)
_ABROAD = 0.4
"""Caution of a model that is to be published: it meets kinds of prompts that it was not trained on,
of which the encoder says less. On the two corpora left out for their licences and on all seven, tau
is best at 0.25 to 0.5."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A fitted fast tier, and what the refined one is fitted beside."""

    cells: Cells
    models: TrainedModels
    text: Fitted
    head: Head
    capped: Array
    rows: int
    prompts: int

    def predictor(self, manifest: dict[str, Any]) -> LengthPredictor:
        """The predictor that it makes."""
        return LengthPredictor(
            text=self.text.model,
            models=self.models,
            location=self.head.location,
            scale=self.head.scale,
            shapes=self.head.shapes,
            capped=self.capped,
            manifest=manifest,
        )


def train(
    data: Sequence[Path],
    out: Path,
    *,
    holdout: float = HOLDOUT,
    refit: bool = True,
    licensed_only: bool = False,
    encoder: bool = False,
    encoder_base: Path | None = None,
    threads: int = 1,
    say: Say | None = None,
) -> dict[str, Any]:
    """Train on the lengths in the folders ``data``, measure on held-out prompts, publish.

    ``holdout`` (a share below 1, or a count) of the prompts of the ``validate`` split is kept out
    of the training and measured on. Then what is published is fitted on all prompts, unless
    ``refit`` is off: for who wants to measure the published model on the held-out ones.
    ``encoder``: with a refined tier. Returns the manifest.

    Raises:
        DataError: the data cannot be read, too little of it is left, or the encoder's libraries
            or weights are missing.
        ArtefactError: ``out`` is not a place for a model.
    """
    say = say or _stderr()
    licences = _licences(data) if licensed_only else None
    records = sources.read_all(data)
    share = holdout * int(records.validate.sum()) if holdout < 1 else holdout
    threshold = splits.holdout_threshold(records, round(share))
    out_of_training = splits.held_out(records, threshold)
    held, training = records.of_prompts(out_of_training), records.of_prompts(~out_of_training)
    everything = records if refit and out_of_training.any() else None
    if licences is not None:
        training = castillo.licensed(training, licences)
        everything = castillo.licensed(everything, licences) if everything else None
    extras = [extra for folder in data for extra in other_models.read(folder, held.texts)]
    say(f"{len(training.tokens)} samples of {len(training.texts)} prompts, {len(held.texts)} out")
    fitted = fit(training, extras, threads=threads, say=say)
    tier = None
    if encoder:
        fast_share = _ABROAD if licensed_only else 0.0
        tier = _refined(
            training,
            fitted,
            extras,
            base=encoder_base,
            fast_share=fast_share,
            threads=threads,
            say=say,
        )
    say("measuring on the held-out prompts")
    manifest = {
        **_manifest(training, fitted, holdout=len(held.texts), threshold=threshold),
        "data": _sources(data),
        "auxiliary": [other_models.SOURCES[extra.name] for extra in extras],
        "encoder": _encoder(encoder_base) if encoder else None,
        "licensed_only": licensed_only,
        "held_out_in_training": everything is not None,
        **_measured(fitted.predictor({}), tier, held, licences),
    }
    if everything is not None:
        say("fitting again on all prompts")
        fitted = fit(everything, extras, threads=threads, say=say)
        if tier is not None:
            tier = tier.go_on(everything, fitted.cells, extras=extras, threads=threads, say=say)
        manifest |= {"training_samples": fitted.rows, "training_prompts": fitted.prompts}
    _publish(out, fitted, tier, manifest)
    say(f"published {out}")
    return manifest


def _stderr() -> Say:
    start = time.monotonic()

    def say(line: str) -> None:
        print(f"[{time.monotonic() - start:5.0f} s] {line}", file=sys.stderr, flush=True)

    return say


def _licences(data: Sequence[Path]) -> Path:
    for folder in data:
        if (folder / _LICENCES).is_file():
            return folder
    raise DataError(
        f"--licensed-only reads the models' licences from {_LICENCES}, which is in none of "
        f"{', '.join(map(str, data))}; give CASTILLO's folder as --data"
    )


def _encoder(base: Path | None) -> str:
    name = base.name if base else "all-MiniLM-L6-v2 (Apache-2.0)"
    return f"{name}, its first layers fine-tuned on these lengths"


def _sources(data: Sequence[Path]) -> str:
    names = [CASTILLO if (folder / _LICENCES).is_file() else folder.name for folder in data]
    return "; ".join(names)


def fit(records: Records, extras: Sequence[PromptEffects], *, threads: int, say: Say) -> Trained:
    """Fit the fast tier on ``records``; prompts of ``extras`` help its text model.

    Raises:
        DataError: there are too few prompts.
    """
    cells: Cells = cells_of(records)
    prompts = len(np.unique(cells.prompt))
    if prompts < _LEAST_PROMPTS:
        raise DataError(f"{prompts} prompts are left to train on, need {_LEAST_PROMPTS}")
    texts, effect = _others(extras)
    features = extract([Prompt("", text) for text in (*records.texts, *texts)])
    say("features read; fitting the text model")
    text = text_model.fit(
        features,
        table(cells, len(records.texts), len(records.models)),
        splits.folds(records.texts, _TEXT_FOLDS),
        effect if texts else None,
    )
    say("text model fitted; fitting location and scale")
    models = TrainedModels(records.models, text.offsets)
    inputs = Table(cells, features, text.scores, models)
    head = fit_head(inputs, splits.folds(records.texts, FOLDS), threads=threads, say=say)
    ran_on = endless(records.tokens, records.censored)
    whole = ran_on | ~records.censored
    capped = capped_rates(records.model[whole], ran_on[whole], len(records.models))
    return Trained(cells, models, text, head, capped, len(records.tokens), prompts)


def _others(extras: Sequence[PromptEffects]) -> tuple[list[str], Array]:
    """Texts and effects, relative to each other, of extra prompts for the text model."""
    texts: list[str] = []
    effects = [np.zeros(0)]
    for extra in extras:
        if extra.name in _TEXT_EXTRAS:
            known = ~np.isnan(extra.effect)
            texts += [text for text, has in zip(extra.texts, known, strict=True) if has]
            effects.append(extra.effect[known] - extra.effect[known].mean())
    return texts, np.concatenate(effects)


def _refined(
    records: Records,
    fitted: Trained,
    extras: list[PromptEffects],
    *,
    base: Path | None,
    fast_share: float,
    threads: int,
    say: Say,
) -> Tier:
    try:
        from predictor.training.refined import tier  # noqa: PLC0415 - torch, which nothing else needs
    except ImportError as error:
        raise DataError(
            f"--encoder needs {error.name}; pip install 'lengthwise[encoder]'"
        ) from error
    return tier.train(
        records,
        fitted.cells,
        fitted.head.judged,
        fitted.models,
        extras=extras,
        base=base,
        fast_share=fast_share,
        threads=threads,
        say=say,
    )


def _measured(
    predictor: LengthPredictor, tier: Tier | None, held: Records, licences: Path | None
) -> dict[str, dict[str, Any]]:
    """Figures on all held-out prompts and models, and on those of the kinds trained on."""
    if len(held.texts) < 2:
        return {"metrics": {}, "metrics_in_scope": {}, "tau_by_corpus": {}}
    metrics = measure.measure(predictor, held)
    scope = held if licences is None else castillo.licensed(held, licences)
    found: dict[str, dict[str, Any]] = {
        "metrics": metrics,
        "metrics_in_scope": metrics if scope is held else measure.measure(predictor, scope),
        "tau_by_corpus": measure.by_corpus(predictor, held),
    }
    if tier is not None:
        with tempfile.TemporaryDirectory() as folder:
            refined = tier.beside(predictor, Path(folder))
            found["metrics_refined"] = measure.measure(refined, held)
            if scope is not held:
                found["metrics_refined_in_scope"] = measure.measure(refined, scope)
    return found


def _manifest(records: Records, fitted: Trained, *, holdout: int, threshold: str) -> dict[str, Any]:
    return {
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "corpora": sorted({str(name) for name in records.corpus}),
        "models": records.models,
        "training_samples": fitted.rows,
        "training_prompts": fitted.prompts,
        "held_out": {
            "prompts": holdout,
            "rule": "split is validate and SHA-256 of the prompt's UTF-8 text, in hexadecimal, is "
            "at most the threshold",
            "threshold": threshold,
        },
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("lightgbm", "numpy", "scipy")},
        },
    }


def _publish(out: Path, fitted: Trained, tier: Tier | None, manifest: dict[str, Any]) -> None:
    format.publish(
        out,
        manifest=manifest,
        arrays={
            **fitted.text.model.arrays(),
            "offsets": fitted.models.offsets,
            "shapes": fitted.head.shapes,
            "capped": fitted.capped,
            **(tier.head.arrays() if tier else {}),
        },
        boosters={
            "location": fitted.head.location.model_to_string(),
            "scale": fitted.head.scale.model_to_string(),
            **(tier.head.boosters() if tier else {}),
        },
        texts={"README.md": model_card(manifest)},
        files=tier.files() if tier else {},
    )
