"""Measuring a predictor on prompts that it was not trained on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictor import evaluate
from predictor.calibrate import LEVELS
from predictor.dataset import Records
from predictor.design import ROUTES
from predictor.features import Prompt
from predictor.predictor import LengthPredictor
from predictor.text_model import Array

MEAN = "mean"
"""Name of the line that averages over the models."""

_AT = {level: int(np.argmin(np.abs(LEVELS - level))) for level in (0.1, 0.5, 0.9)}
_MARGINAL_ATOMS = 200

Metrics = dict[str, dict[str, float | str]]


@dataclass(frozen=True, slots=True)
class _Group:
    """The samples of one model: n prompts with s samples each (n x s tokens)."""

    name: str
    prompts: list[Prompt]
    samples: Array


def measure(predictor: LengthPredictor, records: Records, *, seed: int = 0) -> Metrics:
    """Figures for each model of ``records`` and their mean.

    ``tau``: Kendall's tau-b of the mean forecast against one random sample of each prompt;
    ``mae``: of the median forecast, in tokens; ``crps`` in tokens; ``crps_skill``: 0 is the
    model's marginal over these prompts, 1 the other samples of the same prompt; ``coverage``: of
    the central 80 %. A capped answer counts with the length at which it was cut.
    """
    rng = np.random.default_rng(seed)
    lines: Metrics = {}
    for group in _groups(records):
        lines[group.name] = _line(predictor, group, rng)
    figures = [key for key, value in next(iter(lines.values()), {}).items() if _is_figure(value)]
    mean = {key: round(_mean(lines, key), 4) for key in figures}
    return {MEAN: dict(mean), **lines}


def _is_figure(value: float | str) -> bool:
    return not isinstance(value, str)


def _mean(lines: Metrics, key: str) -> float:
    return float(np.mean([float(line[key]) for line in lines.values()]))


def _groups(records: Records) -> Iterator[_Group]:
    for at, name in enumerate(records.models):
        rows = np.flatnonzero(records.model == at)
        rows = rows[np.argsort(records.prompt[rows], kind="stable")]
        prompts, counts = np.unique(records.prompt[rows], return_counts=True)
        if len(prompts) < 2:
            continue
        full = counts == counts.max()  # a few cells lack a sample; the score needs a rectangle
        keep = np.repeat(full, counts)
        samples = records.tokens[rows][keep].reshape(int(full.sum()), -1)
        yield _Group(name, [Prompt(name, records.texts[i]) for i in prompts[full]], samples)


def _line(
    predictor: LengthPredictor, group: _Group, rng: np.random.Generator
) -> dict[str, float | str]:
    atoms, mass = predictor.atoms(group.prompts)
    mean = np.sum(atoms * mass, axis=1)
    size = group.samples.shape[1]
    drawn = group.samples[np.arange(len(mean)), rng.integers(size, size=len(mean))]
    actual = group.samples.T
    crps = float(np.mean([evaluate.crps(atoms, mass, sample) for sample in actual]))
    known = np.mean([evaluate.mae(atoms[:, _AT[0.5]], sample) for sample in actual])
    inside = [evaluate.coverage(atoms[:, _AT[0.1]], atoms[:, _AT[0.9]], s) for s in actual]
    marginal, own = _references(group.samples)
    return {
        "tau": round(evaluate.kendall_tau(mean, drawn), 4),
        "mae": round(float(known), 1),
        "crps": round(crps, 1),
        "crps_skill": round((marginal - crps) / (marginal - own), 4) if marginal > own else 0.0,
        "coverage": round(float(np.mean(inside)), 4),
        "prompts": float(len(mean)),
        "route": ROUTES[predictor.place(group.name).route],
    }


def _references(samples: Array) -> tuple[float, float]:
    """CRPS of the model's marginal, and of the other samples of the same prompt (0 if too few)."""
    levels = (np.arange(_MARGINAL_ATOMS) + 0.5) / _MARGINAL_ATOMS
    marginal = np.quantile(samples, levels)
    mass = np.full(_MARGINAL_ATOMS, 1 / _MARGINAL_ATOMS)
    everywhere = np.broadcast_to(marginal, (samples.size, _MARGINAL_ATOMS))
    flat = float(evaluate.crps(everywhere, mass, samples.ravel()).mean())
    size = samples.shape[1]
    if size < 3:
        return flat, 0.0
    own = [
        evaluate.crps_of_samples(np.delete(samples, at, axis=1), samples[:, at]).mean()
        for at in range(size)
    ]
    return flat, float(np.mean(own))


def by_corpus(predictor: LengthPredictor, records: Records, *, seed: int = 0) -> dict[str, float]:
    """Kendall's tau within each corpus, mean over the models."""
    taus: dict[str, float] = {}
    for corpus in np.unique(records.corpus):
        part: NDArray[np.bool_] = records.corpus == corpus
        lines = measure(predictor, records.of_prompts(part), seed=seed)
        taus[str(corpus)] = float(lines[MEAN]["tau"])
    return taus
