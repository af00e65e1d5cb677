"""The forecast formula: from the boosters' inputs to location, scale and shape."""

from __future__ import annotations

from predictor.arrays import Array
from predictor.fast.doubt import stretched, widened
from predictor.fast.formulas import correction_share, location_base, scales
from predictor.fast.inputs import ModelMatches, TrainedModels
from predictor.fast.trees import Trees
from predictor.raw_forecast import RawForecasts


def forecast(
    inputs: Array,
    matches: ModelMatches,
    *,
    models: TrainedModels,
    location: Trees,
    scale: Trees,
    shapes: Array,
    endless_rates: Array,
    learned: Array | None = None,
) -> RawForecasts:
    """The forecasts of n prompts from the boosters' ``inputs`` (n x len(COLUMNS)).

    The location is ``location_base`` plus a share of the output of the trees ``location``; the
    trees ``scale`` give the log of the scale. ``shapes`` ((M + 2) x len(LEVELS)) are the
    standardised quantiles of each of the M models trained on, of related and of generic models.
    ``endless_rates`` (M + 1) are the rates of endless answers, of each model trained on and of
    generic models. ``learned`` (n, log tokens; None: no effect) are the effects of learned words,
    which are added to the location.
    """
    weights = matches.weights
    located = location_base(inputs) + correction_share(inputs) * location(inputs)
    if learned is not None:
        located = located + learned
    shape = shapes[models.group(matches.routes, weights.argmax(axis=1))]
    plain = scales(inputs, scale(inputs))
    wide, lower = widened(inputs, plain, located, shape)
    return RawForecasts(
        location=located,
        scale=wide,
        shape=stretched(shape, lower),
        endless=weights @ endless_rates[:-1] + (1 - weights.sum(axis=1)) * endless_rates[-1],
        inputs=inputs,
        learned=learned,
        plain=plain,
    )
