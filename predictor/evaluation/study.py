"""What is measured: a predictor and what it has to beat, by model and by corpus."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from predictor.arrays import Array
from predictor.data.records import DataError, Records
from predictor.data.splits import held_out
from predictor.evaluation import measure
from predictor.evaluation.measure import Forecasts
from predictor.fast.predictor import Predictor

FORECAST, MODEL, CORPUS = "forecast", "model median", "corpus x model median"
"""The predictor, and the lengths seen in training of the model, and of model and corpus. The
latter two know no prompt; the last is told the corpus, which no server is."""

KINDS = (FORECAST, MODEL, CORPUS)

_LEVELS = (np.arange(100) + 0.5) / 100

Figures = dict[str, dict[str, float]]
"""Figures (``report.figures``) by kind."""


@dataclass(frozen=True, slots=True)
class Study:
    """The figures: by model, by corpus (mean over the models), and their mean over the models.

    ``forecasts`` are what they were computed from.
    """

    mean: Figures
    models: Mapping[str, Figures]
    corpora: Mapping[str, Figures]
    routes: Mapping[str, str]
    forecasts: list[Forecasts]


@dataclass(frozen=True, slots=True)
class Split:
    """The prompts to measure on, and the samples that baselines may look at.

    ``seen`` prompts of ``measured`` may have been trained on; ``warning`` says so ("" if none).
    """

    measured: Records
    training: Records
    seen: int
    warning: str


def split(records: Records, manifest: Mapping[str, object], which: str) -> Split:
    """Prompts held out by the model's own rule (``which``: "held-out"), or all of them.

    Raises:
        DataError: none was held out.
    """
    rule = manifest.get("held_out")
    threshold = rule.get("threshold", "") if isinstance(rule, Mapping) else ""
    out = held_out(records, str(threshold))
    if which == "held-out" and out.sum() < 2:
        raise DataError(
            f"{int(out.sum())} of {len(out)} prompts were held out of this model's training by the "
            "rule in its manifest; measure on data that it has not seen with --split all, or train "
            "with --holdout"
        )
    keep = out if which == "held-out" else np.ones(len(out), dtype=np.bool_)
    leaked = bool(manifest.get("held_out_in_training"))
    seen = int(keep.sum()) if leaked else int((keep & ~out).sum())
    training = records.of_prompts(~out)
    return Split(
        measured=records.of_prompts(keep),
        training=training if len(training.tokens) else records,
        seen=seen,
        warning=_warning(seen, int(keep.sum()), leaked),
    )


def _warning(seen: int, total: int, leaked: bool) -> str:
    if not seen:
        return ""
    why = (
        "the published model was fitted again on its held-out prompts"
        if leaked
        else "the model's manifest does not hold them out"
    )
    return (
        f"{seen} of {total} prompts may have been TRAINED ON: {why}. Unless this data had no part "
        "in the training, these figures flatter the model"
    )


def study(forecaster: Predictor, parts: Split, *, seed: int = 0) -> Study:
    """Measure ``forecaster`` and the baselines on the same samples.

    Raises:
        DataError: no model has two prompts.
    """
    made = list(measure.forecasts(forecaster, parts.measured))
    if not made:
        raise DataError("no model has samples of two prompts to measure on; give more data")
    kinds = [
        {FORECAST: one, MODEL: _known(one, parts.training), CORPUS: _told(one, parts.training)}
        for one in made
    ]
    models = {one[FORECAST].model: _figures(one, seed) for one in kinds}
    names = sorted({str(name) for one in made for name in one.corpus})
    corpora = {name: _in_corpus(kinds, name, seed) for name in names}
    routes = {one.model: one.route for one in made}
    return Study(_mean(list(models.values())), models, _nonempty(corpora), routes, made)


def _figures(kinds: Mapping[str, Forecasts], seed: int) -> Figures:
    # The same seed for each kind and model: all are scored on the same random samples.
    return {
        kind: measure.figures(made, np.random.default_rng(seed)) for kind, made in kinds.items()
    }


def _in_corpus(kinds: list[dict[str, Forecasts]], corpus: str, seed: int) -> Figures:
    lines = []
    for one in kinds:
        part = one[FORECAST].corpus == corpus
        if part.sum() >= 2:
            lines.append(_figures({kind: made.of(part) for kind, made in one.items()}, seed))
    return _mean(lines) if lines else {}


def _nonempty(corpora: Mapping[str, Figures]) -> dict[str, Figures]:
    return {name: figures for name, figures in corpora.items() if figures}


def _mean(lines: list[Figures]) -> Figures:
    return {kind: measure.mean_of([line[kind] for line in lines]) for kind in KINDS}


def _known(made: Forecasts, training: Records) -> Forecasts:
    """The lengths of the model's answers in training as the forecast for every prompt."""
    return _constant(
        made, {name: _lengths(training, made.model) for name in np.unique(made.corpus)}
    )


def _told(made: Forecasts, training: Records) -> Forecasts:
    """Likewise, but those to prompts of the same corpus."""
    return _constant(
        made, {name: _lengths(training, made.model, str(name)) for name in np.unique(made.corpus)}
    )


def _lengths(training: Records, model: str, corpus: str = "") -> Array:
    """Lengths of the model's answers, within the corpus if it has any; of all models if none."""
    rows = np.ones(len(training.tokens), dtype=np.bool_)
    if model in training.models:
        rows = training.model == training.models.index(model)
    within = rows & (training.corpus[training.prompt] == corpus)
    return training.tokens[within if within.any() else rows]


def _constant(made: Forecasts, lengths: Mapping[str, Array]) -> Forecasts:
    rows = {name: np.quantile(values, _LEVELS) for name, values in lengths.items()}
    atoms = np.array([rows[name] for name in made.corpus])
    return replace(made, atoms=atoms, mass=np.full(atoms.shape, 1 / len(_LEVELS)))
