"""A study: a predictor and two baselines, measured by model and by corpus."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from predictor.arrays import Array
from predictor.data.records import DataError, Records
from predictor.evaluation.forecasts import Forecasts, forecasts_by_model
from predictor.evaluation.held_out import Split
from predictor.evaluation.kinds import LEAST_PROMPTS, metrics_by_kind
from predictor.evaluation.metrics import Metrics, mean_metrics, model_metrics
from predictor.fast.predictor import Predictor

FORECAST, MODEL, CORPUS = "forecast", "model median", "corpus x model median"
"""The three kinds of forecast: the predictor's, and two baselines.

MODEL forecasts the distribution of the model's lengths in training. CORPUS forecasts the
distribution of the model's lengths in training for prompts of the same corpus, which a request does
not state. Both baselines ignore the prompt.
"""

KINDS = (FORECAST, MODEL, CORPUS)

_LEVELS = (np.arange(100) + 0.5) / 100

MetricsByKind = dict[str, Metrics]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The measured ``forecasts``, and metrics by kind of forecast.

    ``models`` has metrics by model, ``corpora`` by corpus (mean over the models), ``mean`` the mean
    over the models. ``kinds`` has the forecast's metrics by kind of traffic (``kind_metrics``).
    ``routes`` has each model's route: how the predictor knows the model. Models with few prompts
    count in ``kinds`` only, unless all have few.
    """

    mean: MetricsByKind
    models: Mapping[str, MetricsByKind]
    corpora: Mapping[str, MetricsByKind]
    kinds: Mapping[str, Metrics]
    routes: Mapping[str, str]
    forecasts: list[Forecasts]


def study(predictor: Predictor, parts: Split, *, seed: int = 0) -> Evaluation:
    """Measure ``predictor`` and the baselines on the same samples.

    Raises:
        DataError: no model has samples of two prompts.
    """
    every = list(forecasts_by_model(predictor, parts.measured))
    if not every:
        raise DataError("no model has samples of two prompts to measure on; give more data")
    forecasts = [made for made in every if len(made) >= LEAST_PROMPTS] or every
    kinds = [_with_baselines(of_model, parts.training) for of_model in forecasts]
    models = {by_kind[FORECAST].model: _measured(by_kind, seed) for by_kind in kinds}
    names = sorted({str(name) for of_model in forecasts for name in of_model.corpus})
    corpora = {name: _in_corpus(kinds, name, seed) for name in names}
    return Evaluation(
        mean=_mean(list(models.values())),
        models=models,
        corpora={name: by_kind for name, by_kind in corpora.items() if by_kind},
        kinds=metrics_by_kind(every, parts.measured, seed=seed),
        routes={of_model.model: of_model.route for of_model in forecasts},
        forecasts=forecasts,
    )


def _measured(by_kind: Mapping[str, Forecasts], seed: int) -> MetricsByKind:
    # The same seed for each kind and model: all are scored on the same random samples.
    return {
        kind: model_metrics(forecasts, np.random.default_rng(seed))
        for kind, forecasts in by_kind.items()
    }


def _in_corpus(kinds: list[dict[str, Forecasts]], corpus: str, seed: int) -> MetricsByKind:
    """Mean over the models with two prompts in the corpus; empty if there is no such model."""
    lines = []
    for by_kind in kinds:
        prompts = by_kind[FORECAST].corpus == corpus
        if prompts.sum() >= 2:
            part = {kind: forecasts.of_prompts(prompts) for kind, forecasts in by_kind.items()}
            lines.append(_measured(part, seed))
    return _mean(lines) if lines else {}


def _mean(lines: list[MetricsByKind]) -> MetricsByKind:
    return {kind: mean_metrics([line[kind] for line in lines]) for kind in KINDS}


def _with_baselines(forecasts: Forecasts, training: Records) -> dict[str, Forecasts]:
    """The forecasts for one model, and the baselines for the same prompts."""
    corpora = [str(name) for name in np.unique(forecasts.corpus)]
    of_model = _lengths(training, forecasts.model)
    of_corpus = {name: _lengths(training, forecasts.model, name) for name in corpora}
    return {
        FORECAST: forecasts,
        MODEL: _baseline(forecasts, dict.fromkeys(corpora, of_model)),
        CORPUS: _baseline(forecasts, of_corpus),
    }


def _lengths(training: Records, model: str, corpus: str = "") -> Array:
    """Lengths of the model's answers in the corpus, else in all corpora, else of all models."""
    rows = np.ones(len(training.tokens), dtype=np.bool_)
    if model in training.models:
        rows = training.model == training.models.index(model)
    within = rows & (training.corpus[training.prompt] == corpus)
    return training.tokens[within if within.any() else rows]


def _baseline(forecasts: Forecasts, lengths: Mapping[str, Array]) -> Forecasts:
    """The quantiles of ``lengths``, by corpus, in place of the forecasts."""
    quantiles = {name: np.quantile(values, _LEVELS) for name, values in lengths.items()}
    atoms = np.array([quantiles[name] for name in forecasts.corpus])
    return replace(forecasts, atoms=atoms, mass=np.full(atoms.shape, 1 / len(_LEVELS)))
