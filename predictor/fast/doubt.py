"""Doubt that no training data can teach: new models, and kinds of request without data.

Models with free licences, of which some are left out of the fit, are more alike than all models,
so what a new model adds is stated. It was measured on prompts trained on of six sets, 5,000 answers
each by models of all licences that were not: what the two ends of 80 % intervals need so that 10 %
of the answers lie beyond each. Needs differ by set, so that the middle is stated between their mean
and the amount of least squares of what lies beyond. A label or a call is as long from whichever
model; an essay is not, for models differ in habit, refusals and thinking.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot

import numpy as np

from predictor.arrays import Array
from predictor.fast.formulas import trusted
from predictor.fast.inputs import BASE, COLUMNS, GENERIC, ROUTE, UNFAMILIAR
from predictor.fast.location import some
from predictor.fast.model_level import early_years
from predictor.raw_forecast import LEVELS

_RISES_FROM = 3.0
"""Log tokens (20 tokens) from which on new models differ; one e-fold longer they do so fully."""

_BELOW, _ABOVE = (0.0, 0.6, 0.45), (0.0, 0.3, 0.9)
"""What a new model adds below and above the forecast, in log tokens by route.

Sets need for related models 0 to 1.4 below (mean 0.46, least squares 0.75) and 0 to 0.96 above
(0.15, 0.5); for generic ones 0 to 1.1 below (0.43, 0.45). What those need above falls
with the length of the answer: see ``_ABOVE_FALLS``."""
_ABOVE_FALLS, _ABOVE_LEAST, _SHORT = 0.25, 0.3, 4.25
"""By how much less a generic model adds above for each e-fold of the answer beyond 70 tokens.

Sets need 0 to 1.1 (mean 0.55, least squares 1.1 to 1.3) for answers of up to 100 tokens, 0 to 1.1
(0.47) for up to 300, 0 to 0.6 (0.25) for longer ones: where a short answer is expected, a new model
may write a long one instead, and that is a larger factor than for an answer expected to be long."""
_REFUSES, _LONG, _MOST_REFUSED = 1.5, 5.0, 1.5
"""What a generic model adds below for each log token of the answer beyond 150, up to 670.

Models refuse: of the answers where essays of 500 tokens are expected, more than half are a fifth of
that or less (1.6 is needed there), in the other five sets 1 to 8 % (0 to 0.9)."""

_EARLY = 1.0
"""What an early model adds below, and takes away from what it adds above, for each year.

It is stated that such models are shorter by this much (``model_level``): they may be by as much
again. Models of spring 2023 need 0 to 0.93 (mean 0.54) below and 0 to 0.18 above in three sets,
newer ones of the same sets 0 to 0.3 and 0 to 0.5."""

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
_READ = np.array([ROUTE, UNFAMILIAR, BASE, *map(COLUMNS.index, ("model_year", *_SIGNS))])
_YEAR = 3  # among those read

_USUAL_END = 0.8
"""Log tokens from a forecast to an end of its 80 % interval that need no doubt to explain them.

Three quarters of the familiar requests of models trained on have nearer ends (0.80 above, 0.85
below). What scale and shape of a new model or an unfamiliar request have beyond is doubt already:
they were fitted on models and kinds left out. With CASTILLO left out of the training they cover
89 % by themselves, and with all doubt on top 95 %."""
_END = 1.6
"""The end of an 80 % interval of a normal variable, in mean errors: 1.28 standard deviations."""
_LEAST_END = 0.1  # in scales
_ENDS = np.array([np.abs(LEVELS - level).argmin() for level in (0.1, 0.9)])


def widened(
    inputs: Array, scale: Array, location: Array, shape: Array
) -> tuple[Array, Array | None]:
    """The scales (n) with the doubt above the forecasts, and how much longer the lower tails are.

    ``inputs`` (n x columns) are the boosters' inputs, ``scale``, ``location`` (n) and ``shape`` (n
    x len(LEVELS)) the forecasts without doubt, in log tokens. The second is a factor (n) for
    ``stretched``; None: nothing is in doubt. What a trusted prior rules is not widened below, but
    only a firm one rules a new model. Shapes are calibrated on scales that are not widened.
    """
    if not (some(inputs[:, ROUTE]) or some(inputs[:, UNFAMILIAR])):
        return scale, None
    read, ends = inputs.take(_READ, axis=1), shape.take(_ENDS, axis=1)
    read[:, _YEAR] = early_years(read[:, _YEAR])
    columns = (values.tolist() for values in (location, trusted(inputs), read))
    doubts = [_doubt(*row) for row in zip(*columns, strict=True)]
    made = map(_widened, scale.tolist(), ends.tolist(), doubts)
    wide, lower = np.array(list(made)).T
    return wide, lower


def stretched(shape: Array, lower: Array | None) -> Array:
    """The quantiles ``shape`` (n x levels), those below the location ``lower`` (n) times as far.

    ``lower`` as ``widened`` gives it.
    """
    return shape if lower is None else np.where(shape < 0, shape * lower[:, None], shape)


def _widened(
    scale: float, ends: Sequence[float], doubts: tuple[float, float, float]
) -> tuple[float, float]:
    """The scale of one request and the factor of its lower quantiles.

    ``ends`` are the lower and upper end of the shape, ``doubts`` as ``_doubt`` gives them.
    Request by request: for the few of a batch numpy's operations would take longer.
    """
    below, above, unruled = doubts
    wide = hypot(_with_doubt(scale, ends[1], above), unruled)
    return wide, _with_doubt(scale, -ends[0], below) / wide


def _with_doubt(scale: float, end: float, doubt: float) -> float:
    """The scale whose ``end`` (in scales) is as far as a ``doubt`` (log tokens) demands.

    The doubt's ends are those of a normal variable, whatever the shape of the errors; an end that
    is farther than usual has a part of the doubt, or all of it.
    """
    if not doubt:
        return scale
    end = max(end, _LEAST_END)
    reached = scale * end
    return max(reached, hypot(min(reached, _USUAL_END), _END * doubt)) / end


def _doubt(location: float, trust: float, read: Sequence[float]) -> tuple[float, float, float]:
    """The doubt below and above the forecast of one request, and that above a firm demand.

    All in log tokens, as mean errors. ``read`` are the columns _READ, in which the year is the
    years by which the model's release is before those trained on.
    """
    route, unfamiliar, base, early, *signs = read
    if not (route or unfamiliar):
        return 0.0, 0.0, 0.0
    ruled, strange, new = trust**2, min(1.0, unfamiliar), route / GENERIC
    kind = _UNFAMILIAR * strange * (1.0 - ruled)
    untuned = _UNTUNED if base > 0 and route > 0 else 0.0
    left = _GOES_ON if all(sign > 0 for sign in signs) else 1.0
    differs = min(max(location - _RISES_FROM, 0.0), 1.0) * (1.0 - ruled**2)
    below, above = differs * _BELOW[int(route)], differs * _ABOVE[int(route)]
    if route == GENERIC:
        falls = _ABOVE_FALLS * max(0.0, location - _SHORT)
        above = differs * max(_ABOVE_LEAST, _ABOVE[GENERIC] - falls)
        refused = min(max(location - _LONG, 0.0), _MOST_REFUSED) * (1.0 - ruled**2)
        below = max(below, _REFUSES * refused)
    years = _EARLY * early * new
    below, above = hypot(below, differs * years), above * max(0.0, 1.0 - years)
    unruled = left * _UNRULED * max(new, 0.5 * strange) * trust**4
    return hypot(left * max(kind, below), untuned), hypot(left * max(kind, above), untuned), unruled
