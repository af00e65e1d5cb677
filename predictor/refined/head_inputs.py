"""The inputs of the refined tier's boosters: the fast tier's, and what the encoder adds."""

from __future__ import annotations

from math import log

import numpy as np

from predictor.arrays import Array, Single
from predictor.fast.formulas import latin_share, trusted
from predictor.fast.inputs import PRIOR, THINKING, TURNS, UNFAMILIAR
from predictor.fast.location import with_thinking
from predictor.raw_forecast import RawForecasts

MORE_COLUMNS = 7
"""Columns that ``head_inputs`` adds to the fast tier's inputs."""

_SHORT, _LONG = log(100.0), log(300.0)  # log tokens of demands that are short and long
_RULES_SHORT, _RULES_LONG = (0.4, 0.7), (0.5, 0.75)
"""Trust of a demand for a short or a long answer: up to the first it leaves all to the encoder,
from the second on nothing.

The data trained on have essays and letters, which the encoder ranks better than the fast tier, but
hardly a label, a haiku or a translation. Chosen by cross-fitting and by 130 everyday requests of
our own. With these ranges, with (1 - trust) squared for all demands, and where demands take
nothing, tau of essays by models of all licences is 0.29, 0.25 and 0.34 (fast tier: 0.23), and 87,
89 and 55 everyday medians are in range.
"""


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
    """The share of what encoder and boosters change that counts in the location (n, 0 to 1).

    The rest is the fast tier's, for what the encoder cannot know. An unfamiliar kind of request
    leaves nothing, a demand what ``_unruled`` says. ``inputs`` (n x len(COLUMNS)) are the fast
    tier's.
    """
    familiar = 1.0 - np.minimum(1.0, inputs[:, UNFAMILIAR])
    return np.asarray(readable_share(inputs) * familiar * _unruled(inputs))


def readable_share(inputs: Array) -> Array:
    """The share of each request that the encoder reads (n, 0 to 1).

    It reads Latin script only, and of a conversation the last message: of a third turn a third.
    """
    return np.asarray(latin_share(inputs) / np.maximum(1.0, np.nan_to_num(inputs[:, TURNS])))


def _unruled(inputs: Array) -> Array:
    """The share of the encoder's change that each request's demand leaves (n, 0 to 1)."""
    length = np.nan_to_num(inputs[:, PRIOR], nan=_LONG)
    long = np.clip((length - _SHORT) / (_LONG - _SHORT), 0.0, 1.0)
    left_short, left_long = (
        np.clip((most - trusted(inputs)) / (most - least), 0.0, 1.0)
        for least, most in (_RULES_SHORT, _RULES_LONG)
    )
    return np.asarray(long * left_long + (1.0 - long) * left_short)


def own_column(columns: Array, weights: Array) -> Array:
    """The encoder's log tokens (n) for the prompts' models; the models' mean for generic ones."""
    total = weights.sum(axis=1)
    own = np.einsum("nm,nm->n", columns, weights)
    return np.asarray(np.where(total > 0, own, columns.mean(axis=1)))
