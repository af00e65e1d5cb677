"""Prompts answered by models that are not forecast: each prompt's effect on log length.

These data sets have everyday questions, which CASTILLO's licensed corpora lack. Only the effect
of a prompt over all of a data set's models is used. The files are optional and lie in CASTILLO's
folder: ``prompts_NAME.parquet`` and ``lengths_NAME.parquet``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from scipy.stats import norm

from predictor.arrays import Array, Flags, Indices
from predictor.data.parquet import flags, numbers, read_table

SOURCES = {
    "oasst_eval": "OpenAssistant model evaluations (oasst_eval), Apache-2.0",
    "arenahard": "Arena-Hard answers (arenahard), Apache-2.0",
}
"""Data sets whose licence lets a trained model ship, in the order of the encoder's columns."""

_ROUNDS = 40
_NON_COMMERCIAL = ("alpaca_eval",)  # corpora that have no part in any training
_LEVEL_COLUMNS = ("model", "sampling_config", "mode")  # each combination has a level of its own
_LIMIT_REACHED = 0.98  # of ``max_tokens``: from this length on an answer counts as censored


@dataclass(frozen=True, slots=True)
class PromptEffects:
    """The P prompts of one data set with their effects on log length.

    ``name`` is the data set's name, ``texts`` (P) are the prompts. ``effect`` (P) is each prompt's
    mean log tokens over the models (NaN: no answer). ``weight`` is the weight of each prompt in the
    encoder's training, in which CASTILLO's prompts have a mean weight of 1.
    """

    name: str
    texts: list[str]
    effect: Array
    weight: float = 0.5


def read(
    folder: Path, exclude: Sequence[str], names: Iterable[str] = tuple(SOURCES)
) -> list[PromptEffects]:
    """The data sets ``names`` whose files are in ``folder``.

    A prompt is left out if a text in ``exclude`` (the held-out prompts) has the same first 200
    characters, apart from case and white space.

    Raises:
        DataError: a file cannot be read or lacks a column.
    """
    excluded = {_beginning(text) for text in exclude}
    data_sets = []
    for name in names:
        prompts, lengths = (folder / f"{kind}_{name}.parquet" for kind in ("prompts", "lengths"))
        if prompts.is_file() and lengths.is_file():
            data_sets.append(_read_effects(name, prompts, lengths, excluded))
    return data_sets


def _beginning(text: str) -> str:
    return " ".join(text.lower().split())[:200]


def _read_effects(
    name: str, prompts_file: Path, lengths_file: Path, excluded: set[str]
) -> PromptEffects:
    prompts = read_table(prompts_file, ["prompt_id", "dataset", "prompt"])
    lengths = read_table(
        lengths_file,
        ["prompt_id", "response_tokens", "model"],
        optional=("sampling_config", "mode", "maybe_capped", "max_tokens"),
    )
    kept = [
        row
        for row in prompts.to_pylist()
        if row["dataset"] not in _NON_COMMERCIAL and _beginning(row["prompt"]) not in excluded
    ]
    number = {row["prompt_id"]: index for index, row in enumerate(kept)}
    prompt = np.array([number.get(key, -1) for key in lengths["prompt_id"].to_pylist()], np.intp)
    tokens = numbers(lengths, "response_tokens")
    use = (prompt >= 0) & (tokens >= 1)
    effect = prompt_effects(
        prompt[use],
        _levels(lengths)[use],
        np.log(tokens[use]),
        _censored(lengths, tokens)[use],
        prompts=len(kept),
    )
    return PromptEffects(name, [row["prompt"] for row in kept], effect)


def _levels(lengths: pa.Table) -> Indices:
    """A number for each answer's combination of model and sampling settings."""
    keys = [lengths[name].to_pylist() for name in _LEVEL_COLUMNS if name in lengths.column_names]
    _, level = np.unique([str(key) for key in zip(*keys, strict=True)], return_inverse=True)
    return np.asarray(level, dtype=np.intp)


def _censored(lengths: pa.Table, tokens: Array) -> Flags:
    if "maybe_capped" in lengths.column_names:
        return flags(lengths, "maybe_capped")
    if "max_tokens" in lengths.column_names:
        limit = np.nan_to_num(numbers(lengths, "max_tokens"), nan=np.inf)
        return np.asarray(tokens >= _LIMIT_REACHED * limit)
    return np.zeros(len(tokens), dtype=np.bool_)


def prompt_effects(
    prompt: Indices, level: Indices, logs: Array, censored: Flags, *, prompts: int
) -> Array:
    """Effects of ``prompts`` prompts on log length by least squares; NaN without an answer.

    Each of n answers has log length prompt effect + level effect + noise; ``prompt`` and ``level``
    (n) are indices. A ``censored`` answer counts as the expected log length beyond its cut (Tobin
    1958; EM: impute, fit, repeat).
    """
    answers, level_answers = np.bincount(prompt, minlength=prompts), np.bincount(level)
    effect, level_effect = np.zeros(prompts), np.zeros(len(level_answers))
    filled = logs.copy()
    for _ in range(_ROUNDS):
        rest = filled - level_effect[level]
        effect = np.bincount(prompt, rest, prompts) / np.maximum(1, answers)
        level_effect = np.bincount(level, filled - effect[prompt]) / np.maximum(1, level_answers)
        expected = effect[prompt] + level_effect[level]
        residuals = (filled - expected)[~censored]
        spread = float(np.sqrt(np.mean(residuals**2))) if len(residuals) else 1.0
        reach = (logs[censored] - expected[censored]) / max(spread, 1e-6)
        hazard = np.exp(norm.logpdf(reach) - norm.logsf(reach))
        filled[censored] = np.maximum(logs[censored], expected[censored] + spread * hazard)
    return np.where(answers > 0, effect + level_effect.mean(), np.nan)
