"""Which answers of a set were cut by a limit on their length."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from predictor.arrays import Array, Flags
from predictor.data.parquet import numbers, strings

_ROUND = np.outer([1000, 1024], [0.5, 1, 2, 3, 4, 5, 6, 8, 10, 16, 20, 30, 32]).ravel()
_PILE = 5  # answers of one model at one round number that show a limit
_TALLER = 4  # how many times as many as at an average neighbouring number
_REACHED = 0.97  # of a limit known in native tokens: counts in cl100k tokens are inexact

MAX_TOKENS = {"mint_agents": 512}
"""Limits that a set's authors state, in native tokens."""


def cut(name: str, table: pa.Table, native: Array) -> Flags:
    """Which answers (n) of the set ``name`` are right-censored; ``native`` are native tokens (n).

    Answers count as cut at a stated limit, if they end for length, or where a model's answers pile
    up at a round number.
    """
    out = np.asarray(native >= _REACHED * MAX_TOKENS.get(name, np.inf))
    if "finish_reason" in table.column_names:
        out |= strings(table, "finish_reason") == "length"
    _, model = np.unique(strings(table, "model").astype(np.str_), return_inverse=True)
    order = np.argsort(model, kind="stable")
    tokens = numbers(table, "response_tokens")
    for rows in np.split(order, np.cumsum(np.bincount(model))[:-1]):
        out[rows] |= at_piles(tokens[rows])
    return out


def at_piles(tokens: Array) -> Flags:
    """Which of a model's lengths (n) lie at a round number where they pile up."""
    out = np.zeros(len(tokens), dtype=np.bool_)
    for limit in _ROUND:
        distance = np.abs(tokens - limit)
        here, near = distance <= 1, (distance > 1) & (distance <= 30)
        if here.sum() >= _PILE and here.sum() / 3 > _TALLER * near.sum() / 58:
            out |= here
    return out
