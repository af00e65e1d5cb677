"""Prompts that other models answered: what they tell of a prompt's length, in one number each.

Everyday questions that CASTILLO's free corpora lack. Their models are not the ones forecast, so
that only what a prompt does to length over all of them is used. Read from the folder with
CASTILLO, where they lie beside it; none is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.stats import norm

from predictor.arrays import Array, Flags, Indices
from predictor.data.records import DataError

SOURCES = {
    "oasst_eval": "OpenAssistant model evaluations (oasst_eval), Apache-2.0",
    "arenahard": "Arena-Hard answers (arenahard), Apache-2.0",
}
"""Data sets whose licence lets a trained model ship, in the order of their columns."""

_ROUNDS = 40
_NEVER = ("alpaca_eval",)  # non-commercial: no part in any training
_KEYS = ("model", "sampling_config", "mode")  # what gives answers a level of length of its own


@dataclass(frozen=True, slots=True)
class Extra:
    """Prompts answered by other models: each one's effect on log length, in a column of its own.

    ``texts`` (P), ``effect`` (P log tokens, NaN if unknown), ``weight`` of each beside the
    main prompts' mean of 1.
    """

    name: str
    texts: list[str]
    effect: Array
    weight: float = 0.5


def read(
    folder: Path, exclude: Sequence[str], names: Iterable[str] = tuple(SOURCES)
) -> list[Extra]:
    """The data sets ``names`` of ``folder`` that are there.

    Prompts that begin as one of ``exclude`` does (the held-out ones) are left out.

    Raises:
        DataError: a file cannot be read.
    """
    shut = {_beginning(text) for text in exclude}
    out = []
    for name in names:
        files = [folder / f"{kind}_{name}.parquet" for kind in ("prompts", "lengths")]
        if not all(file.is_file() for file in files):
            continue
        try:
            prompts, lengths = (pq.read_table(file) for file in files)
            out.append(_extra(name, prompts, lengths, shut))
        except (pa.ArrowException, OSError, KeyError) as error:
            raise DataError(f"{files[1]}: {error}; fetch the data set again") from error
    return out


def _beginning(text: str) -> str:
    return " ".join(text.lower().split())[:200]


def _extra(name: str, prompts: pa.Table, lengths: pa.Table, shut: set[str]) -> Extra:
    rows = prompts.select(["prompt_id", "dataset", "prompt"]).to_pylist()
    kept = [
        row
        for row in rows
        if row["dataset"] not in _NEVER and _beginning(row["prompt"]) not in shut
    ]
    number = {row["prompt_id"]: at for at, row in enumerate(kept)}
    prompt = np.array([number.get(key, -1) for key in lengths["prompt_id"].to_pylist()], np.intp)
    tokens = np.asarray(lengths["response_tokens"].to_numpy(), dtype=np.float64)
    use = (prompt >= 0) & (tokens >= 1)
    effect = effects(
        prompt[use],
        _levels(lengths)[use],
        np.log(tokens[use]),
        _cut(lengths, tokens)[use],
        prompts=len(kept),
    )
    return Extra(name, [row["prompt"] for row in kept], effect)


def _levels(lengths: pa.Table) -> Indices:
    keys = [lengths[key].to_pylist() for key in _KEYS if key in lengths.column_names]
    _, level = np.unique([str(key) for key in zip(*keys, strict=True)], return_inverse=True)
    return np.asarray(level, dtype=np.intp)


def _cut(lengths: pa.Table, tokens: Array) -> Flags:
    if "maybe_capped" in lengths.column_names:
        return np.asarray(lengths["maybe_capped"].to_numpy(zero_copy_only=False), dtype=np.bool_)
    if "max_tokens" in lengths.column_names:
        limit = np.asarray(lengths["max_tokens"].to_numpy(), dtype=np.float64)
        return np.asarray(tokens >= 0.98 * np.nan_to_num(limit, nan=np.inf))
    return np.zeros(len(tokens), dtype=np.bool_)


def effects(
    prompt: Indices,
    level: Indices,
    logs: Array,
    cut: Flags,
    *,
    prompts: int,
) -> Array:
    """Prompts' effects on log length (``prompts``, NaN without an answer), least squares.

    An answer is prompt + level + noise; one that was ``cut`` counts as what a longer one is
    expected to be, given the others (Tobin 1958; EM: impute, fit, again).
    """
    of_prompt = np.bincount(prompt, minlength=prompts)
    of_level = np.maximum(1, np.bincount(level))
    found, height = np.zeros(prompts), np.zeros(len(of_level))
    filled = logs.copy()
    for _ in range(_ROUNDS):
        found = np.bincount(prompt, filled - height[level], prompts) / np.maximum(1, of_prompt)
        height = np.bincount(level, filled - found[prompt]) / of_level
        expected = found[prompt] + height[level]
        spread = float(np.sqrt(np.mean((filled - expected)[~cut] ** 2))) if (~cut).any() else 1.0
        beyond = (logs[cut] - expected[cut]) / max(spread, 1e-6)
        hazard = np.exp(norm.logpdf(beyond) - norm.logsf(beyond))
        filled[cut] = np.maximum(logs[cut], expected[cut] + spread * hazard)
    return np.where(of_prompt > 0, found + height.mean(), np.nan)
