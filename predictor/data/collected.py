"""What `lengthwise collect` wrote, as records."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from predictor.data.parquet import numbers, read_table, strings
from predictor.data.records import DataError, Records

LENGTHS, PROMPTS = "lengths_collected", "prompts_collected"
"""Names of the files, without ``.parquet`` and ``.jsonl``."""


def read_collected(folder: Path, *, test: bool = False) -> Records:
    """The samples of `lengthwise collect`. The corpus is the prompts' dataset.

    Raises:
        DataError: a file is absent, damaged or lacks a column.
    """
    lengths_file, prompts_file = folder / f"{LENGTHS}.parquet", folder / f"{PROMPTS}.parquet"
    lengths = read_table(lengths_file, ["prompt_id", "model", "response_tokens", "capped"])
    prompts = read_table(prompts_file, ["prompt_id", "dataset", "split", "prompt"])
    number = {name: at for at, name in enumerate(strings(prompts, "prompt_id"))}
    wanted = strings(lengths, "prompt_id")
    if lost := set(wanted) - set(number):
        raise DataError(
            f"{prompts_file} lacks prompt {min(lost)!r}, which {lengths_file.name} names; "
            "run `lengthwise collect` again to write both"
        )
    models, model = np.unique(strings(lengths, "model"), return_inverse=True)
    split = strings(prompts, "split")
    records = Records(
        texts=strings(prompts, "prompt").tolist(),
        corpus=strings(prompts, "dataset").astype(np.str_),
        validate=split == "validate",
        models=models.tolist(),
        prompt=np.array([number[name] for name in wanted], dtype=np.intp),
        model=model,
        tokens=np.maximum(1.0, numbers(lengths, "response_tokens")),
        capped=numbers(lengths, "capped").astype(np.bool_),
    )
    return records.of_prompts((split == "test") == test)
