"""Metrics of forecasts against measured lengths, by model and by corpus."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from predictor.arrays import Array, Flags, Indices
from predictor.data.records import Records
from predictor.evaluation import scores
from predictor.evaluation.forecasts import Forecasts, forecasts_by_model
from predictor.fast.predictor import Predictor

MEAN = "mean"
"""The key of the mean over the models."""

_MARGINAL_ATOMS = 200
_LONGEST = 0.1
_DRAWS = 10

Metrics = dict[str, float]
MetricsByModel = dict[str, dict[str, float | str]]


def metrics_by_model(predictor: Predictor, records: Records, *, seed: int = 0) -> MetricsByModel:
    """The mean over the models, then ``model_metrics`` and route of each model of ``records``."""
    rng = np.random.default_rng(seed)
    models: MetricsByModel = {}
    for forecasts in forecasts_by_model(predictor, records):
        models[forecasts.model] = {**model_metrics(forecasts, rng), "route": forecasts.route}
    return {MEAN: dict(mean_metrics(list(models.values()))), **models}


def tau_by_corpus(predictor: Predictor, records: Records, *, seed: int = 0) -> Metrics:
    """Kendall's tau within each corpus, mean over the models."""
    taus: Metrics = {}
    for corpus in np.unique(records.corpus):
        prompts: Flags = records.corpus == corpus
        models = metrics_by_model(predictor, records.of_prompts(prompts), seed=seed)
        taus[str(corpus)] = float(models[MEAN].get("tau", float("nan")))
    return taus


def mean_metrics(lines: Sequence[Mapping[str, float | str]]) -> Metrics:
    """The mean of each metric over ``lines``; NaN values do not count."""
    keys = [key for key, value in (lines[0] if lines else {}).items() if not isinstance(value, str)]
    mean: Metrics = {}
    for key in keys:
        known = [float(line[key]) for line in lines if not np.isnan(float(line[key]))]
        mean[key] = round(float(np.mean(known)), 4) if known else float("nan")
    return mean


def model_metrics(forecasts: Forecasts, rng: np.random.Generator) -> Metrics:
    """The metrics of forecasts for one model; NaN where there are too few samples.

    - ``tau``: Kendall's tau-b of the forecasts' geometric mean against one random sample of each
      prompt, mean over ``_DRAWS`` draws;
    - ``ceiling``: tau of the median of the prompt's other samples, in place of the forecast;
    - ``tau_chars``: tau of the prompt's length in characters, in place of the forecast;
    - ``mae``: mean absolute error of the median forecast, in tokens;
    - ``crps``: continuous ranked probability score, in tokens;
    - ``crps_skill``: CRPS on a linear scale: 0 is the CRPS of the distribution of the model's
      lengths over these prompts, 1 is the CRPS of the other samples of the same prompt;
    - ``coverage`` and ``coverage95``: share of samples in the central 80 and 95 % interval;
    - ``recall_longest``: of the longest tenth of the samples, the share that is in the longest
      tenth by forecast;
    - ``prompts``: the number of prompts.

    The forecast for a censored sample is cut at the censored length before scoring; in rankings the
    sample counts with the censored length.
    """
    draws = [_one_sample_each(forecasts, rng) for _ in range(_DRAWS)]
    mean, chars = forecasts.geometric_mean(), forecasts.chars.astype(np.float64)

    def over_draws(score: Callable[[Indices], float]) -> float:
        return round(float(np.mean([score(drawn) for drawn in draws])), 4)

    atoms, mass, actual = forecasts.by_sample()
    crps = scores.crps(atoms, mass, actual)
    median = np.minimum(forecasts.quantile(0.5)[forecasts.prompt], atoms[:, -1])
    return {
        "tau": over_draws(lambda drawn: scores.kendall_tau(mean, forecasts.tokens[drawn])),
        "mae": round(scores.mae(median, actual), 1),
        "crps": round(float(crps.mean()), 1),
        "crps_skill": round(_skill(forecasts, crps), 4),
        "coverage": round(coverage(forecasts, 0.8), 4),
        "coverage95": round(coverage(forecasts, 0.95), 4),
        "recall_longest": over_draws(
            lambda drawn: scores.recall_longest(mean, forecasts.tokens[drawn], _LONGEST)
        ),
        "ceiling": over_draws(lambda drawn: _ceiling(forecasts, drawn)),
        "tau_chars": over_draws(lambda drawn: scores.kendall_tau(chars, forecasts.tokens[drawn])),
        "prompts": float(len(forecasts)),
    }


