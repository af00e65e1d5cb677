"""What a collection leaves: lengths and prompts in CASTILLO's schema, Parquet and JSON lines."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from predictor.collect.journal import Sample
from predictor.collect.prompts import CollectPrompt
from predictor.collect.requests import Sampling
from predictor.data.collected import LENGTHS, PROMPTS

_ENDLESS = 14_999
_LONG, _SPREAD = 8_499, 2.0

_LENGTH_FIELDS: dict[str, pa.DataType] = {
    "source": pa.string(),
    "prompt_id": pa.string(),
    "model": pa.string(),
    "sample_idx": pa.int32(),
    "response_tokens": pa.int32(),
    "dataset": pa.string(),
    "split": pa.string(),
    "input_tokens_native": pa.int32(),
    "temperature": pa.float32(),
    "top_p": pa.float32(),
    "top_k": pa.int32(),
    "max_tokens": pa.int32(),
    "finish_reason": pa.string(),
    "capped": pa.bool_(),
    "degenerate": pa.bool_(),
}
_PROMPT_FIELDS: dict[str, pa.DataType] = {
    "prompt_id": pa.string(),
    "dataset": pa.string(),
    "split": pa.string(),
    "prompt": pa.string(),
    "prompt_chars": pa.int64(),
    "messages": pa.string(),
}


def degenerate(tokens: Sequence[int]) -> bool:
    """Whether the lengths of one prompt's answers by one model show text degeneration.

    CASTILLO's rule (arXiv 2505.16881): one has 14,999 tokens or more, or their standard deviation
    is more than twice their mean and the longest is above 8,499.
    """
    longest = max(tokens)
    wild = float(np.std(tokens)) > _SPREAD * float(np.mean(tokens))
    return longest >= _ENDLESS or (wild and longest > _LONG)


def write(
    folder: Path, prompts: Sequence[CollectPrompt], samples: Iterable[Sample], sampling: Sampling
) -> list[Path]:
    """Write the four files, each put in place whole; those of the lengths last."""
    by_prompt: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        by_prompt[sample.prompt_id].append(sample)
    sampled = [prompt for prompt in prompts if by_prompt[prompt.prompt_id]]
    lengths = [
        row for prompt in sampled for row in _rows(prompt, by_prompt[prompt.prompt_id], sampling)
    ]
    tables = {
        PROMPTS: pa.Table.from_pylist([_row(prompt) for prompt in sampled], _of(_PROMPT_FIELDS)),
        LENGTHS: pa.Table.from_pylist(lengths, _of(_LENGTH_FIELDS)),
    }
    return [path for name, table in tables.items() for path in _both(folder, name, table)]


def _of(fields: dict[str, pa.DataType]) -> pa.Schema:
    return pa.schema(list(fields.items()))


def _row(prompt: CollectPrompt) -> dict[str, object]:
    return {
        "prompt_id": prompt.prompt_id,
        "dataset": prompt.dataset,
        "split": prompt.split,
        "prompt": prompt.text,
        "prompt_chars": len(prompt.text),
        "messages": json.dumps(prompt.messages) if prompt.chat else None,
    }


def _rows(
    prompt: CollectPrompt, samples: list[Sample], sampling: Sampling
) -> Iterable[dict[str, object]]:
    samples.sort(key=lambda sample: sample.sample_idx)
    bad = degenerate([sample.response_tokens for sample in samples])
    for sample in samples:
        yield {
            "source": "collected",
            "prompt_id": prompt.prompt_id,
            "model": sampling.model,
            "sample_idx": sample.sample_idx,
            "response_tokens": sample.response_tokens,
            "dataset": prompt.dataset,
            "split": prompt.split,
            "input_tokens_native": sample.input_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": sampling.top_k,
            "max_tokens": sampling.max_tokens,
            "finish_reason": sample.finish_reason,
            "capped": sample.capped,
            "degenerate": bad,
        }


def _both(folder: Path, name: str, table: pa.Table) -> Iterable[Path]:
    def parquet(file: IO[bytes]) -> None:
        pq.write_table(table, file)

    def lines(file: IO[bytes]) -> None:
        for row in table.to_pylist():
            file.write(json.dumps(row).encode() + b"\n")

    for suffix, fill in ((".parquet", parquet), (".jsonl", lines)):
        path = folder / f"{name}{suffix}"
        _whole(path, fill)
        yield path


def _whole(path: Path, fill: Callable[[IO[bytes]], None]) -> None:
    """A reader finds the old file or the new one, never a part."""
    stage = path.with_name(f".{path.name}.part")
    try:
        with stage.open("wb") as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(stage, path)
    finally:
        stage.unlink(missing_ok=True)
