"""The forecast that a record holds: quantiles and a mean, as atoms with their probabilities."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from predictor.arrays import Array, Flags
from predictor.raw_forecast import QUANTILES

_TAIL = 1 - QUANTILES[-1]

MASS = (QUANTILES[0] * 1.5, *([0.05] * (len(QUANTILES) - 2)), 0.025, _TAIL)
"""Probability of the atom at each quantile, and of the atom beyond the last one."""

Lists: TypeAlias = "pa.Array[Any] | pa.ChunkedArray[Any]"

MOST_TOKENS = 1e9
"""Tokens beyond which no forecast can be true: no context is so long."""


def are_sound(quantiles: Lists, mean: Array) -> Flags:
    """Whether each of n forecasts can be true: as many quantiles as levels, in order, in tokens.

    ``quantiles`` are lists, null where there is no forecast; ``mean`` (n) may be NaN: unknown.
    """
    lists: Any = quantiles  # pyarrow's types know no list that may be chunked
    lengths = pc.fill_null(pc.list_value_length(lists), 0)
    whole = np.asarray(lengths.to_numpy(zero_copy_only=False)) == len(QUANTILES)
    listed = listed_quantiles(quantiles.filter(pa.array(whole)))
    found = np.zeros(len(whole), dtype=np.bool_)
    found[whole] = _are_lengths(listed).all(axis=1) & (np.diff(listed, axis=1) >= 0).all(axis=1)
    return found & (np.isnan(mean) | _are_lengths(mean))


def _are_lengths(tokens: Array) -> Flags:
    return np.asarray((tokens > 0) & (tokens <= MOST_TOKENS), dtype=np.bool_)


def listed_quantiles(quantiles: Lists) -> Array:
    """Whole forecasts as an array (n x len(QUANTILES)); NaN where one has none at a level."""
    listed = pc.list_flatten(quantiles).to_numpy(zero_copy_only=False)
    return np.asarray(listed, dtype=np.float64).reshape(-1, len(QUANTILES))


def atoms(quantiles: Array, mean: Array) -> Array:
    """The atoms of n forecasts in tokens (n x len(MASS)).

    ``quantiles`` (n x len(QUANTILES)) and ``mean`` (n; NaN: unknown) are those of the records. The
    last atom makes the mean the recorded one.
    """
    body = quantiles @ np.array(MASS[:-1])
    tail = np.fmax(quantiles[:, -1], (mean - body) / _TAIL)
    return np.column_stack((quantiles, tail))
