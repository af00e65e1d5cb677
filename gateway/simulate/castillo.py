"""CASTILLO's prompts as requests: their real lengths, and what the predictor says of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from gateway.simulate.jsonl import Forecasts
from gateway.simulate.source import Source
from predictor.data.records import DataError
from predictor.data.splits import digest
from predictor.fast.predictor import LengthPredictor
from predictor.prompt import Prompt, clip
from scheduler.length import LengthDistribution
from scheduler.sim.request import Request

MODEL = "Qwen/Qwen2.5-7B-Instruct-1M"
"""The model whose lengths are simulated unless told otherwise: the shipped predictor knows it."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """A prompt, its size in tokens, the lengths that its answers had, and their forecast."""

    text: str
    prompt_tokens: int
    lengths: tuple[int, ...]
    forecast: LengthDistribution


def read_pool(
    data: Path,
    *,
    model: str = MODEL,
    model_dir: Path | None = None,
    tier: str = "fast",
    held_out: bool = True,
) -> Source:
    """The prompts of ``model`` in CASTILLO's folder ``data``, forecast by ``tier`` of a predictor.

    Each time a prompt comes, one of its answers' lengths is drawn. With ``held_out`` only those
    that, by the rule in the predictor's manifest, were kept out of its training; without, all
    prompts of the split ``validate``.

    Raises:
        DataError: a file is absent, or no prompt is left.
        ArtifactError: the predictor in ``model_dir`` (None: the one that ships) is unusable.
    """
    predictor = LengthPredictor.load(model_dir)
    rule = predictor.manifest.get("held_out") or {}
    threshold = str(rule.get("threshold", ""))
    if held_out and (not threshold or predictor.manifest.get("held_out_in_training")):
        raise DataError(
            f"{model_dir or 'the model that ships'} was trained on every prompt; train one with "
            "--no-refit, or ask for --prompts all and read the figures as in-sample"
        )
    rows = _rows(data, model, threshold if held_out else None)
    prompts = [Prompt(model, clip(text), chars=len(text)) for text, _, _ in rows]
    (forecasts,) = Forecasts(model_dir, tier).of(iter([prompts]))
    sampled = [Sampled(*row, forecast) for row, forecast in zip(rows, forecasts, strict=True)]

    def request(at: int, rng: Random) -> Request:
        prompt = sampled[at]
        return Request(prompt.prompt_tokens, rng.choice(prompt.lengths), prompt.forecast, model)

    which = "held out of the predictor's training" if held_out else "in part seen in training"
    title = f"CASTILLO: {len(sampled)} prompts of {model}, {which}, {tier} forecasts"
    return Source(title, len(sampled), request)


def _rows(data: Path, model: str, threshold: str | None) -> list[tuple[str, int, tuple[int, ...]]]:
    """Text, prompt tokens and lengths of the ``validate`` prompts the model has answered."""
    lengths: dict[str, list[int]] = {}
    sizes: dict[str, int] = {}
    columns = ("prompt_id", "response_tokens", "input_tokens_native")
    rows_of = (pc.field("model") == model) & (pc.field("split") == "validate")
    for prompt_id, tokens, size in _read(data / "lengths_castillo.parquet", columns, rows_of):
        lengths.setdefault(prompt_id, []).append(max(1, tokens))
        sizes[prompt_id] = max(1, size)
    if not lengths:
        raise DataError(
            f"{data} has no answers of model {model!r}; {data / 'models_castillo.csv'} names those "
            "it has"
        )
    texts = _read(data / "prompts_castillo.parquet", ("prompt_id", "prompt"), None)
    rows = [
        (text, sizes[prompt_id], tuple(lengths[prompt_id]))
        for prompt_id, text in sorted(texts)
        if prompt_id in lengths and (threshold is None or digest(text) <= threshold)
    ]
    if not rows:
        raise DataError(
            f"no prompt of {model!r} in {data} was held out of the predictor's training"
        )
    return rows


def _read(
    path: Path, columns: tuple[str, ...], filters: pc.Expression | None
) -> Iterator[tuple[Any, ...]]:
    if not path.is_file():
        raise DataError(
            f"{path} is not there; give CASTILLO's folder as --data or in LENGTHWISE_DATA, or "
            "your own requests as --requests"
        )
    table = pq.read_table(path, columns=list(columns), filters=filters)
    return zip(*(table[name].to_pylist() for name in columns), strict=True)
