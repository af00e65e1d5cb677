"""Training: data in, a published model directory out."""

from __future__ import annotations

import datetime
import platform
import sys
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictor import artifact, dataset, report, text_fit
from predictor.calibrate import capped_rates
from predictor.card import model_card
from predictor.crossfit import FOLDS, Head, Say, fit_head
from predictor.dataset import DataError, Records
from predictor.design import Models
from predictor.features import Prompt, extract
from predictor.model import Cells, Table, cells_of, table
from predictor.predictor import LengthPredictor
from predictor.text_fit import Fitted

HOLDOUT = 1000
_LEAST_PROMPTS = 50
_TEXT_FOLDS = 10


@dataclass(frozen=True, slots=True)
class _Trained:
    models: Models
    text: Fitted
    head: Head
    capped: NDArray[np.float64]
    rows: int
    prompts: int


def train(
    data: Path,
    out: Path,
    *,
    holdout: int = HOLDOUT,
    licensed_only: bool = False,
    include_held_out: bool = False,
    threads: int = 1,
    say: Say | None = None,
) -> dict[str, Any]:
    """Train on CASTILLO in ``data``, measure on held-out prompts, publish to ``out``.

    ``holdout`` prompts of the ``validate`` split are kept out of the training and measured on.
    ``include_held_out`` fits once more on all prompts before publishing; the figures then are
    those of the first fit. Returns the manifest.

    Raises:
        DataError: the data cannot be read, or too little is left of it.
        ArtifactError: ``out`` is not a place for a model.
    """
    say = say or _stderr()
    records = dataset.read_castillo(data)
    threshold = dataset.holdout_rule(records, holdout)
    out_of_training = dataset.held_out(records, threshold)
    held, training = records.of_prompts(out_of_training), records.of_prompts(~out_of_training)
    everything = records if include_held_out else None
    if licensed_only:
        training = dataset.licensed(training, data)
        everything = dataset.licensed(everything, data) if everything else None
    say(f"{len(training.tokens)} samples of {len(training.texts)} prompts, {len(held.texts)} out")
    fitted = _fit(training, threads, say)
    say("measuring on the held-out prompts")
    manifest = {
        **_manifest(training, fitted, holdout=len(held.texts), threshold=threshold),
        "licensed_only": licensed_only,
        "held_out_in_training": include_held_out,
        **_measured(_predictor(fitted, {}), held, data if licensed_only else None),
    }
    if everything is not None:
        say("fitting again on all prompts")
        fitted = _fit(everything, threads, say)
        manifest |= {"training_samples": fitted.rows, "training_prompts": fitted.prompts}
    _publish(out, fitted, manifest)
    say(f"published {out}")
    return manifest


def _stderr() -> Say:
    start = time.monotonic()

    def say(line: str) -> None:
        print(f"[{time.monotonic() - start:5.0f} s] {line}", file=sys.stderr, flush=True)

    return say


def _fit(records: Records, threads: int, say: Say) -> _Trained:
    cells: Cells = cells_of(records)
    prompts = len(np.unique(cells.prompt))
    if prompts < _LEAST_PROMPTS:
        raise DataError(f"{prompts} prompts are left to train on, need {_LEAST_PROMPTS}")
    features = extract([Prompt("", text) for text in records.texts])
    say("features read; fitting the text model")
    text = text_fit.fit(
        features,
        table(cells, len(records.texts), len(records.models)),
        dataset.folds(records.texts, _TEXT_FOLDS),
    )
    say("text model fitted; fitting location and scale")
    models = Models(records.models, text.offsets)
    inputs = Table(cells, features.lexical, text.scores, models)
    head = fit_head(inputs, dataset.folds(records.texts, FOLDS), threads=threads, say=say)
    capped = capped_rates(records.model, records.capped, len(records.models))
    return _Trained(models, text, head, capped, len(records.tokens), prompts)


def _predictor(fitted: _Trained, manifest: dict[str, Any]) -> LengthPredictor:
    return LengthPredictor(
        text=fitted.text.model,
        models=fitted.models,
        location=fitted.head.location,
        scale=fitted.head.scale,
        shapes=fitted.head.shapes,
        capped=fitted.capped,
        manifest=manifest,
    )


def _measured(
    predictor: LengthPredictor, held: Records, licences: Path | None
) -> dict[str, dict[str, Any]]:
    """Figures on all held-out prompts and models, and on those of the kinds trained on."""
    if len(held.texts) < 2:
        return {"metrics": {}, "metrics_in_scope": {}, "tau_by_corpus": {}}
    metrics = report.measure(predictor, held)
    scope = held if licences is None else dataset.licensed(held, licences)
    return {
        "metrics": metrics,
        "metrics_in_scope": metrics if scope is held else report.measure(predictor, scope),
        "tau_by_corpus": report.by_corpus(predictor, held),
    }


def _manifest(
    records: Records, fitted: _Trained, *, holdout: int, threshold: str
) -> dict[str, Any]:
    return {
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "data": "CASTILLO (arXiv 2505.16881), CC-BY-4.0, data set danfperam/castillo",
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


def _publish(out: Path, fitted: _Trained, manifest: dict[str, Any]) -> None:
    artifact.publish(
        out,
        manifest=manifest,
        arrays={
            **fitted.text.model.arrays(),
            "offsets": fitted.models.offsets,
            "shapes": fitted.head.shapes,
            "capped": fitted.capped,
        },
        boosters={
            "location": fitted.head.location.model_to_string(),
            "scale": fitted.head.scale.model_to_string(),
        },
        texts={"README.md": model_card(manifest)},
    )
