"""CASTILLO's prompts as requests: the recorded answer lengths, and the predictor's forecasts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pyarrow.compute as pc

from gateway.simulate.inputs.forecasts import Forecasting, forecast_prompts
from gateway.simulate.inputs.source import RequestSource
from predictor.data.parquet import read_table
from predictor.data.records import DataError
from predictor.data.splits import digest
from predictor.fast.predictor import LengthPredictor
from predictor.prompt import Prompt, clip
from scheduler.sim.request import Request

MODEL = "Qwen/Qwen2.5-7B-Instruct-1M"
"""Default model whose answer lengths are simulated; the shipped predictor was trained on it."""


FAST = Forecasting(tier="fast")
"""The fast tier of the shipped predictor."""


@dataclass(frozen=True, slots=True)
class _CastilloPrompt:
    """A prompt, its size in tokens, and the lengths of its recorded answers in tokens."""

    text: str
    prompt_tokens: int
    lengths: tuple[int, ...]


def castillo_source(
    data: Path,
    *,
    model: str = MODEL,
    how: Forecasting = FAST,
    held_out: bool = True,
) -> RequestSource:
    """The prompts in CASTILLO's folder ``data`` that ``model`` answered.

    Each draw of a prompt takes one of its recorded lengths at random. ``held_out`` keeps only the
    prompts that the predictor was not trained on, by the rule in the predictor's manifest; without
    ``held_out`` all prompts of the split ``validate`` are used.

    Raises:
        DataError: a file is missing, or no prompt is left.
        ArtefactError: the predictor cannot be used.
    """
    threshold = _held_out_threshold(how.model_dir) if held_out else None
    sampled = _prompts(data, model, threshold)
    prompts = [Prompt(model, clip(prompt.text), chars=len(prompt.text)) for prompt in sampled]
    forecasts = forecast_prompts(prompts, how)
    expected = forecasts.lengths()

    def request(index: int, rng: Random) -> Request:
        prompt = sampled[index]
        length = rng.choice(prompt.lengths)
        return Request(prompt.prompt_tokens, length, expected[index], model, number=index)

    which = "held out of the predictor's training" if held_out else "partly seen in training"
    title = f"CASTILLO: {len(sampled)} prompts of {model}, {which}, {forecasts.title}"
    return RequestSource(title, len(sampled), request, forecaster=forecasts.forecaster)


def _held_out_threshold(model_dir: Path | None) -> str:
    """The predictor was not trained on prompts whose digest is at most this threshold."""
    manifest = LengthPredictor.load(model_dir).manifest
    threshold = str((manifest.get("held_out") or {}).get("threshold", ""))
    if not threshold or manifest.get("held_out_in_training"):
        raise DataError(
            f"{model_dir or 'the shipped predictor'} was trained on every prompt; train one with "
            "--no-refit, or give --prompts all and read the results as in-sample"
        )
    return threshold


def _prompts(data: Path, model: str, threshold: str | None) -> list[_CastilloPrompt]:
    """The ``validate`` prompts that the model answered, held out if there is a threshold."""
    lengths, sizes = _answers(data, model)
    texts = _read(data / "prompts_castillo.parquet", ("prompt_id", "prompt"), None)
    prompts = [
        _CastilloPrompt(text, sizes[prompt_id], tuple(lengths[prompt_id]))
        for prompt_id, text in sorted(texts)
        if prompt_id in lengths and (threshold is None or digest(text) <= threshold)
    ]
    if not prompts:
        raise DataError(
            f"no prompt of {model!r} in {data} was held out of the predictor's training"
        )
    return prompts


def _answers(data: Path, model: str) -> tuple[dict[str, list[int]], dict[str, int]]:
    """Answer lengths and prompt size, in tokens, by prompt id."""
    lengths: dict[str, list[int]] = {}
    sizes: dict[str, int] = {}
    columns = ("prompt_id", "response_tokens", "input_tokens_native")
    of_model = (pc.field("model") == model) & (pc.field("split") == "validate")
    for prompt_id, tokens, size in _read(data / "lengths_castillo.parquet", columns, of_model):
        lengths.setdefault(prompt_id, []).append(max(1, tokens))
        sizes[prompt_id] = max(1, size)
    if not lengths:
        raise DataError(
            f"{data} has no answers of model {model!r}; {data / 'models_castillo.csv'} lists the "
            "models"
        )
    return lengths, sizes


def _read(
    path: Path, columns: tuple[str, ...], rows: pc.Expression | None
) -> Iterator[tuple[Any, ...]]:
    if not path.is_file():
        raise DataError(
            f"{path} does not exist; give CASTILLO's folder with --data or LENGTHWISE_DATA, or "
            "your own requests with --requests"
        )
    table = read_table(path, columns, rows=rows)
    return zip(*(table[name].to_pylist() for name in columns), strict=True)
