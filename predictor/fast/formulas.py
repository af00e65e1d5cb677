"""Formulas on the boosters' inputs: the location without trees, trust, and what trees count."""

from __future__ import annotations

import numpy as np

from predictor.arrays import Array
from predictor.fast.inputs import (
    BASE,
    COLUMNS,
    GENERIC,
    LAST_ANSWER,
    OFFSET,
    OWN,
    PRIOR,
    ROUTE,
    SPREAD,
    TEXT_ALL,
    THINKING,
    TRUST,
    UNFAMILIAR,
)
from predictor.fast.location import (
    USUAL,
    damping,
    some,
    toward_previous,
    toward_prior,
    with_thinking,
)
from predictor.features.characters import SCRIPTS

_OF_BASE = np.array([OWN, OFFSET, THINKING])
_OTHER_SCRIPTS = [COLUMNS.index(f"script {name}") for name in SCRIPTS if name != "accented"]

_OBEYED = 0.3
"""The share of a demand's trust that holds for a base model, which continues a text.

Stated: three of the sets trained on have five base models together, most of them prompted with
examples, and say neither this nor the contrary (tau within 0.004)."""
_UNKNOWING = 0.5
"""The share of the boosters' output that an unfamiliar request takes away.

Mean errors in log tokens by all, half and none of it, on unfamiliar requests of sets left out of
the training: agents 0.66, 0.61, 0.56; essays 0.87, 0.74, 0.67; Japanese 0.81, 0.83, 0.88."""
_MEAN_ERROR = 0.8  # of a normal variable, in standard deviations
_SCORE_SHARE = 0.5  # of the text model's score; the boosters add what helps beyond


def location_base(inputs: Array) -> Array:
    """The part of the location that needs no trees, in log tokens (n).

    ``inputs`` (n x len(COLUMNS)) are the boosters' inputs; a column that is NaN counts as 0. The
    boosters' output times ``correction_share`` is added to the base.
    """
    known = inputs.take(_OF_BASE, axis=1)
    known[np.isnan(known)] = 0.0
    own, offset, effort = known.T
    score = inputs[:, TEXT_ALL] + own - USUAL
    answer = USUAL + offset + _SCORE_SHARE * score
    trust, last = trusted(inputs), inputs[:, LAST_ANSWER]
    answer = toward_prior(answer, inputs[:, PRIOR], trust)
    if some(last):
        answer = toward_previous(answer, last, level_doubt(inputs) * (1.0 - trust))
    return with_thinking(answer, effort)


def trusted(inputs: Array) -> Array:
    """The trust in each request's prior (n, 0 to 1), by what is known of the model."""
    trust: Array = inputs[:, TRUST]
    base = inputs[:, BASE]
    return trust * np.where(base > 0, _OBEYED, 1.0) if some(base) else trust


def level_doubt(inputs: Array) -> Array:
    """How little is known of the level of the model's answers to such requests (n, 0 to 1)."""
    of_model = inputs[:, ROUTE] / GENERIC
    return np.asarray(np.maximum(of_model, np.minimum(1.0, inputs[:, UNFAMILIAR])))


def correction_share(inputs: Array) -> Array:
    """The share of the boosters' output that counts in the location (n).

    Half of it for a kind of request that the boosters were not trained on.
    """
    trust, strange = trusted(inputs), inputs[:, UNFAMILIAR]
    if not (some(trust) or some(strange)):  # most requests
        return np.ones(len(inputs))
    return np.asarray(damping(trust) * (1.0 - _UNKNOWING * np.minimum(1.0, strange)))


def latin_share(inputs: Array) -> Array:
    """The share of each text's letters that are Latin (n, 0 to 1)."""
    return np.asarray(np.clip(1.0 - inputs[:, _OTHER_SCRIPTS].sum(axis=1), 0.0, 1.0))


def scales(inputs: Array, output: Array) -> Array:
    """The scales (n, log tokens) from the ``output`` (n) of the booster of the scale.

    A trusted prior draws the scale towards the prior's spread. A scale is a mean absolute error,
    a spread a standard deviation.
    """
    trust = trusted(inputs)
    if some(trust):
        output = toward_prior(output, np.log(_MEAN_ERROR * inputs[:, SPREAD]), trust**2)
    return np.exp(output)