def _one_sample_each(forecasts: Forecasts, rng: np.random.Generator) -> Indices:
    """The index of one random sample of each prompt (n)."""
    counts = np.bincount(forecasts.prompt, minlength=len(forecasts))
    starts = np.cumsum(counts) - counts
    return np.asarray(starts + rng.integers(counts), dtype=np.intp)


def coverage(forecasts: Forecasts, share: float) -> float:
    """Share of the samples in the forecasts' central interval of probability ``share``.

    A length that is censored below or inside the interval counts as covered.
    """
    low = forecasts.quantile((1 - share) / 2)[forecasts.prompt]
    high = forecasts.quantile((1 + share) / 2)[forecasts.prompt]
    actual = forecasts.by_sample()[2]
    low = np.where(forecasts.censored, np.minimum(low, actual), low)
    return scores.coverage(low, high, actual)


def _ceiling(forecasts: Forecasts, drawn: Indices) -> float:
    """Tau of the median of a prompt's other samples against the ``drawn`` sample (n).

    Sampling noise keeps the tau of every forecast from the prompt below about this value.
    """
    other = np.ones(len(forecasts.tokens), dtype=np.bool_)
    other[drawn] = False
    counts = np.bincount(forecasts.prompt[other], minlength=len(forecasts))
    known = np.flatnonzero(counts)
    if len(known) < 2:
        return float("nan")
    parts = np.split(forecasts.tokens[other], np.cumsum(counts[known])[:-1])
    medians = np.array([np.median(part) for part in parts])
    return scores.kendall_tau(medians, forecasts.tokens[drawn[known]])


def _skill(forecasts: Forecasts, crps: Array) -> float:
    """The CRPS skill of the samples' ``crps`` (k); see ``model_metrics``.

    If no prompt has three samples, a CRPS of 0 has the skill 1.
    """
    counts = np.bincount(forecasts.prompt, minlength=len(forecasts))
    repeated = counts[forecasts.prompt] >= 3
    rows = repeated if repeated.any() else np.ones(len(repeated), dtype=np.bool_)
    marginal = _marginal_crps(forecasts.tokens, forecasts.tokens[rows])
    best = _other_samples_crps(forecasts, counts) if repeated.any() else 0.0
    gap = marginal - best
    return (marginal - float(crps[rows].mean())) / gap if gap > 0 else 0.0


def _marginal_crps(tokens: Array, actual: Array) -> float:
    """Mean CRPS of the distribution of all ``tokens`` against ``actual``."""
    levels = (np.arange(_MARGINAL_ATOMS) + 0.5) / _MARGINAL_ATOMS
    mass = np.full(_MARGINAL_ATOMS, 1 / _MARGINAL_ATOMS)
    atoms = np.broadcast_to(np.quantile(tokens, levels), (len(actual), _MARGINAL_ATOMS))
    return float(scores.crps(atoms, mass, actual).mean())


def _other_samples_crps(forecasts: Forecasts, counts: Indices) -> float:
    """Mean CRPS of a prompt's other samples; ``counts`` are the samples of each prompt (n)."""
    total = number = 0.0
    for size in np.unique(counts[counts >= 3]):
        samples = forecasts.tokens[counts[forecasts.prompt] == size].reshape(-1, size)
        for index in range(size):
            others = np.delete(samples, index, axis=1)
            total += float(scores.crps_of_samples(others, samples[:, index]).sum())
        number += samples.size
    return total / number
