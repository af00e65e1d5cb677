"""Metrics by kind of traffic: CASTILLO's corpora together, and every other set by itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from predictor.data.castillo import CORPORA
from predictor.data.records import Records
from predictor.evaluation import scores
from predictor.evaluation.forecasts import Forecasts
from predictor.evaluation.metrics import Metrics, coverage, mean_metrics, model_metrics

CASTILLO = "CASTILLO"
"""The kind of all CASTILLO's corpora."""

LEAST_PROMPTS = 15
"""A model with fewer prompts of a kind has no tau and no CRPS skill there."""


def kind_of(corpus: str) -> str:
    """The kind of traffic of a corpus's prompts."""
    return CASTILLO if corpus in CORPORA else corpus


def metrics_by_kind(
    forecasts: Sequence[Forecasts], records: Records, *, seed: int = 0
) -> dict[str, Metrics]:
    """``kind_metrics`` of each kind in ``records``, on which the ``forecasts`` were measured."""
    corpora = [str(name) for name in np.unique(records.corpus)]
    kinds: dict[str, list[str]] = {}
    for corpus in corpora:
        kinds.setdefault(kind_of(corpus), []).append(corpus)
    found = {}
    for kind, names in kinds.items():
        parts = [part for made in forecasts if len(part := _of_corpora(made, names))]
        if parts:
            prompts = float(np.isin(records.corpus, names).sum())
            found[kind] = {"prompts": prompts, **kind_metrics(parts, seed=seed)}
    return found


def _of_corpora(made: Forecasts, corpora: list[str]) -> Forecasts:
    return made.of_prompts(np.isin(made.corpus, corpora))


def kind_metrics(parts: Sequence[Forecasts], *, seed: int = 0) -> Metrics:
    """The metrics of the forecasts for several models, ``parts``, together.

    - ``models``: the number of models;
    - ``tau`` and ``crps_skill``: mean over the models with ``LEAST_PROMPTS`` prompts;
    - ``tau_pooled``: Kendall's tau-b of the geometric mean over all answers of all models;
    - ``factor``: the median of actual length / median forecast;
    - ``coverage``: share of all answers in the central 80 % interval.
    """
    measured = [_ranked(part, seed) for part in parts if len(part) >= LEAST_PROMPTS]
    mean = {"tau": np.nan, "crps_skill": np.nan} | mean_metrics(measured)
    predicted = np.concatenate([part.geometric_mean()[part.prompt] for part in parts])
    ratio = [part.tokens / part.quantile(0.5)[part.prompt] for part in parts]
    return {
        "models": float(len(parts)),
        **mean,
        "tau_pooled": scores.kendall_tau(predicted, np.concatenate([p.tokens for p in parts])),
        "factor": float(np.median(np.concatenate(ratio))),
        "coverage": float(
            np.average([coverage(p, 0.8) for p in parts], weights=[len(p.tokens) for p in parts])
        ),
    }


def _ranked(part: Forecasts, seed: int) -> Metrics:
    found = model_metrics(part, np.random.default_rng(seed))
    return {key: found[key] for key in ("tau", "crps_skill")}
