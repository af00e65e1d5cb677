"""Doubt that no training data can teach: new models, and kinds of request without data.

Models with free licences, of which some are left out of the fit, are more alike than all models,
so what a new model adds is stated. It was measured on prompts trained on of six sets, answered by
models of all licences: what the two ends of 80 % intervals need so that 10 % of the answers lie
beyond each. A label or a call is as long from whichever model; an essay is not, for models differ
in habit, refusals and thinking.
"""

from __future__ import annotations

import numpy as np

from predictor.arrays import Array
from predictor.fast.formulas import level_doubt, trusted
from predictor.fast.inputs import BASE, COLUMNS, GENERIC, ROUTE, UNFAMILIAR

_BELOW = np.array([0.0, 0.3, 0.75])
_ABOVE = np.array([0.0, 0.1, 0.3])
"""What a new model adds below and above the forecast, by route: log tokens for each log token of
the answer beyond _SAME_FROM_ALL. The six sets need 0 to 1.15 (mean 0.46) and 0 to 0.9 (mean 0.36)
below, 0 to 0.2 (mean 0.08) and 0.25 to 1.45 (mean 0.5, of five sets 0.34) above: a new model
refuses or is laconic more often than it writes twice as much. With agents left out of the training
0.4 for related models covers 0.7 % more of them than 0.3, which was too much."""
_SAME_FROM_ALL, _MOST_ROOM = 4.0, 3.0
"""Log tokens: 55 tokens, and those beyond them that count."""

_UNFAMILIAR = 0.9
"""Log tokens by which forecasts of a kind of request without training data are off on average.

Measured on function calls, Chinese tasks, MCP agents and chat of 2022, which the shipped model was
not trained on: 1.2 to 2.0, of which the trees' scale has a quarter to a half. Most of the models
that answered were new too, so the larger doubt counts and not both: with agents left out of the
training, both cover 97 % of their answers in intervals of 80 %."""

_UNRULED = 2.0
"""Log tokens above a firm demand, for a new model; half of it in an unfamiliar kind of request.

Some models explain what was to be one word, and some demands are read that were none. Of the
answers to firm demands (trust above 0.85) in three sets of chat and Japanese, 20 to 40 % are 4.5
times as long as stated or longer, and the longest tenth 12 to 30 times."""

_UNTUNED = 1.5
"""Log tokens by which a base model's answers vary more, of a model that was not trained on.

A base model stops at once or runs on to its limit, whichever the request; no data trained on says
how often, so that the amount is stated: a factor of 4.5 either way."""

_GOES_ON = 0.5
"""The share of the doubt that is left for an answer to a tool's result, beside the last answer.

An agent goes on with its task and tells by its last answer how it writes. With agents left out of
the training, the mean error is 1.27 log tokens where there is no last answer and 0.63 where there
is one. In a chat the next message is another task, so that all the doubt stays."""
_SIGNS = [COLUMNS.index(name) for name in ("tool_results", "answers_last", "log_previous")]


def widened(inputs: Array, scale: Array, location: Array) -> Array:
    """The scales (n) with the doubt above the forecasts' ``location`` (n, log tokens).

    ``inputs`` (n x columns) are the boosters' inputs. What a trusted prior rules is not widened
    below, but only a firm one rules a new model. Shapes are calibrated on scales that are not
    widened.
    """
    if not _doubtful(inputs):
        return scale
    return np.asarray(np.hypot(scale, _doubt_above(inputs, location)))


def stretched(inputs: Array, scale: Array, location: Array, shape: Array) -> Array:
    """The quantiles ``shape`` (n x levels) of widened scales, with the doubt below the location.

    ``scale`` (n) are the ``widened`` scales.
    """
    if not _doubtful(inputs):
        return shape
    below, above = _doubt(inputs, location, _BELOW), _doubt_above(inputs, location)
    ratio = np.sqrt(1.0 + (below**2 - above**2) / scale**2)
    return np.asarray(np.where(shape < 0, shape * ratio[:, None], shape))


def _doubtful(inputs: Array) -> bool:
    """Whether any request has a new model or is of an unfamiliar kind."""
    return bool(inputs[:, ROUTE].any() or inputs[:, UNFAMILIAR].any())


def _doubt_above(inputs: Array, location: Array) -> Array:
    new = np.maximum(inputs[:, ROUTE] / GENERIC, 0.5 * level_doubt(inputs))
    unruled = _UNRULED * new * trusted(inputs) ** 4
    return np.asarray(np.hypot(_left(inputs) * unruled, _doubt(inputs, location, _ABOVE)))


def _doubt(inputs: Array, location: Array, slopes: Array) -> Array:
    ruled = trusted(inputs) ** 2
    unfamiliar = _UNFAMILIAR * np.minimum(1.0, inputs[:, UNFAMILIAR]) * (1.0 - ruled)
    room = np.clip(location - _SAME_FROM_ALL, 0.0, _MOST_ROOM)
    unseen = slopes[inputs[:, ROUTE].astype(np.intp)] * room * (1.0 - ruled**2)
    untuned = _UNTUNED * (inputs[:, BASE] > 0) * (inputs[:, ROUTE] > 0)
    return np.asarray(np.hypot(_left(inputs) * np.maximum(unfamiliar, unseen), untuned))


def _left(inputs: Array) -> Array:
    """The share of the doubt that each request's last answer leaves (n)."""
    goes_on = (inputs.take(_SIGNS, axis=1) > 0).all(axis=1)
    return np.where(goes_on, _GOES_ON, 1.0)
