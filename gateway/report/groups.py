"""Groups: requests counted by a name or a length class, for tables."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from predictor.arrays import Array, Flags, Indices
from scheduler.waiting_counts import LENGTHS

MOST_ROWS = 12
"""Rows of a table; what is beyond is one row."""

NONE = "(none)"

CLASSES = (
    f"up to {LENGTHS[0]:,}",
    *(f"{low + 1:,} to {high:,}" for low, high in pairwise(LENGTHS)),
    f"more than {LENGTHS[-1]:,}",
)
"""Names of the length classes, in output tokens; the bounds are those of the live page."""


def class_of(tokens: Array) -> Indices:
    """The index of each answer's length class in ``CLASSES``."""
    return np.searchsorted(np.array(LENGTHS), tokens)


def count(name: str, rows: Flags, prompt: Array, output: Array) -> dict[str, Any]:
    """One row: requests and tokens of the chosen ``rows`` (n)."""
    requests = int(rows.sum())
    return {
        "name": name,
        "requests": requests,
        "share": requests / max(1, len(rows)),
        "prompt_tokens": int(prompt[rows].sum()),
        "output_tokens": int(output[rows].sum()),
    }


def by_name(names: Sequence[str], prompt: Array, output: Array) -> list[dict[str, Any]]:
    """A row for each name, most requests first; the last row holds all that are beyond."""
    known, index = np.unique(
        np.array([n or NONE for n in names], dtype=np.object_), return_inverse=True
    )
    order = np.argsort(-np.bincount(index, minlength=len(known)), kind="stable")
    rows = [count(str(known[one]), index == one, prompt, output) for one in order[:MOST_ROWS]]
    if len(order) > MOST_ROWS:
        others = np.isin(index, order[MOST_ROWS:])
        title = f"({len(order) - MOST_ROWS} others)"
        rows.append(count(title, others, prompt, output))
    return rows
