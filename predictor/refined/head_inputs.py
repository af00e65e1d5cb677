"""The inputs of the refined tier's boosters: the fast tier's, and what the encoder adds."""

from __future__ import annotations

import numpy as np

from predictor.arrays import Array, Single
from predictor.fast.formulas import latin_share, trusted
from predictor.fast.inputs import THINKING, TURNS
from predictor.fast.location import with_thinking
from predictor.raw_forecast import RawForecasts

MORE_COLUMNS = 7
"""Columns that ``head_inputs`` adds to the fast tier's inputs."""


def head_inputs(raw: RawForecasts, encoded: Array, weights: Array) -> Array:
    """The refined boosters' inputs for n prompts, n x (columns of ``raw.inputs`` +
    MORE_COLUMNS).

    ``encoded`` (n x D) are the encoder's ``whole_lengths``; the first M columns are of the models.
    ``weights`` (n x M) are the ``ModelMatch.weights`` of the prompts' models.
    """
    columns, models = encoded, weights.shape[1]
    own = own_column(columns[:, :models], weights)
    others = columns[:, models:-1].mean(axis=1) if columns.shape[1] > models + 1 else 0 * own
    mean = columns[:, :models].mean(axis=1)
    fast = (raw.location, np.log(raw.scale))
    departures = (own - raw.location, own - mean)
    return np.column_stack([raw.inputs, *fast, own, *departures, others, columns[:, -1]])


def whole_lengths(encoded: Single, inputs: Array) -> Array:
    """The encoder's outputs (n x D) with the thinking phase added to its answers' log tokens.

    ``inputs`` (n x len(COLUMNS)) are the fast tier's. The last column, a log error size, stays.
    """
    effort = np.nan_to_num(inputs[:, THINKING])[:, None]
    columns = np.asarray(encoded, dtype=np.float64)
    return np.column_stack([with_thinking(columns[:, :-1], effort), columns[:, -1]])


def encoder_share(inputs: Array) -> Array:
    """The share of what the encoder changes that counts in the location (n, 0 to 1).

    The encoder was trained on tasks that seldom state their form, and draws a forecast beside a
    prior to their lengths; it reads Latin script only, and of a conversation the last message only.
    A trust of 0.3 leaves half of its change, one of 0.6 a sixth, a third turn a third. Base models
    obey less, so that more of it stays (``trusted``). ``inputs`` (n x len(COLUMNS)) are the fast
    tier's.
    """
    read = 1 / np.maximum(1.0, np.nan_to_num(inputs[:, TURNS]))
    return np.asarray(latin_share(inputs) * read * (1 - trusted(inputs)) ** 2)


def own_column(columns: Array, weights: Array) -> Array:
    """The encoder's log tokens (n) for the prompts' models; the models' mean for generic ones."""
    total = weights.sum(axis=1)
    own = np.einsum("nm,nm->n", columns, weights)
    return np.asarray(np.where(total > 0, own, columns.mean(axis=1)))
