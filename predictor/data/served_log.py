"""A served log whose texts were kept, as records."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from predictor.data.parquet import flags, numbers, strings
from predictor.data.records import DataError, Records
from predictor.served_log import LogError
from predictor.served_log import read as read_log

SERVED = "served"
"""The corpus of every prompt from a served log."""


def read_served(folder: Path) -> Records:
    """The finished requests of the served log in ``folder``, one sample each.

    Requests for several sequences are left out, because the log has only the sum of their
    lengths. Requests without a single output token are left out as well. All prompts are marked
    ``validate``: any of them may be held out.

    Raises:
        DataError: the log cannot be read or holds no texts.
    """
    try:
        table = read_log(folder)
    except LogError as error:
        raise DataError(str(error)) from error
    texts = [text or "" for text in table["text"].to_pylist()]
    kept = np.array([bool(text) for text in texts], dtype=np.bool_)
    if not kept.any():
        raise DataError(
            f"{folder}: served log holds no texts; set learning.keep_text, or use online refitting"
        )
    tokens, single = numbers(table, "output_tokens"), numbers(table, "sequences") == 1
    rows = np.flatnonzero(kept & single & (tokens > 0))
    number: dict[str, int] = {}
    prompt = [number.setdefault(texts[row], len(number)) for row in rows]
    models, model = np.unique(strings(table, "model")[rows], return_inverse=True)
    return Records.of_texts(
        list(number),
        corpus=np.full(len(number), SERVED),
        validate=np.ones(len(number), dtype=np.bool_),
        models=models.tolist(),
        prompt=np.array(prompt, dtype=np.intp),
        model=model.astype(np.intp),
        tokens=tokens[rows],
        censored=flags(table, "censored")[rows],
    )
