"""The result files of a collection: lengths and prompts in CASTILLO's schema."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from predictor.collect.journal import Sample
from predictor.collect.prompts import CollectPrompt
from predictor.collect.sampling import Sampling
from predictor.data.collected import LENGTHS, PROMPTS
from predictor.files import atomic_write

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
    """True if the lengths of one prompt's answers by one model show text degeneration.

    CASTILLO's rule (arXiv 2505.16881): an answer has 14,999 tokens or more; or the standard
    deviation is more than twice the mean, and the longest answer has more than 8,499 tokens.
    """
    longest = max(tokens)
    wild = float(np.std(tokens)) > _SPREAD * float(np.mean(tokens))
    return longest >= _ENDLESS or (wild and longest > _LONG)


def write(
    folder: Path, prompts: Sequence[CollectPrompt], samples: Iterable[Sample], sampling: Sampling
) -> list[Path]:
    """Write the prompts and then the lengths, each as Parquet and JSON lines; returns the paths."""
    by_prompt: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        by_prompt[sample.prompt_id].append(sample)
    sampled = [prompt for prompt in prompts if by_prompt[prompt.prompt_id]]
    lengths = [
        row
        for prompt in sampled
        for row in _length_rows(prompt, by_prompt[prompt.prompt_id], sampling)
    ]
    tables = {
        PROMPTS: pa.Table.from_pylist(
            [_prompt_row(prompt) for prompt in sampled], _schema(_PROMPT_FIELDS)
        ),
        LENGTHS: pa.Table.from_pylist(lengths, _schema(_LENGTH_FIELDS)),
    }
    return [path for name, table in tables.items() for path in _both(folder, name, table)]


def _schema(fields: dict[str, pa.DataType]) -> pa.Schema:
    return pa.schema(list(fields.items()))


def _prompt_row(prompt: CollectPrompt) -> dict[str, object]:
    return {
        "prompt_id": prompt.prompt_id,
        "dataset": prompt.dataset,
        "split": prompt.split,
        "prompt": prompt.text,
        "prompt_chars": len(prompt.text),
        "messages": json.dumps(prompt.messages) if prompt.chat else None,
    }


def _length_rows(
    prompt: CollectPrompt, samples: list[Sample], sampling: Sampling
) -> Iterable[dict[str, object]]:
    samples.sort(key=lambda sample: sample.sample_idx)
    is_degenerate = degenerate([sample.response_tokens for sample in samples])
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
            "degenerate": is_degenerate,
        }


def _both(folder: Path, name: str, table: pa.Table) -> Iterable[Path]:
    """Write ``table`` as Parquet and as JSON lines, each file in one step."""
    parquet, lines = folder / f"{name}.parquet", folder / f"{name}.jsonl"
    with atomic_write(parquet) as file:
        pq.write_table(table, file)
    yield parquet
    with atomic_write(lines) as file:
        for row in table.to_pylist():
            file.write(json.dumps(row).encode() + b"\n")
    yield lines
