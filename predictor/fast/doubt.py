"""Doubt that no training data can teach: new models, and kinds of request without data.

Models with free licences, of which some are left out of the fit, are more alike than all models,
so what a new model adds is stated. It was measured on prompts trained on of six sets, answered by
models of all licences: what the two ends of 80 % intervals need so that 10 % of the answers lie
beyond each. A label or a call is as long from whichever model; an essay is not, for models differ
in habit, refusals and thinking.
"""

from __future__ import annotations

from math import hypot

import numpy as np

from predictor.arrays import Array
from predictor.fast.formulas import trusted
from predictor.fast.inputs import BASE, COLUMNS, GENERIC, ROUTE, UNFAMILIAR

_BELOW = (0.0, 0.3, 0.75)
_ABOVE = (0.0, 0.1, 0.3)
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
_SIGNS = ("tool_results", "answers_last", "log_previous")
_READ = np.array([ROUTE, UNFAMILIAR, BASE, *map(COLUMNS.index, _SIGNS)])


def widened(inputs: Array, scale: Array, location: Array) -> Array:
    """The scales (n) with the doubt above the forecasts' ``location`` (n, log tokens).

    ``inputs`` (n x columns) are the boosters' inputs. What a trusted prior rules is not widened
    below, but only a firm one rules a new model. Shapes are calibrated on scales that are not
    widened.
    """
    if not _doubtful(inputs):
        return scale
    return np.asarray(np.hypot(scale, _doubts(inputs, location)[1]))


def stretched(inputs: Array, scale: Array, location: Array, shape: Array) -> Array:
    """The quantiles ``shape`` (n x levels) of widened scales, with the doubt below the location.

    ``scale`` (n) are the ``widened`` scales.
    """
    if not _doubtful(inputs):
        return shape
    return _stretched(*_doubts(inputs, location), scale, shape)


def doubted(inputs: Array, scale: Array, location: Array, shape: Array) -> tuple[Array, Array]:
    """The ``widened`` scales (n) and the ``stretched`` quantiles (n x levels), at once."""
    if not _doubtful(inputs):
        return scale, shape
    below, above = _doubts(inputs, location)
    wide = np.hypot(scale, above)
    return wide, _stretched(below, above, wide, shape)


def _doubtful(inputs: Array) -> bool:
    """Whether any request has a new model or is of an unfamiliar kind."""
    return bool(inputs[:, ROUTE].any() or inputs[:, UNFAMILIAR].any())


def _stretched(below: Array, above: Array, wide: Array, shape: Array) -> Array:
    ratio = np.sqrt(1.0 + (below**2 - above**2) / wide**2)
    return np.where(shape < 0, shape * ratio[:, None], shape)


def _doubts(inputs: Array, location: Array) -> tuple[Array, Array]:
    """The doubt below and above each forecast (n each, log tokens).

    Request by request: for the few of a batch numpy's operations would take longer.
    """
    columns = location.tolist(), trusted(inputs).tolist(), inputs.take(_READ, axis=1).tolist()
    below, above = np.array(
        [_doubt(at, trust, *row) for at, trust, row in zip(*columns, strict=True)]
    ).T
    return below, above


def _doubt(
    location: float, trust: float, route: float, unfamiliar: float, base: float, *signs: float
) -> tuple[float, float]:
    """The doubt below and above the forecast of one request."""
    if not (route or unfamiliar):
        return 0.0, 0.0
    ruled, strange = trust**2, min(1.0, unfamiliar)
    room = min(max(location - _SAME_FROM_ALL, 0.0), _MOST_ROOM) * (1.0 - ruled**2)
    unseen = _UNFAMILIAR * strange * (1.0 - ruled)
    untuned = _UNTUNED if base > 0 and route > 0 else 0.0
    left = _GOES_ON if all(sign > 0 for sign in signs) else 1.0
    unruled = _UNRULED * max(route / GENERIC, 0.5 * strange) * trust**4
    below, above = (
        hypot(left * max(unseen, slopes[int(route)] * room), untuned) for slopes in (_BELOW, _ABOVE)
    )
    return below, hypot(left * unruled, above)
